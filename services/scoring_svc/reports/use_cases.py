"""Reading of scores: the card of a unit, an indicator across units, the heat map, trends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.context.repository import ShownUnit
from services.scoring_svc.context.use_cases import beside_card
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import StoredFact
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.ledger.adjudication import is_mark, mark_of, references
from services.scoring_svc.ledger.domain import NOTHING, Entry, identity_of, plain
from services.scoring_svc.ledger.entering import score_text
from services.scoring_svc.ledger.evaluation import rule_of
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ranking.blending import SpanBlend
from services.scoring_svc.ranking.domain import Span
from services.scoring_svc.ranking.marks import policy_now
from services.scoring_svc.reports import domain, repository, wording
from services.scoring_svc.reports.domain import Line, Mark, Sums
from services.scoring_svc.reports.schemas import (
    BesideOut,
    CardCellOut,
    CardIndicatorOut,
    HeatColumn,
    HeatRow,
    Level1Out,
    Level2Out,
    SumsOut,
    TrendPoint,
    UnitCardOut,
    UnitScoreOut,
)
from services.scoring_svc.reports.wording import Language
from shared.contracts.indicator import IndicatorPublished
from shared.db import UnitOfWork
from shared.errors import NotFound

_ZERO = Sums()
FactKey = tuple[str, UUID, UUID, int]


# --- the card of a unit -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """A cell of the card: a row of the ledger, or None for one that has no score yet, with its card."""

    card: IndicatorPublished
    period: str
    row: Any

    @property
    def mark(self) -> Mark:
        if self.row is None:
            return Mark(self.period, "awaited", Decimal(self.card.points), None)
        score = self.row["score"] if self.row["state"] == "scored" else None
        return Mark(self.period, self.row["state"], self.row["full_marks"], score, self.row["won_back"])


async def unit_card(
    uow: UnitOfWork, reader: Reader, indicator_set: IndicatorSet, code: str, span: Span, language: Language
) -> UnitCardOut:
    """The score card of a unit over a span, as far as the reader sees it. Raises NotFound or BlendUnfit."""
    driver = await uow.driver()
    unit = await repository.unit_coded(driver, reader, code)
    if unit is None:
        raise NotFound
    cards = await copies.cards_within(driver, indicator_set.set_id)
    inside = span.periods
    wanted = domain.expected(cards, inside, unit["unit_id"])
    keys = sorted({period for _, period in wanted})
    sides = {unit["unit_id"], *(card.evaluating_unit_id for card in wanted.values())}
    seen = await repository.seen_in(driver, reader, sides, [period.key for period in inside])
    rows = await repository.cells_of_unit(
        driver, reader, indicator_set.set_id, unit["unit_id"], [period.key for period in inside]
    )
    versions = {(card.indicator_id, card.version): card for card in cards}
    found = [_Seen(versions[row["indicator_id"], row["indicator_version"]], row["period"], row) for row in rows]
    has = {(one.card.indicator_id, one.period) for one in found}
    awaited = [
        _Seen(card, period, None)
        for (indicator, period), card in wanted.items()
        if (indicator, period) not in has
        and ((unit["unit_id"], period) in seen or (card.evaluating_unit_id, period) in seen)
    ]
    cells = sorted((*found, *awaited), key=lambda one: (one.card.code, one.period))
    if not cells:
        raise NotFound
    facts = await _facts_behind(driver, unit["unit_id"], cells)
    blend = (await policy_now(driver, indicator_set.set_id)).over(span)
    line = _lines(cells, domain.newest_inside(cards, span.last), blend)
    by_indicator: dict[UUID, list[CardCellOut]] = {}
    for one in cells:
        by_indicator.setdefault(one.card.indicator_id, []).append(_cell_out(one, unit["unit_id"], facts, language))
    beside = await repository.entries_beside(
        driver, reader, indicator_set.set_id, unit["unit_id"], [period.key for period in inside]
    )
    extra = sum((row["points"] for row in beside), NOTHING)
    counted = Sums(counted=line.sums.counted + Fraction(extra))
    return UnitCardOut(
        set=indicator_set.code,
        period=span.key,
        unit_id=unit["unit_id"],
        unit=unit["code"],
        unit_name=unit["name"],
        whole=all((unit["unit_id"], key) in seen for key in keys),
        confirmed=all(one.row is not None and one.row["standing"] == "confirmed" for one in cells),
        total=SumsOut(**_sums(line.sums)),
        levels=[_level1(one, by_indicator) for one in line.lines],
        beside=[BesideOut(**{**row, "points": plain(row["points"])}) for row in beside],
        beside_points=plain(extra),
        result=counted.points,
        result_exact=counted.exact,
        context=await beside_card(driver, indicator_set.set_id, span, ShownUnit(**unit), {one.period for one in cells}),
    )


def _lines(cells: Sequence[_Seen], newest: Mapping[UUID, IndicatorPublished], blend: SpanBlend) -> Line:
    marks: dict[UUID, list[Mark]] = {}
    for one in cells:
        marks.setdefault(one.card.indicator_id, []).append(one.mark)
    return domain.tree(marks, {indicator: newest[indicator] for indicator in marks}, blend)


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "full_marks": plain(sums.full),
        "score": plain(sums.score),
        "loss": plain(sums.loss),
        "bonus": plain(sums.bonus),
        "won_back": plain(sums.won_back),
        "points": sums.points,
        "points_exact": sums.exact,
        "states": dict(sums.states),
    }


def _level1(line: Line, cells: Mapping[UUID, list[CardCellOut]]) -> Level1Out:
    return Level1Out(**_sums(line.sums), name=line.name, level2=[_level2(one, cells) for one in line.lines])


def _level2(line: Line, cells: Mapping[UUID, list[CardCellOut]]) -> Level2Out:
    return Level2Out(
        **_sums(line.sums),
        name=line.name,
        indicators=[
            CardIndicatorOut(
                **_sums(one.sums),
                indicator_id=one.card.indicator_id,
                indicator=one.card.code,
                name=one.card.name,
                type=one.card.type,
                in_total=one.in_total,
                standard=one.card.standard,
                cells=cells[one.card.indicator_id],
            )
            for one in line.lines
            if one.card is not None
        ],
    )


async def _facts_behind(driver: asyncpg.Connection, unit: UUID, cells: Iterable[_Seen]) -> dict[FactKey, StoredFact]:
    """The facts of the cells that have something to explain."""
    wanted = [key for one in cells if _explains(one) for key in _read_by(one, unit).values()]
    return await repository.facts_of(driver, wanted)


def _explains(one: _Seen) -> bool:
    return one.row is not None and (one.row["state"] != "scored" or one.row["loss"] > 0 or one.mark.bonus > 0)


def _read_by(one: _Seen, unit: UUID) -> dict[str, FactKey]:
    found = {}
    for name, version in msgspec.json.decode(one.row["inputs"]).items():
        if is_mark(name):
            continue
        metric = one.card.bindings[name].metric
        if metric is not None and version:
            found[name] = (one.period, metric, unit, version)
    return found


def _cell_out(one: _Seen, unit: UUID, facts: Mapping[FactKey, StoredFact], language: Language) -> CardCellOut:
    mark, row = one.mark, one.row
    identity = identity_of(one.card.indicator_id, unit, one.period)
    out = CardCellOut(
        cell=cell_key(one.card.indicator_id, unit, one.period),
        deduction_id=identity if mark.loss > 0 and row is not None and row["entered_version"] else None,
        period=one.period,
        state=mark.state,
        standing=row and row["standing"],
        code=row and row["code"],
        note=row and row["note"],
        full_marks=plain(mark.full),
        score=None if mark.score is None else score_text(mark.score),
        loss=plain(mark.loss),
        bonus=plain(mark.bonus),
        won_back=plain(mark.won_back),
    )
    if not _explains(one):
        return out
    rule = rule_of(one.card)
    note = row["note"] or row["code"]
    out.summary = wording.loss_words(one.card, mark.state, mark.loss, note, language) if not mark.bonus else None
    out.reasons = [
        wording.entry_words(rule, Entry(*entry), language)
        for entry in msgspec.json.decode(row["entries"])
        if entry[2] != "0"
    ]
    read = _read_by(one, unit)
    decided = references(msgspec.json.decode(row["inputs"]))
    for name, binding in one.card.bindings.items():
        if binding.metric is not None:
            said = wording.fact_words(rule, name, facts.get(read[name]) if name in read else None, language)
            by = decided.get(mark_of(name))
            out.facts.append(said if by is None else wording.decided_words(said, by, language))
    return out


def cell_key(indicator_id: UUID, unit_id: UUID, period: str) -> str:
    """The id of a cell for an explanation."""
    return f"{indicator_id}:{unit_id}:{period}"


# --- an indicator across units, the heat map, trends ------------------------------------------------------------------


def unit_score(row: Mapping[str, Any]) -> UnitScoreOut:
    """A unit's line of an indicator."""
    return UnitScoreOut(
        unit_id=row["unit_id"],
        unit=row["unit"] or None,
        unit_name=row["unit_name"],
        confirmed=row["confirmed"],
        states={state: row[state] for state in ("scored", "exempt", "not_scorable", "refused") if row[state]},
        **_added(row),
    )


