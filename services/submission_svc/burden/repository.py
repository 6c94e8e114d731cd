"""Statements on the published cards of a set and on the burden last reported."""

from uuid import UUID

import asyncpg

from services.submission_svc.burden.domain import Burden, BurdenedIndicator

_REPORT = """
INSERT INTO burden_reports AS last (set_id, version, extracted, self_reported, indicators) VALUES ($1, 1, $2, $3, $4)
ON CONFLICT (set_id) DO UPDATE SET version = last.version + 1, extracted = excluded.extracted,
    self_reported = excluded.self_reported, indicators = excluded.indicators
WHERE (last.extracted, last.self_reported, last.indicators)
    IS DISTINCT FROM (excluded.extracted, excluded.self_reported, excluded.indicators)
RETURNING version
"""


async def announced_set(
    connection: asyncpg.Connection | asyncpg.Pool, *, code: str | None = None, set_id: UUID | None = None
) -> asyncpg.Record | None:
    """Id, code, name and number of cards of a published set, or None."""
    return await connection.fetchrow(
        "SELECT set_id, code, name, year, cards FROM indicator_sets WHERE code = $1 OR set_id = $2", code, set_id
    )


async def indicators_of(connection: asyncpg.Connection | asyncpg.Pool, set_id: UUID) -> list[BurdenedIndicator]:
    """The set's indicators with the fill modes of their newest versions."""
    found = await connection.fetch(
        "SELECT DISTINCT ON (indicator_id) code, name, fill_mode, filler FROM cards WHERE set_id = $1 "
        "ORDER BY indicator_id, version DESC",
        set_id,
    )
    return [BurdenedIndicator(each["code"], each["name"], each["fill_mode"], each["filler"]) for each in found]


async def save_report(driver: asyncpg.Connection, set_id: UUID, burden: Burden) -> int | None:
    """Remember the burden as reported; its version if it changed, else None."""
    version: int | None = await driver.fetchval(
        _REPORT, set_id, len(burden.extracted), len(burden.self_reported), burden.indicators
    )
    return version
