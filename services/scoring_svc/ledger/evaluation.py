"""From published cards and facts to scored cells: what each input of a card is read from, and what the engine said.

Belongs here: pure preparation of a group's evaluation and reading of its outcome. Does not belong here: the meaning of
rules (engine), statements (repository), what the ledger makes of it (domain).
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, overload
from uuid import UUID

import msgspec

from services.scoring_svc.copies.domain import Facts, StoredFact
from services.scoring_svc.engine.domain import (
    ABSENT,
    CalendarUnknown,
    ColumnPlan,
    RowOutcome,
    Rule,
    Table,
    WorkingCalendar,
    depends_on_peers,
    evaluate_group,
    parse_rule,
    plan_of,
    row_of,
)
from services.scoring_svc.ledger.domain import CellStatus, Entry, Finding, Scored
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period

Results = Mapping[tuple[UUID, UUID], str]
NO_RESULTS: Results = {}
_STATES = {"exempt": "exempt", "not_scorable": "not_scorable", "refused": "missing"}
_NOTHING: Mapping[str, int | str] = {}
_FEW_UNITS = 4  # so many are evaluated one by one sooner than columns are set up


@dataclass(frozen=True)
class Surroundings:
    """What evaluations read besides facts: the working calendar (None: no year published) and groups of units."""

    calendar: WorkingCalendar | None
    groups: Mapping[UUID, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """An indicator in a period with its units: what they read, as the engine takes it and as the ledger keeps it.

    `table` holds the facts by input, `versions` beside it the version of each (0: none), or the text of what is not a
    fact; both in the order of `units`.
    """

    card: IndicatorPublished
    period: Period
    units: Sequence[UUID]
    table: Table
    versions: Mapping[str, Sequence[int | str | None]]
    calendar: WorkingCalendar | None
    stopped: str | None = None

    @classmethod
    def of_rows(
        cls,
        card: IndicatorPublished,
        period: Period,
        facts: Mapping[str, Mapping[str, Any]],
        inputs: Mapping[str, Mapping[str, int | str]],
        calendar: WorkingCalendar | None,
    ) -> "Group":
        """A group from what each unit read."""
        names = sorted({name for read in inputs.values() for name in read})
        versions = {name: [read.get(name) for read in inputs.values()] for name in names}
        table = Table.of_rows([facts.get(unit, {}) for unit in inputs])
        return cls(card, period, [UUID(unit) for unit in inputs], table, versions, calendar)

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """What the engine reads, by unit."""
        return {str(unit): self.table.row(index) for index, unit in enumerate(self.units)}

    @cached_property
    def inputs(self) -> Mapping[str, Mapping[str, int | str]]:
        """What the ledger keeps of it, by unit."""
        return {str(unit): read for unit, read in zip(self.units, self.read, strict=True)}

    @cached_property
    def read(self) -> Sequence[Mapping[str, int | str]]:
        """What the ledger keeps of what each unit read: the version of the fact (0: none), or the text, by input.

        One object for all units that read the same.
        """
        names, columns = list(self.versions), list(self.versions.values())
        if not columns:
            return [_NOTHING] * len(self.units)
        known: dict[tuple[int | str | None, ...], Mapping[str, int | str]] = {}
        rows = list(zip(*columns, strict=True))
        for row in rows:
            if row not in known:
                known[row] = {name: told for name, told in zip(names, row, strict=True) if told is not None}
        return [known[row] for row in rows]

    @cached_property
    def rule(self) -> Rule:
        """The parsed rule of the card."""
        return rule_of(self.card)

    @cached_property
    def key(self) -> str:
        """Period and indicator between a tab, as the lines of its cells begin."""
        return f"{self.period.key}\t{self.card.indicator_id}"


def rule_of(card: IndicatorPublished) -> Rule:
    """The parsed rule of a card's version. Raises RuleRefused for a rule that publication should have refused."""
    return _parsed(msgspec.json.encode(card.rule))


@lru_cache(maxsize=4_096)
def _parsed(document: bytes) -> Rule:
    return parse_rule(msgspec.json.decode(document))


