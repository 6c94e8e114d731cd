"""A broker that comes back with a damaged store: what it passes over without a word is sent again."""

import asyncio
from dataclasses import replace
from pathlib import Path

import nats
import pytest

from shared.messaging import streamwatch, topology
from shared.messaging.link import BrokerRefused
from shared.messaging.streamwatch import StreamWatch
from tests.chaos.stations import SUBJECT, Station, messaging_database, settled, started, until
from tests.chaos.verdict import System


@pytest.fixture(params=[True, False], ids=["guarded", "control"])
def guarded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With the producer's doubt about a broker that was started anew, and without."""
    if not request.param:
        monkeypatch.setattr(StreamWatch, "_put_back", _does_nothing)
        monkeypatch.setattr(StreamWatch, "_is_damaged", _does_nothing)
    return bool(request.param)


async def _does_nothing(*_: object) -> None:
    """The control of what is sent again."""


def _again(station: Station, system: System) -> Station:
    return Station(station.service, station.settings.database_url.get_secret_value(), system.nats.url)


async def _recorded(system: System) -> tuple[Station, Station]:
    """A producer whose 20 events lie in the broker, and a reader that is away and knows none of them; both stopped."""
    await system.nats.wipe()
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url)
    async with started(scoring, audit):
        await audit.stop()
        await scoring.record(range(20))
        assert await until(lambda: _all_sent(scoring), within=10)
        await scoring.bus._watch.look()
    return scoring, audit


async def _all_sent(station: Station) -> bool:
    return not await station.fetch("SELECT 1 FROM outbox WHERE published_at IS NULL")


async def _damage(system: System, pattern: str, old: bytes, new: bytes) -> None:
    """Replace bytes in a file of the stopped broker's store."""
    (file,) = system.nats.directory.glob(f"store/**/SCORING/{pattern}")
    content = await asyncio.to_thread(Path.read_bytes, file)
    assert old in content
    await asyncio.to_thread(file.write_bytes, content.replace(old, new))


async def test_a_message_that_the_broker_can_no_longer_read_is_sent_again(system: System, *, guarded: bool) -> None:
    scoring, audit = await _recorded(system)
    await system.nats.stop()
    await _damage(system, "msgs/1.blk", b'"period":"2015-06"', b'"period":"2015-07"')
    await system.nats.start_again()
    async with started(_again(scoring, system), reader := _again(audit, system)):
        assert await settled(reader, 20, within=15 if guarded else 3) == guarded


async def test_what_a_reader_is_said_to_have_and_never_acknowledged_is_sent_again(
    system: System, *, guarded: bool
) -> None:
    scoring, audit = await _recorded(system)
    client = await nats.connect(system.nats.url)
    position = await client.jetstream().pull_subscribe(SUBJECT, durable="audit_svc", stream="SCORING")
    for message in await position.fetch(20, timeout=5):
        await message.ack()
    await client.close()
    async with started(_again(scoring, system), reader := _again(audit, system)):
        assert await settled(reader, 20, within=15 if guarded else 3) == guarded


async def test_a_stream_that_the_broker_keeps_offline_is_made_anew(system: System) -> None:
    scoring, audit = await _recorded(system)
    await system.nats.stop()
    await _damage(system, "obs/audit_svc/meta.inf", b'"num_replicas"', b'"num_replicaz"')
    await system.nats.start_again()
    async with started(_again(scoring, system), reader := _again(audit, system)):
        assert await settled(reader, 20, within=15)


async def test_a_stream_that_grows_while_it_is_looked_at_is_not_taken_for_shortened(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamwatch, "_EVERY_SECONDS", 0.001)
    await system.nats.wipe()
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    async with started(scoring):
        for number in range(500):
            await scoring.record([number])
        assert await until(lambda: _all_sent(scoring), within=20)
        assert [row["generation"] for row in await scoring.fetch("SELECT generation FROM stream_state")] == [1]


@pytest.mark.parametrize("asked", [True, False], ids=["guarded", "control"])
async def test_only_the_stream_that_was_looked_at_is_given_up(system: System, *, asked: bool) -> None:
    """Another process of the service made the stream anew while this one still read the old one back."""
    await _recorded(system)
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    async with started(scoring):
        link, watch = scoring.bus.link, scoring.bus._watch
        old = await watch._see()
        await link.api("STREAM.DELETE.SCORING")
        await topology.ensure_stream(link, watch._wanted)
        new = await link.api("STREAM.INFO.SCORING")
        assert new["created"] != old.identity
        # The control believes that what it finds is what it had looked at.
        await watch._give_up(old if asked else replace(old, identity=new["created"]))
        try:
            kept = (await link.api("STREAM.INFO.SCORING"))["created"] == new["created"]
        except BrokerRefused:
            kept = False
        assert kept == asked
