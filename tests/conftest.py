"""The real servers that tests run on: one PostgreSQL and one NATS for the whole session, databases fresh for each."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.lodging import remove_lodging
from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.testing import Dsns, TestIssuer, issuer_for_tests
from shared.testing import fresh_database as make_fresh_database

# Who delivers an event by hand looks at every score right afterwards; waiting is tried where it is asked for.
os.environ.setdefault("LIANDONG_GROUP_PAUSE_SECONDS", "0")


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    directory: Path = tmp_path_factory.mktemp("postgres")
    cluster = await Postgres.start(directory, settings={"max_connections": "300"})
    try:
        yield cluster
    finally:
        # At once: an orderly end would write all the dropped work of the session to disk first.
        await cluster.child.end([(signal.SIGQUIT, 5.0)])
        remove_lodging(directory)


@pytest_asyncio.fixture(scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    async with await Nats.start(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def fresh_database(postgres: Postgres) -> Callable[[str], Awaitable[Dsns]]:
    async def make(service: str) -> Dsns:
        return (await make_fresh_database(postgres, service))[1]

    return make


@pytest.fixture(scope="session")
def issuer() -> Iterator[TestIssuer]:
    with issuer_for_tests() as made:
        yield made
