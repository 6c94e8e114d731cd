"""Routes that read scores: score cards, indicators across units, heat map, trend, remedies, explanations.

The three tables also answer as CSV and XLSX, by the same statements and therefore within the same scope.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.api import Code, SetCode, period_named, reader_of, set_named
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ranking.api import SpanKey, span_named
from services.scoring_svc.ranking.marks import Cells
from services.scoring_svc.reports import across, card_sheet, repository, sheets, use_cases
from services.scoring_svc.reports.across import HeatMap
from services.scoring_svc.reports.domain import FilterRequired, newest_inside
from services.scoring_svc.reports.explaining import Subject, explain, remedies, subject_of
from services.scoring_svc.reports.schemas import (
    ExplanationOut,
    HeatMapOut,
    RemediesOut,
    TrendOut,
    UnitCardOut,
    UnitScoreOut,
    UnitScoresOut,
)
from services.scoring_svc.reports.wording import Language
from shared.auth import Actor
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import PeriodKind, periods_of_year
from shared.db import Database, UnitOfWork
from shared.errors import Detail, Malformed, NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor, permits
from shared.problems import language_of

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["reports"])

Format = Annotated[
    Literal["json", "csv", "xlsx"],
    Query(description="csv and xlsx give every row from the cursor on; limit is then how many are read at a time"),
]
ReadsScores = Annotated[Actor, permits("scores.read")]
IndicatorCode = Annotated[str, Query(min_length=1, max_length=64, description="Code of the indicator")]
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {sheets.CSV.partition(";")[0]: {}, sheets.XLSX: {}}, "description": "The table"}
}
_PAGE_OF_UNITS = 50  # each has a value for every indicator


def _language(request: Request, response: Response | None = None) -> Language:
    """The reader's language, said in the answer too."""
    language: Language = "en" if language_of(request) == "en" else "zh"
    if response is not None:
        response.headers["content-language"] = "en" if language == "en" else "zh-CN"
        response.headers["vary"] = "accept-language"
    return language


def _file(form: str, name: str, header: Sequence[str], pages: sheets.Rows) -> Response:
    body, media = (sheets.as_csv, sheets.CSV) if form == "csv" else (sheets.as_xlsx, sheets.XLSX)
    disposition = f"attachment; filename=\"report.{form}\"; filename*=UTF-8''{quote(name)}.{form}"
    return StreamingResponse(
        body(header, pages), media_type=media, headers={"content-disposition": disposition, "cache-control": "no-store"}
    )


def _unit_after(cursor: str | None) -> repository.After:
    key = decode_cursor(cursor, 2, ids=[1])
    return None if key is None else (key[0], UUID(key[1]))


# --- the card of a unit -----------------------------------------------------------------------------------------------


@router.get("/score-cards/{unit}", response_model=UnitCardOut, responses=_FILES)
async def read_score_card(
    unit: Annotated[str, Path(min_length=1, max_length=64, description="Code of the unit")],
    code: SetCode,
    period: SpanKey,
    request: Request,
    response: Response,
    actor: ReadsScores,
    uow: Uow,
    form: Annotated[Format, Query(alias="format")] = "json",
) -> UnitCardOut | Response:
    """The score card of a unit over a period or year to date: tree, cells, reasons, what was won back, totals."""
    found = await set_named(uow, code)
    language = _language(request, response)
    card = await use_cases.unit_card(uow, reader_of(request, actor), found, unit, span_named(period), language)
    if form == "json":
        return card
    return _file(form, f"{unit}-{card.period}", card_sheet.HEAD[language], card_sheet.rows(card, language))


# --- an indicator across units ----------------------------------------------------------------------------------------

_BOARD_HEAD = {
    "zh": ("单位编码", "单位名称", "是否确认", "满分", "得分", "失分", "失分率", "补回", "平均得分", "计入得分"),
    "en": ("Unit", "Name", "Confirmed", "Full marks", "Score", "Loss", "Loss share", "Won back", "Mean", "Points"),
}