def trend_point(row: Mapping[str, Any]) -> TrendPoint:
    """A period of a trend."""
    named = ("period", "confirmed", "units", "cells", "scored", "lost")
    return TrendPoint(**{name: row[name] for name in named}, **_added(row))


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

    set_id: UUID
    columns: Sequence[HeatColumn]
    units: Sequence[UUID]
    periods: Sequence[str]

    @property
    def place_of(self) -> Mapping[UUID, int]:
        """The number of each indicator's column."""
        return {column.indicator_id: number for number, column in enumerate(self.columns)}


async def heat_map(connection: Any, reader: Reader, indicator_set: IndicatorSet, span: Span) -> HeatMap:
    """The columns that the reader may see cells of, in the order of the tree, and the units of the set."""
    cards = await copies.cards_within(connection, indicator_set.set_id)
    inside = span.periods
    newest = domain.newest_inside(cards, span.last)
    kinds = {period.kind for period in inside}
    shown = [card for card in newest.values() if card.period_kind in kinds]
    units = {unit for card in shown for unit in card.evaluated_unit_ids}
    sides = {*units, *(card.evaluating_unit_id for card in shown)}
    seen = {unit for unit, _ in await repository.seen_in(connection, reader, sides, [one.key for one in inside])}
    columns = [
        HeatColumn(
            indicator_id=card.indicator_id, indicator=card.code, name=card.name, level1=card.level1, level2=card.level2
        )
        for card in sorted(shown, key=lambda card: (card.level1, card.level2, card.code))
        if card.evaluating_unit_id in seen or not seen.isdisjoint(card.evaluated_unit_ids)
    ]
    evaluated = {one for card in shown if card.evaluating_unit_id in seen for one in card.evaluated_unit_ids}
    rows = sorted(units & (seen | evaluated))
    return HeatMap(indicator_set.set_id, columns, rows, [period.key for period in inside])


async def heat_rows(
    connection: Any, reader: Reader, heat: HeatMap, after: repository.After, limit: int
) -> tuple[list[HeatRow], repository.After]:
    """A page of rows, and the key of its last one if there are more."""
    found = await repository.units_with_cells(
        connection, reader, heat.set_id, heat.units, heat.periods, after, limit + 1
    )
    more, found = len(found) > limit, found[:limit]
    places, rows = heat.place_of, {}
    for unit in found:
        blank: list[str | None] = [None] * len(places)
        rows[unit["unit_id"]] = HeatRow(
            unit_id=unit["unit_id"], unit=unit["unit"] or None, unit_name=unit["unit_name"],
            losses=blank, shares=list(blank),
        )  # fmt: skip
    for cell in await repository.losses_by_cell(connection, reader, heat.set_id, list(rows), heat.periods):
        place = places.get(cell["indicator_id"])
        if place is not None and cell["loss"] is not None:
            row = rows[cell["unit_id"]]
            row.losses[place] = plain(cell["loss"])
            row.shares[place] = domain.share_text(cell["loss"], cell["full_marks"])
    last = (found[-1]["unit"], found[-1]["unit_id"]) if more else None
    return list(rows.values()), last