def reads_peers(card: IndicatorPublished) -> bool:
    """Whether one new fact re-scores all units of the card."""
    return depends_on_peers(rule_of(card))


def prepare(
    card: IndicatorPublished,
    period: Period,
    facts: Facts,
    surroundings: Surroundings,
    only: Iterable[UUID] | None = None,
    results: Results = NO_RESULTS,
) -> Group:
    """Gather what a card's rule reads: for all evaluated units, or for some of them where no unit sees another.

    `results` of other cards are by (indicator, unit), as the ledger says them. What is not
    there, and a group that the unit does not have, is left out, which the engine calls missing. Where the deadline lies
    outside the published calendar no cell is evaluated.
    """
    wanted = None if only is None else set(only)
    units = [unit for unit in card.evaluated_unit_ids if wanted is None or unit in wanted]
    due = _due(card, period, surroundings.calendar)
    dates = {"period_start": period.first, "period_end": period.last, "due": due}
    stopped = "CALENDAR_UNKNOWN" if due is None and _needs_due(card) else None
    columns: dict[str, list[Any]] = {}
    versions: dict[str, list[int | str | None]] = {}
    for name, binding in sorted(card.bindings.items()):
        metric, group = binding.metric, binding.unit_group
        if metric is not None:
            found = list(map(facts.get(metric, {}).get, units))
            versions[name] = [0 if fact is None else fact.version for fact in found]
            columns[name] = [ABSENT if fact is None else as_engine_reads(fact) for fact in found]
            continue
        if binding.indicator is not None:
            read = [results.get((binding.indicator, unit)) for unit in units]
            versions[name] = [*read]
            columns[name] = [ABSENT if text is None else result_as_read(text) for text in read]
            continue
        if group is not None:
            texts = [surroundings.groups.get(unit, {}).get(group) for unit in units]
        else:
            day = dates[binding.calendar] if binding.calendar else None
            texts = [None if day is None else day.isoformat()] * len(units)
        versions[name] = [*texts]
        columns[name] = [ABSENT if text is None else text for text in texts]
    return Group(card, period, units, Table(len(units), columns), versions, surroundings.calendar, stopped)


def result_as_read(text: str) -> Any:
    """Another card's result in the form of the rule language; its state is the input's, without a result it is missing.

    `text` as `as_result` says it, so that a proof needs nothing else.
    """
    said = text.partition(" ")[2]
    return {"state": _STATES[said]} if said in _STATES else said


def years_around(year: int, published: Collection[int]) -> tuple[int, int]:
    """First and last of the published years that lie around a year without a gap, or of those next to it.

    A year between two published ones whose own calendar has not come is unknown, not one without holidays.
    """
    first = last = min(published, key=lambda known: (abs(known - year), known))
    while first - 1 in published:
        first -= 1
    while last + 1 in published:
        last += 1
    return first, last


def calendar_of(first: date, last: date, closed: Iterable[date], worked: Iterable[date]) -> WorkingCalendar:
    """A calendar whose version is the digest of what it says."""
    calendar = WorkingCalendar("", frozenset(closed), frozenset(worked), first, last)
    return replace(calendar, version=f"sha256:{hashlib.sha256(days_text(calendar)).hexdigest()}")


def days_text(calendar: WorkingCalendar) -> bytes:
    """What a calendar says, in the form that is kept and that its version is the digest of."""
    days = {"closed": sorted(calendar.closed), "open": sorted(calendar.open)}
    return msgspec.json.encode({"first": calendar.first, "last": calendar.last, **days})


def _needs_due(card: IndicatorPublished) -> bool:
    return any(binding.calendar == "due" for binding in card.bindings.values())


def _due(card: IndicatorPublished, period: Period, calendar: WorkingCalendar | None) -> date | None:
    """The card's deadline; None outside the published calendar."""
    if calendar is None or not _needs_due(card):
        return None
    if card.due_working_days == 0:
        return period.last
    try:
        return calendar.nth_working_day(period.last, card.due_working_days, same_day=False)
    except CalendarUnknown:
        return None


