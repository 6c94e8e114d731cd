"""One running service for all tests of the room; each test finds the bureau just founded and no fact in it."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from shared.clock import SHANGHAI, Clock
from shared.testing import RunningService, TestIssuer, fresh_database, running_service
from tests.submission_svc.bureau import Bureau, found_bureau

# Deleted row by row: making the partitions of a year anew for each test would take most of the time.
EMPTIED = (
    "facts", "fact_history", "fact_chunks", "receipts", "applied_findings", "period_states", "burden_reports",
    "source_metrics", "source_systems", "demands", "cards", "indicator_sets", "metrics", "idempotency", "outbox",
    "trail_seals", "trail",
)  # fmt: skip


@pytest_asyncio.fixture(scope="session")
async def submission(
    postgres: Postgres, issuer: TestIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[RunningService, asyncpg.Connection]]:
    journal: Path = tmp_path_factory.mktemp("clock") / "clock.jsonl"
    Clock(journal).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="test")
    name, dsns = await fresh_database(postgres, "submission_svc")
    async with running_service(
        "submission_svc", postgres, issuer, clock_file=journal, database=(name, dsns), prepared_years_ahead=0
    ) as service:
        janitor = await asyncpg.connect(postgres.dsn(name))
        yield service, janitor
        await janitor.close()
    await postgres.drop_database(name)


@pytest_asyncio.fixture
async def bureau(submission: tuple[RunningService, asyncpg.Connection]) -> Bureau:
    service, janitor = submission
    async with janitor.transaction():
        for table in EMPTIED:
            await janitor.execute(f"DELETE FROM {table}")
    return await found_bureau(service)
