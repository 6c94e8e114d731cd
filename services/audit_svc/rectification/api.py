"""Routes of the rectification room."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Path, Request, Response

from services.audit_svc.paging import dated, page_response
from services.audit_svc.problems import repository as problems
from services.audit_svc.problems.following import Problem
from services.audit_svc.rectification import repository, use_cases
from services.audit_svc.rectification.schemas import EvidenceIn, ExtensionIn, PlanIn, ReportIn, ReturnIn
from services.audit_svc.scope import clock_of, demand
from services.audit_svc.shapes import Code
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, Uow, decode_cursor, if_match, json_response, permits

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
) -> Response:
    """The ledger of cures (整改台账) within the caller's reach."""
    today = clock_of(request).today()
    rows = await repository.page(
        await uow.driver(),
        actor.reach("rectifications.read"),
        today,
        {"state": state, "unit": unit, "problem": problem_id},
        dated(decode_cursor(cursor, 2, ids=(1,))),
        limit,
    )
    return page_response(
        rows, limit, ("opened_on", "rectification_id"), lambda row: {**_shape(row), "overdue": _overdue(row, today)}
    )


@router.get("/rectifications/{rectification_id}")
async def read_rectification(
    request: Request, rectification_id: UUID, actor: Annotated[Actor, permits("rectifications.read")], uow: Uow
) -> Response:
    """One rectification with its actions and what later figures proved."""
    driver, today = await uow.driver(), clock_of(request).today()
    row = await repository.one(driver, actor.reach("rectifications.read"), today, rectification_id)
    return await _whole(uow, row, today)


@router.post("/rectifications", status_code=201)
async def submit_plan(
    request: Request, body: PlanIn, actor: Annotated[Actor, permits("rectifications.plan")], uow: Uow
) -> Response:
    """The unit plans the cure of a problem; commitments of its signed interview become actions too."""
    problem = await _problem(request, uow, actor, body.problem_id, "rectifications.plan")
    actions = [action.model_dump() for action in body.actions]
    seen = if_match(request) if "if-match" in request.headers else None
    made = await use_cases.submit_plan(uow, problem, body.plan, actions, seen, clock_of(request))
    return await _answer(request, uow, actor, made.rectification_id, 201)


@router.post("/rectifications/{rectification_id}/acceptance")
async def accept_plan(
    request: Request,
    rectification_id: UUID,
    actor: Annotated[Actor, permits("rectifications.decide")],
    uow: Uow,
    seen: IfMatch,
) -> Response:
    """The performance office accepts the plan that it read: If-Match names its version."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.decide")
    await use_cases.accept_plan(uow, problem, seen, clock_of(request))
    return await _answer(request, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/actions/{no}/completion")
async def end_action(
    request: Request,
    rectification_id: UUID,
    no: Annotated[int, Path(ge=1, le=10_000)],
    body: EvidenceIn,
    actor: Annotated[Actor, permits("rectifications.act")],
    uow: Uow,
) -> Response:
    """An action has ended, with its evidence."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.act")
    await use_cases.end_action(uow, problem, no, body.model_dump(), clock_of(request))
    return await _answer(request, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/report")
async def report(
    request: Request,
    rectification_id: UUID,
    body: ReportIn,
    actor: Annotated[Actor, permits("rectifications.act")],
    uow: Uow,
) -> Response:
    """The unit reports that the cure is done; refused while an action is open."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.act")
    await use_cases.report(uow, problem, body.text, clock_of(request))
    return await _answer(request, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/return")
async def send_back(
    request: Request,
    rectification_id: UUID,
    body: ReturnIn,
    actor: Annotated[Actor, permits("rectifications.decide")],
    uow: Uow,
    seen: IfMatch,
) -> Response:
    """The performance office returns the report that it read: If-Match names its version."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.decide")
    await use_cases.send_back(uow, problem, body.reason, seen, clock_of(request))
    return await _answer(request, uow, actor, rectification_id)


@router.post("/rectifications/{rectification_id}/extension")
async def extend(
    request: Request,
    rectification_id: UUID,
    body: ExtensionIn,
    actor: Annotated[Actor, permits("rectifications.decide")],
    uow: Uow,
) -> Response:
    """The performance office gives more time, counted."""
    problem = await _of(request, uow, actor, rectification_id, "rectifications.decide")
    await use_cases.extend(uow, problem, body.until, body.reason, clock_of(request))
    return await _answer(request, uow, actor, rectification_id)


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
    request: Request, uow: UnitOfWork, actor: Actor, rectification_id: UUID, status: int = 200
) -> Response:
    driver, today = await uow.driver(), clock_of(request).today()
    row = await repository.one(driver, actor.reach("rectifications.read"), today, rectification_id)
    return await _whole(uow, row, today, status)


async def _whole(uow: UnitOfWork, row: asyncpg.Record, today: Any, status: int = 200) -> Response:
    driver = await uow.driver()
    content = {
        **_shape(row),
        "overdue": _overdue(row, today),
        "actions": [
            {
                "no": action.no,
                "action": action.action,
                "owner": action.owner,
                "due": action.due,
                "source": action.source,
                "state": action.state,
                "overdue": action.state == "open" and action.due < today,
                "evidence": action.evidence,
                "ended_at": action.ended_at,
                "ended_by": action.ended_by,
            }
            for action in await repository.actions_of(driver, row["rectification_id"])
        ],
        "verifications": [
            {**one, "full_marks": format(one["full_marks"], "f"), "loss": format(one["loss"], "f")}
            for one in await repository.verifications_of(driver, row["problem_id"])
        ],
    }
    return json_response(content, status, etag=f'"{row["version"]}"')


def _overdue(row: asyncpg.Record, today: Any) -> bool:
    return row["shown_state"] in {"rectifying", "returned", "extended"} and row["due"] < today


def _shape(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "rectification_id": row["rectification_id"],
        "problem_id": row["problem_id"],
        "case_id": row["case_id"],
        "unit_id": row["unit_id"],
        "unit": row["unit"],
        "unit_name": row["unit_name"],
        "indicator": row["indicator"],
        "indicator_name": row["indicator_name"],
        "period": row["period"],
        "state": row["shown_state"],
        "plan": row["plan"],
        "due": row["due"],
        "extensions": row["extensions"],
        "returns": row["returns"],
        "report": row["report"],
        "reason": row["reason"],
        "submitted_by": row["submitted_by"],
        "accepted_by": row["accepted_by"],
        "opened_on": row["opened_on"],
        "version": row["version"],
    }
