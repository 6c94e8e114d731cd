"""Verbs that other rooms need of a problem: write it under its next version, close its case."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.audit_svc.problems import repository
from services.audit_svc.problems.cases import close_if_done
from services.audit_svc.problems.objects import Moment, Problem
from services.audit_svc.timeline import Happened, note
from shared.clock import Clock
from shared.db import UnitOfWork


def moment_of(clock: Clock) -> Moment:
    """The business moment, read once for a whole transaction."""
    now = clock.now()
    return Moment(now.date(), now)


async def store_problem(uow: UnitOfWork, problem: Problem, now: datetime, what: str, detail: dict[str, Any]) -> Problem:
    """Write a changed problem under its next version and note on the timeline what happened."""
    stored = replace(problem, version=problem.version + 1, updated_at=now)
    await repository.save_problems(await uow.driver(), [stored])
    await note(uow, [Happened(case_id=stored.case_id, problem_id=stored.problem_id, at=now, what=what, detail=detail)])
    return stored


async def close_finished_case(uow: UnitOfWork, case_id: UUID, moment: Moment) -> None:
    """Close the case once nothing of it stands open."""
    driver = await uow.driver()
    case, problems, interviews = await repository.case_with_problems(driver, case_id)
    closed = close_if_done(case, problems, interviews, moment.today)
    if closed is not case:
        await repository.save_cases(driver, [closed])
        uow.trail("close_case", "case", case_id, before={"state": case.state}, after={"state": closed.state})
        await note(uow, [Happened(case_id=case_id, problem_id=None, at=moment.now, what="case_closed", detail={})])
