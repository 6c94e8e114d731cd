"""Routes of the problems room: problems, cases, policies, reconciliation."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request, Response

from services.audit_svc.paging import dated, page_response
from services.audit_svc.problems import reading, repository, use_cases
from services.audit_svc.problems.schemas import CauseAnalysisIn, PolicyIn
from services.audit_svc.scope import clock_of, demand, demand_everywhere
from services.audit_svc.shapes import Code, PeriodKey
from shared.auth import Actor
from shared.contracts.identity import set_id
from shared.directory.repository import CalendarUnknown, WorkingDays, working_days
from shared.errors import Detail, Malformed, NotFound, VersionRequired
from shared.http import (
    Cursor,
    IfMatch,
    Limit,
    TransactionalRoute,
    Uow,
    decode_cursor,
    etag,
    if_match,
    json_response,
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["problems"])
_STILL_DUE = frozenset({"open", "rectifying", "returned", "extended"})


@router.get("/problems")
async def list_problems(
    request: Request,
    actor: Annotated[Actor, permits("problems.read")],
    uow: Uow,
    unit: Code | None = None,
    state: Code | None = None,
    tier: Code | None = None,
    period: PeriodKey | None = None,
    indicator: Code | None = None,
    indicator_set: Annotated[Code | None, Query(alias="set")] = None,
    deduction_id: UUID | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Problems (问题) within the caller's reach, by period."""
    filters = {
        "unit": unit,
        "state": state,
        "tier": tier,
        "period": period,
        "indicator": indicator,
        "set": indicator_set,
        "deduction_id": deduction_id,
    }
    driver, today = await uow.driver(), clock_of(request).today()
    rows = await reading.problem_page(
        driver, actor.reach("problems.read"), today, filters, decode_cursor(cursor, 2, ids=(1,)), limit
    )
    days = await working_days(driver)
    return page_response(rows, limit, ("period", "problem_id"), lambda row: _problem(row, days, today))


@router.get("/problems/{problem_id}")
async def read_problem(
    request: Request, problem_id: UUID, actor: Annotated[Actor, permits("problems.read")], uow: Uow
) -> Response:
    """One problem with its versions, case, interview, rectification, verifications and timeline."""
    driver, reach, today = await uow.driver(), actor.reach("problems.read"), clock_of(request).today()
    row = await reading.one_problem(driver, reach, today, problem_id)
    within = [one["problem_id"] for one in await reading.problems_of_case(driver, reach, today, row["case_id"])]
    content = {
        **_problem(row, await working_days(driver), today),
        "clauses": row["clauses"],
        "versions": [_plain(one) for one in await reading.versions_of(driver, problem_id)],
        "interview": await reading.interview_of(driver, row["case_id"], within, problem_id),
        "rectification": await reading.rectification_of(driver, problem_id),
        "verifications": [_plain(one) for one in await reading.verifications_of(driver, problem_id)],
        "timeline": await reading.timeline_of(driver, row["case_id"], problem_id, within),
    }
    return json_response(content, etag=f'"{row["version"]}"')


@router.post("/problems/{problem_id}/cause-analysis")
async def analyse_cause(
    request: Request,
    problem_id: UUID,
    body: CauseAnalysisIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("problems.analyse")],
    uow: Uow,
) -> Response:
    """The unit writes down why it lost the points (原因分析); If-Match names the version it read."""
    driver, clock = await uow.driver(), clock_of(request)
    unit_id, period = await repository.place_of_problem(driver, problem_id)
    await demand(driver, actor, unit_id, period, clock.today(), read="problems.read", write="problems.analyse")
    causes = [one.model_dump() for one in body.causes]
    problem = await use_cases.analyse_cause(uow, problem_id, causes, body.text, seen, clock)
    content = {"problem_id": problem_id, "cause": problem.cause, "version": problem.version}
    return json_response(content, etag=f'"{problem.version}"')


