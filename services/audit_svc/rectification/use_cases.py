"""What can be done about a cure: accept its plan, end an action, report, return, extend; verify and strike off.

Every verb holds the problem with its unit and indicator first, so that a report and the figure that proves it cannot
pass each other unseen. How a cure is planned stands in planning.py.
"""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from services.audit_svc.copies.use_cases import remember_scores
from services.audit_svc.problems import repository as problems
from services.audit_svc.problems.domain import FINISHED, ProblemStepRefused, advance
from services.audit_svc.problems.objects import Moment, Problem
from services.audit_svc.problems.standing import close_finished_case, moment_of, store_problem
from services.audit_svc.rectification import repository
from services.audit_svc.rectification.domain import (
    ActionAlreadyEnded,
    Cure,
    ExtensionNotLater,
    PlanAlreadyAccepted,
    PlanNotAccepted,
    demand_all_ended,
    demand_in_time,
    settle,
)
from services.audit_svc.rectification.planning import cured_by
from services.audit_svc.rectification.repository import Rectification
from shared.clock import Clock
from shared.contracts.audit import MakeupVerified
from shared.contracts.scoring import PointsRegained, ScoresConfirmed
from shared.db import UnitOfWork
from shared.errors import NotFound, Stale


async def accept_plan(uow: UnitOfWork, problem: Problem, seen: int, clock: Clock) -> Rectification:
    """The performance office accepts the plan and the work begins; `seen` is the version it read.

    A problem that was opened anew needs a plan anew: the one that was accepted before is worked off.
    Raises Stale, ProblemStepRefused, PlanAlreadyAccepted.
    """
    known = await _as_seen(uow, problem, seen)
    state = advance(problem.state, "accept_plan")
    if known.state != "planned":
        raise PlanAlreadyAccepted
    return await _moved(
        uow, problem, replace(known, state="accepted", accepted_by=uow.who), state, "plan_accepted", clock
    )


async def end_action(
    uow: UnitOfWork, problem: Problem, no: int, evidence: dict[str, str], clock: Clock
) -> Rectification:
    """An action has ended, with its evidence. Raises PlanNotAccepted, ActionAlreadyEnded, NotFound."""
    driver, moment = await uow.driver(), moment_of(clock)
    known = await _known(uow, problem)
    if known.state != "accepted":
        raise PlanNotAccepted
    if problem.state in FINISHED:
        raise ProblemStepRefused(state=problem.state, verb="end_action")
    action = next((one for one in await repository.actions_of(driver, known.rectification_id) if one.no == no), None)
    if action is None or action.state == "dropped":
        raise NotFound
    if action.state == "ended":
        raise ActionAlreadyEnded
    ended = replace(action, state="ended", evidence=evidence, ended_at=moment.now, ended_by=uow.who)
    await repository.save_actions(driver, [ended])
    uow.trail("end_action", "rectification", known.rectification_id, before=action, after=ended)
    changed = replace(known, updated_at=moment.now, version=known.version + 1)
    await repository.save_rectification(driver, changed)
    stored = await store_problem(uow, problem, moment.now, "action_ended", {"no": no, "evidence": evidence})
    await settle_problem(uow, stored, moment)
    return changed


async def report(uow: UnitOfWork, problem: Problem, text: str, clock: Clock) -> Rectification:
    """The unit reports the cure; a later figure already here verifies it at once. Raises ActionsNotEnded."""
    known = await _known(uow, problem)
    state = advance(problem.state, "report")
    demand_all_ended(await _open_actions(uow, known))
    changed = await _moved(uow, problem, replace(known, report=text), state, "reported", clock, {"text": text})
    await settle_problem(uow, await problems.hold_problem(await uow.driver(), problem.problem_id), moment_of(clock))
    return changed


async def send_back(uow: UnitOfWork, problem: Problem, reason: str, seen: int, clock: Clock) -> Rectification:
    """The performance office returns a report that does not convince. Raises Stale, ProblemStepRefused."""
    known = await _as_seen(uow, problem, seen)
    state = advance(problem.state, "return")
    changed = replace(known, returns=known.returns + 1, reason=reason)
    return await _moved(uow, problem, changed, state, "returned", clock, {"reason": reason})


async def extend(uow: UnitOfWork, problem: Problem, until: date, reason: str, clock: Clock) -> Rectification:
    """More time for the cure, with the reason, counted. Raises ExtensionNotLater, DueBeforePlanned."""
    known = await _known(uow, problem)
    state = advance(problem.state, "extend")
    last = await cured_by(await uow.driver(), problem, known)
    before = known.due if last is None else max(known.due, last)
    if until <= before:
        raise ExtensionNotLater(due=before)
    demand_in_time({"/until": until}, clock.today(), clock.today(), None)
    changed = replace(known, due=until, extensions=known.extensions + 1, reason=reason)
    return await _moved(uow, problem, changed, state, "extended", clock, {"until": until, "reason": reason})


