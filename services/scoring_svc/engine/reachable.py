"""Whether each case can hold: UNREACHABLE.

Belongs here: trying combinations of what cases compare, ask or read. Each distinct compared value, category and
state is an independent variable; a case is refused if it is the first to hold for no combination.
Does not belong here: rows of tables, lines of steps; they are judged where they stand.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.conditions import HOLDS, All, Any_, Compare, In, State
from services.scoring_svc.engine.language import Input
from services.scoring_svc.engine.measure import Scope
from services.scoring_svc.engine.nodes import Condition, Constant, Value
from services.scoring_svc.engine.speech import STATES

MOST_COMBINATIONS = 50_000
"""Cases over more combinations than this are taken as reachable: the check gives up rather than guesses."""

World = Mapping[Any, Any]


def unreachable(scope: Scope, conditions: list[Condition], places: list[str]) -> set[int]:
    """Report each case that never is the first to hold; the last place stands for `otherwise`.

    Returns the numbers of those that may be, all of them where too many combinations would have to be tried.
    """
    domains = _domains(scope, [test for condition in conditions for test in _tests(condition)])
    size = 1
    for values in domains.values():
        size *= len(values)
    if not 0 < size <= MOST_COMBINATIONS:
        return set(range(len(places)))
    met: set[int] = set()
    for chosen in product(*domains.values()):
        world = dict(zip(domains, chosen, strict=True))
        met.add(next((i for i, test in enumerate(conditions) if holds(test, world)), len(conditions)))
        if len(met) == len(places):
            break
    for index, at in enumerate(places):
        if index not in met:
            scope.report.add("UNREACHABLE", at, "该情形永远不会出现", "this case can never occur")
    return met


def always(scope: Scope, condition: Condition) -> None:
    """Report a condition that always or never holds."""
    unreachable(scope, [condition], [condition.at, condition.at])


def holds(test: Condition, world: World) -> bool:
    """Whether a condition holds where every compared value, category and state is given."""
    if isinstance(test, Compare):
        return bool(HOLDS[test.is_](_side(test.left, world), _side(test.right, world)))
    if isinstance(test, In):
        return world["in", test.of] in test.any_of
    if isinstance(test, State):
        return bool(world["state", test.of] == test.is_)
    if isinstance(test, All):
        return all(holds(part, world) for part in test.of)
    return isinstance(test, Any_) and any(holds(part, world) for part in test.of)


def _side(value: Value, world: World) -> Any:
    return value.number if isinstance(value, Constant) else world["value", value_key(value)]


def value_key(value: Any) -> Any:
    """What makes two values the same value: everything but where they stand."""
    if isinstance(value, tuple):
        return tuple(value_key(part) for part in value)
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is None:
        return value
    kept = [getattr(value, name) for name in fields if name != "at" or not isinstance(value.at, str)]
    return (type(value).__name__, *map(value_key, kept))


def _tests(condition: Condition) -> list[Condition]:
    if isinstance(condition, All | Any_):
        return [test for part in condition.of for test in _tests(part)]
    return [condition]


def _domains(scope: Scope, tests: list[Condition]) -> dict[Any, list[Any]]:
    """What each variable may be, as far as the tests can tell."""
    domains: dict[Any, list[Any]] = {}
    for test in tests:
        if isinstance(test, In):
            found = scope.resolve(test.of)
            domains["in", test.of] = [choice.id for choice in found.choices] if isinstance(found, Input) else []
        elif isinstance(test, State):
            domains["state", test.of] = list(STATES)
    compares = [test for test in tests if isinstance(test, Compare)]
    return domains | _numbers(scope, compares)


def _numbers(scope: Scope, compares: list[Compare]) -> dict[Any, list[Any]]:
    """Each compared value at the constants it meets; at every edge of all where two values meet each other."""
    variables: dict[Any, Value] = {}
    own: dict[Any, set[Fraction]] = {}
    moving = False
    for test in compares:
        sides = (test.left, test.right)
        constants = {side.number for side in sides if isinstance(side, Constant)}
        moving = moving or not constants
        for side in sides:
            if not isinstance(side, Constant):
                variables[value_key(side)] = side
                own.setdefault(value_key(side), set()).update(constants)
    edges = {edge for marks in own.values() for edge in marks}
    edges |= {
        end
        for side in variables.values()
        for span in side.attains(scope)
        for end in (span.low, span.high)
        if end is not None
    }
    found: dict[Any, list[Any]] = {}
    for key, side in variables.items():
        dated = side.measure(scope).type == "date"
        attained = (reach.Span(Fraction(0), Fraction(len(variables)), whole=True),) if dated else side.attains(scope)
        found["value", key] = reach.probes(edges if moving else own[key], attained)
    return found
