"""What can be done about findings: record, confirm, withdraw. A change of the confirmed ones sends their count."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.audit_svc.inspections import repository
from services.audit_svc.inspections.domain import ProblemTypeUnknown, advance, confirm, count_id_of
from services.audit_svc.inspections.repository import Finding
from shared.clock import Clock
from shared.contracts.audit import FindingConfirmed
from shared.contracts.identity import metric_id
from shared.contracts.periods import parse_period
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed


async def record_finding(uow: UnitOfWork, wanted: dict[str, Any], unit_id: UUID, clock: Clock) -> Finding:
    """Write down what was found. Raises ProblemTypeUnknown, Malformed when it happened outside the period."""
    driver, now = await uow.driver(), clock.now()
    period, occurred = parse_period(wanted["period"]), wanted["occurred_at"]
    if not period.first <= occurred.astimezone(now.tzinfo).date() <= period.last:
        raise Malformed(details=[Detail("/occurred_at", "outside_period")])
    metric = metric_id(wanted["problem_type"])
    if not await repository.is_inspected(driver, metric, unit_id, period.kind):
        raise ProblemTypeUnknown
    finding = Finding(
        finding_id=uuid4(),
        metric_id=metric,
        metric_code=wanted["problem_type"],
        unit_id=unit_id,
        period=period.key,
        text=wanted["text"],
        evidence_hash=wanted["evidence_hash"],
        occurred_at=occurred,
        state="recorded",
        recorded_by=uow.who,
        confirmed_by=None,
        withdrawn_by=None,
        reason="",
        recorded_on=now.date(),
        updated_at=now,
        version=1,
    )
    await repository.save_finding(driver, finding)
    uow.trail("record_finding", "finding", finding.finding_id, after=finding)
    return finding


async def confirm_finding(uow: UnitOfWork, finding_id: UUID, clock: Clock) -> Finding:
    """A second inspector confirms it; the count of the type goes out. Raises SecondPersonNeeded, FindingStepRefused."""
    known = await repository.hold(await uow.driver(), finding_id)
    state = confirm(known.state, known.recorded_by, uow.who)
    return await _store(uow, known, replace(known, state=state, confirmed_by=uow.who), "confirm_finding", clock.now())


async def withdraw_finding(uow: UnitOfWork, finding_id: UUID, reason: str, clock: Clock) -> Finding:
    """Take a finding back with the reason; a confirmed one lowers the count. Raises FindingStepRefused."""
    known = await repository.hold(await uow.driver(), finding_id)
    changed = replace(known, state=advance(known.state, "withdraw"), withdrawn_by=uow.who, reason=reason)
    return await _store(uow, known, changed, "withdraw_finding", clock.now())


async def _store(uow: UnitOfWork, before: Finding, changed: Finding, verb: str, now: datetime) -> Finding:
    driver = await uow.driver()
    stored = replace(changed, version=before.version + 1, updated_at=now)
    await repository.save_finding(driver, stored)
    uow.trail(verb, "finding", stored.finding_id, before=before, after=stored)
    if "confirmed" in {before.state, stored.state}:
        version, count = await repository.recount(driver, stored.metric_id, stored.unit_id, stored.period)
        uow.record(
            FindingConfirmed(
                finding_id=count_id_of(stored.metric_id, stored.unit_id, stored.period),
                version=version,
                metric_id=stored.metric_id,
                unit_id=stored.unit_id,
                period=stored.period,
                count=count,
                confirmed_by=uow.who,
                confirmed_at=now,
            )
        )
    return stored
