"""Whether a rule runs in columns, decided once for the rule, and running it.

Belongs here: the ladder of scales, stages 2 to 4 over a batch, what goes to the reference. Does not belong here: the
column form of any primitive or result.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from services.scoring_svc.engine.columns.algebra import TOO_WIDE, Column, NoColumn, earlier, fits
from services.scoring_svc.engine.columns.batch import Batch, Flags, Ints, Small
from services.scoring_svc.engine.columns.outcomes import ColumnOutcomes, EntryAmounts
from services.scoring_svc.engine.columns.planning import Planner, Reason, Room
from services.scoring_svc.engine.columns.reading import REFUSALS, Memory, Reading, Table, read_facts
from services.scoring_svc.engine.columns.results import ResultColumn
from services.scoring_svc.engine.evaluation import Outcome, evaluate, evaluate_group
from services.scoring_svc.engine.results.numeric import Points
from services.scoring_svc.engine.rule import Rule
from services.scoring_svc.engine.workdays import WorkingCalendar

_ROOMS = ((6, 12), (4, 12), (4, 10), (4, 8), (2, 8), (2, 6), (2, 5))
_MOST_PLANS = 4_096
_GROUPS = (256, 4_096, 32_768)
LADDER = tuple(Room(places, 10**digits, units) for places, digits in _ROOMS for units in reversed(_GROUPS))
"""What facts without declared places or ends may have, and groups; the first under which all fits is taken."""


@dataclass(frozen=True, slots=True)
class ByReference:
    """The rule has no columns: why, and the node that has none."""

    code: str
    at: str


_plans: "OrderedDict[tuple[str, int], ColumnPlan | ByReference]" = OrderedDict()


@dataclass(frozen=True)
class ColumnPlan:
    """A rule compiled for columns."""

    rule: Rule
    room: Room
    reasons: tuple[Reason, ...]
    result: ResultColumn
    within: Mapping[tuple[str, ...], tuple[Column, ...]]
    """The category columns of every `peers_mean`."""
    memory: Memory = field(default_factory=Memory, compare=False, repr=False)

    def read(
        self, table: Table, groups: Sequence[int] | None = None, calendar: WorkingCalendar | None = None
    ) -> Reading:
        """Facts of many units as columns of numbers."""
        return read_facts(self.rule.inputs, self.room, table, groups, calendar, self.memory)

    def run(self, batch: Batch) -> ColumnOutcomes:
        """Every row of a batch whose facts all lie within the plan's scale. Pure; nothing is raised for facts."""
        found = self.result.value.of(batch)
        refused = np.array([0, *(self.reasons.index(Reason("refused", code)) for code in REFUSALS[1:])], np.int16)
        stop = earlier(refused[batch.refused], found.stop)
        value, stop, substituted = self._substituted(batch, np.where(stop, 0, found.num), stop)
        entries = [] if not self.result.entries else self._entries(batch, substituted, value)
        return ColumnOutcomes(self.result, self.reasons, value, stop, substituted, tuple(entries))

    def _entries(self, batch: Batch, substituted: Flags, value: Ints) -> list[EntryAmounts]:
        entries = []
        for entry in self.result.entries:
            amount = entry.amount.of(batch)
            stands = np.ones(batch.size, np.bool_) if entry.acts is None else entry.acts.of(batch)[0]
            entries.append(EntryAmounts(entry.entry, entry.clause, amount.num, amount.den, stands & ~substituted))
        if substituted.any():
            entries.append(EntryAmounts("peers_mean", None, value, self.result.value.den, substituted))
        return entries

    def _substituted(self, batch: Batch, value: Ints, stop: Small) -> tuple[Ints, Small, Flags]:
        """Stage 4: the mean of the published results of the others of the group, rounded like any other."""
        done = np.zeros(batch.size, np.bool_)
        result = self.rule.result
        if not self.within or not isinstance(result, Points):
            return value, stop, done
        own, rounds = stop == 0, result.rounding
        value, stop = value.copy(), stop.copy()
        none = self.reasons.index(Reason("not_scorable", "NOTHING_TO_COMBINE"))
        before = stop.copy()
        for within, columns in self.within.items():
            kinds = [index for index, reason in enumerate(self.reasons) if _takes_mean(reason, within)]
            waiting = np.isin(before, kinds) & (before != 0)
            if not waiting.any():
                continue
            key, unknown = batch.groups, np.zeros(batch.size, np.int16)
            for column in columns:
                here = column.of(batch)
                key, unknown = key * (column.high + 1) + here.num, earlier(unknown, here.stop)
            segment = np.unique(key, return_inverse=True)[1].reshape(-1)
            counted = own & (unknown == 0)
            count = np.bincount(segment[counted], minlength=batch.size)
            total = np.zeros(batch.size, np.int64)
            np.add.at(total, segment[counted], value[counted])
            for row in np.flatnonzero(waiting):
                units = int(count[segment[row]])
                if unknown[row]:
                    stop[row] = unknown[row]
                elif not units:
                    stop[row] = none
                else:
                    mean = Fraction(int(total[segment[row]]), units * 10**rounds.places)
                    value[row] = int(rounds.apply(mean) * 10**rounds.places)
                    stop[row], done[row] = 0, True
        return value, stop, done

    def evaluate(
        self, table: Table, groups: Sequence[int] | None = None, calendar: WorkingCalendar | None = None
    ) -> ColumnOutcomes:
        """Every row: in columns, and by the reference where its facts (or those of its peers) need it."""
        return self.evaluate_read(self.read(table, groups, calendar), table)

    def evaluate_read(self, reading: Reading, table: Table) -> ColumnOutcomes:
        """`evaluate` for facts that `read` has read, be it for this rule or for one with the same inputs and room."""
        found, calendar = self.run(reading.batch), reading.batch.calendar
        for each in self._pieces(reading):
            units = {str(row): table.row(row) for row in each}
            outcomes: Mapping[str, Outcome] = (
                evaluate_group(self.rule, units, calendar)
                if self.rule.reads_peers
                else {unit: evaluate(self.rule, facts, calendar=calendar) for unit, facts in units.items()}
            )
            found.by_reference.update({int(unit): outcome for unit, outcome in outcomes.items()})
        return found

    def _pieces(self, reading: Reading) -> list[list[int]]:
        """The rows that the reference evaluates: single ones, or whole groups where units see each other."""
        batch = reading.batch
        if not self.rule.reads_peers:
            beyond = np.flatnonzero(reading.beyond).tolist()
            return [beyond] if beyond else []
        sizes = np.bincount(batch.groups)
        wanted = {*batch.groups[reading.beyond].tolist(), *np.flatnonzero(sizes > self.room.units).tolist()}
        return [np.flatnonzero(batch.groups == group).tolist() for group in sorted(wanted)]


