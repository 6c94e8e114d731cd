"""Statements on period states and gates. The gate row orders writers of a period against the fence."""

from uuid import UUID

import asyncpg

FENCED, CONFIRMED, CLOSED = 1, 2, 3

# A stage only grows; an event of an older version changes nothing.
_APPLY = """
INSERT INTO period_states AS known (set_id, period, stage, version, last_chunk, chunks) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (set_id, period) DO UPDATE SET stage = greatest(known.stage, excluded.stage), version = excluded.version,
    last_chunk = coalesce(known.last_chunk, excluded.last_chunk), chunks = coalesce(known.chunks, excluded.chunks)
WHERE known.version < excluded.version
"""


async def take_gate(driver: asyncpg.Connection, period: str) -> bool:
    """Wait until no writer of the period is at work and keep new ones out until the commit; False without a gate."""
    return await driver.fetchval("SELECT true FROM period_gates WHERE period = $1 FOR UPDATE", period) or False


async def fence_of(driver: asyncpg.Connection, set_id: UUID, period: str) -> tuple[int, int] | None:
    """Last chunk and number of chunks of the fence that stands, or None."""
    found = await driver.fetchrow(
        "SELECT last_chunk, chunks FROM period_states WHERE set_id = $1 AND period = $2 AND last_chunk IS NOT NULL",
        set_id,
        period,
    )
    return None if found is None else (found["last_chunk"], found["chunks"])


async def chunks_of(driver: asyncpg.Connection, period: str) -> tuple[int, int]:
    """The highest chunk number of a period so far (0 if none) and how many chunks it has."""
    found = await driver.fetchrow(
        "SELECT coalesce(max(chunk_no), 0) AS last, count(*) AS chunks FROM fact_chunks WHERE period = $1", period
    )
    return found["last"], found["chunks"]


async def save_fence(driver: asyncpg.Connection, set_id: UUID, period: str, last_chunk: int, chunks: int) -> None:
    """Put the fence up. Version 0: the event of scoring_svc, which owns the state, comes later with its own."""
    await driver.execute(
        "INSERT INTO period_states AS known (set_id, period, stage, version, last_chunk, chunks) "
        "VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (set_id, period) DO UPDATE SET "
        "stage = greatest(known.stage, excluded.stage), last_chunk = excluded.last_chunk, chunks = excluded.chunks",
        set_id,
        period,
        FENCED,
        last_chunk,
        chunks,
    )


async def apply_state(
    driver: asyncpg.Connection,
    set_id: UUID,
    period: str,
    stage: int,
    version: int,
    fence: tuple[int, int] | None = None,
) -> None:
    """Keep the state that an event tells, unless a later one is here."""
    await driver.execute(_APPLY, set_id, period, stage, version, *(fence or (None, None)))


async def is_published(driver: asyncpg.Connection, set_id: UUID) -> bool:
    """Whether the set is known here."""
    return await driver.fetchval("SELECT true FROM indicator_sets WHERE set_id = $1", set_id) or False