async def follow_scores(uow: UnitOfWork, event: ScoresConfirmed, clock: Clock) -> None:
    """Keep the confirmed cells, and verify the reported cures that they prove."""
    driver = await uow.driver()
    pairs = await repository.pairs_at_work(driver, [(cell.unit_id, cell.indicator_id) for cell in event.cells])
    await problems.lock_pairs(driver, pairs)
    await remember_scores(uow, event)
    for problem_id in await repository.reported_problems(driver, pairs):
        await settle_problem(uow, await problems.hold_problem(driver, problem_id), moment_of(clock))


async def take_points_regained(uow: UnitOfWork, event: PointsRegained, clock: Clock) -> None:
    """The bonus entry that meets the make-up target: kept by version, and the verified problem is struck off.

    A later version says what is left of the points after the loss shrank. When the copies are rebuilt they may come
    before their problem; then they are parked and taken up with it.
    """
    driver = await uow.driver()
    if not await problems.is_known(driver, event.problem_id) and await problems.park_points(
        driver, event.problem_id, problems.Parked(event.version, event.entry_id, Decimal(event.points))
    ):
        return
    problem = await problems.hold_problem(driver, event.problem_id)
    if problem.regained_version >= event.version:
        return
    moment = moment_of(clock)
    regained = replace(problem, entry_id=event.entry_id, regained=Decimal(event.points), regained_version=event.version)
    uow.trail(
        "regain_points", "problem", problem.problem_id, after={"entry_id": event.entry_id, "points": event.points}
    )
    detail = {"entry_id": event.entry_id, "points": event.points}
    await settle_problem(uow, await store_problem(uow, regained, moment.now, "points_regained", detail), moment)


async def settle_problem(uow: UnitOfWork, problem: Problem, moment: Moment) -> None:
    """Verify and strike off whatever the present allows; the caller holds the problem."""
    driver = await uow.driver()
    known = await repository.of_problem(driver, problem.problem_id)
    if known is None:
        return
    cure = Cure(
        state=problem.state,
        open_actions=await _open_actions(uow, known),
        cured_share=problem.cured_share,
        loss=problem.loss,
        make_up_share=problem.make_up_share,
        verification_written=problem.verified_in is not None,
        points_regained=problem.entry_id is not None,
    )
    verdict = settle(cure, await repository.later_figures(driver, problem))
    if problem.state == "reported":
        await repository.add_verifications(driver, problem.problem_id, "not_cured", verdict.not_cured, moment.now)
    if verdict.state == problem.state:
        return
    if verdict.proof is not None and verdict.points is not None:
        await repository.add_verifications(driver, problem.problem_id, "cured", [verdict.proof], moment.now)
        problem = await _verified(uow, problem, verdict.proof.period.key, verdict.points, moment)
    if verdict.state == "struck_off":
        uow.trail("strike_off", "problem", problem.problem_id, before=problem.state, after="struck_off")
        detail = {"entry_id": problem.entry_id}
        await store_problem(uow, replace(problem, state="struck_off"), moment.now, "struck_off", detail)
        if problem.case_id is not None:
            await close_finished_case(uow, problem.case_id, moment)


async def _verified(uow: UnitOfWork, problem: Problem, period: str, points: Decimal, moment: Moment) -> Problem:
    # The make-up is asked for once in the life of a problem, also when it was reopened and cured again.
    first = not problem.makeup_points and problem.entry_id is None
    verified = replace(
        problem, state="verified", verified_in=period, makeup_points=points if first else problem.makeup_points
    )
    uow.trail("verify", "problem", problem.problem_id, before=problem.state, after="verified")
    detail = {"verified_in": period, "points": format(points, "f")}
    stored = await store_problem(uow, verified, moment.now, "verified", detail)
    if first and points > 0:
        uow.record(
            MakeupVerified(
                problem_id=problem.problem_id,
                version=1,
                deduction_id=problem.deduction_id,
                indicator_id=problem.indicator_id,
                unit_id=problem.unit_id,
                period=problem.period,
                verified_in=period,
                points=format(points, "f"),
            )
        )
    return stored


async def _known(uow: UnitOfWork, problem: Problem) -> Rectification:
    known = await repository.of_problem(await uow.driver(), problem.problem_id)
    if known is None:
        raise NotFound
    return known


async def _as_seen(uow: UnitOfWork, problem: Problem, seen: int) -> Rectification:
    """The rectification, if it is still the one that was read: nobody decides over what was replaced meanwhile."""
    known = await _known(uow, problem)
    if seen != known.version:
        raise Stale
    return known


async def _open_actions(uow: UnitOfWork, known: Rectification) -> int:
    actions = await repository.actions_of(await uow.driver(), known.rectification_id)
    return sum(action.state == "open" for action in actions)


async def _moved(
    uow: UnitOfWork,
    problem: Problem,
    changed: Rectification,
    state: Any,
    what: str,
    clock: Clock,
    detail: dict[str, Any] | None = None,
) -> Rectification:
    now: datetime = clock.now()
    stored = replace(changed, version=changed.version + 1, updated_at=now)
    await repository.save_rectification(await uow.driver(), stored)
    uow.trail(what, "rectification", stored.rectification_id, before=problem.state, after=state)
    await store_problem(uow, replace(problem, state=state), now, what, detail or {})
    return stored
