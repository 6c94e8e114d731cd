from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from shared.testing import RunningService, TestIssuer, running_service
from tests.audit_svc.stage import Stage


@pytest.fixture
def clock_file(tmp_path: Path) -> Path:
    return tmp_path / "clock.jsonl"


@pytest_asyncio.fixture
async def service(postgres: Postgres, issuer: TestIssuer, clock_file: Path) -> AsyncIterator[RunningService]:
    async with running_service("audit_svc", postgres, issuer, clock_file=clock_file, database_pool=12) as running:
        yield running


@pytest_asyncio.fixture
async def stage(service: RunningService) -> Stage:
    return await Stage.of(service)
