"""What can be done about interviews: plan and withdraw with their case, notify, record, sign, refuse."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.audit_svc.interviews import repository
from services.audit_svc.interviews.domain import (
    NOT_YET_HELD,
    InterviewState,
    Side,
    hash_of,
    interview_id_of,
    notice_number,
    quarter_of,
    record,
    refuse,
    sign,
    step,
)
from services.audit_svc.interviews.repository import Interview
from services.audit_svc.problems import repository as problems
from services.audit_svc.problems.following import Call, Moment, Problem
from services.audit_svc.problems.standing import close_finished_case, moment_of
from services.audit_svc.rectification.use_cases import add_commitments
from services.audit_svc.timeline import Happened, note
from shared.clock import Clock
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, Refused, Stale


class InterviewerNotEntitled(Refused):
    """The policy names another post for this tier."""

    code = "interviewer_not_entitled"
    zh, en = "约谈人须为上级单位的“{post}”", "The interviewer must hold the post {post} in a unit above"


class InterviewerNotNamed(Refused):
    """Nobody, or more than one person, holds the post: the notice must name one."""

    code = "interviewer_not_named"
    zh, en = "担任“{post}”的有 {count} 人，请指明约谈人", "{count} persons hold the post {post}; name the interviewer"


class IntervieweeNotLeader(Refused):
    """The person interviewed is the leader of the unit."""

    code = "interviewee_not_leader"
    zh, en = (
        "被约谈人须为该单位负责人；现有负责人 {count} 人",
        "The interviewed must be the unit's leader; it has {count}",
    )


class NamedPersonAbsent(Refused):
    """The record must show both persons whom the notice names."""

    code = "named_person_absent"
    zh, en = "谈话记录须包含通知书载明的双方人员", "The record must show both persons whom the notice names"


class RecorderTakesPart(Refused):
    """Who records neither talks nor is talked to."""

    code = "recorder_takes_part"
    zh, en = "记录人不得为谈话双方人员", "The recorder must not be one of those who talk"


class WitnessTakesPart(Refused):
    """Who witnesses a refusal is neither of the two sides."""

    code = "witness_takes_part"
    zh, en = "见证人不得为谈话双方人员", "The witness must not be one of the two sides"


class CaseClosed(Refused):
    """The record of a case that was closed stands as it was signed."""

    code = "case_closed"
    zh, en = "案件已办结，谈话记录不再修改", "The case is closed; its record is not edited any more"


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


async def give_notice(
    uow: UnitOfWork, interview_id: UUID, wanted: dict[str, Any], seen: int, clock: Clock
) -> Interview:
    """Send the notice, or a changed one under the same number: who meets whom, when, where and why.

    Without `interviewer` the one holder of the policy's post above the unit is taken, without `interviewee` the unit's
    leader. Raises InterviewerNotNamed, InterviewerNotEntitled, IntervieweeNotLeader, Stale.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await _hold(uow, interview_id, seen)
    state = step(known.state, "notice")
    interviewer = await _interviewer(uow, known, wanted.pop("interviewer"), moment.today)
    interviewee = await _interviewee(uow, known, wanted.pop("interviewee"), moment.today)
    if interviewer == interviewee:
        raise InterviewerNotEntitled(post=known.interviewer_post)
    number = known.number
    if number is None:
        quarter = quarter_of(moment.today)
        number = notice_number(quarter, await repository.next_serial(driver, quarter))
    changed = replace(
        known, state=state, number=number, notice=wanted, interviewer_id=interviewer, interviewee_id=interviewee
    )
    return await _store(uow, known, changed, moment.now, "interview_noticed", {"number": number})


async def write_record(
    uow: UnitOfWork, interview_id: UUID, content: dict[str, Any], seen: int, clock: Clock
) -> Interview:
    """Write down what was said; every later edit is a new version and needs both signatures again.

    Raises Stale, CaseClosed, NamedPersonAbsent, RecorderTakesPart, InterviewStepRefused, Malformed for unknown persons.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await _hold(uow, interview_id, seen)
    if await repository.is_closed(driver, known.case_id):
        raise CaseClosed
    await _check_persons(uow, known, content)
    standing = await repository.standing_of(driver, known)
    version = standing.record_version + 1
    full = {**content, "interview_id": str(interview_id), "number": known.number, "record_version": version}
    after = record(standing, hash_of(full))
    await repository.add_record(driver, interview_id, version, full, str(after.content_hash), uow.who, moment.now)
    covers = known.covers if known.record_version else await repository.demanded_in(driver, known.case_id)
    changed = replace(known, state=after.state, record_version=version, covers=covers)
    detail = {"record_version": version, "content_hash": after.content_hash}
    return await _store(uow, known, changed, moment.now, "interview_recorded", detail)


async def put_signature(
    uow: UnitOfWork, interview_id: UUID, side: Side, person: UUID | None, content_hash: str, clock: Clock
) -> Interview:
    """Sign the current record for one side; when both have, the commitments become actions.

    Raises NotTheNamedPerson, StaleSignature, AlreadySigned, InterviewStepRefused.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await _hold(uow, interview_id, None)
    standing = await repository.standing_of(driver, known)
    after = sign(standing, side, person, content_hash)
    if person is not None:
        await repository.add_signature(driver, known, side, person, content_hash, moment.now)
    detail = {"side": side, "content_hash": content_hash, "record_version": known.record_version}
    stored = await _store(uow, known, replace(known, state=after.state), moment.now, "interview_signed", detail)
    if after.state == "signed":
        content = await repository.current_content(driver, interview_id, known.record_version)
        await add_commitments(uow, known.problem_id, content["commitments"] if content else [], moment)
        await close_finished_case(uow, known.case_id, moment)
    return stored


