"""Reading across units and periods: an indicator's board, the heat map, trends.

Sums are of the cells within reach; beside them stands what rankings count of them, as the policy of now blends a span,
with the figures of the score card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.ledger.domain import plain
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ranking.domain import SCALE, Span, parse_span
from services.scoring_svc.ranking.marks import Cells, periods_with_cells, policy_now
from services.scoring_svc.reports import domain, repository
from services.scoring_svc.reports.domain import Mark, Sums
from services.scoring_svc.reports.schemas import HeatColumn, HeatRow, TrendPoint, UnitScoreOut
from services.scoring_svc.reports.use_cases import mark_of_row
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period


async def counting(connection: Any, set_id: UUID, span: Span) -> Cells:
    """The cells of a span as the policy of now counts them. Raises BlendUnfit."""
    blend = (await policy_now(connection, set_id)).over(span)
    keys = [period.key for period in span.periods]
    found = set(await periods_with_cells(connection, set_id, keys))
    blend.demand_weights({period.kind for period in span.periods if period.key in found})
    return Cells(set_id, keys, confirmed=False, blend=blend)


def _told(counted: Sums | None) -> dict[str, Any]:
    return {"points": counted.points if counted else None, "points_exact": counted.exact if counted else None}


def _counted(row: Mapping[str, Any]) -> Sums:
    """What rankings count of a row of marks."""
    return Sums(counted=Fraction(row["total"]) / SCALE, counted_full=Fraction(row["full_marks"]) / SCALE)


async def board_page(
    connection: Any, reader: Reader, cells: Cells, indicator_id: UUID, after: repository.After, limit: int
) -> list[UnitScoreOut]:
    """The units of an indicator within reach, by code, after a key."""
    rows = await repository.across_units(connection, reader, indicator_id, cells.periods, after, limit)
    units = [row["unit_id"] for row in rows]
    found = await repository.marks_within(connection, reader, cells, units, indicator_id)
    marks = {row["unit_id"]: row for row in found}
    return [_unit_score(row, marks.get(row["unit_id"])) for row in rows]


def _unit_score(row: Mapping[str, Any], marks: Mapping[str, Any] | None) -> UnitScoreOut:
    added = {**_added(row), **_told(None if marks is None else _counted(marks))}
    # As rankings count, like the heat map's.
    added["loss_share"] = None if marks is None else domain.share_text(marks["lost"], marks["full_marks"])
    return UnitScoreOut(
        unit_id=row["unit_id"],
        unit=row["unit"] or None,
        unit_name=row["unit_name"],
        confirmed=row["confirmed"],
        states={state: row[state] for state in ("scored", "exempt", "not_scorable", "refused") if row[state]},
        **added,
    )


async def trend(
    driver: asyncpg.Connection,
    reader: Reader,
    indicator_set: IndicatorSet,
    periods: Sequence[Period],
    unit: UUID | None,
    card: IndicatorPublished | None,
) -> list[TrendPoint]:
    """The cells within reach in each of the periods; of one unit with what its score card counts. Raises BlendUnfit."""
    keys, indicator = [one.key for one in periods], None if card is None else card.indicator_id
    rows = await repository.trend(driver, reader, indicator_set.set_id, keys, unit, indicator)
    counted: Mapping[str, Sums] = {}
    if unit is not None:
        spans = [parse_span(row["period"]) for row in rows]
        counted = await _over_spans(driver, reader, indicator_set, spans, unit, indicator)
    return [_trend_point(row, counted.get(row["period"])) for row in rows]


async def _over_spans(
    driver: asyncpg.Connection,
    reader: Reader,
    indicator_set: IndicatorSet,
    spans: Sequence[Span],
    unit: UUID,
    indicator: UUID | None,
) -> dict[str, Sums]:
    """What the unit's cells within reach come to in each span: all indicators that count in the total, or one."""
    set_id = indicator_set.set_id
    cards, policy = await copies.cards_within(driver, set_id), await policy_now(driver, set_id)
    keys = sorted({period.key for span in spans for period in span.periods})
    rows = await repository.cells_of_unit(driver, reader, set_id, unit, keys)
    found = {}
    for span in spans:
        inside, marks = {period.key for period in span.periods}, dict[UUID, list[Mark]]()
        for row in rows:
            if row["period"] in inside and indicator in {None, row["indicator_id"]}:
                marks.setdefault(row["indicator_id"], []).append(mark_of_row(row))
        if indicator is not None:
            found[span.key] = domain.sums_of(marks.get(indicator, []), policy.over(span))
        else:
            newest = domain.newest_inside(cards, span.last)
            found[span.key] = domain.tree(marks, {one: newest[one] for one in marks}, policy.over(span)).sums
    return found


