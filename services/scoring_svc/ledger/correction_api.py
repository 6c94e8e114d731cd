"""Routes of corrections: ask for one, approve or reject it as a second person, list them within reach."""

from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Request, Response

from services.scoring_svc.bonus.answers import onward
from services.scoring_svc.ledger import correction_repository as repository
from services.scoring_svc.ledger import corrections
from services.scoring_svc.ledger.api import Code, clock_of, period_named, reader_of, set_named
from services.scoring_svc.ledger.correction_repository import State
from services.scoring_svc.ledger.correction_schemas import (
    ApprovalIn,
    CorrectionIn,
    CorrectionOut,
    CorrectionsOut,
    RejectionIn,
)
from services.scoring_svc.ledger.corrections import Asked
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, Uow, after_moment, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ledger"])
Reads = Annotated[Actor, permits("scores.read")]
Decides = Annotated[Actor, permits("corrections.decide")]


@router.get("/corrections")
async def list_corrections(
    request: Request,
    actor: Reads,
    uow: Uow,
    set: Code = None,  # noqa: A002 - the name of the query parameter
    period: Code = None,
    state: State | None = None,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> CorrectionsOut:
    """Corrections of units within reach, in the order in which they were asked for."""
    filters = {"set": set, "period": period, "state": state, "unit": unit}
    reader = reader_of(request, actor)
    rows = await repository.shown(await uow.driver(), reader, filters, after_moment(cursor), limit + 1)
    items = [_out(row) for row in rows[:limit]]
    return CorrectionsOut(items=items, next=onward(rows, limit, "asked_at", "correction_id"))


@router.get("/corrections/{correction_id}")
async def read_correction(
    correction_id: UUID, request: Request, response: Response, actor: Reads, uow: Uow
) -> CorrectionOut:
    """One correction."""
    return await _answer(request, response, uow, actor, correction_id)


@router.post("/corrections", status_code=201)
async def ask_for_correction(
    body: CorrectionIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("corrections.ask")],
    uow: Uow,
) -> CorrectionOut:
    """Ask for a correction of what is confirmed or closed, with reason and document."""
    told = body.model_dump(exclude={"set", "period"})
    wanted = Asked(await set_named(uow, body.set), period_named(body.period, "/period"), **told)
    made = await corrections.ask(uow, actor, wanted, clock_of(request).now())
    response.headers["location"] = f"/v1/corrections/{made.correction_id}"
    return await _answer(request, response, uow, actor, made.correction_id)


@router.post("/corrections/{correction_id}/approval")
async def approve_correction(
    correction_id: UUID,
    body: ApprovalIn,
    request: Request,
    response: Response,
    actor: Decides,
    uow: Uow,
    seen: IfMatch,
) -> CorrectionOut:
    """Approve, as another person than who asked: the cell gets a new version, its deduction and its peers follow."""
    await corrections.approve(uow, actor, correction_id, seen, body.text, clock_of(request).now())
    return await _answer(request, response, uow, actor, correction_id)


@router.post("/corrections/{correction_id}/rejection")
async def reject_correction(
    correction_id: UUID,
    body: RejectionIn,
    request: Request,
    response: Response,
    actor: Decides,
    uow: Uow,
    seen: IfMatch,
) -> CorrectionOut:
    """Reject, as another person than who asked, with the reason."""
    await corrections.reject(uow, actor, correction_id, seen, body.reason, clock_of(request).now())
    return await _answer(request, response, uow, actor, correction_id)


async def _answer(
    request: Request, response: Response, uow: UnitOfWork, actor: Actor, correction_id: UUID
) -> CorrectionOut:
    row = await repository.one_shown(await uow.driver(), reader_of(request, actor), correction_id)
    if row is None:
        raise NotFound
    etag(response, row["version"])
    return _out(row)


def _out(row: asyncpg.Record) -> CorrectionOut:
    value = None if row["value"] is None else msgspec.json.decode(row["value"])
    return CorrectionOut(**{**row, "set": row["set_code"], "value": value})
