"""Routes of the interviews room."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Request, Response

from services.audit_svc.interviews import repository, use_cases
from services.audit_svc.interviews.repository import Interview
from services.audit_svc.interviews.schemas import NoticeIn, RecordIn, RefusalIn, SignatureIn
from services.audit_svc.paging import dated, page_response
from services.audit_svc.scope import clock_of, demand
from services.audit_svc.shapes import Code
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import Cursor, IfMatch, Limit, TransactionalRoute, Uow, decode_cursor, json_response, permits

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
) -> Response:
    """Interviews (约谈) within the caller's reach, in the order they were opened."""
    rows = await repository.page(
        await uow.driver(),
        actor.reach("interviews.read"),
        clock_of(request).today(),
        {"state": state, "unit": unit, "case": case_id},
        dated(decode_cursor(cursor, 2, ids=(1,))),
        limit,
    )
    return page_response(rows, limit, ("opened_on", "interview_id"), _shape)


@router.get("/interviews/{interview_id}")
async def read_interview(
    request: Request, interview_id: UUID, actor: Annotated[Actor, permits("interviews.read")], uow: Uow
) -> Response:
    """One interview with its notice, every version of its record, signatures and refusals."""
    driver = await uow.driver()
    row = await repository.one(driver, actor.reach("interviews.read"), clock_of(request).today(), interview_id)
    named = [one for one in (row["interviewer_id"], row["interviewee_id"]) if one]
    codes = await repository.person_codes(driver, named)
    history = await repository.history(driver, interview_id)
    current = [one for one in history["records"] if one["record_version"] == row["record_version"]]
    content = {
        **_shape(row),
        "notice": row["notice"],
        "interviewer": codes.get(row["interviewer_id"]),
        "interviewee": codes.get(row["interviewee_id"]),
        "record": current[0] if current else None,
        **history,
    }
    return json_response(content, etag=f'"{row["version"]}"')


@router.post("/interviews/{interview_id}/notice")
async def give_notice(
    request: Request,
    interview_id: UUID,
    body: NoticeIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("interviews.arrange")],
    uow: Uow,
) -> Response:
    """Send the notice, numbered by quarter and serial; a changed notice keeps its number."""
    await _demand(request, uow, actor, interview_id, "interviews.arrange")
    wanted = body.model_dump(mode="json")
    return await _answer(uow, await use_cases.give_notice(uow, interview_id, wanted, seen, clock_of(request)))


@router.post("/interviews/{interview_id}/record")
async def write_record(
    request: Request,
    interview_id: UUID,
    body: RecordIn,
    seen: IfMatch,
    actor: Annotated[Actor, permits("interviews.record")],
    uow: Uow,
) -> Response:
    """Write the record; a later edit is a new version and needs both signatures again."""
    await _demand(request, uow, actor, interview_id, "interviews.record")
    content = body.model_dump(mode="json")
    content["commitments"] = [
        {"action": one["text"], "due": one["due"], "owner": one["owner"] or body.talked_to[0]}
        for one in content["commitments"]
    ]
    return await _answer(uow, await use_cases.write_record(uow, interview_id, content, seen, clock_of(request)))


@router.post("/interviews/{interview_id}/signatures")
async def put_signature(
    request: Request,
    interview_id: UUID,
    body: SignatureIn,
    actor: Annotated[Actor, permits("interviews.sign")],
    uow: Uow,
) -> Response:
    """Sign the current record for one side, as the person whom the notice names."""
    await _demand(request, uow, actor, interview_id, "interviews.sign")
    interview = await use_cases.put_signature(
        uow, interview_id, body.side, actor.person_id, body.content_hash, clock_of(request)
    )
    return await _answer(uow, interview)


@router.post("/interviews/{interview_id}/refusals")
async def record_refusal(
    request: Request,
    interview_id: UUID,
    body: RefusalIn,
    actor: Annotated[Actor, permits("interviews.record")],
    uow: Uow,
) -> Response:
    """Record that a side refuses to sign, with the reason and the witness."""
    await _demand(request, uow, actor, interview_id, "interviews.record")
    interview = await use_cases.record_refusal(
        uow, interview_id, body.side, body.reason, body.witness, clock_of(request)
    )
    return await _answer(uow, interview)


async def _demand(request: Request, uow: UnitOfWork, actor: Actor, interview_id: UUID, permission: str) -> None:
    driver, today = await uow.driver(), clock_of(request).today()
    unit_id, period = await repository.place_of(driver, interview_id)
    await demand(driver, actor, unit_id, period, today, read="interviews.read", write=permission)


async def _answer(uow: UnitOfWork, interview: Interview) -> Response:
    standing = await repository.standing_of(await uow.driver(), interview)
    content = {
        "interview_id": interview.interview_id,
        "state": interview.state,
        "number": interview.number,
        "record_version": interview.record_version,
        "content_hash": standing.content_hash,
        "signed": sorted(standing.signed),
        "version": interview.version,
    }
    return json_response(content, etag=f'"{interview.version}"')


def _shape(row: asyncpg.Record) -> dict[str, Any]:
    opened_on: date = row["opened_on"]
    return {
        "interview_id": row["interview_id"],
        "case_id": row["case_id"],
        "no": row["no"],
        "problem_id": row["problem_id"],
        "unit_id": row["unit_id"],
        "unit": row["unit"],
        "unit_name": row["unit_name"],
        "indicator_id": row["indicator_id"],
        "indicator": row["indicator"],
        "indicator_name": row["indicator_name"],
        "tier": row["tier"],
        "interviewer_post": row["interviewer_post"],
        "state": row["state"],
        "number": row["number"],
        "record_version": row["record_version"],
        "reason": row["reason"],
        "opened_on": opened_on,
        "version": row["version"],
    }
