"""How interviews follow their case: planned, planned anew for a graver loss, withdrawn; never once they were held."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.audit_svc.interviews import repository
from services.audit_svc.interviews.domain import NOT_YET_HELD, InterviewState, interview_id_of, step
from services.audit_svc.interviews.repository import Interview
from services.audit_svc.problems.cases import Call
from services.audit_svc.problems.objects import Moment, Problem
from services.audit_svc.timeline import Happened, note
from shared.db import UnitOfWork


async def follow_cases(
    uow: UnitOfWork, calls: Sequence[Call], reasons: Mapping[UUID | None, str], moment: Moment
) -> None:
    """One interview for all that a case demands one for, and another for what comes after it was held.

    Withdrawn while not yet held when the case does not demand it any more.
    """
    if not calls:
        return
    driver = await uow.driver()
    known: dict[UUID, list[Interview]] = defaultdict(list)
    for interview in await repository.of_cases(driver, [call.case.case_id for call in calls]):
        known[interview.case_id].append(interview)
    changed: list[Interview] = []
    happened: list[Happened] = []
    for call in calls:
        case = call.case
        after = _followed(known[case.case_id], call, reasons.get(case.case_id, "policy"), moment)
        if after is None:
            continue
        changed.append(after)
        what = "interview_withdrawn" if after.state == "withdrawn" else "interview_planned"
        state = next((one.state for one in known[case.case_id] if one.interview_id == after.interview_id), None)
        uow.trail(what, "interview", after.interview_id, before=state, after={"state": after.state, "tier": after.tier})
        happened.append(
            Happened(
                case_id=case.case_id,
                problem_id=after.problem_id,
                at=moment.now,
                what=what,
                detail={"interview_id": after.interview_id, "tier": after.tier, "reason": after.reason},
            )
        )
    await repository.save_interviews(driver, changed)
    await note(uow, happened)


def _followed(known: Sequence[Interview], call: Call, reason: str, moment: Moment) -> Interview | None:
    """The interview as the case wants it, or None where nothing changes."""
    spoken_of = {problem_id for one in known if one.record_version for problem_id in one.covers}
    wanting = [problem for problem in call.demanding if problem.problem_id not in spoken_of]
    last = known[-1] if known else None
    if not wanting:
        if last is None or last.state not in NOT_YET_HELD:
            return None
        state: InterviewState = step(last.state, "withdraw")
        return replace(last, state=state, reason=reason, updated_at=moment.now, version=last.version + 1)
    trigger = wanting[0]
    if last is None or last.record_version:
        return _planned(trigger, call.case.case_id, last.no + 1 if last else 1, moment)
    if last.state == "withdrawn":
        # The number stays: the register of notices has no gap, and its notice will be a changed one.
        return replace(
            _planned(trigger, last.case_id, last.no, moment),
            state=step(last.state, "plan_again"),
            number=last.number,
            version=last.version + 1,
        )
    # A notice that was given stands while what it names is still wanted, and by nobody higher.
    named = {trigger.problem_id} if last.state == "planned" else {one.problem_id for one in wanting}
    if last.problem_id in named and (last.tier, last.interviewer_post) == (trigger.tier, trigger.interviewer_post):
        return None
    return replace(
        last,
        state=step(last.state, "replan"),
        problem_id=trigger.problem_id,
        tier=trigger.tier,
        interviewer_post=trigger.interviewer_post,
        updated_at=moment.now,
        version=last.version + 1,
    )


def _planned(trigger: Problem, case_id: UUID, no: int, moment: Moment) -> Interview:
    return Interview(
        interview_id=interview_id_of(case_id, no),
        case_id=case_id,
        no=no,
        problem_id=trigger.problem_id,
        unit_id=trigger.unit_id,
        indicator_id=trigger.indicator_id,
        tier=trigger.tier,
        interviewer_post=trigger.interviewer_post,
        state="planned",
        number=None,
        notice=None,
        interviewer_id=None,
        interviewee_id=None,
        record_version=0,
        covers=[],
        reason="",
        opened_on=moment.today,
        updated_at=moment.now,
        version=1,
    )
