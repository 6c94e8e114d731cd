"""Routes of the inspections room."""

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Request, Response

from services.audit_svc.inspections import repository, use_cases
from services.audit_svc.inspections.repository import Finding
from services.audit_svc.inspections.schemas import FindingIn, FindingOut, FindingStateOut, WithdrawalIn
from services.audit_svc.paging import Page, after_day, page_of
from services.audit_svc.people import unit_by_code
from services.audit_svc.scope import clock_of, demand
from services.audit_svc.shapes import Code, PeriodKey
from services.audit_svc.views import one, page
from shared.auth import Actor, Reach
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed
from shared.http import Cursor, Limit, TransactionalRoute, Uow, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["inspections"])


@router.post("/findings", status_code=201)
async def record_finding(
    request: Request,
    response: Response,
    body: FindingIn,
    actor: Annotated[Actor, permits("findings.record")],
    uow: Uow,
) -> FindingStateOut:
    """Record a finding; it counts once a second inspector has confirmed it."""
    driver, clock = await uow.driver(), clock_of(request)
    unit_id = await unit_by_code(driver, body.unit, clock.today())
    if unit_id is None:
        raise Malformed(details=[Detail("/unit", "unit_unknown")])
    await demand(driver, actor, unit_id, body.period, clock.today(), read="findings.read", write="findings.record")
    return _answer(response, await use_cases.record_finding(uow, body.model_dump(), unit_id, clock))


@router.post("/findings/{finding_id}/confirmation")
async def confirm_finding(
    request: Request,
    response: Response,
    finding_id: UUID,
    actor: Annotated[Actor, permits("findings.confirm")],
    uow: Uow,
) -> FindingStateOut:
    """Confirm what another inspector found; the count of its type goes out as a fact."""
    await _demand(request, uow, actor, finding_id, "findings.confirm")
    return _answer(response, await use_cases.confirm_finding(uow, finding_id, clock_of(request)))


@router.post("/findings/{finding_id}/withdrawal")
async def withdraw_finding(
    request: Request,
    response: Response,
    finding_id: UUID,
    body: WithdrawalIn,
    actor: Annotated[Actor, permits("findings.withdraw")],
    uow: Uow,
) -> FindingStateOut:
    """Withdraw a finding with the reason; a confirmed one lowers the count."""
    await _demand(request, uow, actor, finding_id, "findings.withdraw")
    return _answer(response, await use_cases.withdraw_finding(uow, finding_id, body.reason, clock_of(request)))


@router.get("/findings")
async def list_findings(
    request: Request,
    actor: Annotated[Actor, permits("findings.read")],
    uow: Uow,
    state: Code | None = None,
    unit: Code | None = None,
    period: PeriodKey | None = None,
    problem_type: Code | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[FindingOut]:
    """Findings within the caller's reach; units see what is confirmed."""
    rows = await page(
        await uow.driver(),
        repository.VIEW,
        actor.reach("findings.read"),
        clock_of(request).today(),
        {"state": state, "unit": unit, "period": period, "problem_type": problem_type},
        after_day(cursor),
        limit,
        unconfirmed=_unconfirmed(actor),
    )
    return page_of(_shown, rows, limit, ("recorded_on", "finding_id"))


@router.get("/findings/{finding_id}")
async def read_finding(
    request: Request,
    response: Response,
    finding_id: UUID,
    actor: Annotated[Actor, permits("findings.read")],
    uow: Uow,
) -> FindingOut:
    """One finding within the caller's reach."""
    row = await one(
        await uow.driver(),
        repository.VIEW,
        actor.reach("findings.read"),
        clock_of(request).today(),
        finding_id,
        unconfirmed=_unconfirmed(actor),
    )
    etag(response, row["version"])
    return _shown(row)


def _unconfirmed(actor: Actor) -> Reach:
    """Where the actor also sees what is not confirmed: the inspected unit learns of a finding when it is."""
    permission = "findings.read.unconfirmed"
    return actor.reach(permission) if actor.may(permission) else Reach(everything=False, units=(), subtrees=())


async def _demand(request: Request, uow: UnitOfWork, actor: Actor, finding_id: UUID, permission: str) -> None:
    driver, today = await uow.driver(), clock_of(request).today()
    finding = await repository.hold(driver, finding_id)
    await demand(driver, actor, finding.unit_id, finding.period, today, read="findings.read", write=permission)


def _shown(row: asyncpg.Record) -> FindingOut:
    return FindingOut.of(row, problem_type=row["metric_code"])


def _answer(response: Response, finding: Finding) -> FindingStateOut:
    etag(response, finding.version)
    return FindingStateOut(finding_id=finding.finding_id, state=finding.state, version=finding.version)
