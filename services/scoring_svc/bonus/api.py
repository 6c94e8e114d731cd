"""Routes of bonus requests: draft, edit, submit, opinion, decision; lists and single ones within reach."""

from collections.abc import Awaitable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

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
from services.scoring_svc.ledger.api import Code
from services.scoring_svc.ledger.calls import Call, Called
from shared.auth import Actor
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, after_moment, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["bonus"])

Reads = Annotated[Actor, permits("bonus.read")]
Writes = Annotated[Actor, permits("bonus.write")]
Opines = Annotated[Actor, permits("bonus.opine")]
Decides = Annotated[Actor, permits("bonus.decide")]


@router.get("/bonus-requests")
async def list_bonus_requests(
    call: Call,
    actor: Reads,
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
    reader = call.reader(actor, "bonus.read")
    rows = await reading.requests(await call.uow.driver(), reader, filters, after_moment(cursor), limit + 1)
    items = [BonusRequestOut(**request_out(row)) for row in rows[:limit]]
    return BonusRequestsOut(items=items, next=onward(rows, limit, "opened_at", "request_id"))


@router.get("/bonus-requests/{request_id}")
async def read_bonus_request(request_id: UUID, call: Call, actor: Reads) -> BonusRequestCardOut:
    """One request with its steps, its entries, and others on the same matter or document."""
    return await _answer(call, actor, request_id)


@router.post("/bonus-requests", status_code=201)
async def draft_bonus_request(body: BonusRequestIn, call: Call, actor: Writes) -> BonusRequestCardOut:
    """Draft a request for a unit within reach; the table says what it gives."""
    made = await requesting.draft(call.uow, actor, await content_of(call.uow, body), call.now)
    call.made(f"/v1/bonus-requests/{made.request_id}")
    return await _answer(call, actor, made.request_id)


@router.put("/bonus-requests/{request_id}")
async def edit_bonus_request(
    request_id: UUID, body: BonusRequestIn, call: Call, actor: Writes, seen: IfMatch
) -> BonusRequestCardOut:
    """Write a draft anew."""
    known = await _own(call, actor, request_id, seen)
    step = requesting.edit(call.uow, actor, known, await content_of(call.uow, body), call.now)
    return await _after(step, call, actor)


@router.post("/bonus-requests/{request_id}/submission")
async def submit_bonus_request(request_id: UUID, call: Call, actor: Writes, seen: IfMatch) -> BonusRequestCardOut:
    """Hand a draft in; a matter that counts already at this level or higher is refused."""
    known = await _own(call, actor, request_id, seen)
    return await _after(requesting.submit(call.uow, known, call.now), call, actor)


@router.post("/bonus-requests/{request_id}/opinion")
async def give_opinion(
    request_id: UUID, body: OpinionIn, call: Call, actor: Opines, seen: IfMatch
) -> BonusRequestCardOut:
    """The department of the class says what it thinks, by somebody who took no other step."""
    known = await _seen(call, actor, request_id, seen)
    step = requesting.give_opinion(call.uow, actor, known, body.text, call.now, supported=body.supported)
    return await _after(step, call, actor)


@router.post("/bonus-requests/{request_id}/approval")
async def approve_bonus_request(
    request_id: UUID, body: ApprovalIn, call: Call, actor: Decides, seen: IfMatch
) -> BonusRequestCardOut:
    """Approve: the points enter the ledger, after caps; a lower award of the same matter is taken back."""
    known = await _decided(call, actor, request_id, seen)
    step = awarding.approve(call.uow, actor, known, body.text, body.other_matter.strip(), call.now)
    return await _after(step, call, actor)


@router.post("/bonus-requests/{request_id}/refusal")
async def refuse_bonus_request(
    request_id: UUID, body: ReasonIn, call: Call, actor: Decides, seen: IfMatch
) -> BonusRequestCardOut:
    """Refuse, with the reason."""
    known = await _decided(call, actor, request_id, seen)
    step = requesting.refuse(call.uow, known, body.reason, call.now)
    return await _after(step, call, actor)


@router.post("/bonus-requests/{request_id}/withdrawal")
async def withdraw_bonus_request(
    request_id: UUID, body: ReasonIn, call: Call, actor: Writes, seen: IfMatch
) -> BonusRequestCardOut:
    """The requesting side takes back what is not decided yet."""
    known = await _own(call, actor, request_id, seen)
    step = requesting.withdraw(call.uow, known, body.reason, call.now)
    return await _after(step, call, actor)


@router.post("/bonus-requests/{request_id}/revocation")
async def revoke_award(
    request_id: UUID, body: ReasonIn, call: Call, actor: Decides, seen: IfMatch
) -> BonusRequestCardOut:
    """Take an award back by reversing entries, with the reason."""
    known = await _decided(call, actor, request_id, seen)
    step = awarding.revoke(call.uow, known, body.reason, call.now)
    return await _after(step, call, actor)


async def _seen(call: Called, actor: Actor, request_id: UUID, seen: int) -> BonusRequest:
    """The request, held, that the caller may see and has read as it is. Raises NotFound, Stale."""
    driver = await call.uow.driver()
    await reading.one_request(driver, call.reader(actor, "bonus.read"), request_id)
    return requesting.demand_seen(await repository.hold_request(driver, request_id), seen)


async def _own(call: Called, actor: Actor, request_id: UUID, seen: int) -> BonusRequest:
    """The request of a unit for which the caller writes. Raises NotFound, OutsideScope, Stale."""
    driver = await call.uow.driver()
    row = await reading.one_request(driver, call.reader(actor, "bonus.read"), request_id)
    known = await repository.hold_request(driver, row["request_id"])
    if known is not None:
        (path,) = await repository.paths(driver, known.unit_ids[:1], call.now.date())
        actor.reach("bonus.write").demand(known.unit_ids[0], path)
    return requesting.demand_seen(known, seen)


async def _decided(call: Called, actor: Actor, request_id: UUID, seen: int) -> BonusRequest:
    """The request that the caller may decide on, with all awards held. Raises NotFound, OutsideScope, Stale."""
    driver = await call.uow.driver()
    await repository.hold_awards(driver)
    row = await reading.one_request(driver, call.reader(actor, "bonus.read"), request_id)
    known = await repository.hold_request(driver, row["request_id"])
    if known is not None:
        await awarding.demand_decides(call.uow, actor, known, call.now)
    return requesting.demand_seen(known, seen)


async def _after(step: Awaitable[BonusRequest], call: Called, actor: Actor) -> BonusRequestCardOut:
    return await _answer(call, actor, (await step).request_id)


async def _answer(call: Called, actor: Actor, request_id: UUID) -> BonusRequestCardOut:
    """The request as it now stands, with its version as the entity tag."""
    driver, reader = await call.uow.driver(), call.reader(actor, "bonus.read")
    row = await reading.one_request(driver, reader, request_id)
    made: dict[str, Any] = {"source_id": request_id}
    entries = await reading.entries(driver, reader, made, None, 500)
    call.at_version(row["version"])
    return BonusRequestCardOut(
        **request_out(row),
        steps=[StepOut.of(step) for step in await reading.steps_of(driver, request_id)],
        entries=[entry_out(entry) for entry in entries],
        duplicates=[DuplicateOut.of(other) for other in await reading.duplicates_of(driver, reader, request_id)],
    )
