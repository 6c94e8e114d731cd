"""The verbs of backdated changes: a second person approves, and a change that needs it names the approval."""

from collections.abc import Sequence
from datetime import date, datetime

from services.indicator_svc.organisation import repository
from services.indicator_svc.organisation.domain.backdating import (
    Approval,
    DocumentTaken,
    Effect,
    SecondPersonNeeded,
    SettledPeriod,
    demand_approved,
)
from services.indicator_svc.review.repository import settled_periods
from shared.auth import Actor
from shared.clock import Clock
from shared.contracts.identity import unit_id
from shared.db import UnitOfWork
from shared.errors import OutsideScope


async def approve_backdating(
    uow: UnitOfWork, actor: Actor, document: str, unit_codes: Sequence[str], since: date, reason: str, clock: Clock
) -> Approval:
    """Approve changes of units back to a day; units that are still to be created may be named too.

    What reaches a fenced period touches the ranking of all, so it is for who answers for all. Raises OutsideScope,
    SecondPersonNeeded for a machine, DocumentTaken.
    """
    if not actor.reach("backdating.approve").everything:
        raise OutsideScope
    if actor.is_client:
        raise SecondPersonNeeded
    units = frozenset(unit_id(code) for code in unit_codes)
    approval = Approval(document, units, since, reason, actor.subject, clock.now())
    if not await repository.add_approval(await uow.driver(), approval):
        raise DocumentTaken(document=document)
    after = {"units": sorted(unit_codes), "since": since, "reason": reason}
    uow.trail("approve", "backdating", document, after=after)
    return approval


async def approved(uow: UnitOfWork, effects: Sequence[Effect], document: str | None, now: datetime) -> str | None:
    """The document to record with a change, None if no approval was needed. The caller is the organisation's writer.

    Raises the refusals of domain.backdating.demand_approved.
    """
    if not effects:
        return None
    driver = await uow.driver()
    settled = [SettledPeriod(*one) for one in await settled_periods(driver)]
    approval = None if document is None else await repository.approval(driver, document)
    if not demand_approved(effects, settled, document, approval, by=uow.who, today=now.date()):
        return None
    assert approval is not None  # noqa: S101 - demand_approved refuses without one
    after = {"units": sorted({str(effect.unit_id) for effect in effects}), "approved_by": approval.approved_by}
    uow.trail("use approval", "backdating", approval.document, after=after)
    return approval.document
