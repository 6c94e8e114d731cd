"""Routes of the problems room: problems, cases, policies, reconciliation."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request, Response

from services.audit_svc.paging import Page, after_day, page_of
from services.audit_svc.problems import reading, repository, use_cases
from services.audit_svc.problems.deadlines import deadline
from services.audit_svc.problems.policy_schemas import PolicyIn, PolicyOut, PolicyVersionOut
from services.audit_svc.problems.schemas import (
    CaseCardOut,
    CaseOut,
    CauseAnalysisIn,
    CauseOut,
    DeductionVersionOut,
    HappenedOut,
    InterviewBriefOut,
    ProblemCardOut,
    ProblemOut,
    ReconciliationOut,
    RectificationBriefOut,
    RegisteredOut,
    VerificationOut,
)
from services.audit_svc.rectification.repository import verifications_of
from services.audit_svc.scope import clock_of, demand, demand_everywhere
from services.audit_svc.shapes import Answer, Code, PeriodKey
from services.audit_svc.views import one, page
from shared.auth import Actor
from shared.contracts.identity import set_id
from shared.directory.repository import WorkingDays, working_days
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
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["problems"])
_Problem = TypeVar("_Problem", bound=Answer)
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
) -> Page[ProblemOut]:
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
    after = decode_cursor(cursor, 2, ids=(1,))
    rows = await page(driver, reading.PROBLEMS, actor.reach("problems.read"), today, filters, after, limit)
    days = await working_days(driver)
    return page_of(lambda row: _problem(ProblemOut, row, days, today), rows, limit, ("period", "problem_id"))


@router.get("/problem-register")
async def list_register(
    request: Request,
    actor: Annotated[Actor, permits("problems.register")],
    uow: Uow,
    indicator_set: Annotated[Code, Query(alias="set")],
    period: PeriodKey,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RegisteredOut]:
    """The problems of a set and period, each by its deduction, with its state and nothing of its matter."""
    demand_everywhere(actor, "problems.register")
    driver, today = await uow.driver(), clock_of(request).today()
    filters, after = {"set": indicator_set, "period": period}, decode_cursor(cursor, 2, ids=(1,))
    rows = await page(driver, reading.PROBLEMS, actor.reach("problems.register"), today, filters, after, limit)
    days = await working_days(driver)
    return page_of(lambda row: _problem(RegisteredOut, row, days, today), rows, limit, ("period", "problem_id"))


@router.get("/problems/{problem_id}")
async def read_problem(
    request: Request,
    response: Response,
    problem_id: UUID,
    actor: Annotated[Actor, permits("problems.read")],
    uow: Uow,
) -> ProblemCardOut:
    """One problem with its versions, case, interview, rectification, verifications and timeline."""
    driver, reach, today = await uow.driver(), actor.reach("problems.read"), clock_of(request).today()
    row = await one(driver, reading.PROBLEMS, reach, today, problem_id)
    within = [each["problem_id"] for each in await reading.problems_of_case(driver, reach, today, row["case_id"])]
    cure = await reading.rectification_of(driver, problem_id)
    etag(response, row["version"])
    return _problem(
        ProblemCardOut,
        row,
        await working_days(driver),
        today,
        versions=[DeductionVersionOut.of(each) for each in await reading.versions_of(driver, problem_id)],
        interview=await _interview(driver, row["case_id"], within, problem_id),
        rectification=None if cure is None else RectificationBriefOut.of(cure),
        verifications=[VerificationOut.of(each) for each in await verifications_of(driver, problem_id)],
        timeline=[
            HappenedOut.of(each) for each in await reading.timeline_of(driver, row["case_id"], problem_id, within)
        ],
    )


@router.post("/problems/{problem_id}/cause-analysis")
async def analyse_cause(
    request: Request,
    response: Response,
    problem_id: UUID,
    body: CauseAnalysisIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("problems.analyse")],
    uow: Uow,
) -> CauseOut:
    """The unit writes down why it lost the points (原因分析); If-Match names the version it read."""
    driver, clock = await uow.driver(), clock_of(request)
    unit_id, period = await repository.place_of_problem(driver, problem_id)
    await demand(driver, actor, unit_id, period, clock.today(), read="problems.read", write="problems.analyse")
    causes = [each.model_dump() for each in body.causes]
    problem = await use_cases.analyse_cause(uow, problem_id, causes, body.text, seen, clock)
    etag(response, problem.version)
    return CauseOut(problem_id=problem_id, cause=problem.cause, version=problem.version)


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
) -> Page[CaseOut]:
    """Cases within the caller's reach, by the day they were opened."""
    filters = {"unit": unit, "state": state, "tier": tier, "indicator": indicator}
    driver, today = await uow.driver(), clock_of(request).today()
    reach = actor.reach("problems.read")
    rows = await page(driver, reading.CASES, reach, today, filters, after_day(cursor), limit)
    return page_of(
        lambda row: CaseOut.of(row, interview_required=row["interview"]), rows, limit, ("opened_on", "case_id")
    )