async def record_refusal(
    uow: UnitOfWork, interview_id: UUID, side: Side, reason: str, witness: str, clock: Clock
) -> Interview:
    """One side will not sign: the reason and a witness are recorded.

    Raises AlreadySigned, InterviewStepRefused, WitnessTakesPart, Malformed for an unknown witness.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await _hold(uow, interview_id, None)
    after = refuse(await repository.standing_of(driver, known), side)
    seen_by = (await repository.people(driver, [witness])).get(witness)
    if seen_by is None:
        raise Malformed(details=[Detail("/witness", "person_unknown")])
    if seen_by["person_id"] in {known.interviewer_id, known.interviewee_id}:
        raise WitnessTakesPart
    await repository.add_refusal(driver, known, side, reason, witness, uow.who, moment.now)
    detail = {"side": side, "reason": reason, "witness": witness}
    stored = await _store(uow, known, replace(known, state=after.state), moment.now, "signature_refused", detail)
    await close_finished_case(uow, known.case_id, moment)
    return stored


async def _hold(uow: UnitOfWork, interview_id: UUID, seen: int | None) -> Interview:
    """Hold the pair, then the interview: the same order as when a deduction withdraws it."""
    driver = await uow.driver()
    await problems.lock_pairs(driver, [await repository.pair_of(driver, interview_id)])
    known = await repository.hold(driver, interview_id)
    if seen is not None and known.version != seen:
        raise Stale
    return known


async def _store(
    uow: UnitOfWork, before: Interview, changed: Interview, now: datetime, what: str, detail: dict[str, Any]
) -> Interview:
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


async def _interviewer(uow: UnitOfWork, interview: Interview, named: str | None, today: date) -> UUID:
    post = interview.interviewer_post or ""
    holders = await repository.holders_above(await uow.driver(), interview.unit_id, post, today)
    if named is None:
        if len(holders) != 1:
            raise InterviewerNotNamed(post=post, count=len(holders))
        found: UUID = holders[0]["person_id"]
        return found
    chosen: UUID | None = next((row["person_id"] for row in holders if row["code"] == named), None)
    if chosen is None:
        raise InterviewerNotEntitled(post=post)
    return chosen


async def _interviewee(uow: UnitOfWork, interview: Interview, named: str | None, today: date) -> UUID:
    leaders = await repository.leaders_of(await uow.driver(), interview.unit_id, today)
    fitting: list[UUID] = [row["person_id"] for row in leaders if named is None or row["code"] == named]
    if len(fitting) != 1:
        raise IntervieweeNotLeader(count=len(leaders))
    return fitting[0]


async def _check_persons(uow: UnitOfWork, interview: Interview, content: Mapping[str, Any]) -> None:
    driver = await uow.driver()
    talkers, talked_to, recorder = content["talkers"], content["talked_to"], content["recorder"]
    known = await repository.people(driver, [*talkers, *talked_to, recorder])
    unknown = [
        Detail(f"/{name}/{place}", "person_unknown")
        for name, codes in (("talkers", talkers), ("talked_to", talked_to))
        for place, code in enumerate(codes)
        if code not in known
    ]
    if recorder not in known:
        unknown.append(Detail("/recorder", "person_unknown"))
    if unknown:
        raise Malformed(details=unknown)
    if recorder in talkers or recorder in talked_to:
        raise RecorderTakesPart
    present = {known[code]["person_id"] for code in talkers}, {known[code]["person_id"] for code in talked_to}
    if interview.interviewer_id is not None and (
        interview.interviewer_id not in present[0] or interview.interviewee_id not in present[1]
    ):
        raise NamedPersonAbsent
