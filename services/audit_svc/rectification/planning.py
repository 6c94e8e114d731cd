"""How a cure is planned: what may be promised, the plan with its actions, and the commitments of the interview.

The verbs after that, from acceptance to strike-off, stand in use_cases.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from services.audit_svc.interviews.repository import signed_commitments
from services.audit_svc.people import belonging_to
from services.audit_svc.problems.deadlines import deadline
from services.audit_svc.problems.domain import ProblemStepRefused
from services.audit_svc.problems.objects import Moment, Problem
from services.audit_svc.problems.standing import moment_of, store_problem
from services.audit_svc.rectification import repository
from services.audit_svc.rectification.domain import (
    OwnerOutsideUnit,
    OwnerUnknown,
    PlanAlreadyAccepted,
    demand_in_time,
    rectification_id_of,
)
from services.audit_svc.rectification.repository import Action, Rectification
from shared.clock import Clock
from shared.db import UnitOfWork
from shared.directory.repository import working_days
from shared.errors import Detail, Stale, VersionRequired


async def cured_by(driver: asyncpg.Connection, problem: Problem, known: Rectification | None) -> date | None:
    """The deadline of the cure: as extended last, otherwise as the policy's tier says; None where it sets none."""
    if known is not None and known.extensions:
        return known.due
    return deadline(problem.opened_on, problem.rectify_within, await working_days(driver))


async def check_promises(
    driver: asyncpg.Connection,
    problem: Problem,
    promised: Mapping[str, Mapping[str, Any]],
    *,
    planned_on: date,
    today: date,
) -> None:
    """What is promised (`due`, `owner`), by its place in the request, can be kept: in time, by the responsible unit.

    The unit's people of today count; what was promised before stands.
    Raises DueBeforePlanned, DuePastDeadline, OwnerUnknown, OwnerOutsideUnit.
    """
    last = await cured_by(driver, problem, await repository.of_problem(driver, problem.problem_id))
    demand_in_time({f"{place}/due": _day(one["due"]) for place, one in promised.items()}, planned_on, today, last)
    owners = {f"{place}/owner": one["owner"] for place, one in promised.items()}
    belong = await belonging_to(driver, list(owners.values()), problem.responsible_unit_id, today)
    for pointer, owner in owners.items():
        if not belong.get(owner):
            refusal = OwnerOutsideUnit if owner in belong else OwnerUnknown
            raise refusal(owner=owner, details=[Detail(pointer, refusal.code)])


async def submit_plan(
    uow: UnitOfWork,
    problem: Problem,
    plan: str,
    actions: Sequence[dict[str, Any]],
    seen: int | None,
    clock: Clock,
) -> Rectification:
    """Plan the cure of an open problem, or replace a plan that was not accepted yet (then `seen` is its version).

    Commitments already signed in the interview become actions too. Raises ProblemStepRefused, PlanAlreadyAccepted,
    VersionRequired, Stale, and what `check_promises` raises.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await repository.of_problem(driver, problem.problem_id)
    if problem.state != "open":
        raise PlanAlreadyAccepted if known else ProblemStepRefused(state=problem.state, verb="plan")
    if known is not None and seen is None:
        raise VersionRequired
    if known is not None and seen != known.version:
        raise Stale
    promised = {f"/actions/{place}": action for place, action in enumerate(actions)}
    await check_promises(driver, problem, promised, planned_on=moment.today, today=moment.today)
    rectification = Rectification(
        rectification_id=rectification_id_of(problem.problem_id),
        problem_id=problem.problem_id,
        case_id=problem.case_id,
        unit_id=problem.unit_id,
        state="planned",
        plan=plan,
        due=max(action["due"] for action in actions),
        extensions=known.extensions if known else 0,
        returns=known.returns if known else 0,
        report=None,
        reason="",
        submitted_by=uow.who,
        accepted_by=None,
        opened_on=known.opened_on if known else moment.today,
        updated_at=moment.now,
        version=known.version + 1 if known else 1,
    )
    commitments = await signed_commitments(driver, problem.problem_id)
    earlier = await repository.actions_of(driver, rectification.rectification_id)
    dropped = [replace(action, state="dropped") for action in earlier if action.state == "open"]
    first = len(earlier) + 1
    wanted = [*(_wanted(action, "plan") for action in actions), *(_wanted(one, "commitment") for one in commitments)]
    new = [_action(rectification.rectification_id, first + place, one) for place, one in enumerate(wanted)]
    await repository.save_rectification(driver, rectification)
    await repository.save_actions(driver, [*dropped, *new])
    uow.trail("submit_plan", "rectification", rectification.rectification_id, before=known, after=rectification)
    await store_problem(uow, problem, moment.now, "plan_submitted", {"actions": len(new)})
    return rectification


async def add_commitments(
    uow: UnitOfWork, problem_id: UUID, commitments: Sequence[dict[str, Any]], moment: Moment
) -> None:
    """Signed commitments become actions; without a plan yet they wait for it. Already known ones are left out.

    The caller holds the problem's unit and indicator.
    """
    driver = await uow.driver()
    known = await repository.of_problem(driver, problem_id)
    if known is None:
        return
    present = await repository.actions_of(driver, known.rectification_id)
    have = {(one.action, one.due) for one in present if one.source == "commitment" and one.state != "dropped"}
    wanted = [_wanted(one, "commitment") for one in commitments]
    fresh = [one for one in wanted if (one["action"], one["due"]) not in have]
    first = len(present) + 1
    await repository.save_actions(
        driver, [_action(known.rectification_id, first + place, one) for place, one in enumerate(fresh)]
    )
    if fresh:
        changed = replace(known, version=known.version + 1, updated_at=moment.now)
        await repository.save_rectification(driver, changed)
        uow.trail("add_commitments", "rectification", known.rectification_id, after=fresh)


def _day(given: date | str) -> date:
    return date.fromisoformat(given) if isinstance(given, str) else given


def _wanted(given: dict[str, Any], source: str) -> dict[str, Any]:
    return {
        "action": given["action"],
        "owner": given["owner"],
        "due": _day(given["due"]),
        "source": source,
    }


def _action(rectification_id: UUID, no: int, wanted: dict[str, Any]) -> Action:
    return Action(
        rectification_id=rectification_id, no=no, **wanted, state="open", evidence=None, ended_at=None, ended_by=None
    )