@router.get("/cases/{case_id}")
async def read_case(
    request: Request,
    response: Response,
    case_id: UUID,
    actor: Annotated[Actor, permits("problems.read")],
    uow: Uow,
) -> CaseCardOut:
    """One case with its problems within reach, their latest interview and everything that happened to them."""
    driver, reach, today = await uow.driver(), actor.reach("problems.read"), clock_of(request).today()
    row = await one(driver, reading.CASES, reach, today, case_id)
    days = await working_days(driver)
    own = await reading.problems_of_case(driver, reach, today, case_id)
    within = [each["problem_id"] for each in own]
    etag(response, row["version"])
    return CaseCardOut.of(
        row,
        interview_required=row["interview"],
        problems=[_problem(ProblemOut, each, days, today) for each in own],
        interview=await _interview(driver, case_id, within),
        timeline=[HappenedOut.of(each) for each in await reading.timeline_of(driver, case_id, None, within)],
    )


@router.get("/policies/{code}", response_model_exclude_none=True)
async def read_policy(
    response: Response, code: Code, _: Annotated[Actor, permits("policies.read")], uow: Uow
) -> PolicyOut:
    """The newest version of a policy table."""
    row = await repository.policy_document(await uow.driver(), code)
    if row is None:
        raise NotFound
    etag(response, row["version"])
    return PolicyOut.of(row["document"], code=code, version=row["version"], published_at=row["published_at"])


@router.put("/policies/{code}")
async def publish_policy(
    request: Request,
    response: Response,
    code: Code,
    body: PolicyIn,
    actor: Annotated[Actor, permits("policies.publish")],
    uow: Uow,
) -> PolicyVersionOut:
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
    return PolicyVersionOut(code=code, version=version)


@router.get("/reconciliation")
async def read_reconciliation(
    actor: Annotated[Actor, permits("reconciliation.read")],
    uow: Uow,
    indicator_set: Annotated[Code, Query(alias="set")],
    period: PeriodKey,
) -> ReconciliationOut:
    """Whether every deduction of a set and period has its problem and every problem its deduction; each gap by name."""
    demand_everywhere(actor, "reconciliation.read")
    return ReconciliationOut.of(await use_cases.reconcile_period(uow, indicator_set, set_id(indicator_set), period))


async def _interview(
    driver: asyncpg.Connection, case_id: UUID | None, within: Sequence[UUID], problem_id: UUID | None = None
) -> InterviewBriefOut | None:
    row = await reading.interview_of(driver, case_id, within, problem_id)
    return None if row is None else InterviewBriefOut.of(row)


def _problem(kind: type[_Problem], row: asyncpg.Record, days: WorkingDays, today: date, **more: Any) -> _Problem:
    rectify_by = row["extended_to"] or deadline(row["opened_on"], row["rectify_within"], days)
    return kind.of(
        row,
        interview_required=row["interview"],
        policy=row["policy_code"],
        respond_by=deadline(row["opened_on"], row["respond_within"], days),
        rectify_by=rectify_by,
        overdue=rectify_by is not None and rectify_by < today and row["state"] in _STILL_DUE,
        **more,
    )
