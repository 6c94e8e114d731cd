"""All statements on the states of periods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg

from services.scoring_svc.ledger.domain import PeriodState

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class PeriodRow:
    """The state of a set in a period, with the steps so far."""

    set_id: UUID
    period: str
    state: PeriodState
    version: int
    last_chunk: int | None
    chunks: int | None
    fenced_at: datetime | None
    fenced_by: str | None
    confirmed_at: datetime | None
    confirmed_by: str | None
    cells: int | None
    closed_at: datetime | None
    closed_by: str | None
    digest_version: int


_PERIOD = (
    "SELECT set_id, period, state, version, last_chunk, chunks, fenced_at, fenced_by, confirmed_at, "
    "confirmed_by, cells, "
    "closed_at, closed_by, digest_version FROM period_states "
)


async def period_row(connection: Connection, set_id: UUID, period: str) -> PeriodRow | None:
    """The state of a period, unlocked; None while nobody has touched it: it is open."""
    row = await connection.fetchrow(f"{_PERIOD} WHERE set_id = $1 AND period = $2", set_id, period)
    return PeriodRow(**row) if row else None


async def hold_period(driver: asyncpg.Connection, set_id: UUID, period: str, *, alone: bool) -> PeriodRow:
    """The state of a period, held until the transaction ends: alone for a step, together for scoring."""
    statement = f"{_PERIOD} WHERE set_id = $1 AND period = $2 FOR {'UPDATE' if alone else 'SHARE'}"
    row = await driver.fetchrow(statement, set_id, period)
    if row is None:
        await driver.execute(
            "INSERT INTO period_states (set_id, period, state, version) VALUES ($1, $2, 'open', 1) ON "
            "CONFLICT DO NOTHING",
            set_id,
            period,
        )
        row = await driver.fetchrow(statement, set_id, period)
    return PeriodRow(**cast("Mapping[str, Any]", row))


async def period_rows(connection: Connection, set_id: UUID) -> Sequence[PeriodRow]:
    """All periods of a set that were touched."""
    rows = await connection.fetch(f"{_PERIOD} WHERE set_id = $1 ORDER BY period", set_id)
    return [PeriodRow(**row) for row in rows]


async def fence(
    driver: asyncpg.Connection, set_id: UUID, period: str, *, last_chunk: int, chunks: int, at: datetime, by: str
) -> int:
    """Write the fence; returns the state's new version."""
    version: int = await driver.fetchval(
        "UPDATE period_states SET state = 'fenced', version = version + 1, last_chunk = $3, chunks = $4, "
        "fenced_at = $5, "
        "fenced_by = $6 WHERE set_id = $1 AND period = $2 RETURNING version",
        set_id,
        period,
        last_chunk,
        chunks,
        at,
        by,
    )
    return version


async def confirm(driver: asyncpg.Connection, set_id: UUID, period: str, *, cells: int, at: datetime, by: str) -> int:
    """Write the confirmation; returns the state's new version."""
    version: int = await driver.fetchval(
        "UPDATE period_states SET state = 'confirmed', version = version + 1, cells = $3, confirmed_at = $4, "
        "confirmed_by = $5 WHERE set_id = $1 AND period = $2 RETURNING version",
        set_id,
        period,
        cells,
        at,
        by,
    )
    return version


async def close(driver: asyncpg.Connection, set_id: UUID, period: str, *, at: datetime, by: str) -> int:
    """Write the closing; returns the state's new version."""
    version: int = await driver.fetchval(
        "UPDATE period_states SET state = 'closed', version = version + 1, closed_at = $3, closed_by = $4 "
        "WHERE set_id = $1 AND period = $2 RETURNING version",
        set_id,
        period,
        at,
        by,
    )
    return version


async def next_digest(driver: asyncpg.Connection, set_id: UUID, period: str) -> int:
    """Count up the digest of a period; returns its new version."""
    version: int = await driver.fetchval(
        "UPDATE period_states SET digest_version = digest_version + 1 WHERE set_id = $1 AND period = $2 "
        "RETURNING digest_version",
        set_id,
        period,
    )
    return version
