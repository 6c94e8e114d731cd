"""Whether each case can hold: UNREACHABLE.

Belongs here: trying combinations of what cases compare, ask or read. Each distinct compared value, category and
state is an independent variable; a case is refused if it is the first to hold for no combination.
Does not belong here: rows of tables, lines of steps; they are judged where they stand.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.language import Input
from services.scoring_svc.engine.measure import Scope
from services.scoring_svc.engine.speech import STATES

if TYPE_CHECKING:
    from services.scoring_svc.engine.nodes import Condition, Value

MOST_COMBINATIONS = 50_000
"""Cases over more combinations than this are taken as reachable: the check gives up rather than guesses."""


def unreachable(scope: Scope, conditions: "list[Condition]", places: list[str]) -> None:
    """Report each case that never is the first to hold; the last place stands for `otherwise`."""
    domains = _domains(scope, conditions)
    if domains is None:
        return
    names = list(domains)
    met: set[int] = set()
    for chosen in product(*domains.values()):
        world = dict(zip(names, chosen, strict=True))
        met.add(next((i for i, test in enumerate(conditions) if holds(test, world)), len(conditions)))
        if len(met) == len(places):
            return
    for index, at in enumerate(places):
        if index not in met:
            scope.report.add("UNREACHABLE", at, "该情形永远不会出现", "this case can never occur")


def holds(test: "Condition", world: Mapping[Any, Any]) -> bool:
    """Whether a condition holds where every compared value, category and state is given."""
    from services.scoring_svc.engine import conditions as kinds  # noqa: PLC0415 - conditions import this package's nodes

    if isinstance(test, kinds.Compare):
        return bool(kinds.HOLDS[test.is_](_side(test.left, world), _side(test.right, world)))
    if isinstance(test, kinds.In):
        return world["in", test.of] in test.any_of
    if isinstance(test, kinds.State):
        return bool(world["state", test.of] == test.is_)
    parts: tuple[Condition, ...] = getattr(test, "of", ())
    if isinstance(test, kinds.All):
        return all(holds(part, world) for part in parts)
    return any(holds(part, world) for part in parts)


def _side(value: "Value", world: Mapping[Any, Any]) -> Any:
    number = getattr(value, "number", None)
    return number if number is not None else world["value", value_key(value)]


def value_key(value: Any, *, top: bool = True) -> Any:
    """What makes two values the same value: everything but where they stand."""
    if isinstance(value, tuple):
        return tuple(value_key(part, top=False) for part in value)
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is None:
        return value
    return (
        type(value).__name__,
        *(
            value_key(getattr(value, name), top=False)
            for name in fields
            if name != "at" or not isinstance(getattr(value, name), str)
        ),
    )


def _domains(scope: Scope, conditions: "list[Condition]") -> dict[Any, list[Any]] | None:
    from services.scoring_svc.engine import conditions as kinds  # noqa: PLC0415 - conditions import this package's nodes
    from services.scoring_svc.engine.nodes import inside  # noqa: PLC0415 - nodes import speech and cell first

    compared: dict[Any, tuple[Value, set[Fraction]]] = {}
    domains: dict[Any, list[Any]] = {}
    edges: set[Fraction] = set()
    for test in (part for condition in conditions for part in _tests(condition)):
        if isinstance(test, kinds.Compare):
            sides = (test.left, test.right)
            known = [number for side in sides if (number := getattr(side, "number", None)) is not None]
            edges.update(known)
            for side in sides:
                if getattr(side, "number", None) is None:
                    if side.measure(scope).type == "date":
                        return None
                    compared.setdefault(value_key(side), (side, set()))[1].update(known)
        elif isinstance(test, kinds.In):
            found = scope.resolve(test.of)
            domains["in", test.of] = [choice.id for choice in found.choices] if isinstance(found, Input) else []
        elif isinstance(test, kinds.State):
            domains["state", test.of] = list(STATES)
    _ = inside
    moving = any(
        getattr(side, "number", None) is None
        for condition in conditions
        for test in _tests(condition)
        if isinstance(test, kinds.Compare)
        for side in (test.right,)
    )
    for key, (side, own) in compared.items():
        marks = _all_edges(scope, compared) | edges if moving else own
        domains["value", key] = reach.probes(marks, side.attains(scope))
    size = 1
    for values in domains.values():
        size *= len(values)
    return domains if 0 < size <= MOST_COMBINATIONS else None


def _all_edges(scope: Scope, compared: "Mapping[Any, tuple[Value, set[Fraction]]]") -> set[Fraction]:
    spans = [span for side, _ in compared.values() for span in side.attains(scope)]
    return {end for span in spans for end in (span.low, span.high) if end is not None}


def _tests(condition: "Condition") -> "list[Condition]":
    from services.scoring_svc.engine import conditions as kinds  # noqa: PLC0415 - conditions import this package's nodes

    if isinstance(condition, kinds.All | kinds.Any_):
        return [test for part in condition.of for test in _tests(part)]
    return [condition]


def always(scope: Scope, condition: "Condition") -> None:
    """Report a condition that always or never holds."""
    unreachable(scope, [condition], [condition.at, condition.at])
