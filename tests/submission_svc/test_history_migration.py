"""The step to a history of its own keeps every version of every fact, upwards and back."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import asyncpg
from alembic import command
from sqlalchemy.engine import Connection

from deploy.local.postgres import Postgres
from shared.migrations import runner

_PACKAGE = "services.submission_svc"
_COLUMNS = "period, metric_id, unit_id, version, state, value, provenance, author, received_at, batch_id"
_CHAIN = "SELECT period, metric_id, unit_id, version, value FROM fact_versions ORDER BY period, metric_id, version"


def _step(move: Callable[..., None], to: str) -> Callable[[Connection], None]:
    return lambda connection: move(runner._config(_PACKAGE, connection), to)


async def _move(owner: str, move: Callable[..., None], to: str) -> None:
    await asyncio.to_thread(lambda: asyncio.run(runner._with_connection(owner, _step(move, to))))


async def test_the_history_takes_over_every_version_and_gives_it_back(postgres: Postgres) -> None:
    name = f"m_history_{uuid4().hex[:8]}"
    dsns = await postgres.create_service_database("submission", database=name)
    driver = None
    try:
        await _move(dsns.owner, command.upgrade, "kernel_0001")
        await _move(dsns.owner, command.upgrade, "submission_svc_0003")
        driver = await asyncpg.connect(dsns.owner)
        await driver.execute("SELECT ensure_period('2015-01'), ensure_period('2015')")
        for period, metric, versions in (("2015-01", uuid4(), 1), ("2015-01", uuid4(), 3), ("2015", uuid4(), 2)):
            for version in range(1, versions + 1):
                row = (period, metric, metric, version, "present", f'"{version}"', "feed", "a", uuid4())
                insert = f"INSERT INTO %s ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), $9)"
                await driver.execute(insert % "fact_versions", *row)
                if version == versions:
                    await driver.execute(insert % "facts", *row)
        before = await driver.fetch(_CHAIN)
        assert len(before) == 6
        await _move(dsns.owner, command.upgrade, "submission_svc_0004")
        assert await driver.fetch(_CHAIN) == before
        assert await driver.fetchval("SELECT count(*) FROM fact_history") == 3
        assert await driver.fetchval("SELECT count(*) FROM fact_history__2015_01") == 2
        # A period that is made from now on has its history too.
        assert await driver.fetchval("SELECT ensure_period('2015-02')")
        assert await driver.fetchval("SELECT to_regclass('fact_history__2015_02') IS NOT NULL")
        await _move(dsns.owner, command.downgrade, "submission_svc_0003")
        assert await driver.fetch(_CHAIN) == before
        assert await driver.fetchval("SELECT ensure_period('2015-03')")
    finally:
        if driver is not None:
            await driver.close()
        await postgres.drop_database(name)
