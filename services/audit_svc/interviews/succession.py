"""Who signs in place of a person who left the post after the talk and before signing (继任签字).

The record says who talked, and stays as it is; what is signed stays signed. The performance office names the successor
with the reason, and the successor signs for who talked. Whoever is still in post signs in person, or refuses.
"""

from uuid import UUID

from services.audit_svc.interviews import repository
from services.audit_svc.interviews.domain import Side, succeed
from services.audit_svc.interviews.repository import Interview, Succession
from services.audit_svc.interviews.standing import hold_interview, store_interview
from services.audit_svc.interviews.use_cases import RecorderTakesPart
from services.audit_svc.people import holders_above, leaders_of, people
from services.audit_svc.problems.objects import Moment
from services.audit_svc.problems.standing import moment_of
from shared.clock import Clock
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed


async def name_successor(
    uow: UnitOfWork, interview_id: UUID, side: Side, person: str, reason: str, seen: int, clock: Clock
) -> Interview:
    """Name who signs for a side from now on, by staff number; `seen` is the version that was read.

    Raises Stale, InterviewStepRefused, AlreadySigned, StillInPost, SuccessorNotEntitled, RecorderTakesPart, Malformed
    for an unknown person.
    """
    driver, moment = await uow.driver(), moment_of(clock)
    known = await hold_interview(uow, interview_id, seen)
    standing = await repository.standing_of(driver, known)
    successor = (await people(driver, [person])).get(person)
    if successor is None:
        raise Malformed(details=[Detail("/person", "person_unknown")])
    succeed(standing, side, successor, await _entitled(uow, known, side, moment))
    content = await repository.current_content(driver, interview_id, known.record_version)
    if content is not None and content["recorder"] == person:
        raise RecorderTakesPart
    predecessor = standing.named[side]
    made = Succession(
        interview_id=interview_id,
        version=known.version + 1,
        side=side,
        predecessor_id=predecessor,
        person_id=successor,
        reason=reason,
        named_by=uow.who,
        named_at=moment.now,
    )
    await repository.add_succession(driver, made)
    detail = {"side": side, "predecessor_id": predecessor, "person_id": successor, "reason": reason}
    return await store_interview(uow, known, known, moment.now, "interview_succeeded", detail)


async def _entitled(uow: UnitOfWork, interview: Interview, side: Side, moment: Moment) -> set[UUID]:
    """Who is in the post of a side today and may sign for it."""
    driver = await uow.driver()
    if side == "interviewee":
        return {row["person_id"] for row in await leaders_of(driver, interview.unit_id, moment.today)}
    post = interview.interviewer_post or ""
    holders = await holders_above(driver, interview.unit_id, post, moment.today)
    return {row["person_id"] for row in holders if row["may_sign"]}
