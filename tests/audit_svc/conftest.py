from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from services.audit_svc.event_handlers import keep_time_by
from services.audit_svc.metadata import metadata
from shared import kernel
from shared.db import new_metadata
from shared.testing import RunningService, TestIssuer, running_service
from tests.audit_svc.stage import Stage

_KEPT = {"cards", "indicator_sets"}


@pytest_asyncio.fixture(scope="session")
async def bureau(
    postgres: Postgres, issuer: TestIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """The service with its units, people and cards: set up once, since no test changes them."""
    clock = tmp_path_factory.mktemp("audit") / "clock.jsonl"
    async with running_service("audit_svc", postgres, issuer, clock_file=clock, database_pool=12) as running:
        yield await Stage.of(running)


@pytest_asyncio.fixture
async def stage(bureau: Stage) -> Stage:
    """The bureau before anything was lost."""
    kernels = new_metadata()
    kernel.define(kernels)
    own = [name for name in metadata.tables if name not in kernels.tables and name not in _KEPT]
    owner = await asyncpg.connect(bureau.service.dsns.owner)
    try:
        await owner.execute(f"TRUNCATE {', '.join([*own, 'outbox', 'idempotency'])}")
    finally:
        await owner.close()
    # A process has one business clock; a test before may have started another audit_svc.
    keep_time_by(bureau.service.app.state.clock)
    return bureau


@pytest.fixture
def service(stage: Stage) -> RunningService:
    return stage.service
