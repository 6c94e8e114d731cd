"""The connection: what it says right after a loss, and how soon it notices one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.messaging.link import Link
from shared.messaging.tasks import set_within
from tests.chaos.verdict import System


@pytest_asyncio.fixture
async def link(system: System) -> AsyncIterator[Link]:
    link = Link(system.nats.url, "test")
    await link.start()
    assert await link.wait_connected(5)
    yield link
    await link.stop()


async def test_who_waits_for_a_connection_right_after_a_loss_gets_the_next_one(link: Link) -> None:
    before = link.epoch
    # The client has ended and the link has not had its turn yet, as a publisher meets it when the broker just died.
    await link.client.close()
    assert not link.connected
    assert await link.wait_connected(5)
    assert link.epoch == before + 1


async def test_a_connection_that_closes_in_the_middle_of_a_probe_is_given_up_at_once(
    system: System, link: Link
) -> None:
    changed = asyncio.Event()
    await system.nats.pause()
    try:
        await asyncio.sleep(1.2)  # by now a probe is out, and would wait for its answer for most of a second more
        link.on_change.append(changed.set)
        # Nothing but this: the client's own closing fails midway when it still has something to send.
        link.client._status = Client.CLOSED
        assert await set_within(changed, 0.4)
    finally:
        await system.nats.resume()


async def test_several_addresses_are_tried_until_one_answers(system: System) -> None:
    link = Link(f"nats://127.0.0.1:1, {system.nats.url}", "test")
    await link.start()
    try:
        assert await link.wait_connected(5)
    finally:
        await link.stop()


async def test_a_link_that_stops_leaves_nothing_listening_whatever_its_client_says(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise AttributeError("'NoneType' object has no attribute 'write'")

    async def heard(_: Msg) -> None: ...

    client = link.client
    subscription = await client.subscribe("anything", cb=heard)
    listening = subscription._wait_for_msgs_task
    # What a client that loses its connection right now may say to both, the flush and its own close.
    monkeypatch.setattr(client, "_flush_pending", broken)
    await link.stop()
    assert not link.connected
    assert listening is not None
    assert listening.done()
