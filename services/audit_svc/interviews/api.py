"""Routes of the interviews room."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.audit_svc.interviews import repository, use_cases
from services.audit_svc.interviews.repository import Interview
from services.audit_svc.interviews.schemas import (
    InterviewCardOut,
    InterviewOut,
    InterviewStateOut,
    NoticeIn,
    RecordIn,
    RecordOut,
    RefusalIn,
    RefusalOut,
    SignatureIn,
    SignatureOut,
    SuccessionIn,
    SuccessionOut,
)
from services.audit_svc.interviews.succession import name_successor
from services.audit_svc.paging import Page, after_day, page_of
from services.audit_svc.people import person_codes
from services.audit_svc.scope import clock_of, demand
from services.audit_svc.shapes import Code
from services.audit_svc.views import one, page
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, Uow, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["interviews"])


@router.get("/interviews")
async def list_interviews(
    request: Request,
    actor: Annotated[Actor, permits("interviews.read")],
    uow: Uow,
    state: Code | None = None,
    unit: Code | None = None,
    case_id: UUID | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[InterviewOut]:
    """Interviews (约谈) within the caller's reach, in the order they were opened."""
    rows = await page(
        await uow.driver(),
        repository.VIEW,
        actor.reach("interviews.read"),
        clock_of(request).today(),
        {"state": state, "unit": unit, "case_id": case_id},
        after_day(cursor),
        limit,
    )
    return page_of(InterviewOut.of, rows, limit, ("opened_on", "interview_id"))


@router.get("/interviews/{interview_id}")
async def read_interview(
    request: Request,
    response: Response,
    interview_id: UUID,
    actor: Annotated[Actor, permits("interviews.read")],
    uow: Uow,
) -> InterviewCardOut:
    """One interview with its notice, every version of its record, signatures, refusals and successions."""
    driver, today = await uow.driver(), clock_of(request).today()
    row = await one(driver, repository.VIEW, actor.reach("interviews.read"), today, interview_id)
    history = await repository.history(driver, interview_id)
    talked = {"interviewer": row["interviewer_id"], "interviewee": row["interviewee_id"]}
    named = [*talked.values(), *(each["person_id"] for each in history["successions"])]
    codes = await person_codes(driver, [each for each in named if each])
    records = [RecordOut.of(each) for each in history["records"]]
    etag(response, row["version"])
    return InterviewCardOut.of(
        row,
        **{side: codes.get(person) for side, person in talked.items()},
        record=next((each for each in records if each.record_version == row["record_version"]), None),
        records=records,
        signatures=[
            SignatureOut.of(
                each,
                person=codes.get(each["person_id"]),
                signed_for=None if each["person_id"] == talked[each["side"]] else codes.get(talked[each["side"]]),
            )
            for each in history["signatures"]
        ],
        refusals=[RefusalOut.of(each) for each in history["refusals"]],
        successions=[
            SuccessionOut.of(each, predecessor=codes.get(each["predecessor_id"]), person=codes.get(each["person_id"]))
            for each in history["successions"]
        ],
    )


@router.post("/interviews/{interview_id}/notice")
async def give_notice(
    request: Request,
    response: Response,
    interview_id: UUID,
    body: NoticeIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("interviews.arrange")],
    uow: Uow,
) -> InterviewStateOut:
    """Send the notice, numbered by quarter and serial; a changed notice keeps its number."""
    await _demand(request, uow, actor, interview_id, "interviews.arrange")
    wanted = body.model_dump(mode="json")
    return await _answer(response, uow, await use_cases.give_notice(uow, interview_id, wanted, seen, clock_of(request)))


@router.post("/interviews/{interview_id}/record")
async def write_record(
    request: Request,
    response: Response,
    interview_id: UUID,
    body: RecordIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("interviews.record")],
    uow: Uow,
) -> InterviewStateOut:
    """Write the record; a later edit is a new version and needs both signatures again."""
    await _demand(request, uow, actor, interview_id, "interviews.record")
    content = body.model_dump(mode="json")
    content["commitments"] = [
        {"action": one["text"], "due": one["due"], "owner": one["owner"] or body.talked_to[0]}
        for one in content["commitments"]
    ]
    interview = await use_cases.write_record(uow, interview_id, content, seen, clock_of(request))
    return await _answer(response, uow, interview)


@router.post("/interviews/{interview_id}/signatures")
async def put_signature(
    request: Request,
    response: Response,
    interview_id: UUID,
    body: SignatureIn,
    actor: Annotated[Actor, permits("interviews.sign")],
    uow: Uow,
) -> InterviewStateOut:
    """Sign the current record for one side, as the person whom the notice names."""
    await _demand(request, uow, actor, interview_id, "interviews.sign")
    interview = await use_cases.put_signature(
        uow, interview_id, body.side, actor.person_id, body.content_hash, clock_of(request)
    )
    return await _answer(response, uow, interview)


@router.post("/interviews/{interview_id}/successions")
async def succeed(
    request: Request,
    response: Response,
    interview_id: UUID,
    body: SuccessionIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("interviews.arrange")],
    uow: Uow,
) -> InterviewStateOut:
    """Name the successor in the post, who signs for a person that left it after the talk."""
    await _demand(request, uow, actor, interview_id, "interviews.arrange")
    clock = clock_of(request)
    interview = await name_successor(uow, interview_id, body.side, body.person, body.reason, seen, clock)
    return await _answer(response, uow, interview)


@router.post("/interviews/{interview_id}/refusals")
async def record_refusal(
    request: Request,
    response: Response,
    interview_id: UUID,
    body: RefusalIn,
    actor: Annotated[Actor, permits("interviews.record")],
    uow: Uow,
) -> InterviewStateOut:
    """Record that a side refuses to sign, with the reason and the witness."""
    await _demand(request, uow, actor, interview_id, "interviews.record")
    interview = await use_cases.record_refusal(
        uow, interview_id, body.side, body.reason, body.witness, clock_of(request)
    )
    return await _answer(response, uow, interview)


async def _demand(request: Request, uow: UnitOfWork, actor: Actor, interview_id: UUID, permission: str) -> None:
    driver, today = await uow.driver(), clock_of(request).today()
    unit_id, period = await repository.place_of(driver, interview_id)
    await demand(driver, actor, unit_id, period, today, read="interviews.read", write=permission)


async def _answer(response: Response, uow: UnitOfWork, interview: Interview) -> InterviewStateOut:
    standing = await repository.standing_of(await uow.driver(), interview)
    etag(response, interview.version)
    return InterviewStateOut.of(vars(interview), content_hash=standing.content_hash, signed=sorted(standing.signed))
