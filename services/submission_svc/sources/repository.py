"""All queries on source systems and the metrics registered for them."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg

_SOURCE = (
    "s.client_id, s.version, s.name, s.name_en, s.owner_unit_id, s.registered_by, s.registered_at, "
    "ARRAY(SELECT m.code FROM source_metrics r JOIN metrics m ON m.metric_id = r.metric_id "
    "WHERE r.client_id = s.client_id ORDER BY m.code) AS metric_codes, "
    "(SELECT u.code FROM directory_unit_spans u WHERE u.unit_id = s.owner_unit_id AND u.effective_from <= $1 "
    "AND (u.effective_to IS NULL OR u.effective_to > $1)) AS owner_unit_code"
)


async def metrics_by_code(driver: asyncpg.Connection, codes: Sequence[str]) -> dict[str, UUID]:
    """The ids of those codes that are metrics."""
    found = await driver.fetch("SELECT code, metric_id FROM metrics WHERE code = ANY($1::text[])", list(codes))
    return {each["code"]: each["metric_id"] for each in found}


async def add_source(
    driver: asyncpg.Connection, client_id: str, name: str, name_en: str, owner: UUID | None, by: str, at: datetime
) -> bool:
    """Register the client; False if it is registered already."""
    new = await driver.fetchval(
        "INSERT INTO source_systems (client_id, version, name, name_en, owner_unit_id, registered_by, registered_at) "
        "VALUES ($1, 1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1",
        client_id,
        name,
        name_en,
        owner,
        by,
        at,
    )
    return new is not None


async def set_metrics(driver: asyncpg.Connection, client_id: str, metrics: Sequence[UUID]) -> None:
    """Let the client supply exactly these metrics."""
    await driver.execute("DELETE FROM source_metrics WHERE client_id = $1", client_id)
    await driver.execute(
        "INSERT INTO source_metrics (client_id, metric_id) SELECT $1, unnest($2::uuid[])", client_id, list(metrics)
    )


async def next_version(driver: asyncpg.Connection, client_id: str, expected: int) -> bool:
    """Step the version if it is the expected one."""
    stepped = await driver.fetchval(
        "UPDATE source_systems SET version = version + 1 WHERE client_id = $1 AND version = $2 RETURNING 1",
        client_id,
        expected,
    )
    return stepped is not None


async def read_source(
    connection: asyncpg.Connection | asyncpg.Pool, client_id: str, today: date
) -> asyncpg.Record | None:
    """One source system, or None."""
    return await connection.fetchrow(f"SELECT {_SOURCE} FROM source_systems s WHERE s.client_id = $2", today, client_id)


async def list_sources(pool: asyncpg.Pool, today: date, after: str, limit: int) -> list[asyncpg.Record]:
    """Source systems by client id."""
    found: list[asyncpg.Record] = await pool.fetch(
        f"SELECT {_SOURCE} FROM source_systems s WHERE s.client_id > $2 ORDER BY s.client_id LIMIT $3",
        today,
        after,
        limit,
    )
    return found