@router.get("/cases")
async def list_cases(
    request: Request,
    actor: Annotated[Actor, permits("problems.read")],
    uow: Uow,
    unit: Code | None = None,
    state: Code | None = None,
    tier: Code | None = None,
    indicator: Code | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Cases within the caller's reach, by the day they were opened."""
    filters = {"unit": unit, "state": state, "tier": tier, "indicator": indicator}
    rows = await reading.case_page(
        await uow.driver(),
        actor.reach("problems.read"),
        clock_of(request).today(),
        filters,
        dated(decode_cursor(cursor, 2, ids=(1,))),
        limit,
    )
    return page_response(rows, limit, ("opened_on", "case_id"), _case)


@router.get("/cases/{case_id}")
async def read_case(
    request: Request, case_id: UUID, actor: Annotated[Actor, permits("problems.read")], uow: Uow
) -> Response:
    """One case with its problems within reach, their latest interview and everything that happened to them."""
    driver, reach, today = await uow.driver(), actor.reach("problems.read"), clock_of(request).today()
    row = await reading.one_case(driver, reach, today, case_id)
    problems = await reading.problems_of_case(driver, reach, today, case_id)
    within = [one["problem_id"] for one in problems]
    days = await working_days(driver)
    content = {
        **_case(row),
        "problems": [_problem(one, days, today) for one in problems],
        "interview": await reading.interview_of(driver, case_id, within),
        "timeline": await reading.timeline_of(driver, case_id, None, within),
    }
    return json_response(content, etag=f'"{row["version"]}"')


@router.get("/policies/{code}")
async def read_policy(code: Code, actor: Annotated[Actor, permits("policies.read")], uow: Uow) -> Response:  # noqa: ARG001 - the signature names the permission
    """The newest version of a policy table."""
    row = await repository.policy_document(await uow.driver(), code)
    if row is None:
        raise NotFound
    content = {**row["document"], "code": code, "version": row["version"], "published_at": row["published_at"]}
    return json_response(content, etag=f'"{row["version"]}"')


@router.put("/policies/{code}")
async def publish_policy(
    request: Request,
    response: Response,
    code: Code,
    body: PolicyIn,
    actor: Annotated[Actor, permits("policies.publish")],
    uow: Uow,
) -> dict[str, Any]:
    """Publish a version of a policy; it judges standing losses of periods that end on its day or later.

    If-Match is needed once the policy exists.
    """
    # The table judges the whole bureau, so an appointment over a part of it is not enough.
    demand_everywhere(actor, "policies.publish")
    if body.code not in (None, code):
        raise Malformed(details=[Detail("/code", "differs_from_path")])
    known = await repository.policy_document(await uow.driver(), code)
    if known is not None and "if-match" not in request.headers:
        raise VersionRequired
    seen = if_match(request) if "if-match" in request.headers else 0
    document = body.model_dump(mode="json", exclude={"code"}, exclude_none=True)
    version = await use_cases.publish_policy(uow, code, document, seen, clock_of(request))
    etag(response, version)
    return {"code": code, "version": version}


@router.get("/reconciliation")
async def read_reconciliation(
    actor: Annotated[Actor, permits("reconciliation.read")],
    uow: Uow,
    indicator_set: Annotated[Code, Query(alias="set")],
    period: PeriodKey,
) -> Response:
    """Whether every deduction of a set and period has its problem and every problem its deduction; each gap by name."""
    demand_everywhere(actor, "reconciliation.read")
    return json_response(await use_cases.reconcile_period(uow, indicator_set, set_id(indicator_set), period))


def _due(opened_on: date, within: int | None, days: WorkingDays) -> date | None:
    """The deadline, or None while the calendar of its year is not published."""
    try:
        return None if within is None else days.after(opened_on, within)
    except CalendarUnknown:
        return None


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: format(value, "f") if name in {"full_marks", "score", "loss"} and value is not None else value
        for name, value in row.items()
    }


def _problem(row: asyncpg.Record, days: WorkingDays, today: date) -> dict[str, Any]:
    rectify_by = row["extended_to"] or _due(row["opened_on"], row["rectify_within"], days)
    return {
        "problem_id": row["problem_id"],
        "deduction_id": row["deduction_id"],
        "deduction_version": row["deduction_version"],
        "set": row["set"],
        "indicator_id": row["indicator_id"],
        "indicator": row["indicator"],
        "indicator_name": row["indicator_name"],
        "unit_id": row["unit_id"],
        "unit": row["unit"],
        "unit_name": row["unit_name"],
        "period": row["period"],
        "full_marks": format(row["full_marks"], "f"),
        "score": format(row["score"], "f"),
        "loss": format(row["loss"], "f"),
        "timing": row["timing"],
        "reason": row["reason"],
        "note": row["note"],
        "state": row["state"],
        "tier": row["tier"],
        "measure": row["measure"],
        "interview_required": row["interview"],
        "policy": row["policy_code"],
        "policy_version": row["policy_version"],
        "respond_by": _due(row["opened_on"], row["respond_within"], days),
        "rectify_by": rectify_by,
        "overdue": rectify_by is not None and rectify_by < today and row["state"] in _STILL_DUE,
        "case_id": row["case_id"],
        "cause": row["cause"],
        "verified_in": row["verified_in"],
        "makeup_points": None if row["makeup_points"] is None else format(row["makeup_points"], "f"),
        "regained": None if row["regained"] is None else format(row["regained"], "f"),
        "entry_id": row["entry_id"],
        "opened_on": row["opened_on"],
        "version": row["version"],
    }


def _case(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "case_id": row["case_id"],
        "number": row["number"],
        "set": row["set"],
        "indicator_id": row["indicator_id"],
        "indicator": row["indicator"],
        "indicator_name": row["indicator_name"],
        "unit_id": row["unit_id"],
        "unit": row["unit"],
        "unit_name": row["unit_name"],
        "state": row["state"],
        "tier": row["tier"],
        "repeats": row["repeats"],
        "interview_required": row["interview"],
        "interviewer_post": row["interviewer_post"],
        "trigger_problem_id": row["trigger_problem_id"],
        "opened_on": row["opened_on"],
        "closed_on": row["closed_on"],
        "version": row["version"],
    }