def as_confirmed(
    card: IndicatorPublished, cells: Mapping[UUID, Scored], calendar: WorkingCalendar | None
) -> Surroundings:
    """What a card's confirmed cells read besides facts: the calendar of then, the groups that stand in their inputs."""
    names = {name: binding.unit_group for name, binding in card.bindings.items() if binding.unit_group is not None}
    return Surroundings(
        calendar,
        {
            unit: {names[name]: str(text) for name, text in cell.inputs.items() if name in names}
            for unit, cell in cells.items()
        },
    )


def facts_of(card: IndicatorPublished, cells: Mapping[UUID, Scored]) -> list[tuple[UUID, UUID, int]]:
    """Which versions of facts a card's cells read: metric, unit, version."""
    bound = [(name, binding.metric) for name, binding in card.bindings.items() if binding.metric is not None]
    read = {
        (metric, unit, version)
        for unit, cell in cells.items()
        for name, metric in bound
        if isinstance(version := cell.inputs.get(name, 0), int) and version
    }
    return sorted(read)


def as_engine_reads(fact: StoredFact) -> Any:
    """A stored fact in the form of the rule language."""
    if fact.state == "present":
        return fact.value
    told = {"state": fact.state, "value": fact.value, "reason": fact.reason}
    return {name: value for name, value in told.items() if value is not None}


class Cells(Sequence[Scored]):
    """The cells of a group in the order of its units: the different findings, and which of them each unit has."""

    def __init__(self, group: Group, findings: Sequence[Finding], which: Sequence[int]) -> None:
        self.units, self.findings, self.which, self.read = group.units, findings, which, group.read

    def __len__(self) -> int:
        return len(self.units)

    def __iter__(self) -> Iterator[Scored]:
        found = self.findings
        for unit, index, read in zip(self.units, self.which, self.read, strict=True):
            yield Scored(unit, found[index], read)

    @overload
    def __getitem__(self, place: int) -> Scored: ...
    @overload
    def __getitem__(self, place: slice) -> list[Scored]: ...
    def __getitem__(self, place: int | slice) -> Scored | list[Scored]:
        if isinstance(place, slice):
            return list(self)[place]
        return Scored(self.units[place], self.findings[self.which[place]], self.read[place])


def score(group: Group) -> Cells:
    """Evaluate a prepared group; one cell per unit, in the order of the card's units.

    By columns where the rule has them and there are enough units; digit for digit what the reference says.
    """
    if group.stopped is not None:
        return Cells(
            group, [Finding("refused", Decimal(group.card.points), code=group.stopped)], [0] * len(group.units)
        )
    plan = plan_of(group.rule, len(group.units)) if len(group.units) > _FEW_UNITS else None
    if isinstance(plan, ColumnPlan):
        return _told(group, *plan.evaluate(group.table, None, group.calendar).distinct())
    return by_reference(group)


def by_reference(group: Group) -> Cells:
    """Evaluate a group by the reference evaluator alone, which is the law."""
    outcomes = evaluate_group(group.rule, group.facts, group.calendar)
    return _told(group, [row_of(outcome) for outcome in outcomes.values()], range(len(outcomes)))


def _told(group: Group, outcomes: Iterable[RowOutcome], which: Sequence[int]) -> Cells:
    marks = Decimal(group.card.points)
    return Cells(group, [_finding(marks, row) for row in outcomes], which)


def score_all(groups: Sequence[Group]) -> list[Cells]:
    """`score` for many groups; pure and long, so callers run it beside the event loop."""
    return [score(group) for group in groups]


def _finding(marks: Decimal, row: RowOutcome) -> Finding:
    state = state_of(row.kind, row.code)
    if state != "scored" or row.value is None:
        return Finding(state, marks, code=row.code or "RESULT_WITHOUT_POINTS")
    note = "peers_mean" if row.substituted else None
    return Finding("scored", marks, Decimal(row.value), None, note, tuple(map(Entry._make, row.entries)))


def state_of(kind: str, code: str | None) -> CellStatus:
    """The state of a cell by what kind of outcome the engine found, and by its code."""
    if kind == "points":
        return "scored"
    if kind == "not_scorable":
        # An exempt fact under the policy "not scorable" exempts the cell; else a source is broken or a group empty.
        return "exempt" if code == "VALUE_EXEMPT" else "not_scorable"
    return "refused"
