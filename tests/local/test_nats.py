import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error

from deploy.local.nats import Nats
from deploy.local.places import Home
from deploy.local.sentences import CannotRun
from deploy.local.system import subjects_of


@asynccontextmanager
async def connected(url: str, errors: list[Exception] | None = None) -> AsyncIterator[Client]:
    async def note(error: Exception) -> None:
        if errors is not None:
            errors.append(error)

    client = await nats.connect(url, error_cb=note)
    try:
        yield client
    finally:
        await client.close()


async def test_acknowledged_messages_outlive_a_kill_and_a_wipe_loses_them(home: Home) -> None:
    async with await Nats.start(home.directory / "nats") as server:
        async with connected(server.url) as client:
            await client.jetstream().add_stream(name="SCORING", subjects=["indicator.>"])
            for _ in range(20):
                await client.jetstream().publish("indicator.deducted.v1", b"{}")
            await server.kill()
        await server.start_again()
        async with connected(server.url) as client:
            assert (await client.jetstream().stream_info("SCORING")).state.messages == 20
        await server.wipe()
        async with connected(server.url) as client:
            assert await client.jetstream().streams_info() == []


async def test_a_store_that_cannot_be_recovered_is_set_aside_and_the_server_starts_empty(home: Home) -> None:
    async with await Nats.start(home.directory / "nats") as server:
        async with connected(server.url) as client:
            await client.jetstream().add_stream(name="SCORING", subjects=["indicator.>"])
        await server.kill()
        (description,) = server.directory.glob("store/**/SCORING/meta.inf")
        description.write_bytes(description.read_bytes()[:-20])
        await server.start_again()
        async with connected(server.url) as client:
            assert await client.jetstream().streams_info() == []
        assert len(list(server.directory.glob("store-damaged/**/SCORING/meta.inf"))) == 1


async def test_a_store_on_which_the_server_hangs_is_set_aside(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await Nats.start(home.directory / "nats") as server:
        async with connected(server.url) as client:
            await client.jetstream().add_stream(name="SCORING", subjects=["indicator.>"])
            await client.jetstream().publish("indicator.deducted.v1", b"{}")
        await server.stop()
        (block,) = server.directory.glob("store/**/SCORING/msgs/1.blk")
        block.unlink()
        os.mkfifo(block)  # whoever opens it waits for ever
        monkeypatch.setattr("deploy.local.nats._START_SECONDS", 3.0)
        await server.start_again()
        async with connected(server.url) as client:
            assert await client.jetstream().streams_info() == []
        assert len(list(server.directory.glob("store-damaged/**/SCORING/msgs/1.blk"))) == 1


async def test_a_server_that_never_comes_up_is_told_in_its_last_words(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.nats._START_SECONDS", 0.0)
    with pytest.raises(CannotRun, match="NATS does not start"):
        await Nats.start(home.directory / "nats")
    assert not list(home.directory.glob("nats/store-damaged"))


async def test_a_paused_server_answers_again_when_it_goes_on(home: Home) -> None:
    async with await Nats.start(home.directory / "nats") as server:
        await server.pause()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with closing(writer):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readline(), 0.5)
            await server.resume()
            assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"INFO ")
        await writer.wait_closed()
        async with connected(server.url) as client:
            await client.flush(timeout=5)


async def test_a_service_may_publish_only_its_own_events(home: Home) -> None:
    users = {service: subjects_of(service) for service in ("scoring_svc", "audit_svc")}
    async with await Nats.start(home.directory / "nats", users=users) as server:
        async with connected(server.url) as client:
            await client.jetstream().add_stream(name="ALL", subjects=["indicator.>", "dlq.>"])
        refused: list[Exception] = []
        async with connected(server.url_for("scoring_svc"), refused) as client:
            await client.jetstream().publish("indicator.deducted.v1", b"{}")
            await client.jetstream().publish("dlq.scoring_svc.facts.recorded.v1", b"{}")
            await client.publish("wake.scoring_svc", b"reports")
            await client.flush()
        assert refused == []
        async with connected(server.url_for("audit_svc"), refused) as client:
            await client.publish("indicator.deducted.v1", b"{}")
            await client.flush()
            await asyncio.sleep(0.1)
        assert "permissions violation" in str(refused[0]).lower()
        async with connected(server.url) as client:
            assert (await client.jetstream().stream_info("ALL")).state.messages == 2


async def test_a_wrong_password_does_not_enter(home: Home) -> None:
    async with await Nats.start(home.directory / "nats") as server:
        url = server.url.replace("operator:", "operator:x")
        client = Client()
        with pytest.raises(Error):
            await client.connect(url, allow_reconnect=False, max_reconnect_attempts=0, connect_timeout=2)
        await client.close()
