"""What every verb of an interview begins and ends with: it is held with its pair, and stored under its next version."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.audit_svc.interviews import repository
from services.audit_svc.interviews.repository import Interview
from services.audit_svc.problems import repository as problems
from services.audit_svc.timeline import Happened, note
from shared.db import UnitOfWork
from shared.errors import Stale


async def hold_interview(uow: UnitOfWork, interview_id: UUID, seen: int | None) -> Interview:
    """Hold the pair, then the interview: the same order as when a deduction withdraws it. Raises NotFound, Stale."""
    driver = await uow.driver()
    await problems.lock_pairs(driver, [await repository.pair_of(driver, interview_id)])
    known = await repository.hold(driver, interview_id)
    if seen is not None and known.version != seen:
        raise Stale
    return known


async def store_interview(
    uow: UnitOfWork, before: Interview, changed: Interview, now: datetime, what: str, detail: dict[str, Any]
) -> Interview:
    """Write a changed interview under its next version, into the trail and onto the timeline."""
    stored = replace(changed, version=before.version + 1, updated_at=now)
    await repository.save_interviews(await uow.driver(), [stored])
    uow.trail(what, "interview", stored.interview_id, before=before, after={**detail, "state": stored.state})
    happened = Happened(
        case_id=stored.case_id,
        problem_id=stored.problem_id,
        at=now,
        what=what,
        detail={"interview_id": stored.interview_id, **detail},
    )
    await note(uow, [happened])
    return stored
