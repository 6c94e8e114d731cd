"""Routes of corrections: ask for one, approve or reject it as a second person, list them within reach."""

from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter

from services.scoring_svc.bonus.answers import onward
from services.scoring_svc.ledger import correction_repository as repository
from services.scoring_svc.ledger import corrections
from services.scoring_svc.ledger.api import Code, period_named, set_named
from services.scoring_svc.ledger.calls import Call, Called
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
from shared.errors import NotFound
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, after_moment, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ledger"])
Reads = Annotated[Actor, permits("scores.read")]
Asks = Annotated[Actor, permits("corrections.ask")]
Decides = Annotated[Actor, permits("corrections.decide")]


@router.get("/corrections")
async def list_corrections(
    call: Call,
    actor: Reads,
    set: Code = None,  # noqa: A002 - the name of the query parameter
    period: Code = None,
    state: State | None = None,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> CorrectionsOut:
    """Corrections of units within reach, in the order in which they were asked for."""
    filters = {"set": set, "period": period, "state": state, "unit": unit}
    reader = call.reader(actor, "scores.read")
    rows = await repository.shown(await call.uow.driver(), reader, filters, after_moment(cursor), limit + 1)
    items = [_out(row) for row in rows[:limit]]
    return CorrectionsOut(items=items, next=onward(rows, limit, "asked_at", "correction_id"))


@router.get("/corrections/{correction_id}")
async def read_correction(correction_id: UUID, call: Call, actor: Reads) -> CorrectionOut:
    """One correction."""
    return await _answer(call, actor, correction_id)


@router.post("/corrections", status_code=201)
async def ask_for_correction(body: CorrectionIn, call: Call, actor: Asks) -> CorrectionOut:
    """Ask for a correction of what is confirmed or closed, with reason and document."""
    told = body.model_dump(exclude={"set", "period"})
    wanted = Asked(await set_named(call.uow, body.set), period_named(body.period, "/period"), **told)
    made = await corrections.ask(call.uow, actor, wanted, call.now)
    call.made(f"/v1/corrections/{made.correction_id}")
    return await _answer(call, actor, made.correction_id)


@router.post("/corrections/{correction_id}/approval")
async def approve_correction(
    correction_id: UUID, body: ApprovalIn, call: Call, actor: Decides, seen: IfMatch
) -> CorrectionOut:
    """Approve, as another person than who asked: the cell gets a new version, its deduction and its peers follow."""
    await corrections.approve(call.uow, actor, correction_id, seen, body.text, call.now)
    return await _answer(call, actor, correction_id)


@router.post("/corrections/{correction_id}/rejection")
async def reject_correction(
    correction_id: UUID, body: RejectionIn, call: Call, actor: Decides, seen: IfMatch
) -> CorrectionOut:
    """Reject, as another person than who asked, with the reason."""
    await corrections.reject(call.uow, actor, correction_id, seen, body.reason, call.now)
    return await _answer(call, actor, correction_id)


async def _answer(call: Called, actor: Actor, correction_id: UUID) -> CorrectionOut:
    row = await repository.one_shown(await call.uow.driver(), call.reader(actor, "scores.read"), correction_id)
    if row is None:
        raise NotFound
    call.at_version(row["version"])
    return _out(row)


def _out(row: asyncpg.Record) -> CorrectionOut:
    value = None if row["value"] is None else msgspec.json.decode(row["value"])
    return CorrectionOut(**{**row, "set": row["set_code"], "value": value})
