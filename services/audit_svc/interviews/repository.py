"""All queries of the interviews room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.audit_svc.interviews.domain import InterviewState, Side, Standing
from services.audit_svc.rows import add, read, save
from services.audit_svc.views import CARD, UNIT, View, held, with_card, with_unit
from shared.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Interview:
    """An interview as stored, the `no`-th of its case; `record_version` counts the versions of its record.

    `problem_id` is the problem that called for it, `covers` those it was about, known once it was held.
    """

    interview_id: UUID
    case_id: UUID
    no: int
    problem_id: UUID
    unit_id: UUID
    indicator_id: UUID
    tier: str
    interviewer_post: str | None
    state: InterviewState
    number: str | None
    notice: Any
    interviewer_id: UUID | None
    interviewee_id: UUID | None
    record_version: int
    covers: Sequence[UUID]
    reason: str
    opened_on: date
    updated_at: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class Succession:
    """From a version of the interview on, a successor signs for a side in place of who was named for it before."""

    interview_id: UUID
    version: int
    side: Side
    predecessor_id: UUID
    person_id: UUID
    reason: str
    named_by: str
    named_at: datetime


async def of_cases(driver: asyncpg.Connection, case_ids: Sequence[UUID]) -> list[Interview]:
    """The interviews of cases in their order, held until the end of the transaction."""
    rows = await driver.fetch(
        "SELECT * FROM interviews WHERE case_id = ANY($1::uuid[]) ORDER BY case_id, no FOR UPDATE", case_ids
    )
    return [read(Interview, row) for row in rows]


async def save_interviews(driver: asyncpg.Connection, interviews: Iterable[Interview]) -> None:
    """Write interviews."""
    await save(driver, "interviews", ["interview_id"], interviews)


async def demanded_in(driver: asyncpg.Connection, case_id: UUID) -> list[UUID]:
    """The problems of a case that demand an interview now."""
    rows = await driver.fetch(
        "SELECT problem_id FROM problems WHERE case_id = $1 AND interview AND state <> 'lifted' ORDER BY problem_id",
        case_id,
    )
    return [row["problem_id"] for row in rows]


async def is_closed(driver: asyncpg.Connection, case_id: UUID) -> bool:
    """Whether a case is closed."""
    return await driver.fetchval("SELECT state = 'closed' FROM cases WHERE case_id = $1", case_id) or False


async def hold(driver: asyncpg.Connection, interview_id: UUID) -> Interview:
    """One interview, held until the end of the transaction. Raises NotFound."""
    row = await driver.fetchrow("SELECT * FROM interviews WHERE interview_id = $1 FOR UPDATE", interview_id)
    if row is None:
        raise NotFound
    return read(Interview, row)


async def pair_of(driver: asyncpg.Connection, interview_id: UUID) -> tuple[UUID, UUID]:
    """The unit and indicator of an interview. Raises NotFound."""
    row = await driver.fetchrow("SELECT unit_id, indicator_id FROM interviews WHERE interview_id = $1", interview_id)
    if row is None:
        raise NotFound
    return row["unit_id"], row["indicator_id"]


async def place_of(driver: asyncpg.Connection, interview_id: UUID) -> tuple[UUID, str]:
    """The unit of an interview and the period of the problem that called for it. Raises NotFound."""
    row = await driver.fetchrow(
        "SELECT i.unit_id, p.period FROM interviews i JOIN problems p USING (problem_id) WHERE interview_id = $1",
        interview_id,
    )
    if row is None:
        raise NotFound
    return row["unit_id"], row["period"]


async def next_serial(driver: asyncpg.Connection, quarter: str) -> int:
    """The next serial of a quarter. The row stays locked until the end, so numbers have neither gaps nor twins."""
    serial: int = await driver.fetchval(
        "INSERT INTO notice_serials AS known (quarter, last) VALUES ($1, 1) "
        "ON CONFLICT (quarter) DO UPDATE SET last = known.last + 1 RETURNING last",
        quarter,
    )
    return serial


async def add_record(
    driver: asyncpg.Connection,
    interview_id: UUID,
    version: int,
    content: dict[str, Any],
    digest: str,
    who: str,
    at: datetime,
) -> None:
    """Append a version of the record."""
    await driver.execute(
        "INSERT INTO interview_records (interview_id, record_version, content, content_hash, recorded_by, recorded_at) "
        "VALUES ($1, $2, $3::text::jsonb, $4, $5, $6)",
        interview_id,
        version,
        msgspec.json.encode(content).decode(),
        digest,
        who,
        at,
    )


async def add_signature(
    driver: asyncpg.Connection, interview: Interview, side: Side, person: UUID, content_hash: str, at: datetime
) -> None:
    """Append a signature; one per side and version of the record."""
    await driver.execute(
        "INSERT INTO interview_signatures (interview_id, record_version, side, person_id, content_hash, signed_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        interview.interview_id,
        interview.record_version,
        side,
        person,
        content_hash,
        at,
    )


async def add_refusal(
    driver: asyncpg.Connection, interview: Interview, side: Side, reason: str, witness: str, who: str, at: datetime
) -> None:
    """Append a refusal to sign."""
    await driver.execute(
        "INSERT INTO interview_refusals "
        "(interview_id, record_version, side, reason, witness, recorded_by, recorded_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        interview.interview_id,
        interview.record_version,
        side,
        reason,
        witness,
        who,
        at,
    )


async def add_succession(driver: asyncpg.Connection, succession: Succession) -> None:
    """Append who signs for a side from now on."""
    await add(driver, "interview_successions", [field.name for field in fields(Succession)], [vars(succession)])


async def standing_of(driver: asyncpg.Connection, interview: Interview) -> Standing:
    """Where the interview stands, with what was signed of its current record."""
    content_hash = await driver.fetchval(
        "SELECT content_hash FROM interview_records WHERE interview_id = $1 AND record_version = $2",
        interview.interview_id,
        interview.record_version,
    )
    rows = await driver.fetch(
        "SELECT side, content_hash FROM interview_signatures WHERE interview_id = $1 AND record_version = $2",
        interview.interview_id,
        interview.record_version,
    )
    named: dict[Side, UUID] = {}
    if interview.interviewer_id and interview.interviewee_id:
        named = {"interviewer": interview.interviewer_id, "interviewee": interview.interviewee_id}
        successors = await driver.fetch(
            "SELECT side, person_id FROM interview_successions WHERE interview_id = $1 ORDER BY version",
            interview.interview_id,
        )
        named |= {row["side"]: row["person_id"] for row in successors}
    return Standing(
        interview.state,
        interview.record_version,
        content_hash,
        named,
        {row["side"]: row["content_hash"] for row in rows},
    )


async def current_content(driver: asyncpg.Connection, interview_id: UUID, version: int) -> dict[str, Any] | None:
    """The content of one version of the record."""
    content: dict[str, Any] | None = await driver.fetchval(
        "SELECT content FROM interview_records WHERE interview_id = $1 AND record_version = $2", interview_id, version
    )
    return content


async def signed_commitments(driver: asyncpg.Connection, problem_id: UUID) -> list[dict[str, Any]]:
    """The commitments of the signed interview that a problem called for, in their order."""
    row = await driver.fetchrow(
        "SELECT r.content FROM interviews i JOIN interview_records r USING (interview_id, record_version) "
        "WHERE i.problem_id = $1 AND i.state = 'signed'",
        problem_id,
    )
    return list(row["content"]["commitments"]) if row else []


VIEW = View(
    shown=f"i.*, {UNIT}, {CARD}",
    # An interview belongs to the period of the problem that called for it.
    source=(f"interviews i JOIN problems p USING (problem_id) {with_unit('i.unit_id')} {with_card('i.indicator_id')}"),
    within=held("i.unit_id", "p.period"),
    order="i.opened_on",
    key="i.interview_id",
    filters={"state": "i.state", "unit": "u.code", "case_id": "i.case_id"},
)


async def history(driver: asyncpg.Connection, interview_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Every version of the record, every signature, every refusal, every successor named to sign."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, table, order in (
        ("records", "interview_records", "record_version"),
        ("signatures", "interview_signatures", "record_version, side"),
        ("refusals", "interview_refusals", "record_version, side"),
        ("successions", "interview_successions", "version"),
    ):
        rows = await driver.fetch(f"SELECT * FROM {table} WHERE interview_id = $1 ORDER BY {order}", interview_id)
        found[name] = [{key: value for key, value in row.items() if key != "interview_id"} for row in rows]
    return found
