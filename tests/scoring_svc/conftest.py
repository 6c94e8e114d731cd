"""One scoring_svc for the whole session; each test begins with an empty database and a newly founded city."""

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from services.scoring_svc.event_handlers import keep_time_by
from shared.clock import SHANGHAI, Clock
from shared.testing import TestIssuer, running_service
from tests.scoring_svc.ledger.city import City, Submission, found_city, publish, serving

_MORNING = datetime(2015, 2, 10, 9, tzinfo=SHANGHAI)
_TABLES = (
    "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
    "WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition "
    "AND relname NOT IN ('alembic_version', 'stream_state')"
)


@pytest_asyncio.fixture(scope="session")
async def standing_city(
    postgres: Postgres, issuer: TestIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    clock = tmp_path_factory.mktemp("scoring") / "clock.jsonl"
    Clock(clock).set(_MORNING, by="test")
    async with (
        serving(Submission(issuer)) as submission,
        running_service("scoring_svc", postgres, issuer, clock_file=clock, **submission.settings) as service,
    ):
        yield City(service, submission)


async def _empty(owner_dsn: str) -> None:
    """Empty all tables; the running service's own statements on several of them may be in the way for a moment."""
    owner = await asyncpg.connect(owner_dsn)
    try:
        tables = await owner.fetchval(_TABLES)
        for left in range(4, -1, -1):
            try:
                await owner.execute(f"TRUNCATE {tables}")
                break
            except asyncpg.DeadlockDetectedError:
                if not left:
                    raise
    finally:
        await owner.close()


@pytest_asyncio.fixture
async def bare_city(standing_city: City) -> City:
    service, submission = standing_city.service, standing_city.submission
    await _empty(service.dsns.owner)
    service.app.state.clock.set(_MORNING, by="test")  # a test before may have lived into another month
    keep_time_by(service.app.state.clock, pause=0)  # the clock of handlers is the process's; others may have run in it
    submission.asked.clear()
    submission.down = False
    return await found_city(service, submission)


@pytest_asyncio.fixture
async def city(bare_city: City) -> City:
    await publish(bare_city)
    return bare_city
