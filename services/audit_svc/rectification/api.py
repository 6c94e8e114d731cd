"""Routes of the rectification room."""

from datetime import date
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Path, Request, Response

from services.audit_svc.paging import Page, after_day, page_of
from services.audit_svc.problems import repository as problems
from services.audit_svc.problems.objects import Problem
from services.audit_svc.problems.schemas import VerificationOut
from services.audit_svc.rectification import planning, repository, use_cases
from services.audit_svc.rectification.schemas import (
    ActionOut,
    EvidenceIn,
    ExtensionIn,
    PlanIn,
    RectificationCardOut,
    RectificationOut,
    ReportIn,
    ReturnIn,
)
from services.audit_svc.scope import clock_of, demand
from services.audit_svc.shapes import Code
from services.audit_svc.views import one, page
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, Uow, etag, if_match, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["rectification"])


@router.get("/rectifications")
async def list_rectifications(
    request: Request,
    actor: Annotated[Actor, permits("rectifications.read")],
    uow: Uow,
    state: Code | None = None,
    unit: Code | None = None,
    problem_id: UUID | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RectificationOut]:
    """The ledger of cures (整改台账) within the caller's reach."""
    today = clock_of(request).today()
    rows = await page(
        await uow.driver(),
        repository.VIEW,
        actor.reach("rectifications.read"),
        today,
        {"state": state, "unit": unit, "problem_id": problem_id},
        after_day(cursor),
        limit,
    )
    return page_of(
        lambda row: RectificationOut.of(row, **_standing(row, today)), rows, limit, ("opened_on", "rectification_id")
    )


@router.get("/rectifications/{rectification_id}")
async def read_rectification(
    request: Request,
    response: Response,
    rectification_id: UUID,
    actor: Annotated[Actor, permits("rectifications.read")],
    uow: Uow,
) -> RectificationCardOut:
    """One rectification with its actions and what later figures proved."""
    return await _answer(request, response, uow, actor, rectification_id)


@router.post("/rectifications", status_code=201)
async def submit_plan(
    request: Request,
    response: Response,
    body: PlanIn,
    actor: Annotated[Actor, permits("rectifications.plan")],
    uow: Uow,
) -> RectificationCardOut:
    """The unit plans the cure of a problem; commitments of its signed interview become actions too."""
    problem = await _problem(request, uow, actor, body.problem_id, "rectifications.plan")
    actions = [action.model_dump() for action in body.actions]
    seen = if_match(request) if "if-match" in request.headers else None
    made = await planning.submit_plan(uow, problem, body.plan, actions, seen, clock_of(request))
    return await _answer(request, response, uow, actor, made.rectification_id)


@router.post("/rectifications/{rectification_id}/acceptance")
async def accept_plan(
    request: Request,
    response: Response,
    rectification_id: UUID,
    actor: Annotated[Actor, permits("rectifications.decide")],
    uow: Uow,
    seen: IfMatch,
) -> RectificationCardOut:
    """The performance office accepts the plan that it read: If-Match names its version."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.decide")
    await use_cases.accept_plan(uow, problem, seen, clock_of(request))
    return await _answer(request, response, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/actions/{no}/completion")
async def end_action(
    request: Request,
    response: Response,
    rectification_id: UUID,
    no: Annotated[int, Path(ge=1, le=10_000)],
    body: EvidenceIn,
    actor: Annotated[Actor, permits("rectifications.act")],
    uow: Uow,
) -> RectificationCardOut:
    """An action has ended, with its evidence."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.act")
    await use_cases.end_action(uow, problem, no, body.model_dump(), clock_of(request))
    return await _answer(request, response, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/report")
async def report(
    request: Request,
    response: Response,
    rectification_id: UUID,
    body: ReportIn,
    actor: Annotated[Actor, permits("rectifications.act")],
    uow: Uow,
) -> RectificationCardOut:
    """The unit reports that the cure is done; refused while an action is open."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.act")
    await use_cases.report(uow, problem, body.text, clock_of(request))
    return await _answer(request, response, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/return")
async def send_back(
    request: Request,
    response: Response,
    rectification_id: UUID,
    body: ReturnIn,
    actor: Annotated[Actor, permits("rectifications.decide")],
    uow: Uow,
    seen: IfMatch,
) -> RectificationCardOut:
    """The performance office returns the report that it read: If-Match names its version."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.decide")
    await use_cases.send_back(uow, problem, body.reason, seen, clock_of(request))
    return await _answer(request, response, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/extension")
async def extend(
    request: Request,
    response: Response,
    rectification_id: UUID,
    body: ExtensionIn,
    actor: Annotated[Actor, permits("rectifications.decide")],
    uow: Uow,
) -> RectificationCardOut:
    """The performance office gives more time, counted."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.decide")
    await use_cases.extend(uow, problem, body.until, body.reason, clock_of(request))
    return await _answer(request, response, uow, actor, rectification_id)


async def _problem(request: Request, uow: UnitOfWork, actor: Actor, problem_id: UUID, permission: str) -> Problem:
    """The problem, held, after the caller's reach was checked."""
    driver, today = await uow.driver(), clock_of(request).today()
    unit_id, period = await problems.place_of_problem(driver, problem_id)
    await demand(driver, actor, unit_id, period, today, read="rectifications.read", write=permission)
    return await problems.hold_problem(driver, problem_id)


async def _of(request: Request, uow: UnitOfWork, actor: Actor, rectification_id: UUID, permission: str) -> Problem:
    problem_id = await repository.problem_of(await uow.driver(), rectification_id)
    return await _problem(request, uow, actor, problem_id, permission)


async def _answer(
    request: Request, response: Response, uow: UnitOfWork, actor: Actor, rectification_id: UUID
) -> RectificationCardOut:
    """The rectification as it now stands, with its version as the entity tag."""
    driver, today = await uow.driver(), clock_of(request).today()
    row = await one(driver, repository.VIEW, actor.reach("rectifications.read"), today, rectification_id)
    actions = await repository.actions_of(driver, rectification_id)
    proved = await repository.verifications_of(driver, row["problem_id"])
    etag(response, row["version"])
    return RectificationCardOut.of(
        row,
        **_standing(row, today),
        actions=[ActionOut.of(vars(each), overdue=each.state == "open" and each.due < today) for each in actions],
        verifications=[VerificationOut.of(each) for each in proved],
    )


def _standing(row: asyncpg.Record, today: date) -> dict[str, object]:
    state = row["shown_state"]
    return {"state": state, "overdue": state in {"rectifying", "returned", "extended"} and row["due"] < today}
