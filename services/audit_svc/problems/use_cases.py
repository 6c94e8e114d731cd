"""What can be done about problems: follow deductions, publish a policy, analyse causes, close cases.

HTTP and events call the same verbs. The order of locks is one for all: policies, then pairs, then rows.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from services.audit_svc.interviews.following import follow_cases
from services.audit_svc.problems import reading, repository
from services.audit_svc.problems.domain import FINISHED, Policy, problem_id_of
from services.audit_svc.problems.following import Outcome, follow
from services.audit_svc.problems.objects import Case, Moment, Problem, Stated
from services.audit_svc.problems.reconciliation import reconcile
from services.audit_svc.problems.standing import close_finished_case, moment_of, store_problem
from services.audit_svc.timeline import Happened, note
from shared.clock import Clock
from shared.contracts.scoring import Deduction, IndicatorDeducted
from shared.db import UnitOfWork
from shared.errors import Refused, Stale

_PAIRS_AT_ONCE = 500


class ProblemFinished(Refused):
    """Nothing more is edited on a problem that is struck off or lifted."""

    code = "problem_finished"
    zh, en = "问题已{state}，不能再修改", "The problem is {state} and is not edited any more"


async def follow_deductions(uow: UnitOfWork, event: IndicatorDeducted, clock: Clock) -> None:
    """Exactly one problem per deduction, following its versions, whatever came before, twice or late."""
    driver = await uow.driver()
    stated = [_stated(event.set_id, deduction) for deduction in event.deductions]
    pairs = {(one.unit_id, one.indicator_id) for one in stated}
    await repository.lock_pairs(driver, pairs)
    moment = moment_of(clock)
    await repository.add_versions(
        driver, stated, {one.deduction_id: problem_id_of(one.deduction_id) for one in stated}, moment.now
    )
    policies = await repository.published_policies(driver)
    await _carry(uow, pairs, stated, policies, moment)


async def publish_policy(uow: UnitOfWork, code: str, document: dict[str, Any], seen: int, clock: Clock) -> int:
    """Publish a version of a policy and judge every standing problem anew, by what was in force. Returns the version.

    `seen` is the version the editor read, 0 for none. Raises Stale if another was published since.
    """
    driver = await uow.driver()
    await repository.lock_policies(driver)
    known = await repository.policy_document(driver, code)
    version = known["version"] if known else 0
    if seen != version:
        raise Stale
    moment = moment_of(clock)
    await repository.add_policy(driver, code, version + 1, document, uow.who, moment.now)
    uow.trail("publish_policy", "policy", code, before=known["document"] if known else None, after=document)
    policies = await repository.published_policies(driver)
    after: repository.Pair | None = None
    while pairs := await repository.all_pairs(driver, after, _PAIRS_AT_ONCE):
        await repository.lock_pairs(driver, pairs)
        await _carry(uow, set(pairs), [], policies, moment)
        after = pairs[-1]
    return version + 1


async def analyse_cause(
    uow: UnitOfWork, problem_id: UUID, causes: Sequence[dict[str, str]], text: str, seen: int, clock: Clock
) -> Problem:
    """Write down why the points were lost. Raises Stale, ProblemFinished."""
    problem = await repository.hold_problem(await uow.driver(), problem_id)
    if problem.version != seen:
        raise Stale
    if problem.state in FINISHED:
        raise ProblemFinished(state=problem.state)
    cause = {"causes": list(causes), "text": text, "by": uow.who}
    uow.trail("analyse_cause", "problem", problem_id, before=problem.cause, after=cause)
    return await store_problem(uow, replace(problem, cause=cause), clock.now(), "cause_analysed", {"text": text})


async def _carry(
    uow: UnitOfWork,
    pairs: set[repository.Pair],
    stated: Sequence[Stated],
    policies: Sequence[Policy],
    moment: Moment,
) -> None:
    driver = await uow.driver()
    problems, cases = await repository.load_pairs(driver, pairs)
    problems_of: dict[repository.Pair, list[Problem]] = defaultdict(list)
    cases_of: dict[repository.Pair, list[Case]] = defaultdict(list)
    stated_of: dict[repository.Pair, list[Stated]] = defaultdict(list)
    for problem in problems:
        problems_of[problem.unit_id, problem.indicator_id].append(problem)
    for case in cases:
        cases_of[case.unit_id, case.indicator_id].append(case)
    for one in stated:
        stated_of[one.unit_id, one.indicator_id].append(one)
    outcomes = [
        follow(problems_of[pair], cases_of[pair], stated_of[pair], policies, moment) for pair in sorted(pairs, key=str)
    ]
    before = {problem.problem_id: problem for problem in problems}
    await _store(uow, outcomes, before, moment)


async def _store(uow: UnitOfWork, outcomes: Sequence[Outcome], before: dict[UUID, Problem], moment: Moment) -> None:
    driver = await uow.driver()
    changed = [problem for outcome in outcomes for problem in outcome.problems]
    moved = [case for outcome in outcomes for case in outcome.cases]
    new = [problem.problem_id for problem in changed if problem.problem_id not in before]
    early = await repository.parked_points(driver, new) if new else {}
    changed = [_with_points(problem, early.get(problem.problem_id)) for problem in changed]
    await repository.save_cases(driver, moved)
    await repository.save_problems(driver, changed)
    followed = frozenset().union(*(outcome.followed for outcome in outcomes)) if outcomes else frozenset()
    happened = []
    for problem in changed:
        known = before.get(problem.problem_id)
        what = _what(known, problem) if problem.deduction_id in followed else "judged"
        detail = {
            "deduction_id": problem.deduction_id,
            "version": problem.deduction_version,
            "loss": format(problem.loss, "f"),
            "tier": problem.tier,
            "state": problem.state,
            "reason": problem.reason,
        }
        happened.append(
            Happened(case_id=problem.case_id, problem_id=problem.problem_id, at=moment.now, what=what, detail=detail)
        )
        uow.trail(what, "problem", problem.problem_id, before=_brief(known), after=_brief(problem))
    await note(uow, happened)
    lifted = {problem.case_id: problem.note or problem.reason for problem in changed if problem.state == "lifted"}
    calls = [call for outcome in outcomes for call in outcome.calls]
    await follow_cases(uow, calls, lifted, moment)
    for case_id in sorted({p.case_id for p in changed if p.case_id and p.state in FINISHED}, key=str):
        await close_finished_case(uow, case_id, moment)


def _with_points(problem: Problem, early: repository.Parked | None) -> Problem:
    if early is None:
        return problem
    return replace(problem, entry_id=early.entry_id, regained=early.points, regained_version=early.version)


def _what(known: Problem | None, problem: Problem) -> str:
    if known is None:
        return "opened" if problem.state != "lifted" else "lifted"
    if known.state != problem.state:
        return "lifted" if problem.state == "lifted" else "reopened"
    return "deduction_changed"


def _brief(problem: Problem | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {
        "state": problem.state,
        "tier": problem.tier,
        "loss": format(problem.loss, "f"),
        "deduction_version": problem.deduction_version,
    }


def _stated(set_id: UUID, deduction: Deduction) -> Stated:
    return Stated(
        deduction_id=deduction.deduction_id,
        version=deduction.version,
        set_id=set_id,
        indicator_id=deduction.indicator_id,
        indicator_version=deduction.indicator_version,
        unit_id=deduction.unit_id,
        responsible_unit_id=deduction.responsible_unit_id,
        period=deduction.period,
        full_marks=Decimal(deduction.full_marks),
        score=Decimal(deduction.score),
        loss=Decimal(deduction.loss),
        clauses=msgspec.to_builtins(deduction.clauses),
        timing=deduction.timing,
        reason=deduction.reason,
        note=deduction.note,
    )


async def reconcile_period(uow: UnitOfWork, set_code: str, set_id: UUID, period: str) -> dict[str, Any]:
    """Compare the problems of a set and period with scoring_svc's digest and the confirmed cells; name each gap."""
    driver = await uow.driver()
    found = reconcile(
        await reading.followed_in(driver, set_id, period),
        await reading.lossy_cells_in(driver, set_id, period),
        await reading.digest_in(driver, set_id, period),
    )
    units = [gap.unit_id for gap in found.gaps if gap.unit_id]
    indicators = [gap.indicator_id for gap in found.gaps if gap.indicator_id]
    names = await reading.names_in(driver, units, indicators)
    return {
        "set": set_code,
        "period": period,
        "deductions": found.deductions,
        "problems": found.problems,
        "digest_agrees": found.digest_agrees,
        "in_step": found.in_step,
        "gaps": [
            {
                "side": gap.side,
                "deduction_id": gap.deduction_id,
                "indicator": names.get(gap.indicator_id) if gap.indicator_id else None,
                "unit": names.get(gap.unit_id) if gap.unit_id else None,
                "expected_loss": gap.expected_loss,
                "followed_loss": gap.followed_loss,
            }
            for gap in found.gaps
        ],
    }
