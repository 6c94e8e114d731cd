"""Wakes between two processes of one service: after the commit only, again after a loss, and nobody waits for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from shared.db import Database
from shared.messaging.link import Link
from shared.messaging.tasks import end_all
from shared.messaging.wakes import Wakes, subject_of
from shared.testing import fresh_database
from tests.chaos.verdict import System


class Process:
    """What a process of a service has of it: its own pool, its own connection, and a worker's ear."""

    def __init__(self, database: Database, link: Link) -> None:
        self.database, self.link = database, link
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        database.workers.append(self._wake)

    def _wake(self, tables: Collection[str]) -> None:
        for table in tables:
            self.heard.put_nowait(table)

    async def queue(self, table: str, *, taken_back: bool = False) -> None:
        async with self.database.transaction("test") as uow:
            await uow.driver()
            uow.queued(table)
            if taken_back:
                raise KeyError

    async def hears(self, within: float = 2) -> str:
        return await asyncio.wait_for(self.heard.get(), within)


@asynccontextmanager
async def process(system: System, dsn: str) -> AsyncIterator[Process]:
    database, link = Database(dsn, pool=2), Link(system.nats.url, "test")
    await database.open()
    wakes = Wakes(link, database, "scoring_svc")
    database.after_queued.append(wakes.tell)
    await link.start()
    task = asyncio.create_task(wakes.run())
    assert await link.wait_connected(5)
    try:
        yield Process(database, link)
    finally:
        await end_all([task])
        await link.stop()
        await database.close()


@pytest_asyncio.fixture
async def two(system: System) -> AsyncIterator[tuple[Process, Process]]:
    name, dsns = await fresh_database(system.postgres, "scoring_svc")
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(process(system, dsns.app)) for _ in range(2)]
        await asyncio.sleep(0.1)  # the subscriptions are under way
        yield one, other
    await system.postgres.drop_database(name)


async def test_a_committed_job_wakes_both_processes_and_one_taken_back_none(two: tuple[Process, Process]) -> None:
    one, other = two
    with pytest.raises(KeyError):
        await one.queue("reports", taken_back=True)
    await one.queue("simulations")
    assert await one.hears() == "simulations"
    assert await other.hears() == "simulations"
    assert await one.hears() == "simulations"  # its own wake comes back to it, which costs a look
    await asyncio.sleep(0.1)
    assert one.heard.empty()
    assert other.heard.empty()


async def test_each_new_connection_hears_again_and_what_could_not_be_told_is_told_then(
    system: System, two: tuple[Process, Process]
) -> None:
    one, other = two
    await system.nats.kill()
    await one.queue("reports")
    assert await one.hears() == "reports"  # one's own process needs no broker
    await system.nats.start_again()
    assert await one.link.wait_connected(5)
    assert await other.link.wait_connected(5)
    await asyncio.sleep(0.2)
    while not other.heard.empty():
        other.heard.get_nowait()  # perhaps told before it listened again: nothing is promised
    await one.queue("simulations")
    assert await other.hears() == "simulations"


async def test_a_broker_that_is_silent_keeps_no_commit_waiting(system: System, two: tuple[Process, Process]) -> None:
    one, _ = two
    await system.nats.pause()
    try:
        began = time.monotonic()
        for _ in range(20):
            await one.queue("reports")
        assert time.monotonic() - began < 0.5
    finally:
        await system.nats.resume()


async def test_a_wake_that_says_nothing_of_use_is_passed_over(two: tuple[Process, Process]) -> None:
    one, other = two
    for body in (b"", b"\xff", b"  "):
        await one.link.client.publish(subject_of("scoring_svc"), body)
    await one.queue("reports")
    assert {await other.hears(), await other.hears()} == {"\N{REPLACEMENT CHARACTER}", "reports"}
    assert other.heard.empty()
