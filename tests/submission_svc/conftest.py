"""One service for the session's reading of refusals, and a fresh one for whoever changes the bureau."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest_asyncio

from deploy.local.postgres import Postgres
from shared.clock import SHANGHAI, Clock
from shared.testing import TestIssuer, running_service
from tests.submission_svc.bureau import Bureau, found_bureau


@pytest_asyncio.fixture
async def bureau(postgres: Postgres, issuer: TestIssuer, tmp_path: Path) -> AsyncIterator[Bureau]:
    clock = tmp_path / "clock.jsonl"
    Clock(clock).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="test")
    async with running_service("submission_svc", postgres, issuer, clock_file=clock) as service:
        yield await found_bureau(service)
