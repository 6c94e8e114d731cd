"""What a report tells, read in one snapshot, so that no amendment lies between two of its tables."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.context.use_cases import Beside
from services.scoring_svc.context.use_cases import beside as beside_scores
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.documents import reading
from services.scoring_svc.documents.domain import Problem, ReportTooLarge
from services.scoring_svc.ledger import reading as ledger
from services.scoring_svc.ledger.period_repository import PeriodRow, period_rows
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ranking import reading as ranking_reading
from services.scoring_svc.ranking import repository as ranking
from services.scoring_svc.ranking.blending import Blend, SpanBlend
from services.scoring_svc.ranking.domain import Span, parse_span
from services.scoring_svc.ranking.marks import policy_now
from services.scoring_svc.ranking.use_cases import scored_periods
from services.scoring_svc.reports import domain as sums
from services.scoring_svc.reports.domain import NOTHING, Line, Mark, Sums
from services.scoring_svc.reports.repository import seen_in
from shared.auth import Reach
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import periods_of_year

MOST_CELLS = 100_000
_EVERY_ROW = frozenset({"all_rows", "totals"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker might read at the time of asking: cells by reach, the published ranking, the problems.

    `party`: whether published rankings are for them; `own`: whose rows are theirs, None for all.
    """

    everything: bool
    units: tuple[UUID, ...]
    subtrees: tuple[str, ...]
    day: date
    party: bool
    own: tuple[UUID, ...] | None
    problems: bool

    @property
    def reader(self) -> Reader:
        """How far the asker read cells."""
        return Reader(Reach(self.everything, self.units, self.subtrees), self.day)


@dataclass(frozen=True)
class UnitLine:
    """A unit's tree of sums, what it has beside its cells, and whether the asker saw all of its cells."""

    tree: Line
    beside: Decimal
    whole: bool

    @property
    def result(self) -> str:
        """The mark that rankings count, as the score card says it."""
        return Sums(counted=self.tree.sums.counted + Fraction(self.beside)).points


@dataclass(frozen=True)
class Gathered:
    """Everything that a report is written from. Units and people are named by `units` and `people`."""

    indicator_set: IndicatorSet
    span: Span
    everything: bool
    states: Sequence[PeriodRow]
    ranking: Mapping[str, Any] | None
    places: Sequence[Mapping[str, Any]]
    caps: Sequence[Mapping[str, Any]]
    lines: Mapping[UUID, UnitLine]
    cells: Sequence[asyncpg.Record]
    deductions: Sequence[asyncpg.Record]
    balance: Sequence[asyncpg.Record]
    beside: Sequence[asyncpg.Record]
    cards: Mapping[UUID, IndicatorPublished]
    units: Mapping[UUID, tuple[str, str]]
    people: Mapping[str, str]
    read_at: datetime
    blend: Blend
    # Units and periods within the asker's own reach; other cells are shown to who evaluates them.
    within: Collection[tuple[UUID, str]]
    context: Beside
    problems: Mapping[UUID, Problem] | None = field(default=None)


async def gather(
    connection: asyncpg.Connection, indicator_set: IndicatorSet, period: str, asked: Asked, who: str, now: datetime
) -> Gathered:
    """Read what a report tells to its asker. Raises ReportTooLarge."""
    span, reader, set_id = parse_span(period), asked.reader, indicator_set.set_id
    cards = await copies.cards_within(connection, set_id)
    scored = set(scored_periods(cards, span))
    states = [row for row in await period_rows(connection, set_id) if row.period in scored]
    inside = [one.key for one in periods_of_year(span.last.year) if span.contains(one)]
    cells = await reading.cells(connection, reader, set_id, inside, MOST_CELLS + 1)
    if len(cells) > MOST_CELLS:
        raise ReportTooLarge(limit=MOST_CELLS)
    units = await reading.names_of_units(connection, span.last)
    cells.sort(key=lambda row: (units.get(row["unit_id"], ("", ""))[0], str(row["indicator_id"]), row["period"]))
    beside = await reading.entries_beside(connection, reader, set_id, inside)
    newest = sums.newest_inside(cards, span.last)
    steps = (person for row in states for person in (row.confirmed_by, row.closed_by) if person)
    within = await seen_in(connection, reader, {row["unit_id"] for row in cells}, inside)
    head, places = await _ranking(connection, set_id, span, asked)
    own = None if asked.own is None else frozenset(asked.own)
    blend = (await policy_now(connection, set_id)).over(span)
    return Gathered(
        indicator_set=indicator_set,
        span=span,
        everything=asked.everything,
        states=states,
        ranking=head,
        places=places,
        caps=await ranking_reading.grades_of(connection, set_id, span.key, None, span.last, own) if head else [],
        lines=await asyncio.to_thread(_lines, cells, beside, newest, within, blend),
        cells=cells,
        deductions=await reading.deductions(connection, reader, set_id, inside),
        balance=await ledger.balance(connection, reader, set_id, inside),
        beside=beside,
        cards=newest,
        units=units,
        people=await reading.names_of_people(connection, [who, *steps]),
        read_at=now,
        blend=blend.blend,
        within=within,
        context=await beside_scores(connection, reader, set_id, span),
    )


def _lines(
    cells: Sequence[asyncpg.Record],
    beside: Sequence[asyncpg.Record],
    cards: Mapping[UUID, IndicatorPublished],
    within: Collection[tuple[UUID, str]],
    blend: SpanBlend,
) -> Mapping[UUID, UnitLine]:
    """The units with cells, in the order of their codes."""
    marks: dict[UUID, dict[UUID, list[Mark]]] = {}
    periods: dict[UUID, set[str]] = {}
    for row in cells:
        score = row["score"] if row["state"] == "scored" else None
        mark = Mark(row["period"], row["state"], row["full_marks"], score, row["won_back"])
        marks.setdefault(row["unit_id"], {}).setdefault(row["indicator_id"], []).append(mark)
        periods.setdefault(row["unit_id"], set()).add(row["period"])
    extra: dict[UUID, Decimal] = {}
    for row in beside:
        extra[row["unit_id"]] = extra.get(row["unit_id"], NOTHING) + row["points"]
    return {
        unit: UnitLine(
            tree=sums.tree(found, cards, blend),
            beside=extra.get(unit, NOTHING),
            whole=all((unit, period) in within for period in periods[unit]),
        )
        for unit, found in marks.items()
    }


async def _ranking(
    connection: asyncpg.Connection, set_id: UUID, span: Span, asked: Asked
) -> tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]:
    """The newest published ranking of the span, if it is for the asker, and the rows that it shows them."""
    newest = await ranking.newest(connection, set_id, span.key) if asked.party else None
    row = None if newest is None else await ranking.published(connection, newest["ranking_id"])
    if row is None:
        return None, []
    body = msgspec.json.decode(row["body"])
    own = None if asked.own is None or row["shows"] in _EVERY_ROW else {str(unit) for unit in asked.own}
    return body, [one for one in body["units"] if own is None or one["unit_id"] in own]
