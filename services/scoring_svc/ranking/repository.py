"""All statements on rankings."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ranking.domain import CellScored

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


async def scored_cells(
    connection: Connection, set_id: UUID, periods: Sequence[str], *, confirmed: bool
) -> list[CellScored]:
    """The scored cells of a set in some periods; with `confirmed` only those that stand confirmed."""
    rows = await connection.fetch(
        "SELECT unit_id, indicator_id, full_marks, score FROM cells WHERE set_id = $1 AND period = ANY($2::text[]) "
        "AND state = 'scored' AND (standing = 'confirmed' OR NOT $3::boolean)",
        set_id,
        list(periods),
        confirmed,
    )
    return [CellScored(**row) for row in rows]


async def confirmed_periods(connection: Connection, set_id: UUID) -> set[str]:
    """The periods of a set that are confirmed or closed."""
    rows = await connection.fetch(
        "SELECT period FROM period_states WHERE set_id = $1 AND state IN ('confirmed', 'closed')", set_id
    )
    return {row["period"] for row in rows}


async def hold_rankings(driver: asyncpg.Connection, set_id: UUID, period: str) -> int:
    """Hold the rankings of a set and period until the transaction ends; returns the last version, 0 for none."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"ranking:{set_id}:{period}")
    last: int = await driver.fetchval(
        "SELECT coalesce(max(version), 0) FROM rankings WHERE set_id = $1 AND period = $2", set_id, period
    )
    return last


async def add_ranking(
    driver: asyncpg.Connection,
    *,
    ranking_id: UUID,
    set_id: UUID,
    period: str,
    version: int,
    body: str,
    at: datetime,
    by: str,
) -> None:
    """Add a published version."""
    await driver.execute(
        "INSERT INTO rankings (ranking_id, set_id, period, version, body, published_at, published_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        ranking_id,
        set_id,
        period,
        version,
        body,
        at,
        by,
    )


async def periods_ranked(connection: Connection, set_id: UUID, period: str | None) -> list[str]:
    """The periods of a set of which a ranking was published; with `period` only that one."""
    rows = await connection.fetch(
        "SELECT DISTINCT period FROM rankings WHERE set_id = $1 AND ($2::text IS NULL OR period = $2)", set_id, period
    )
    return [row["period"] for row in rows]


async def rankings_of(
    connection: Connection, set_id: UUID, periods: Sequence[str], after: tuple[str, int] | None, limit: int
) -> list[asyncpg.Record]:
    """The published versions of a set over some periods, by period and version."""
    return list(
        await connection.fetch(
            "SELECT ranking_id, period, version, published_at, published_by FROM rankings WHERE set_id = $1 "
            "AND period = ANY($2::text[]) AND ($3::text IS NULL OR (period, version) > ($3, $4::int)) "
            "ORDER BY period, version LIMIT $5",
            set_id,
            list(periods),
            after[0] if after else None,
            after[1] if after else None,
            limit,
        )
    )


async def published(connection: Connection, ranking_id: UUID) -> asyncpg.Record | None:
    """A published ranking, whole."""
    return await connection.fetchrow(
        "SELECT set_id, period, version, body FROM rankings WHERE ranking_id = $1", ranking_id
    )


async def all_rankings(connection: Connection) -> list[asyncpg.Record]:
    """All published rankings with their bodies."""
    return list(
        await connection.fetch("SELECT set_id, period, version, body FROM rankings ORDER BY set_id, period, version")
    )