def _trend_point(row: Mapping[str, Any], counted: Sums | None) -> TrendPoint:
    named = ("period", "confirmed", "units", "cells", "scored", "lost")
    return TrendPoint(
        **{name: row[name] for name in named},
        **_added(row),
        **_told(counted),
    )


def _added(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "full_marks": plain(row["full_marks"]),
        "score": plain(row["score"]),
        "loss": plain(row["loss"]),
        "loss_share": domain.share_text(row["loss"], row["full_marks"]),
        "won_back": plain(row["won_back"]),
        "mean": shortest(Fraction(row["score"]) / row["scored"]) if row["scored"] else None,
    }


@dataclass(frozen=True)
class HeatMap:
    """What a heat map is made of: its columns, and the units that may have a row."""

    columns: Sequence[HeatColumn]
    units: Sequence[UUID]
    cells: Cells

    @property
    def place_of(self) -> Mapping[UUID, int]:
        """The number of each indicator's column."""
        return {column.indicator_id: number for number, column in enumerate(self.columns)}


async def heat_map(connection: Any, reader: Reader, indicator_set: IndicatorSet, span: Span) -> HeatMap:
    """The columns that the reader may see cells of, in the order of the tree, and the units of the set.

    Raises BlendUnfit.
    """
    cards = await copies.cards_within(connection, indicator_set.set_id)
    inside = span.periods
    newest = domain.newest_inside(cards, span.last)
    kinds = {period.kind for period in inside}
    shown = [card for card in newest.values() if card.period_kind in kinds]
    # Earlier versions too: a unit that was merged inside the span keeps its cells, and its row.
    of_set = {card.indicator_id for card in shown}
    versions = [card for card in cards if card.indicator_id in of_set and card.effective_from <= span.last]
    units = {unit for card in versions for unit in card.evaluated_unit_ids}
    sides = {*units, *(card.evaluating_unit_id for card in versions)}
    seen = {unit for unit, _ in await repository.seen_in(connection, reader, sides, [one.key for one in inside])}
    readable = {
        card.indicator_id
        for card in versions
        if card.evaluating_unit_id in seen or not seen.isdisjoint(card.evaluated_unit_ids)
    }
    columns = [
        HeatColumn(
            indicator_id=card.indicator_id, indicator=card.code, name=card.name, level1=card.level1, level2=card.level2
        )
        for card in sorted(shown, key=lambda card: (card.level1, card.level2, card.code))
        if card.indicator_id in readable
    ]
    evaluated = {one for card in versions if card.evaluating_unit_id in seen for one in card.evaluated_unit_ids}
    rows = sorted(units & (seen | evaluated))
    return HeatMap(columns, rows, await counting(connection, indicator_set.set_id, span))


async def heat_rows(
    connection: Any, reader: Reader, heat: HeatMap, after: repository.After, limit: int
) -> tuple[list[HeatRow], repository.After]:
    """A page of rows, and the key of its last one if there are more."""
    found = await repository.units_with_cells(
        connection, reader, heat.cells.set_id, heat.units, heat.cells.periods, after, limit + 1
    )
    more, found = len(found) > limit, found[:limit]
    places, rows = heat.place_of, {}
    for unit in found:
        blank: list[str | None] = [None] * len(places)
        rows[unit["unit_id"]] = HeatRow(
            unit_id=unit["unit_id"], unit=unit["unit"] or None, unit_name=unit["unit_name"],
            losses=blank, shares=list(blank), points=list(blank),
        )  # fmt: skip
    for cell in await repository.marks_within(connection, reader, heat.cells, list(rows)):
        place = places.get(cell["indicator_id"])
        if place is not None:
            row = rows[cell["unit_id"]]
            row.losses[place] = plain(cell["loss"])
            row.shares[place] = domain.share_text(cell["lost"], cell["full_marks"])
            row.points[place] = _counted(cell).points
    last = (found[-1]["unit"], found[-1]["unit_id"]) if more else None
    return list(rows.values()), last
