"""Routes that read year results: lists, single ones, appeals and uses within reach, the archive as a file."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.scoring_svc.ledger.api import Code, SetCode, clock_of, set_named
from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.year_end import repository, use_cases
from services.scoring_svc.year_end.api import card, members
from services.scoring_svc.year_end.domain import ArchiveNotReady
from services.scoring_svc.year_end.repository import YearResult
from services.scoring_svc.year_end.schemas import (
    YearAppealOut,
    YearAppealsOut,
    YearResultCardOut,
    YearResultOut,
    YearResultsOut,
    YearUseOut,
    YearUsesOut,
)
from shared.auth import Actor
from shared.db import Database, UnitOfWork
from shared.errors import NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["year end"])

Reads = Annotated[Actor, permits("year_end.read")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {}}, "description": "The archive; its entity tag is the sha256 of its bytes"},
    304: {"description": "The reader has these bytes already"},
}


@router.get("/year-results")
async def list_year_results(
    code: SetCode,
    actor: Reads,  # noqa: ARG001 - how far a year has come shows no unit's data
    uow: Uow,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> YearResultsOut:
    """The year results of a set, by year."""
    found = await set_named(uow, code)
    rows = await repository.results_of(await uow.driver(), found.set_id, _after(cursor), limit + 1)
    items = [YearResultOut(**members(row, found.code)) for row in rows[:limit]]
    return YearResultsOut(items=items, next=encode_cursor(rows[limit - 1].year) if len(rows) > limit else None)


@router.get("/year-results/{result_id}")
async def read_year_result(
    result_id: UUID,
    request: Request,
    response: Response,
    actor: Reads,
    uow: Uow,
) -> YearResultCardOut:
    """A year result with its steps, what keeps it from being final, and its archive."""
    return await card(request, response, uow, actor, await _known(uow, result_id))


@router.get("/year-results/{result_id}/appeals")
async def list_year_appeals(
    result_id: UUID,
    request: Request,
    actor: Reads,
    uow: Uow,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> YearAppealsOut:
    """The appeals of units within reach, or held during the span of the result."""
    rows, onward = await _within(uow, "year_appeals", result_id, request, actor, unit, cursor, limit)
    return YearAppealsOut(items=[YearAppealOut(**_named(YearAppealOut, row)) for row in rows], next=onward)


@router.get("/year-results/{result_id}/uses")
async def list_year_uses(
    result_id: UUID,
    request: Request,
    actor: Reads,
    uow: Uow,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> YearUsesOut:
    """What followed from the result for units within reach, or held during its span; what was taken back stays."""
    rows, onward = await _within(uow, "year_result_uses", result_id, request, actor, unit, cursor, limit)
    return YearUsesOut(items=[YearUseOut(**_named(YearUseOut, row)) for row in rows], next=onward)


@router.get("/year-results/{result_id}/archive", response_class=Response, responses=_FILE)
async def download_archive(
    result_id: UUID, request: Request, actor: Annotated[Actor, permits("archives.read")], uow: Uow
) -> Response:
    """The archive of a year, for whoever reads every unit of the set; verify it offline."""
    known = await _known(uow, result_id)
    await use_cases.demand_whole_set(uow, actor, "archives.read", known.set_id, clock_of(request).today())
    row = await repository.archive(await uow.driver(), result_id)
    if row is None:
        raise NotFound
    if row["state"] != "done":
        raise ArchiveNotReady(state=row["state"])
    headers = {"etag": f'"{row["sha256"]}"', "cache-control": "private, max-age=31536000, immutable"}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    name = f"year-{known.year}-{result_id}.zip"
    headers |= {"content-length": str(row["size"]), "content-disposition": f'attachment; filename="{name}"'}
    pieces = _pieces(request.app.state.database, result_id)
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


async def _pieces(database: Database, result_id: UUID) -> AsyncIterator[bytes]:
    """The bytes of an archive piece by piece, without holding a connection meanwhile."""
    number = 1
    while (body := await repository.piece(database.reads, result_id, number)) is not None:
        yield body
        number += 1


# --- shared by these routes ------------------------------------------------------------------------------------------


def _after(cursor: str | None) -> int | None:
    key = decode_cursor(cursor, 1, numbers=[0])
    return None if key is None else int(key[0])


async def _known(uow: UnitOfWork, result_id: UUID) -> YearResult:
    known = await repository.result(await uow.driver(), result_id)
    if known is None:
        raise NotFound
    return known


async def _within(
    uow: UnitOfWork, table: str, result_id: UUID, request: Request, actor: Actor, unit: str | None,
    cursor: str | None, limit: int,
) -> tuple[list[Any], str | None]:  # fmt: skip
    """A page of a table's rows within reach, and the cursor of the next."""
    known = await _known(uow, result_id)
    rows = await repository.rows_within(
        await uow.driver(), table, result_id, actor.reach("year_end.read"), parse_span(known.period).days,
        clock_of(request).today(), unit=unit, after=_after(cursor), limit=limit + 1,
    )  # fmt: skip
    return rows[:limit], encode_cursor(rows[limit - 1]["number"]) if len(rows) > limit else None


def _named(answer: Any, row: Any) -> dict[str, Any]:
    return {name: row[name] for name in answer.model_fields}
