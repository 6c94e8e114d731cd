"""One cell of evaluation: what a unit's names mean, and how a value is had or why it is not.

Belongs here: known values, stops, policies at work, the lookup of names, the memory of a group.
Does not belong here: the meaning of any primitive, and the results.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from services.scoring_svc.engine.facts import Fact, FactRefused, Facts
from services.scoring_svc.engine.language import Input, Policy
from services.scoring_svc.engine.numbers import is_decimal, rational, shortest
from services.scoring_svc.engine.workdays import WorkingCalendar

if TYPE_CHECKING:
    from services.scoring_svc.engine.rule import Rule

Scalar = Fraction | date | str


@dataclass(frozen=True, slots=True)
class Known:
    """A value that was had: a number, a date or a category, with its proof."""

    value: Any
    proof: dict[str, Any]


class Stop(Exception):
    """A value that cannot be had.

    `how` is `refused`, `not_scorable` or `peers_mean` (then `within` names its categories), `code` the reason of
    rules §7, `at` the place in the rule that met it, `leaf` the fact or node that caused it.
    """

    def __init__(self, how: str, code: str, at: str, leaf: dict[str, Any], within: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.how = how
        self.code = code
        self.at = at
        self.leaf = leaf
        self.within = within

    def as_proof(self) -> dict[str, Any]:
        """What the proof says instead of a value."""
        return {"state": self.how, "code": self.code, "at": self.at, "leaf": self.leaf}


def text_of(value: Scalar) -> str:
    """A value as the proof writes it."""
    if isinstance(value, Fraction):
        return shortest(value)
    return value.isoformat() if isinstance(value, date) else value


def scalar_of(text: str) -> Scalar:
    """The value that an `as_if` names: a number or a category."""
    return rational(text) if is_decimal(text) else text


def stop(policy: Policy, code: str, leaf: dict[str, Any]) -> NoReturn:
    """Stop as the policy says; the caller has dealt with `as_if`."""
    how = {"refuse": "refused"}.get(policy.word, policy.word)
    raise Stop(how, code, policy.at, leaf, policy.within)


def answered(policy: Policy, code: str, proof: dict[str, Any]) -> Known:
    """The value that `if_zero`, `if_empty` or `if_unranked` gives instead; otherwise stops with the code."""
    if policy.as_if is None:
        stop(policy, code, {**proof, "code": code})
    value = scalar_of(policy.as_if)
    return Known(value, {**proof, "value": policy.as_if, "code": code, "counted_as": policy.as_if})


@dataclass
class UnitGroup:
    """The units that are evaluated together: their facts, their cells, and what was found once for all.

    A peer value or an order of places is the same question for every unit, so its parts are kept here.
    """

    rule: "Rule"
    facts: Mapping[str, "Facts | FactRefused"]
    calendar: WorkingCalendar | None
    cells: dict[str, "Cell"] = field(default_factory=dict)
    memory: dict[Any, Any] = field(default_factory=dict)

    def cell(self, unit: str) -> "Cell":
        """The cell of a unit. Raises Stop if its facts were refused at stage 0."""
        known = self.cells.get(unit)
        if known is not None:
            return known
        facts = self.facts[unit]
        if isinstance(facts, FactRefused):
            raise Stop("refused", facts.code, facts.at, {"kind": "input", **facts.leaf})
        self.cells[unit] = made = Cell(unit, self, facts)
        return made


@dataclass
class Cell:
    """One unit, seen from one place of the rule: inside `each` with its records, inside `rank` with a place."""

    unit: str
    group: UnitGroup
    facts: Facts
    records: tuple[tuple[str, int, Facts], ...] = ()
    place: int | None = None
    base: "Cell | None" = None
    _known: dict[str, Known | Stop] = field(default_factory=dict)

    def inside(self, name: str, index: int, record: Facts) -> "Cell":
        """The same cell with one record of a records input opened."""
        return Cell(self.unit, self.group, self.facts, (*self.records, (name, index, record)), base=self.base or self)

    def at_place(self, place: int) -> "Cell":
        """The same cell with a place, for what a place gives."""
        return Cell(self.unit, self.group, self.facts, place=place, base=self.base or self)

    def find(self, name: str) -> tuple[Fact, Input, dict[str, Any]]:
        """The fact behind a name, its declaration, and its leaf of the proof."""
        for holder, index, record in reversed(self.records):
            if name in record:
                declaration = (self.group.rule.inputs[holder].fields or {})[name]
                return record[name], declaration, {"kind": "input", "name": name, "in": holder, "record": index}
        return self.facts[name], self.group.rule.inputs[name], {"kind": "input", "name": name}

    def read(self, name: str) -> Known:
        """The value of a name with its proof. Raises Stop as the fact's state and policy say."""
        if name == "place" and self.place is not None:
            return Known(Fraction(self.place), {"kind": "place", "value": str(self.place)})
        if not any(name in record for _, _, record in self.records) and name in self.group.rule.defines:
            return (self.base or self).definition(name)
        key = name if not self.records else ""
        known = self._known.get(key) if key else None
        if known is None:
            try:
                known = self._read_fact(name)
            except Stop as stopped:
                known = stopped
            if key:
                self._known[key] = known
        if isinstance(known, Stop):
            raise known.with_traceback(None)
        return known

    def _read_fact(self, name: str) -> Known:
        fact, declaration, leaf = self.find(name)
        if fact.state == "present":
            return Known(fact.value, leaf if fact.text is None else {**leaf, "value": fact.text})
        leaf = {**leaf, "state": fact.state}
        if fact.text is not None:
            leaf["value"] = fact.text
        if fact.reason is not None:
            leaf["reason"] = fact.reason
        if fact.state == "not_scorable":
            raise Stop("not_scorable", "SOURCE_NOT_SCORABLE", declaration.at, leaf)
        policy = declaration.missing if fact.state == "missing" else declaration.exempt
        if policy.as_if is None:
            stop(policy, "VALUE_MISSING" if fact.state == "missing" else "VALUE_EXEMPT", leaf)
        return Known(scalar_of(policy.as_if), {**leaf, "counted_as": policy.as_if})

    def definition(self, name: str) -> Known:
        """The value of a definition, found once per cell."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._define(name)
        if isinstance(known, Stop):
            raise known.with_traceback(None)
        return known

    def _define(self, name: str) -> Known | Stop:
        value = self.group.rule.defines[name].value
        try:
            found = value.evaluate(self)
        except Stop as stopped:
            return stopped
        proof = {"kind": "definition", "name": name, "at": value.at, "value": found.proof["value"]}
        return Known(found.value, {**proof, "of": [found.proof]})

    def state(self, name: str) -> tuple[str, dict[str, Any]]:
        """What is known of a fact, without any policy, with its leaf of the proof."""
        fact, _, leaf = self.find(name)
        return fact.state, {**leaf, "state": fact.state}
