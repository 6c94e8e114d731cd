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
    Level1Out,
    Level2Out,
    SumsOut,
    UnitCardOut,
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
        return mark_of_row(self.row)


def mark_of_row(row: Mapping[str, Any]) -> Mark:
    """A cell of the ledger as sums see it."""
    score = row["score"] if row["state"] == "scored" else None
    return Mark(row["period"], row["state"], row["full_marks"], score, row["won_back"])


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
