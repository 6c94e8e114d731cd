"""How problems and cases follow the versions of their deductions. Pure: the present in, the new present out.

A pair is a unit and an indicator: its problems are judged together, because repeats raise the tier. The result does not
depend on the order in which the versions arrived.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from services.audit_svc.problems.domain import (
    FINISHED,
    NOTHING_LOST,
    Lost,
    Measures,
    Policy,
    ProblemState,
    advance,
    case_id_of,
    judge,
    problem_id_of,
)
from shared.contracts.periods import parse_period

_INTERVIEW_ENDED = frozenset({"signed", "refused_to_sign", "withdrawn"})
_INTERVIEW_HELD = frozenset({"signed", "refused_to_sign"})
_period = lru_cache(1_000)(parse_period)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem as stored: the latest deduction version, what the policy demands, and how far the cure is.

    `version` is the problem's own, for edits; `deduction_version` is the one it follows. Days count from `opened_on`.
    """

    problem_id: UUID
    deduction_id: UUID
    deduction_version: int
    set_id: UUID
    indicator_id: UUID
    indicator_version: int
    unit_id: UUID
    responsible_unit_id: UUID
    period: str
    full_marks: Decimal
    score: Decimal
    loss: Decimal
    clauses: Any
    timing: str
    reason: str
    note: str
    state: ProblemState
    case_id: UUID | None
    tier: str
    severity: int
    measure: str | None
    interview: bool
    interviewer_post: str | None
    respond_within: int | None
    rectify_within: int | None
    make_up_share: Decimal
    cured_share: Decimal
    policy_code: str | None
    policy_version: int | None
    cause: Any
    verified_in: str | None
    makeup_points: Decimal | None
    entry_id: UUID | None
    regained: Decimal | None
    regained_version: int
    opened_on: date
    updated_at: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """The problems of one unit and indicator that belong together; owns tier, repeats and the interviews.

    `state`: open; lifted while nothing of it stands lost, and then taken up by the next loss; closed for good.
    """

    case_id: UUID
    number: int
    unit_id: UUID
    indicator_id: UUID
    state: str
    tier: str
    severity: int
    repeats: int
    interview: bool
    interviewer_post: str | None
    trigger_problem_id: UUID | None
    opened_on: date
    closed_on: date | None
    version: int


@dataclass(frozen=True, kw_only=True)
class Stated:
    """One version of a deduction, as scoring_svc stated it."""

    deduction_id: UUID
    version: int
    set_id: UUID
    indicator_id: UUID
    indicator_version: int
    unit_id: UUID
    responsible_unit_id: UUID
    period: str
    full_marks: Decimal
    score: Decimal
    loss: Decimal
    clauses: Any
    timing: str
    reason: str
    note: str


@dataclass(frozen=True)
class Moment:
    """When it happens: the business day, and the moment with its offset."""

    today: date
    now: datetime


@dataclass(frozen=True)
class Call:
    """What a case wants of its interviews: the problems that demand one, the gravest and latest first."""

    case: Case
    demanding: tuple[Problem, ...]


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
        if _measures_of(after[deduction_id]) != measures:
            after[deduction_id] = _with(after[deduction_id], measures)
    after, cases_after = _cased(after, cases, moment)
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
        Call(case, _demanding(case, after.values()))
        for case in cases_after
        if case.case_id in touched and case.state != "closed"
    )
    return Outcome(changed, moved, frozenset(followed), calls)


def close_if_done(case: Case, problems: Sequence[Problem], interviews: Sequence[str], today: date) -> Case:
    """The case, closed when all its problems are finished and no interview is outstanding; `interviews` by state.

    A case of which nothing came, neither a cure nor an interview, stays lifted: otherwise it would depend on the order
    of the events whether the next loss belongs to it.
    """
    own = [problem for problem in problems if problem.case_id == case.case_id]
    pending = not _INTERVIEW_ENDED.issuperset(interviews)
    struck_off = any(problem.state == "struck_off" for problem in own)
    came_to_something = struck_off or not _INTERVIEW_HELD.isdisjoint(interviews)
    if case.state == "closed" or pending or not came_to_something or any(p.state not in FINISHED for p in own):
        return case
    return replace(case, state="closed", closed_on=today, version=case.version + 1)


