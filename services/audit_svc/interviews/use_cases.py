"""What can be done about interviews: notify, record, sign, refuse. How they follow their case: following.py."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.audit_svc.interviews import repository
from services.audit_svc.interviews.domain import (
    Side,
    Standing,
    demand_come,
    demand_to_come,
    hash_of,
    notice_number,
    quarter_of,
    record,
    refuse,
    sign,
    step,
)
from services.audit_svc.interviews.repository import Interview
from services.audit_svc.interviews.standing import hold_interview, store_interview
from services.audit_svc.people import holders_above, known_parties, leaders_of, people
from services.audit_svc.problems import repository as problems
from services.audit_svc.problems.standing import close_finished_case, moment_of
from services.audit_svc.rectification.planning import add_commitments, check_promises
from shared.clock import SHANGHAI, Clock
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, Refused


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


class ParticipantUnknown(Refused):
    """Who is invited to take part is a person or a unit of the directory."""

    status, code = 422, "participant_unknown"
    zh, en = (
        "没有名为“{participant}”的人员（工号）或单位",
        "{participant} is neither a staff number nor the code or name of a unit",
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


async def give_notice(
    uow: UnitOfWork, interview_id: UUID, wanted: dict[str, Any], seen: int, clock: Clock
) -> Interview:
    """Send the notice, or a changed one under the same number: who meets whom, when, where and why.

    Without `interviewer` the one holder of the policy's post above the unit is taken, without `interviewee` the unit's
    leader. Raises InterviewerNotNamed, InterviewerNotEntitled, IntervieweeNotLeader, NoticeTimePassed,
    ParticipantUnknown, Stale.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await hold_interview(uow, interview_id, seen)
    state = step(known.state, "notice")
    demand_to_come(datetime.fromisoformat(wanted["time"]), moment.now)
    await _check_participants(uow, wanted["participants"], moment.today)
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
    return await store_interview(uow, known, changed, moment.now, "interview_noticed", {"number": number})


async def write_record(
    uow: UnitOfWork, interview_id: UUID, content: dict[str, Any], seen: int, clock: Clock
) -> Interview:
    """Write down what was said; every later edit is a new version and needs both signatures again.

    Raises Stale, CaseClosed, NamedPersonAbsent, RecorderTakesPart, RecordTimeToCome, InterviewStepRefused, Malformed
    for unknown persons, and for new commitments what `check_promises` raises.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await hold_interview(uow, interview_id, seen)
    if await repository.is_closed(driver, known.case_id):
        raise CaseClosed
    standing = await repository.standing_of(driver, known)
    step(standing.state, "record")
    talked_at = datetime.fromisoformat(content["time"]).astimezone(SHANGHAI)
    demand_come(talked_at, moment.now)
    await _check_persons(uow, known, standing, content)
    await _check_commitments(uow, known, content["commitments"], talked_at.date(), moment.today)
    version = standing.record_version + 1
    full = {**content, "interview_id": str(interview_id), "number": known.number, "record_version": version}
    after = record(standing, hash_of(full))
    await repository.add_record(driver, interview_id, version, full, str(after.content_hash), uow.who, moment.now)
    covers = known.covers if known.record_version else await repository.demanded_in(driver, known.case_id)
    changed = replace(known, state=after.state, record_version=version, covers=covers)
    detail = {"record_version": version, "content_hash": after.content_hash}
    return await store_interview(uow, known, changed, moment.now, "interview_recorded", detail)


async def put_signature(
    uow: UnitOfWork, interview_id: UUID, side: Side, person: UUID | None, content_hash: str, clock: Clock
) -> Interview:
    """Sign the current record for one side, in person or for who talked; when both have, commitments become actions.

    Raises NotTheNamedPerson, StaleSignature, AlreadySigned, InterviewStepRefused.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await hold_interview(uow, interview_id, None)
    standing = await repository.standing_of(driver, known)
    after = sign(standing, side, person, content_hash)
    if person is not None:
        await repository.add_signature(driver, known, side, person, content_hash, moment.now)
    detail: dict[str, Any] = {"side": side, "content_hash": content_hash, "record_version": known.record_version}
    talked = known.interviewer_id if side == "interviewer" else known.interviewee_id
    if person != talked:
        detail["signed_for"] = talked
    changed = replace(known, state=after.state)
    stored = await store_interview(uow, known, changed, moment.now, "interview_signed", detail)
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
    known = await hold_interview(uow, interview_id, None)
    standing = await repository.standing_of(driver, known)
    after = refuse(standing, side)
    seen_by = (await people(driver, [witness])).get(witness)
    if seen_by is None:
        raise Malformed(details=[Detail("/witness", "person_unknown")])
    if seen_by in {known.interviewer_id, known.interviewee_id, *standing.named.values()}:
        raise WitnessTakesPart
    await repository.add_refusal(driver, known, side, reason, witness, uow.who, moment.now)
    detail = {"side": side, "reason": reason, "witness": witness}
    changed = replace(known, state=after.state)
    stored = await store_interview(uow, known, changed, moment.now, "signature_refused", detail)
    await close_finished_case(uow, known.case_id, moment)
    return stored


async def _interviewer(uow: UnitOfWork, interview: Interview, named: str | None, today: date) -> UUID:
    post = interview.interviewer_post or ""
    holders = await holders_above(await uow.driver(), interview.unit_id, post, today)
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
    leaders = await leaders_of(await uow.driver(), interview.unit_id, today)
    fitting: list[UUID] = [row["person_id"] for row in leaders if named is None or row["code"] == named]
    if len(fitting) != 1:
        raise IntervieweeNotLeader(count=len(leaders))
    return fitting[0]


async def _check_participants(uow: UnitOfWork, names: Sequence[str], today: date) -> None:
    known = await known_parties(await uow.driver(), names, today)
    for place, name in enumerate(names):
        if name not in known:
            detail = Detail(f"/participants/{place}", ParticipantUnknown.code)
            raise ParticipantUnknown(participant=name, details=[detail])


async def _check_commitments(
    uow: UnitOfWork, interview: Interview, commitments: Sequence[dict[str, Any]], talked_on: date, today: date
) -> None:
    """Those that the current record does not hold already are promised now, on the day of the talk."""
    driver = await uow.driver()
    current = await repository.current_content(driver, interview.interview_id, interview.record_version)
    standing = current["commitments"] if current else []
    fresh = {f"/commitments/{no}": one for no, one in enumerate(commitments) if one not in standing}
    if fresh:
        problem = await problems.hold_problem(driver, interview.problem_id)
        await check_promises(driver, problem, fresh, planned_on=talked_on, today=today)


async def _check_persons(uow: UnitOfWork, interview: Interview, standing: Standing, content: Mapping[str, Any]) -> None:
    driver = await uow.driver()
    talkers, talked_to, recorder = content["talkers"], content["talked_to"], content["recorder"]
    known = await people(driver, [*talkers, *talked_to, recorder])
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
    if recorder in talkers or recorder in talked_to or known[recorder] in standing.named.values():
        raise RecorderTakesPart
    present = {known[code] for code in talkers}, {known[code] for code in talked_to}
    if interview.interviewer_id is not None and (
        interview.interviewer_id not in present[0] or interview.interviewee_id not in present[1]
    ):
        raise NamedPersonAbsent
