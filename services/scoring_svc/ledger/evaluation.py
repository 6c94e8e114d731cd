"""From published cards and facts to scored cells: what each input of a card is read from, and what the engine said.

Belongs here: pure preparation of a group's evaluation and reading of its outcome. Does not belong here: the meaning of
rules (engine), statements (repository), what the ledger makes of it (domain).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from services.scoring_svc.copies.domain import StoredFact
from services.scoring_svc.engine.domain import (
    CalendarUnknown,
    Outcome,
    Rule,
    WorkingCalendar,
    depends_on_peers,
    evaluate_group,
    parse_rule,
)
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.ledger.domain import CellStatus, Entry, Scored
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period


@dataclass(frozen=True)
class Surroundings:
    """What evaluations read besides facts: the working calendar (None: no year published) and groups of units."""

    calendar: WorkingCalendar | None
    groups: Mapping[UUID, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """An indicator in a period with its units: what was read, as the engine takes it and as the ledger keeps it."""

    card: IndicatorPublished
    period: Period
    facts: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, Mapping[str, int | str]]
    calendar: WorkingCalendar | None
    stopped: str | None = None


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
    facts: Mapping[tuple[UUID, UUID], StoredFact],
    surroundings: Surroundings,
    only: Iterable[UUID] | None = None,
) -> Group:
    """Gather what a card's rule reads: for all evaluated units, or for some of them where no unit sees another.

    `facts` are by (metric, unit). A fact that is not there and a group that the unit does not have are left out,
    which the engine calls missing. Where the deadline lies outside the published calendar no cell is evaluated.
    """
    wanted = None if only is None else set(only)
    units = [unit for unit in card.evaluated_unit_ids if wanted is None or unit in wanted]
    due = _due(card, period, surroundings.calendar)
    dates = {"period_start": period.first, "period_end": period.last, "due": due}
    stopped = "CALENDAR_UNKNOWN" if due is None and _needs_due(card) else None
    read: dict[str, dict[str, Any]] = {}
    kept: dict[str, dict[str, int | str]] = {}
    for unit in units:
        values: dict[str, Any] = {}
        versions: dict[str, int | str] = {}
        for name, binding in sorted(card.bindings.items()):
            if binding.metric is not None:
                fact = facts.get((binding.metric, unit))
                versions[name] = 0 if fact is None else fact.version
                if fact is not None:
                    values[name] = as_engine_reads(fact)
                continue
            if binding.unit_group is not None:
                text = surroundings.groups.get(unit, {}).get(binding.unit_group)
            else:
                day = dates[binding.calendar] if binding.calendar else None
                text = None if day is None else day.isoformat()
            if text is not None:
                versions[name] = values[name] = text
        read[str(unit)], kept[str(unit)] = values, versions
    return Group(card, period, read, kept, surroundings.calendar, stopped)


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


def score(group: Group) -> list[Scored]:
    """Evaluate a prepared group by the reference engine; one cell per unit, in the order of the card's units."""
    if group.stopped is not None:
        marks = Decimal(group.card.points)
        return [Scored(UUID(u), "refused", marks, code=group.stopped, inputs=i) for u, i in group.inputs.items()]
    outcomes = evaluate_group(rule_of(group.card), group.facts, group.calendar)
    return [_scored(group, unit, outcome) for unit, outcome in outcomes.items()]


def score_all(groups: Sequence[Group]) -> list[list[Scored]]:
    """`score` for many groups; pure and long, so callers run it beside the event loop."""
    return [score(group) for group in groups]


def _scored(group: Group, unit: str, outcome: Outcome) -> Scored:
    full_marks = Decimal(group.card.points)
    inputs = group.inputs[unit]
    state = state_of(outcome.kind, outcome.code)
    if state != "scored" or outcome.value is None:
        code = outcome.code or "RESULT_WITHOUT_POINTS"
        return Scored(UUID(unit), state, full_marks, code=code, inputs=inputs)
    return Scored(
        UUID(unit),
        "scored",
        full_marks,
        score=Decimal(outcome.value),
        note="peers_mean" if outcome.substituted else None,
        entries=tuple(Entry(entry.entry, entry.clause, shortest(entry.amount)) for entry in outcome.entries),
        inputs=inputs,
    )


def state_of(kind: str, code: str | None) -> CellStatus:
    """The state of a cell by what kind of outcome the engine found, and by its code."""
    if kind == "points":
        return "scored"
    if kind == "not_scorable":
        # An exempt fact under the policy "not scorable" exempts the cell; else a source is broken or a group empty.
        return "exempt" if code == "VALUE_EXEMPT" else "not_scorable"
    return "refused"
