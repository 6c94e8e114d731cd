"""All statements on bonus tables and bonus requests."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.bonus.domain.awards import Award, RequestState
from services.scoring_svc.bonus.domain.points import BonusTable
from shared.directory.held import in_force

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_STANDS = in_force("u", "$2")


@dataclass(frozen=True)
class TableVersion:
    """A published version of a bonus table."""

    code: str
    version: int
    table: BonusTable


@dataclass(frozen=True)
class BonusRequest:
    """A bonus request as stored; `unit_ids` the requesting unit first, `weights` beside them, `evidence` as JSON."""

    request_id: UUID
    version: int
    state: RequestState
    set_id: UUID
    period: str
    unit_ids: list[UUID]
    weights: list[int]
    table_code: str
    table_version: int
    bonus_class: str
    level: str
    level_rank: int
    points: Decimal
    department_id: UUID | None
    matter: str
    matter_key: str
    document_no: str
    document_key: str
    awarded_on: date
    text: str
    evidence: str
    requested_by: str
    opened_at: datetime
    updated_at: datetime
    submitted_by: str | None = None
    opinion_by: str | None = None
    decided_by: str | None = None
    replaced_by: UUID | None = None


_COLUMNS = [field.name for field in fields(BonusRequest)]


async def hold_awards(driver: asyncpg.Connection) -> None:
    """Hold all awards and external losses until the transaction ends: matters and caps span units, tables and years.

    Taken before any other lock of the room. Decisions are made by people, a few a day.
    """
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('bonus.awards', 0))")


# --- bonus tables ---------------------------------------------------------------------------------------------------


async def hold_table(driver: asyncpg.Connection, code: str) -> int:
    """Hold the versions of a table until the transaction ends; returns the last one, 0 for none."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"bonus_table:{code}")
    last: int = await driver.fetchval("SELECT coalesce(max(version), 0) FROM bonus_tables WHERE code = $1", code)
    return last


async def add_table(driver: asyncpg.Connection, row: Mapping[str, Any]) -> None:
    """Add a version of a table."""
    await driver.execute(
        "INSERT INTO bonus_tables (code, version, name, effective_from, effective_to, body, published_at, "
        "published_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        *(row[name] for name in ("code", "version", "name", "effective_from", "effective_to", "body")),
        row["published_at"],
        row["published_by"],
    )


async def table_on(connection: Connection, code: str, day: date) -> TableVersion | None:
    """The newest version of a table that is in force on a day."""
    row = await connection.fetchrow(
        "SELECT code, version, body FROM bonus_tables WHERE code = $1 AND effective_from <= $2 "
        "AND (effective_to IS NULL OR effective_to > $2) ORDER BY version DESC LIMIT 1",
        code,
        day,
    )
    return _version(row) if row else None


async def table_version(connection: Connection, code: str, version: int) -> TableVersion:
    """A version that a request names: it exists, since versions are never deleted."""
    row = await connection.fetchrow(
        "SELECT code, version, body FROM bonus_tables WHERE code = $1 AND version = $2", code, version
    )
    return _version(cast("asyncpg.Record", row))


def _version(row: asyncpg.Record) -> TableVersion:
    return TableVersion(row["code"], row["version"], msgspec.json.decode(row["body"], type=BonusTable))


# --- requests -------------------------------------------------------------------------------------------------------


async def hold_request(driver: asyncpg.Connection, request_id: UUID) -> BonusRequest | None:
    """A request, held until the transaction ends."""
    row = await driver.fetchrow(
        f"SELECT {', '.join(_COLUMNS)} FROM bonus_requests WHERE request_id = $1 FOR UPDATE", request_id
    )
    return BonusRequest(**row) if row else None


async def save_request(driver: asyncpg.Connection, request: BonusRequest, step: str, who: str, text: str) -> None:
    """Put a request as it now stands, and add the step that led there."""
    places = ", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
    await driver.execute(
        f"INSERT INTO bonus_requests ({', '.join(_COLUMNS)}) VALUES ({places}) "
        f"ON CONFLICT (request_id) DO UPDATE SET {changes}",
        *astuple(request),
    )
    await driver.execute(
        "INSERT INTO bonus_steps (request_id, version, step, who, at, text) VALUES ($1, $2, $3, $4, $5, $6)",
        request.request_id,
        request.version,
        step,
        who,
        request.updated_at,
        text,
    )


async def people_before(connection: Connection, request_id: UUID) -> set[str]:
    """Everybody who took a step on a request so far."""
    rows = await connection.fetch("SELECT DISTINCT who FROM bonus_steps WHERE request_id = $1", request_id)
    return {row["who"] for row in rows}


async def standing_awards(connection: Connection, matter_key: str, document_key: str) -> list[Award]:
    """The approved requests, of whatever unit, on the same matter or the same document."""
    rows = await connection.fetch(
        "SELECT request_id, level_rank AS rank, matter_key, document_key FROM bonus_requests "
        "WHERE state = 'approved' AND (matter_key = $1 OR document_key = $2) ORDER BY request_id",
        matter_key,
        document_key,
    )
    return [Award(**row) for row in rows]


# --- units and people -----------------------------------------------------------------------------------------------


async def units_by_code(connection: Connection, codes: list[str], day: date) -> Mapping[str, UUID]:
    """The units that bear codes on a day."""
    rows = await connection.fetch(
        f"SELECT u.code, u.unit_id FROM directory_unit_spans u WHERE u.code = ANY($1::text[]) AND {_STANDS}", codes, day
    )
    return {row["code"]: row["unit_id"] for row in rows}


async def paths(connection: Connection, units: list[UUID], day: date) -> list[str]:
    """Where units stand in the tree of a day, in their order; nowhere (empty) if they do not stand any more."""
    rows = await connection.fetch(
        f"SELECT u.unit_id, u.path FROM directory_unit_spans u WHERE u.unit_id = ANY($1::uuid[]) AND {_STANDS}",
        units,
        day,
    )
    found = {row["unit_id"]: row["path"] for row in rows}
    return [found.get(unit, "") for unit in units]


async def own_places(connection: Connection, subject: str, day: date) -> list[str]:
    """Where the units stand on a day in which a person serves, or for which they are leader or liaison."""
    rows = await connection.fetch(
        f"SELECT u.path FROM directory_unit_spans u WHERE {_STANDS} AND u.unit_id IN ("
        "SELECT unit_id FROM directory_people WHERE person_id::text = $1 UNION ALL "
        "SELECT a.unit_id FROM directory_appointments a WHERE a.subject = $1 AND NOT a.revoked "
        f"AND a.role IN ('unit_leader', 'unit_liaison') AND {in_force('a', '$2')})",
        subject,
        day,
    )
    return [row["path"] for row in rows]
