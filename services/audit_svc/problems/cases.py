"""How the problems of one unit and indicator gather into cases, what a case demands, and when it is closed. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from uuid import UUID

from services.audit_svc.problems.domain import FINISHED, NOTHING_LOST, UNJUDGED, case_id_of
from services.audit_svc.problems.objects import Case, Moment, Problem
from shared.contracts.periods import parse_period

_INTERVIEW_ENDED = frozenset({"signed", "refused_to_sign", "withdrawn"})
_INTERVIEW_HELD = frozenset({"signed", "refused_to_sign"})
period_of_key = lru_cache(1_000)(parse_period)


@dataclass(frozen=True)
class Call:
    """What a case wants of its interviews: the problems that demand one, the gravest and latest first."""

    case: Case
    demanding: tuple[Problem, ...]


def gather(
    problems: Mapping[UUID, Problem], cases: Sequence[Case], moment: Moment
) -> tuple[dict[UUID, Problem], list[Case]]:
    """Give every problem its case and let each case follow its problems; `problems` by any key."""
    gathered = dict(problems)
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
            gathered[key] = replace(problem, case_id=current.case_id)
    return gathered, [_carried(case, gathered.values()) for case in by_id.values()]


def _reopened(case: Case | None) -> Case | None:
    return None if case is None else replace(case, state="open", closed_on=None)


def _opened(problem: Problem, number: int, moment: Moment) -> Case:
    return Case(
        case_id=case_id_of(problem.unit_id, problem.indicator_id, number),
        number=number,
        unit_id=problem.unit_id,
        indicator_id=problem.indicator_id,
        state="open",
        tier=UNJUDGED.tier,
        severity=0,
        repeats=0,
        interview=False,
        interviewer_post=None,
        trigger_problem_id=None,
        opened_on=moment.today,
        closed_on=None,
        version=0,
    )


def _carried(case: Case, problems: Collection[Problem]) -> Case:
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
    gravest = max(own, key=lambda one: (one.severity, period_of_key(one.period).last, str(one.problem_id)))
    trigger = next(iter(demanding(case, own)), None)
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


def demanding(case: Case, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of a case that demand an interview, the gravest and latest first."""
    own = [one for one in problems if one.case_id == case.case_id and one.interview and one.state != "lifted"]
    return tuple(
        sorted(own, key=lambda one: (one.severity, period_of_key(one.period).last, str(one.problem_id)), reverse=True)
    )


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
