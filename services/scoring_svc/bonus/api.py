"""Routes of bonus requests: draft, edit, submit, opinion, decision; lists and single ones within reach."""

from collections.abc import Awaitable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.scoring_svc.bonus import awarding, reading, requesting
from services.scoring_svc.bonus import request_repository as repository
from services.scoring_svc.bonus.answers import content_of, entry_out, onward, request_out
from services.scoring_svc.bonus.domain.awards import RequestState
from services.scoring_svc.bonus.request_repository import BonusRequest
from services.scoring_svc.bonus.schemas import (
    ApprovalIn,
    BonusRequestCardOut,
    BonusRequestIn,
    BonusRequestOut,
    BonusRequestsOut,
    DuplicateOut,
    OpinionIn,
    ReasonIn,
    StepOut,
)
from services.scoring_svc.ledger.api import Code, clock_of, reader_of
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, Uow, after_moment, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["bonus"])

Reads = Annotated[Actor, permits("bonus.read")]
Writes = Annotated[Actor, permits("bonus.write")]
Decides = Annotated[Actor, permits("bonus.decide")]


@router.get("/bonus-requests")
async def list_bonus_requests(
    request: Request,
    actor: Reads,
    uow: Uow,
    set: Code = None,  # noqa: A002 - the name of the query parameter
    period: Code = None,
    state: RequestState | None = None,
    unit: Code = None,
    bonus_class: Code = None,
    level: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> BonusRequestsOut:
    """Requests that concern a unit within reach, or a class on which the caller's department gives its opinion."""
    filters = {
        "set": set, "period": period, "state": state, "unit": unit, "bonus_class": bonus_class, "level": level,
    }  # fmt: skip
    reader = reader_of(request, actor, "bonus.read")
    rows = await reading.requests(await uow.driver(), reader, filters, after_moment(cursor), limit + 1)
    items = [BonusRequestOut(**request_out(row)) for row in rows[:limit]]
    return BonusRequestsOut(items=items, next=onward(rows, limit, "opened_at", "request_id"))


@router.get("/bonus-requests/{request_id}")
async def read_bonus_request(
    request_id: UUID, request: Request, response: Response, actor: Reads, uow: Uow
) -> BonusRequestCardOut:
    """One request with its steps, its entries, and others on the same matter or document."""
    return await _answer(request, response, uow, actor, request_id)


@router.post("/bonus-requests", status_code=201)
async def draft_bonus_request(
    body: BonusRequestIn, request: Request, response: Response, actor: Writes, uow: Uow
) -> BonusRequestCardOut:
    """Draft a request for a unit within reach; the table says what it gives."""
    made = await requesting.draft(uow, actor, await content_of(uow, body), clock_of(request).now())
    response.headers["location"] = f"/v1/bonus-requests/{made.request_id}"
    return await _answer(request, response, uow, actor, made.request_id)


@router.put("/bonus-requests/{request_id}")
async def edit_bonus_request(
    request_id: UUID,
    body: BonusRequestIn,
    request: Request,
    response: Response,
    actor: Writes,
    uow: Uow,
    seen: IfMatch,
) -> BonusRequestCardOut:
    """Write a draft anew."""
    known = await _own(request, uow, actor, request_id, seen)
    step = requesting.edit(uow, actor, known, await content_of(uow, body), clock_of(request).now())
    return await _after(step, request, response, uow, actor)


@router.post("/bonus-requests/{request_id}/submission")
async def submit_bonus_request(
    request_id: UUID, request: Request, response: Response, actor: Writes, uow: Uow, seen: IfMatch
) -> BonusRequestCardOut:
    """Hand a draft in; a matter that counts already at this level or higher is refused."""
    known = await _own(request, uow, actor, request_id, seen)
    return await _after(requesting.submit(uow, known, clock_of(request).now()), request, response, uow, actor)


@router.post("/bonus-requests/{request_id}/opinion")
async def give_opinion(
    request_id: UUID,
    body: OpinionIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("bonus.opine")],
    uow: Uow,
    seen: IfMatch,
) -> BonusRequestCardOut:
    """The department of the class says what it thinks, by somebody who took no other step."""
    known = await _seen(request, uow, actor, request_id, seen)
    now = clock_of(request).now()
    step = requesting.give_opinion(uow, actor, known, body.text, now, supported=body.supported)
    return await _after(step, request, response, uow, actor)


