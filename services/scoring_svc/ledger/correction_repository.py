"""All statements on corrections; the reader's scope in those that answer readers."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ledger.reading import Reader
from shared.directory.held import days_of, last_place, reading_condition

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
State = Literal["asked", "approved", "rejected"]
CorrectionKind = Literal["value", "exempt", "score", "fact"]


@dataclass(frozen=True)
class Correction:
    """A correction as stored: of one cell, or by a fact's version of every cell of the unit that reads the metric."""

    correction_id: UUID
    version: int
    state: State
    set_id: UUID
    period: str
    unit_id: UUID
    kind: CorrectionKind
    indicator_id: UUID | None
    input: str | None
    value: str | None
    metric_id: UUID | None
    fact_version: int | None
    reason: str
    document_no: str
    document_on: date
    asked_by: str
    asked_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision: str | None = None


_COLUMNS = [field.name for field in fields(Correction)]


async def save(driver: asyncpg.Connection, correction: Correction) -> None:
    """Put a correction as it now stands."""
    places = ", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
    await driver.execute(
        f"INSERT INTO corrections ({', '.join(_COLUMNS)}) VALUES ({places}) "
        f"ON CONFLICT (correction_id) DO UPDATE SET {changes}",
        *astuple(correction),
    )


async def hold(driver: asyncpg.Connection, correction_id: UUID) -> Correction | None:
    """A correction, held until the transaction ends; taken before every other lock."""
    row = await driver.fetchrow(
        f"SELECT {', '.join(_COLUMNS)} FROM corrections WHERE correction_id = $1 FOR UPDATE", correction_id
    )
    return Correction(**row) if row else None


async def metric_named(connection: Connection, code: str) -> UUID | None:
    """The metric of a code."""
    found: UUID | None = await connection.fetchval("SELECT metric_id FROM metrics WHERE code = $1", code)
    return found


_SHOWN = (
    f"SELECT {', '.join(f'c.{name}' for name in _COLUMNS)}, s.code AS set_code, u.code AS unit, u.name AS unit_name, "
    "m.code AS metric, (SELECT k.code FROM card_versions k WHERE k.indicator_id = c.indicator_id "
    "ORDER BY k.version DESC LIMIT 1) AS indicator "
    "FROM corrections c JOIN indicator_sets s USING (set_id) LEFT JOIN metrics m USING (metric_id) "
    f"LEFT JOIN directory_unit_spans u ON u.unit_id = c.unit_id AND {last_place('u', '$4')} "
    f"WHERE {reading_condition('c.unit_id', days_of('c.period'), 1, '$4')} "
)


async def shown(
    connection: Connection,
    reader: Reader,
    filters: Mapping[str, Any],
    after: Sequence[Any] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Corrections of units within reach, by the moment they were asked for; filters that are None do not apply."""
    return list(
        await connection.fetch(
            f"{_SHOWN} AND ($5::text IS NULL OR s.code = $5) AND ($6::text IS NULL OR c.period = $6) "
            "AND ($7::text IS NULL OR c.state = $7) AND ($8::text IS NULL OR u.code = $8) "
            "AND ($9::timestamptz IS NULL OR (c.asked_at, c.correction_id) > ($9, $10::uuid)) "
            "ORDER BY c.asked_at, c.correction_id LIMIT $11",
            *reader.reach.parameters,
            reader.today,
            *(filters[name] for name in ("set", "period", "state", "unit")),
            *(after or (None, None)),
            limit,
        )
    )


async def one_shown(connection: Connection, reader: Reader, correction_id: UUID) -> asyncpg.Record | None:
    """One correction within reach."""
    return await connection.fetchrow(
        f"{_SHOWN} AND c.correction_id = $5", *reader.reach.parameters, reader.today, correction_id
    )