def _takes_mean(reason: Reason, within: tuple[str, ...]) -> bool:
    return reason.how == "peers_mean" and reason.within == within


def columns_of(rule: Rule, units: int = 0) -> ColumnPlan | ByReference:
    """The plan of a rule with room for groups of so many units, or why it is the reference's; no fact decides it."""
    refused = NoColumn(TOO_WIDE)
    for room in LADDER:
        if room.units < units:
            continue
        try:
            return _plan(rule, room)
        except NoColumn as found:
            refused = found
            if found.code != TOO_WIDE:
                break
    return ByReference(refused.code, refused.at)


def plan_of(rule: Rule, units: int = 0) -> ColumnPlan | ByReference:
    """`columns_of`, kept by the rule's hash; `units`: how many see each other.

    A larger group than the roomiest plan takes gets the roomiest that takes it: fewer digits, but the reference would
    compare each unit with each.
    """
    plan = _kept(rule, 0)
    if not isinstance(plan, ColumnPlan) or not rule.reads_peers or units <= plan.room.units:
        return plan
    wider = _kept(rule, next((room for room in _GROUPS if room >= units), units))
    return wider if isinstance(wider, ColumnPlan) else plan


def _kept(rule: Rule, units: int) -> ColumnPlan | ByReference:
    key = rule.hash, units if units in _GROUPS else 0
    known = _plans.get(key)
    if known is None:
        known = _plans[key] = columns_of(rule, key[1])
        while len(_plans) > _MOST_PLANS:
            _plans.popitem(last=False)
    return known


def _plan(rule: Rule, room: Room) -> ColumnPlan:
    planner = Planner(rule, room)
    for code in REFUSALS[1:]:
        planner.reason("refused", code)
    planner.reason("not_scorable", "NOTHING_TO_COMBINE")
    result = rule.result.column(planner)
    within: dict[tuple[str, ...], tuple[Column, ...]] = {}
    for reason in list(planner.reasons):
        if reason.how == "peers_mean":
            fits(result.value.low * room.units, result.value.high * room.units)
            _own_place(rule, reason.within)
            within[reason.within] = tuple(planner.name(name) for name in reason.within)
    return ColumnPlan(rule, room, tuple(planner.reasons), result, within)


def _own_place(rule: Rule, within: tuple[str, ...]) -> None:
    """Refuse a mean over units of a category that is itself answered by a mean."""
    for name in within:
        item = rule.inputs[name]
        if "peers_mean" in {item.missing.word, item.exempt.word}:
            raise NoColumn("PEERS_MEAN_TWICE", item.at)
