"""What names, policies and stops mean as columns, while a rule is compiled.

Belongs here: scale and bounds of facts, names at a place of the rule, the numbers of reasons. Does not belong here: the
column form of any primitive; it stands with the primitive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import reduce
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.columns import algebra
from services.scoring_svc.engine.columns.algebra import Column, NoColumn, Test, Vector, nothing
from services.scoring_svc.engine.columns.batch import STATES, Batch, FactColumn, Flags, Ints, Small
from services.scoring_svc.engine.columns.combining import EMPTY, TRIMMED, Bounds, Reduced
from services.scoring_svc.engine.language import SCALARS, WHOLE_TYPES, Group, Input, Policy
from services.scoring_svc.engine.numbers import rational
from services.scoring_svc.engine.workdays import CalendarUnknown

if TYPE_CHECKING:
    from services.scoring_svc.engine.nodes import Condition, Value
    from services.scoring_svc.engine.rule import Rule

MOST_RECORDS = 400
"""So many records a row may have; a row with more is the reference's."""
_LATEST = 3_652_059  # 9999-12-31 as a day of the era
_MOST_KEYS = 1 << 31


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row has no value, as a Stop says it: how, the code, and the categories of `peers_mean`."""

    how: str
    code: str
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """What a rule leaves open: the decimal places and the largest size of numbers, and how many units a group has.

    Facts and groups beyond it are the reference's.
    """

    places: int
    most: int
    units: int


@dataclass(frozen=True, slots=True)
class Scale:
    """How one input is held: its denominator, and the lowest and highest numerator."""

    den: int
    low: int
    high: int


def scale_of(item: Input, room: Room) -> Scale:
    """The declared scale of an input; where the rule declares none, that of the room."""
    if item.type == "date":
        return Scale(1, 0, _LATEST)
    if item.type not in SCALARS:
        return Scale(1, 0, len(item.choices) if item.type == "category" else _MOST_KEYS)
    listed = [] if item.allowed is None else item.allowed.listed or ()
    texts = [*listed, *(policy.as_if for policy in (item.missing, item.exempt) if policy.as_if is not None)]
    places = max((len(text.partition(".")[2]) for text in texts), default=0)
    if not listed and item.type not in WHOLE_TYPES:
        places = max(places, room.places)
    den, span = 10**places, reach.hull(reach.of_input(item))
    low = -room.most * den if span.low is None else floor(span.low * den)
    high = room.most * den if span.high is None else ceil(span.high * den)
    return Scale(den, min(low, 0), max(high, 0))


@dataclass(frozen=True)
class Planner:
    """The place of the rule that is compiled: inside `each` with its records, inside `rank` with a place."""

    rule: "Rule"
    room: Room
    reasons: list[Reason] = field(default_factory=lambda: [Reason("", "")])
    records: tuple[str, ...] = ()
    place: bool = False
    known: dict[tuple[str, ...], Column] = field(default_factory=dict)

    def inside(self, name: str) -> "Planner":
        """The place inside each record of a records input."""
        return replace(self, records=(*self.records, name))

    def placed(self) -> "Planner":
        """The place inside what a place gives."""
        return replace(self, place=True)

    def percent(self, node: "Value") -> bool:
        """Whether a value counts in per cent."""
        return self.rule.measures[node.at].type == "percent"

    def reason(self, how: str, code: str, within: tuple[str, ...] = ()) -> int:
        """The number of a reason."""
        wanted = Reason(how, code, within)
        if wanted not in self.reasons:
            self.reasons.append(wanted)
        return self.reasons.index(wanted)

    def stop(self, policy: Policy, code: str) -> int:
        """The number of the reason that a policy other than `as_if` leads to."""
        return self.reason({"refuse": "refused"}.get(policy.word, policy.word), code, policy.within)

    def answered(self, column: Column, failed: Callable[[Batch], Flags], policy: Policy, code: str) -> Column:
        """The column with what `if_zero`, `if_empty` or `if_unranked` says where it failed."""
        instead = (
            algebra.stopped(self.stop(policy, code))
            if policy.as_if is None
            else algebra.constant(rational(policy.as_if))
        )
        test = Test(lambda batch: (failed(batch), nothing(batch)))
        return algebra.choose([test], [instead, column], first=[column])

    def combined(self, bounds: Bounds, found: Callable[[Batch], tuple[Reduced, Vector]], policy: Policy) -> Column:
        """The column of combined values (with the stops read before), answered where nothing was left."""

        def once(batch: Batch) -> tuple[Reduced, Vector]:
            known: tuple[Reduced, Vector] = batch.remembered(found, lambda: found(batch))
            return known

        column = Column(
            bounds.low, bounds.high, bounds.den, lambda batch: once(batch)[1], bounds.moving, unit=bounds.unit
        )
        column = self.answered(column, lambda batch: once(batch)[0].failed == EMPTY, policy, "NOTHING_TO_COMBINE")
        return self.answered(column, lambda batch: once(batch)[0].failed == TRIMMED, policy, "TRIMMED_AWAY")

    def name(self, name: str) -> Column:
        """What a name means here: the place, a field of the innermost record, a definition, or a fact."""
        if name == "place" and self.place:
            return Column(0, self.room.units, 1, lambda batch: Vector(_places(batch), 1, nothing(batch)))
        holder, depth = self._holder(name)
        key = (*holder, name)
        known = self.known.get(key)
        if known is None:
            if not holder and name in self.rule.defines:
                known = replace(self, records=(), place=False).value(self.rule.defines[name].value)
            else:
                known = self._fact(name, self._declared(holder, name))
            self.known[key] = known
        return algebra.lifted(known, depth)

    def state(self, name: str) -> Column:
        """The index of a fact's state."""
        _, depth = self._holder(name)

        def run(batch: Batch) -> Vector:
            return Vector(batch.facts[name].states.astype(np.int64), 1, nothing(batch))

        return algebra.lifted(Column(0, len(STATES), 1, run), depth)

    def categories(self, name: str) -> list[str]:
        """The categories of a name, in the order of their numbers."""
        return [choice.id for choice in self._declared(self._holder(name)[0], name).choices]

    def one_of(self, name: str, chosen: tuple[str, ...]) -> Test:
        """Whether a category is one of these."""
        column, ids = self.name(name), self.categories(name)
        wanted = np.array([ids.index(one) for one in chosen], np.int64)

        def run(batch: Batch) -> tuple[Flags, Small]:
            found = column.of(batch)
            return np.isin(found.num, wanted), found.stop

        return Test(run)

    def by(self, group: Group | None) -> Column | None:
        """What records or units are grouped by."""
        return None if group is None else self.name(group.by)

    def classes(self, group: Group | None) -> int | None:
        """How many groups there can be at most, where that is known: the choices of a category."""
        if group is None or group.calendar is not None or group.rolling_days is not None:
            return None
        return len(self.categories(group.by)) or None

    def value(self, node: "Value") -> Column:
        """The column of a node. Raises NoColumn, which names the innermost node that has none."""
        try:
            column = node.column(self)
        except NoColumn as refused:
            raise NoColumn(refused.code, refused.at or node.at) from refused
        attained = reach.hull(self.rule.scope.reaches.get(node.at, reach.ANYTHING))
        return column.narrowed(attained.low, attained.high)

    def test(self, node: "Condition") -> Test:
        """The test of a condition. Raises NoColumn like `value`."""
        try:
            return node.column(self)
        except NoColumn as refused:
            raise NoColumn(refused.code, refused.at or node.at) from refused

    def only(self, only: "Condition | str") -> Test | None:
        """The test that says who takes part; None if all do."""
        return None if isinstance(only, str) else self.test(only)

    def not_scorable(self, column: Column) -> Test:
        """Where a value is not scorable."""

        def run(batch: Batch) -> tuple[Flags, Small]:
            not_scorable = np.array([reason.how == "not_scorable" for reason in self.reasons])
            return not_scorable[column.of(batch).stop], nothing(batch)

        return Test(run)

    def on_calendar(self, days: Sequence[Column], find: Callable[..., int]) -> Column:
        """What the calendar answers, asked once for every distinct day (or pair of days)."""
        unknown = self.reason("refused", "CALENDAR_UNKNOWN")

        def answer(batch: Batch, *asked: int) -> tuple[int, int]:
            try:
                return find(batch.calendar, *map(date.fromordinal, asked)), 0
            except (CalendarUnknown, OverflowError, ValueError):
                return 0, unknown

        return self.distinct(days, answer, Scale(1, -_LATEST, _LATEST))

    def distinct(self, columns: Sequence[Column], answer: Callable[..., tuple[int, int]], scale: Scale) -> Column:
        """What a function answers (a numerator and a stop) of numerators, called once for every distinct row."""
        if any(column.moving for column in columns):
            raise NoColumn(algebra.MOVING)

        def run(batch: Batch) -> Vector:
            found = [column.of(batch) for column in columns]
            stop = reduce(algebra.earlier, [vector.stop for vector in found])
            rows = np.flatnonzero(stop == 0)
            distinct, which = np.unique(
                np.stack([vector.num[rows] for vector in found], axis=1), axis=0, return_inverse=True
            )
            answers, reasons = np.zeros(len(distinct), np.int64), np.zeros(len(distinct), np.int16)
            for index, asked in enumerate(distinct.tolist()):
                answers[index], reasons[index] = answer(batch, *asked)
            num, stop = np.zeros(batch.size, np.int64), stop.copy()
            num[rows], stop[rows] = answers[which.reshape(-1)], reasons[which.reshape(-1)]
            return Vector(num, scale.den, stop)

        return Column(scale.low, scale.high, scale.den, run)

    def _holder(self, name: str) -> tuple[tuple[str, ...], int]:
        for depth in range(len(self.records), 0, -1):
            holder = self.records[depth - 1]
            if name in (self.rule.inputs[holder].fields or {}):
                return (holder,), depth
        return (), 0

    def _declared(self, holder: tuple[str, ...], name: str) -> Input:
        return (self.rule.inputs[holder[0]].fields or {})[name] if holder else self.rule.inputs[name]

    def _fact(self, name: str, item: Input) -> Column:
        scale = scale_of(item, self.room)
        ids = [choice.id for choice in item.choices]
        stops = [0, 0, 0, self.reason("not_scorable", "SOURCE_NOT_SCORABLE")]
        counted: dict[int, int] = {}
        for state, policy, code in ((1, item.missing, "VALUE_MISSING"), (2, item.exempt, "VALUE_EXEMPT")):
            if policy.as_if is None:
                stops[state] = self.stop(policy, code)
            else:
                counted[state] = ids.index(policy.as_if) if ids else int(rational(policy.as_if) * scale.den)
        reasons = np.array(stops, np.int16)

        def run(batch: Batch) -> Vector:
            fact = batch.facts[name]
            stop = reasons[fact.states]
            if not isinstance(fact, FactColumn):
                return Vector(np.zeros(batch.size, np.int64), 1, stop)
            num = np.where(fact.states == 0, fact.values, 0)
            for state, value in counted.items():
                num = np.where(fact.states == state, value, num)
            return Vector(num, scale.den, stop)

        return Column(scale.low, scale.high, scale.den, run)


def _places(batch: Batch) -> Ints:
    if batch.places is None:
        raise TypeError("a place outside what places give")
    return batch.places
