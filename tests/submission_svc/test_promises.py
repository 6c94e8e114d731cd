"""Small forms of R1 and R8 on servers of their own, which they kill."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.lodging import remove_lodging
from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from tests.chaos import r1, r8
from tests.chaos.verdict import System


@pytest_asyncio.fixture(scope="module")
async def breakable(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    directory: Path = tmp_path_factory.mktemp("breakable")
    cluster = await Postgres.start(directory / "postgres")
    async with await Nats.start(directory / "nats") as nats:
        yield System(cluster, nats, directory)
    await cluster.stop()
    remove_lodging(directory / "postgres")


async def test_a_retried_request_does_nothing_twice(breakable: System) -> None:
    verdict = await r8.run(breakable, seconds=4)
    assert verdict.passed, str(verdict)


async def test_no_acknowledged_submission_is_lost(breakable: System) -> None:
    verdict = await r1.run(breakable, seconds=6)
    assert verdict.passed, str(verdict)