def _followed(known: Problem | None, stated: Stated, moment: Moment) -> Problem:
    if known is None:
        return Problem(
            problem_id=problem_id_of(stated.deduction_id),
            deduction_id=stated.deduction_id,
            deduction_version=stated.version,
            set_id=stated.set_id,
            indicator_id=stated.indicator_id,
            indicator_version=stated.indicator_version,
            unit_id=stated.unit_id,
            responsible_unit_id=stated.responsible_unit_id,
            period=stated.period,
            full_marks=stated.full_marks,
            score=stated.score,
            loss=stated.loss,
            clauses=stated.clauses,
            timing=stated.timing,
            reason=stated.reason,
            note=stated.note,
            state="open" if stated.loss > 0 else "lifted",
            case_id=None,
            tier="unassigned",
            severity=0,
            measure=None,
            interview=False,
            interviewer_post=None,
            respond_within=None,
            rectify_within=None,
            make_up_share=Decimal(0),
            cured_share=Decimal(0),
            policy_code=None,
            policy_version=None,
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
        deduction_version=stated.version,
        indicator_version=stated.indicator_version,
        full_marks=stated.full_marks,
        score=stated.score,
        loss=stated.loss,
        clauses=stated.clauses,
        timing=stated.timing,
        reason=stated.reason,
        note=stated.note,
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
        Lost(problem.deduction_id, _period(problem.period), problem.full_marks, problem.loss)
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


def _measures_of(problem: Problem) -> Measures:
    return Measures(
        problem.tier,
        problem.severity,
        problem.measure,
        problem.interview,
        problem.interviewer_post,
        problem.respond_within,
        problem.rectify_within,
        problem.make_up_share,
        problem.cured_share,
        problem.policy_code,
        problem.policy_version,
    )


def _with(problem: Problem, measures: Measures) -> Problem:
    return replace(
        problem,
        tier=measures.tier,
        severity=measures.severity,
        measure=measures.measure,
        interview=measures.interview,
        interviewer_post=measures.interviewer_post,
        respond_within=measures.respond_within,
        rectify_within=measures.rectify_within,
        make_up_share=measures.make_up_share,
        cured_share=measures.cured_share,
        policy_code=measures.policy_code,
        policy_version=measures.policy_version,
    )


def _cased(
    problems: dict[UUID, Problem], cases: Sequence[Case], moment: Moment
) -> tuple[dict[UUID, Problem], list[Case]]:
    """Give every problem its case and let each case follow its problems."""
    by_id = {case.case_id: case for case in cases}
    current = next((case for case in cases if case.state != "closed"), None)
    for key, problem in problems.items():
        settled = problem.state in FINISHED or (problem.case_id and by_id[problem.case_id].state != "closed")
        if problem.case_id is not None and settled:
            continue
        if current is None:
            current = _reopened(by_id.get(problem.case_id)) if problem.case_id else None
            current = current or _opened(problem, len(by_id) + 1, moment)
            by_id[current.case_id] = current
        if problem.case_id != current.case_id:
            problems[key] = replace(problem, case_id=current.case_id)
    return problems, [_carried(case, problems.values()) for case in by_id.values()]


def _reopened(case: Case | None) -> Case | None:
    return None if case is None else replace(case, state="open", closed_on=None)


def _opened(problem: Problem, number: int, moment: Moment) -> Case:
    return Case(
        case_id=case_id_of(problem.unit_id, problem.indicator_id, number),
        number=number,
        unit_id=problem.unit_id,
        indicator_id=problem.indicator_id,
        state="open",
        tier="unassigned",
        severity=0,
        repeats=0,
        interview=False,
        interviewer_post=None,
        trigger_problem_id=None,
        opened_on=moment.today,
        closed_on=None,
        version=0,
    )


def _carried(case: Case, problems: Any) -> Case:
    """The case with the tier of its gravest standing loss, and the interview that the gravest one demands."""
    if case.state == "closed":
        return case
    own = [problem for problem in problems if problem.case_id == case.case_id and problem.state != "lifted"]
    if not own:
        return replace(
            case,
            state="lifted",
            tier=NOTHING_LOST.tier,
            severity=0,
            repeats=0,
            interview=False,
            interviewer_post=None,
            trigger_problem_id=None,
        )
    gravest = max(own, key=lambda one: (one.severity, _period(one.period).last, str(one.problem_id)))
    trigger = next(iter(_demanding(case, own)), None)
    return replace(
        case,
        state="open",
        tier=gravest.tier,
        severity=gravest.severity,
        repeats=len(own),
        interview=trigger is not None,
        interviewer_post=trigger.interviewer_post if trigger else None,
        trigger_problem_id=trigger.problem_id if trigger else None,
    )


def _demanding(case: Case, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    own = [one for one in problems if one.case_id == case.case_id and one.interview and one.state != "lifted"]
    return tuple(
        sorted(own, key=lambda one: (one.severity, _period(one.period).last, str(one.problem_id)), reverse=True)
    )
