"""Types and units of values, and what a name means at a place of a rule.

Belongs here: measures (type with unit), their agreement, the scope of names.
Does not belong here: the type rules of single primitives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from services.scoring_svc.engine.findings import Report
from services.scoring_svc.engine.language import Input, Label

if TYPE_CHECKING:
    from services.scoring_svc.engine.nodes import Definition


@dataclass(frozen=True, slots=True)
class Measure:
    """The type of a value and its unit; two quantities may be added when their unit is the same.

    `unit` is a key: `%`, `day`, `place`, `point`, ``""`` for none, `*` for a literal that takes the unit of its
    place, `?` after a finding (it agrees with everything, so one mistake is reported once), otherwise the unit's
    own two words. `date`, `category`, `key` and `records` are no quantities.
    """

    type: str
    unit: tuple[str, str] = ("", "")

    @property
    def numeric(self) -> bool:
        """Whether the value is a number."""
        return self.type not in {"date", "category", "key", "records"}

    @property
    def literal(self) -> bool:
        """Whether the value takes the unit of its place."""
        return self.type == "literal"

    @property
    def unknown(self) -> bool:
        """Whether the type could not be found, which was reported."""
        return self.type == "unknown"

    def agrees(self, other: "Measure") -> bool:
        """Whether both have one unit, so that they may be added or compared."""
        if self.unknown or other.unknown:
            return True
        if not self.numeric or not other.numeric:
            return self.type == other.type
        return self.literal or other.literal or self.unit == other.unit

    def compares(self, other: "Measure") -> bool:
        """Like `agrees`; a place also agrees with any count."""
        kinds = {self.type, other.type}
        return self.agrees(other) or kinds == {"place", "count"}


UNITS = {
    "percent": ("%", "%"),
    "days": ("天", "day"),
    "place": ("名", "place"),
    "points": ("分", "point"),
    "marks": ("分", "point"),
}
LITERAL = Measure("literal")
UNKNOWN = Measure("unknown")
NUMBER = Measure("number")
DATE = Measure("date")
PERCENT, DAYS, PLACE, POINTS = (Measure(name, UNITS[name]) for name in ("percent", "days", "place", "points"))


def declared(item: Input) -> Measure:
    """The measure of a declared input."""
    return measure_of(item.type, item.unit)


def measure_of(name: str, unit: Label | None) -> Measure:
    """The measure of a type and, where the type has none of its own, its unit."""
    if unit is not None and name not in UNITS:
        return Measure(name, (unit.zh, unit.en))
    return Measure(name, UNITS.get(name, ("", "")))


@dataclass(frozen=True)
class Scope:
    """What names mean at one place of a rule, and where findings and measures are noted.

    Names resolve to the fields of the innermost records, then outer records, then inputs and definitions; inside
    `rank.gives` there is `place` besides.
    """

    inputs: Mapping[str, Input]
    defines: Mapping[str, "Definition"]
    report: Report = field(default_factory=Report)
    records: tuple[Mapping[str, Input], ...] = ()
    place: bool = False
    measures: dict[str, Measure] = field(default_factory=dict)
    reaches: dict[str, Any] = field(default_factory=dict)

    def resolve(self, name: str) -> "Input | Definition | None":
        """What the name is declared as; None if it is not (or is `place`)."""
        for fields in reversed(self.records):
            if name in fields:
                return fields[name]
        return self.defines.get(name) or self.inputs.get(name)

    def inside(self, fields: Mapping[str, Input]) -> "Scope":
        """The scope for each record of a records input."""
        return replace(self, records=(*self.records, fields))

    def placed(self) -> "Scope":
        """The scope of what a place gives."""
        return replace(self, place=True)

    def outside(self, defines: Mapping[str, "Definition"]) -> "Scope":
        """The scope of a definition: no record, no place, the definitions before it."""
        return replace(self, records=(), place=False, defines=defines)

    def mismatch(self, at: str, zh: str, en: str) -> Measure:
        """Report that types or units do not fit; the measure of what cannot be known."""
        self.report.add("TYPE_MISMATCH", at, zh, en)
        return UNKNOWN

    def common(self, measures: list[Measure], at: str) -> Measure:
        """The one unit that all share; a literal takes that of the others. Reports TYPE_MISMATCH."""
        found = LITERAL
        for measure in measures:
            if not found.agrees(measure) and not (found.literal and not measure.numeric and found is LITERAL):
                return self.mismatch(at, "计量单位不一致", "the units differ")
            if found.literal:
                found = measure
        if any(not measure.agrees(found) for measure in measures):
            return self.mismatch(at, "计量单位不一致", "the units differ")
        return found