@router.get("/indicator-scores", response_model=UnitScoresOut, responses=_FILES)
async def list_indicator_scores(
    code: SetCode,
    indicator: IndicatorCode,
    period: SpanKey,
    request: Request,
    actor: ReadsScores,
    uow: Uow,
    form: Annotated[Format, Query(alias="format")] = "json",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> UnitScoresOut | Response:
    """One indicator across the units within reach, over a period or year to date."""
    found, span, reader = await set_named(uow, code), span_named(period), reader_of(request, actor)
    card = await _indicator_coded(uow, found.set_id, indicator, span.last)
    cells = await across.counting(await uow.driver(), found.set_id, span)
    after = _unit_after(cursor)
    if form != "json":
        source = _BoardSource(request.app.state.database, reader, card.indicator_id, cells, limit)
        language = _language(request)
        return _file(form, f"{indicator}-{span.key}", _BOARD_HEAD[language], source.pages(after))
    rows = await across.board_page(await uow.driver(), reader, cells, card.indicator_id, after, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return UnitScoresOut(
        set=found.code,
        period=span.key,
        indicator_id=card.indicator_id,
        indicator=card.code,
        indicator_name=card.name,
        items=rows[:limit],
        next=encode_cursor(last.unit or "", last.unit_id) if last else None,
    )


async def _indicator_coded(uow: UnitOfWork, set_id: UUID, code: str, last: date) -> IndicatorPublished:
    cards = await copies.cards_within(await uow.driver(), set_id)
    found = next((card for card in newest_inside(cards, last).values() if card.code == code), None)
    if found is None:
        raise NotFound
    return found


class _BoardSource:
    """The rows of an indicator, a page at a time: no connection is held while a slow reader takes them."""

    def __init__(self, database: Database, reader: Reader, indicator: UUID, cells: Cells, limit: int) -> None:
        self._database, self._reader, self._indicator = database, reader, indicator
        self._cells, self._limit = cells, limit

    async def pages(self, after: repository.After) -> AsyncIterator[Sequence[Sequence[sheets.Value]]]:
        """The pages after a key."""
        while True:
            rows = await across.board_page(
                self._database.reads, self._reader, self._cells, self._indicator, after, self._limit
            )
            yield [_board_row(row) for row in rows]
            if len(rows) < self._limit:
                return
            after = rows[-1].unit or "", rows[-1].unit_id


def _board_row(one: UnitScoreOut) -> Sequence[sheets.Value]:
    share = None if one.loss_share is None else Decimal(one.loss_share)
    return (
        one.unit or "", one.unit_name or "", str(one.confirmed), Decimal(one.full_marks), Decimal(one.score),
        Decimal(one.loss), share, Decimal(one.won_back), one.mean or "",
        None if one.points is None else Decimal(one.points),
    )  # fmt: skip


# --- heat map -------------------------------------------------------------------------------------------------------


@router.get("/heat-map", response_model=HeatMapOut, responses=_FILES)
async def read_heat_map(
    code: SetCode,
    period: SpanKey,
    request: Request,
    actor: ReadsScores,
    uow: Uow,
    form: Annotated[Format, Query(alias="format")] = "json",
    limit: Limit = _PAGE_OF_UNITS,
    cursor: Cursor = None,
) -> HeatMapOut | Response:
    """What share of the full marks each unit lost on each indicator, over a period or year to date."""
    found, span, reader = await set_named(uow, code), span_named(period), reader_of(request, actor)
    heat = await across.heat_map(await uow.driver(), reader, found, span)
    after = _unit_after(cursor)
    if form != "json":
        header = ["单位编码", "单位名称"] if _language(request) == "zh" else ["Unit", "Name"]
        header += [f"{column.indicator} {column.name}" for column in heat.columns]
        database: Database = request.app.state.database
        return _file(form, f"{code}-{span.key}", header, _heat_pages(database, reader, heat, after, limit))
    rows, last = await across.heat_rows(await uow.driver(), reader, heat, after, limit)
    return HeatMapOut(
        set=found.code,
        period=span.key,
        indicators=list(heat.columns),
        items=rows,
        next=None if last is None else encode_cursor(*last),
    )


async def _heat_pages(
    database: Database, reader: Reader, heat: HeatMap, after: repository.After, limit: int
) -> AsyncIterator[Sequence[Sequence[sheets.Value]]]:
    while True:
        rows, after = await across.heat_rows(database.reads, reader, heat, after, limit)
        yield [
            (row.unit or "", row.unit_name or "", *(None if one is None else Decimal(one) for one in row.shares))
            for row in rows
        ]
        if after is None:
            return


# --- trend ----------------------------------------------------------------------------------------------------------


@router.get("/trends")
async def read_trend(
    code: SetCode,
    request: Request,
    actor: ReadsScores,
    uow: Uow,
    unit: Code = None,
    indicator: Code = None,
    kind: Annotated[PeriodKind, Query(description="Which periods are put beside each other")] = "month",
) -> TrendOut:
    """How a unit, an indicator, or a unit in one indicator did from period to period of the set's year."""
    if unit is None and indicator is None:
        raise FilterRequired
    found, reader, driver = await set_named(uow, code), reader_of(request, actor), await uow.driver()
    periods = [one for one in periods_of_year(found.year) if one.kind == kind]
    named = None if unit is None else await repository.unit_coded(driver, reader, unit)
    if unit is not None and named is None:
        raise NotFound
    card = None if indicator is None else await _indicator_coded(uow, found.set_id, indicator, periods[-1].last)
    items = await across.trend(driver, reader, found, periods, None if named is None else named["unit_id"], card)
    if named is not None and not items:
        raise NotFound
    return TrendOut(
        set=found.code,
        year=found.year,
        kind=kind,
        unit=unit,
        indicator=indicator,
        items=items,
    )


# --- one cell -------------------------------------------------------------------------------------------------------


def _shows_peers(actor: Actor) -> bool:
    return actor.may("peers.read") and actor.reach("peers.read").everything


@router.get("/remedies/{indicator_id}/{unit_id}/{period}")
async def read_remedies(
    indicator_id: UUID,
    unit_id: UUID,
    period: str,
    request: Request,
    response: Response,
    actor: ReadsScores,
    uow: Uow,
) -> RemediesOut:
    """What it would take to lose nothing, or to gain at all: the nearest change of each single fact, exact."""
    cell = Subject(indicator_id, unit_id, period_named(period, "path:period").key)
    language = _language(request, response)
    return await remedies(uow, reader_of(request, actor), cell, shows_peers=_shows_peers(actor), language=language)


@router.get("/explanations/{subject}")
async def read_explanation(
    subject: Annotated[
        str,
        Path(
            max_length=120,
            description="INDICATOR:UNIT:PERIOD[:VERSION[:ENTRY]] or the id of a deduction or of points won back",
        ),
    ],
    request: Request,
    response: Response,
    actor: ReadsScores,
    uow: Uow,
) -> ExplanationOut:
    """How a score came about: the rule in words, what it read, what each clause gave, the proof, who entered it."""
    try:
        named = subject_of(subject)
    except ValueError as error:
        raise Malformed(details=[Detail("path:subject", "malformed", str(error))]) from error
    language = _language(request, response)
    return await explain(uow, reader_of(request, actor), named, shows_peers=_shows_peers(actor), language=language)
