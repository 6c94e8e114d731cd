"""How problems and cases follow the versions of their deductions. Pure: the present in, the new present out.

A pair is a unit and an indicator: its problems are judged together, because repeats raise the tier. The result does not
depend on the order in which the versions arrived.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from services.audit_svc.problems.cases import Call, demanding, gather, period_of_key
from services.audit_svc.problems.domain import (
    NOTHING_LOST,
    UNJUDGED,
    Lost,
    Measures,
    Policy,
    ProblemState,
    advance,
    judge,
    problem_id_of,
)
from services.audit_svc.problems.objects import Case, Figures, Moment, OfCell, Problem, Stated, part


@dataclass(frozen=True)
class Outcome:
    """The pair afterwards: problems and cases that changed, and those that are new or were changed by a version.

    `calls`: of every standing case that changed, or a problem of which did.
    """

    problems: tuple[Problem, ...]
    cases: tuple[Case, ...]
    followed: frozenset[UUID]
    calls: tuple[Call, ...]


def follow(
    problems: Sequence[Problem],
    cases: Sequence[Case],
    stated: Sequence[Stated],
    policies: Sequence[Policy],
    moment: Moment,
) -> Outcome:
    """Apply versions of deductions to one pair, judge all its losses anew, and carry its cases along.

    Older or equal versions are ignored. Nothing stated means: judge anew, as after a new policy.
    """
    before = {problem.deduction_id: problem for problem in problems}
    after = dict(before)
    followed: set[UUID] = set()
    for version in sorted(stated, key=lambda one: one.version):
        known = after.get(version.deduction_id)
        if known is None or known.deduction_version < version.version:
            after[version.deduction_id] = _followed(known, version, moment)
            followed.add(version.deduction_id)
    for deduction_id, measures in _judged(after, policies).items():
        after[deduction_id] = replace(after[deduction_id], **part(Measures, measures))
    after, cases_after = gather(after, cases, moment)
    changed = tuple(
        replace(problem, version=problem.version + 1, updated_at=moment.now)
        for deduction_id, problem in after.items()
        if problem != before.get(deduction_id)
    )
    cases_before = {case.case_id: case for case in cases}
    moved = tuple(
        replace(case, version=case.version + 1) for case in cases_after if case != cases_before.get(case.case_id)
    )
    touched = {case.case_id for case in moved} | {problem.case_id for problem in changed}
    calls = tuple(
        Call(case, demanding(case, after.values()))
        for case in cases_after
        if case.case_id in touched and case.state != "closed"
    )
    return Outcome(changed, moved, frozenset(followed), calls)


def _followed(known: Problem | None, stated: Stated, moment: Moment) -> Problem:
    if known is None:
        return Problem(
            **part(OfCell, stated),
            **part(Figures, stated),
            **part(Measures, UNJUDGED),
            problem_id=problem_id_of(stated.deduction_id),
            deduction_version=stated.version,
            state="open" if stated.loss > 0 else "lifted",
            case_id=None,
            cause=None,
            verified_in=None,
            makeup_points=None,
            entry_id=None,
            regained=None,
            regained_version=0,
            opened_on=moment.today,
            updated_at=moment.now,
            version=0,
        )
    return replace(
        known,
        **part(Figures, stated),
        deduction_version=stated.version,
        state=_state_after(known, stated.loss),
        opened_on=moment.today if known.state == "lifted" and stated.loss > 0 else known.opened_on,
    )


def _state_after(known: Problem, loss: Decimal) -> ProblemState:
    """Nothing lost any more lifts the problem; a loss again, or a larger one after strike-off, opens it anew."""
    if loss <= 0:
        return known.state if known.state == "lifted" else advance(known.state, "lift")
    if known.state == "lifted" or (known.state == "struck_off" and loss > known.loss):
        return advance(known.state, "reopen")
    return known.state


def _judged(problems: Mapping[UUID, Problem], policies: Sequence[Policy]) -> dict[UUID, Measures]:
    losses = [
        Lost(problem.deduction_id, period_of_key(problem.period), problem.full_marks, problem.loss)
        for problem in problems.values()
        if problem.loss > 0
    ]
    if not problems:
        return {}
    set_id = next(iter(problems.values())).set_id
    judged = judge(policies, set_id, losses)
    lifted = {key: NOTHING_LOST for key, problem in problems.items() if problem.loss <= 0}
    # What was struck off keeps the measures it was struck off under.
    return lifted | {key: measures for key, measures in judged.items() if problems[key].state != "struck_off"}