@router.post("/bonus-requests/{request_id}/approval")
async def approve_bonus_request(
    request_id: UUID,
    body: ApprovalIn,
    request: Request,
    response: Response,
    actor: Decides,
    uow: Uow,
    seen: IfMatch,
) -> BonusRequestCardOut:
    """Approve: the points enter the ledger, after caps; a lower award of the same matter is taken back."""
    known = await _decided(request, uow, actor, request_id, seen)
    step = awarding.approve(uow, actor, known, body.text, body.other_matter.strip(), clock_of(request).now())
    return await _after(step, request, response, uow, actor)


@router.post("/bonus-requests/{request_id}/refusal")
async def refuse_bonus_request(
    request_id: UUID, body: ReasonIn, request: Request, response: Response, actor: Decides, uow: Uow, seen: IfMatch
) -> BonusRequestCardOut:
    """Refuse, with the reason."""
    known = await _decided(request, uow, actor, request_id, seen)
    step = requesting.refuse(uow, known, body.reason, clock_of(request).now())
    return await _after(step, request, response, uow, actor)


@router.post("/bonus-requests/{request_id}/withdrawal")
async def withdraw_bonus_request(
    request_id: UUID, body: ReasonIn, request: Request, response: Response, actor: Writes, uow: Uow, seen: IfMatch
) -> BonusRequestCardOut:
    """The requesting side takes back what is not decided yet."""
    known = await _own(request, uow, actor, request_id, seen)
    step = requesting.withdraw(uow, known, body.reason, clock_of(request).now())
    return await _after(step, request, response, uow, actor)


@router.post("/bonus-requests/{request_id}/revocation")
async def revoke_award(
    request_id: UUID, body: ReasonIn, request: Request, response: Response, actor: Decides, uow: Uow, seen: IfMatch
) -> BonusRequestCardOut:
    """Take an award back by reversing entries, with the reason."""
    known = await _decided(request, uow, actor, request_id, seen)
    step = awarding.revoke(uow, known, body.reason, clock_of(request).now())
    return await _after(step, request, response, uow, actor)


async def _seen(request: Request, uow: UnitOfWork, actor: Actor, request_id: UUID, seen: int) -> BonusRequest:
    """The request, held, that the caller may see and has read as it is. Raises NotFound, Stale."""
    driver = await uow.driver()
    await reading.one_request(driver, reader_of(request, actor, "bonus.read"), request_id)
    return requesting.demand_seen(await repository.hold_request(driver, request_id), seen)


async def _own(request: Request, uow: UnitOfWork, actor: Actor, request_id: UUID, seen: int) -> BonusRequest:
    """The request of a unit for which the caller writes. Raises NotFound, OutsideScope, Stale."""
    driver = await uow.driver()
    row = await reading.one_request(driver, reader_of(request, actor, "bonus.read"), request_id)
    known = await repository.hold_request(driver, row["request_id"])
    if known is not None:
        (path,) = await repository.paths(driver, known.unit_ids[:1], clock_of(request).today())
        actor.reach("bonus.write").demand(known.unit_ids[0], path)
    return requesting.demand_seen(known, seen)


async def _decided(request: Request, uow: UnitOfWork, actor: Actor, request_id: UUID, seen: int) -> BonusRequest:
    """The request that the caller may decide on, with all awards held. Raises NotFound, OutsideScope, Stale."""
    driver = await uow.driver()
    await repository.hold_awards(driver)
    row = await reading.one_request(driver, reader_of(request, actor, "bonus.read"), request_id)
    known = await repository.hold_request(driver, row["request_id"])
    if known is not None:
        await awarding.demand_decides(uow, actor, known, clock_of(request).now())
    return requesting.demand_seen(known, seen)


async def _after(
    step: Awaitable[BonusRequest], request: Request, response: Response, uow: UnitOfWork, actor: Actor
) -> BonusRequestCardOut:
    return await _answer(request, response, uow, actor, (await step).request_id)


async def _answer(
    request: Request, response: Response, uow: UnitOfWork, actor: Actor, request_id: UUID
) -> BonusRequestCardOut:
    """The request as it now stands, with its version as the entity tag."""
    driver, reader = await uow.driver(), reader_of(request, actor, "bonus.read")
    row = await reading.one_request(driver, reader, request_id)
    made: dict[str, Any] = {"source_id": request_id}
    entries = await reading.entries(driver, reader, made, None, 500)
    etag(response, row["version"])
    return BonusRequestCardOut(
        **request_out(row),
        steps=[StepOut.of(step) for step in await reading.steps_of(driver, request_id)],
        entries=[entry_out(entry) for entry in entries],
        duplicates=[DuplicateOut.of(other) for other in await reading.duplicates_of(driver, reader, request_id)],
    )
