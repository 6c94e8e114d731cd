from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest_asyncio

from deploy.local.postgres import Postgres
from shared.clock import SHANGHAI, Clock
from shared.testing import TestIssuer, running_service
from tests.scoring_svc.ledger.city import City, Submission, found_city, publish, serving


@pytest_asyncio.fixture
async def bare_city(postgres: Postgres, issuer: TestIssuer, tmp_path: Path) -> AsyncIterator[City]:
    clock = tmp_path / "clock.jsonl"
    Clock(clock).set(datetime(2015, 2, 10, 9, tzinfo=SHANGHAI), by="test")
    async with (
        serving(Submission(issuer)) as submission,
        running_service("scoring_svc", postgres, issuer, clock_file=clock, **submission.settings) as service,
    ):
        yield await found_city(service, submission)


@pytest_asyncio.fixture
async def city(bare_city: City) -> City:
    await publish(bare_city)
    return bare_city
