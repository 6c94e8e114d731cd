import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.contracts.known import declarations
from shared.contracts.scoring import IndicatorDeducted
from shared.errors import Unavailable
from shared.messaging import outbox, topology
from shared.messaging.bus import Bus, HandlerMissing, HandlerUnexpected
from shared.messaging.pull import Ack
from tests.chaos.stations import (
    SUBJECT,
    Station,
    as_owner,
    deducted,
    messaging_database,
    settled,
    started,
    until,
)
from tests.chaos.verdict import System


@asynccontextmanager
async def pair(system: System, **settings: object) -> AsyncIterator[tuple[Station, Station]]:
    """A producer and a reader on fresh databases and an empty broker."""
    await system.nats.wipe()
    scoring = Station(
        "scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url, **settings
    )
    audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url, **settings)
    async with started(scoring, audit):
        yield scoring, audit


async def test_an_event_is_handled_milliseconds_after_its_commit(system: System) -> None:
    async with pair(system) as (scoring, audit):
        for number in range(40):
            await scoring.record([number])
            await asyncio.sleep(0.01)
        assert await settled(audit, 40, within=10)
        assert sorted(audit.delays)[20] < 0.1


async def test_a_snapshot_goes_to_the_service_it_is_for(system: System) -> None:
    async with pair(system) as (scoring, audit):
        async with scoring.database.transaction("test") as uow:
            uow.record(deducted(1), to="audit_svc")
            uow.record(deducted(2), to="indicator_svc")
        assert await settled(audit, 1, within=10)
        await until(lambda: _all_sent(scoring), within=5)
        assert await audit.count("effects") == 1


async def test_a_rolled_back_event_is_never_sent(system: System) -> None:
    async with pair(system) as (scoring, audit):
        with pytest.raises(RuntimeError):
            await _record_and_fail(scoring)
        await scoring.record([2])
        assert await settled(audit, 1, within=10)
        assert await audit.count("inbox") == 1


async def test_a_relay_that_dies_between_sending_and_marking_sends_again_and_it_counts_once(system: System) -> None:
    async with pair(system) as (first, audit):
        await first.stop()
        scoring = Station("scoring_svc", _dsn(first), system.nats.url)
        await scoring.database.open()
        await scoring.record(range(10))
        connection = await asyncpg.connect(_dsn(scoring))
        rows = await outbox.claim(connection, uuid4(), rows=200, lease=0.5)
        await connection.close()
        await scoring.bus.link.start()
        await scoring.bus.link.wait_connected(5)
        await scoring.bus._watch.look()
        acked, refused, unanswered = await scoring.bus._relay._publish(rows)
        assert (len(acked), refused, unanswered) == (10, [], [])
        await scoring.stop()
        again = Station("scoring_svc", _dsn(scoring), system.nats.url)
        async with started(again):
            assert await until(lambda: _all_sent(again), within=10)
            assert await settled(audit, 10, within=10)
            assert await audit.count("effects") == 10


async def test_a_relay_claims_nothing_that_another_one_holds(system: System) -> None:
    async with pair(system) as (scoring, _):
        await scoring.bus.stop()
        await scoring.record(range(5))
        one, two = await asyncpg.connect(_dsn(scoring)), await asyncpg.connect(_dsn(scoring))
        first = await outbox.claim(one, uuid4(), rows=3, lease=0.3)
        assert len(await outbox.claim(two, uuid4(), rows=200, lease=0.3)) == 2
        assert await outbox.claim(two, uuid4(), rows=200, lease=0.3) == []
        await asyncio.sleep(0.35)
        assert len(await outbox.claim(two, uuid4(), rows=200, lease=0.3)) == 5
        assert [row.row_id for row in first] == sorted(row.row_id for row in first)
        await one.close()
        await two.close()


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_consumer_that_dies_after_its_commit_and_before_its_answer(system: System, *, guarded: bool) -> None:
    """Delivered twice; counted once thanks to the inbox, and twice without it."""
    async with pair(system) as (scoring, audit):
        await as_owner(system.postgres, _dsn(audit), "DROP INDEX effects_once")
        if not guarded:
            await as_owner(system.postgres, _dsn(audit), "ALTER TABLE inbox DROP CONSTRAINT pk_inbox")
        pull = next(each for each in audit.bus._pulls if each._durable.stream == "SCORING")
        receive = pull._receive

        async def die(message: object) -> Ack:
            assert await receive(message) == Ack()  # type: ignore[arg-type]
            await asyncio.Event().wait()
            return Ack()

        pull._receive = die  # type: ignore[assignment]
        await scoring.record([1])
        assert await until(lambda: _counted(audit, "effects", 1), within=5)
        await audit.crash()
        again = Station("audit_svc", _dsn(audit), system.nats.url)
        async with started(again):
            assert await settled(again, 1, within=15)
            assert await again.count("effects") == (1 if guarded else 2)


async def test_while_a_dependency_is_away_an_event_waits_without_spending_a_delivery(system: System) -> None:
    async with pair(system, retry_delays=(0.05,)) as (scoring, audit):
        calls = 0

        async def refuse(_: IndicatorDeducted) -> None:
            nonlocal calls
            calls += 1
            if calls < 4:
                raise Unavailable(what="scoring_svc")

        audit.before = refuse
        await scoring.record([1])
        assert await until(lambda: any("waits for scoring_svc" in reason for reason in audit.bus.deaf()), within=5)
        assert await settled(audit, 1, within=10)
        assert (calls, await audit.count("dead_letters")) == (4, 0)


async def test_an_event_that_waits_for_a_lock_spends_no_try_however_long_it_takes(system: System) -> None:
    async with pair(system, retry_delays=(0.05,)) as (scoring, audit):
        calls = 0

        async def find_locked(_: IndicatorDeducted) -> None:
            nonlocal calls
            calls += 1
            if calls < 10:
                raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")

        audit.before = find_locked
        await scoring.record([1])
        assert await settled(audit, 1, within=10)
        assert (calls, await audit.count("dead_letters")) == (10, 0)


async def test_while_its_database_is_away_an_event_waits_without_spending_a_delivery(
    system: System, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with await _own_postgres(tmp_path_factory) as postgres:
        await system.nats.wipe()
        scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
        audit = Station("audit_svc", await messaging_database(postgres, "audit_svc"), system.nats.url)
        async with started(scoring, audit):
            await scoring.record([1])
            assert await settled(audit, 1, within=10)
            await postgres.kill()
            await scoring.record(range(2, 12))
            assert await until(lambda: any("database away" in reason for reason in audit.bus.deaf()), within=5)
            await asyncio.sleep(1.5)
            await postgres.start_again()
            assert await settled(audit, 11, within=15)
            assert (await audit.count("effects"), await audit.count("dead_letters")) == (11, 0)


async def test_while_its_database_takes_no_writes_an_event_waits_without_spending_a_delivery(system: System) -> None:
    async with pair(system, retry_delays=(0.05,)) as (scoring, audit):
        await scoring.record([1])
        assert await settled(audit, 1, within=10)
        await _switch_read_only(system, audit, "on")
        await scoring.record(range(2, 12))
        assert await until(lambda: any("database away" in reason for reason in audit.bus.deaf()), within=5)
        await asyncio.sleep(2.5)  # the probe looks, and finds a database that answers but takes nothing
        assert any("database away" in reason for reason in audit.bus.deaf())
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await audit.database.demand_writable(audit.database.reads)
        # As after a failover: the connections of before are not cut, they must be left.
        await _switch_read_only(system, audit, "off", cut=False)
        assert await settled(audit, 11, within=15)
        assert (await audit.count("effects"), await audit.count("dead_letters")) == (11, 0)


async def test_an_event_too_large_for_the_broker_holds_up_no_other(system: System) -> None:
    async with pair(system) as (scoring, audit):
        await scoring.record([1], note="x" * 1_100_000)
        await scoring.record([2])
        assert await settled(audit, 1, within=10)
        unsent = await scoring.fetch("SELECT 1 FROM outbox WHERE published_at IS NULL")
        assert len(unsent) == 1


async def test_a_message_whose_deliveries_are_used_up_becomes_a_dead_letter(system: System) -> None:
    async with pair(system) as (scoring, audit):
        await audit.stop()
        await scoring.record([1])
        inbox = scoring.bus.link.client.new_inbox()
        heard = await scoring.bus.link.client.subscribe(inbox)
        ask = "$JS.API.CONSUMER.MSG.NEXT.SCORING.audit_svc"
        for _ in range(topology.MAX_DELIVER):
            await scoring.bus.link.client.publish(ask, b'{"batch":1,"expires":2000000000}', reply=inbox)
            await (await heard.next_msg(timeout=5)).nak()
        again = Station("audit_svc", _dsn(audit), system.nats.url)
        async with started(again):
            assert await until(lambda: _counted(again, "dead_letters", 1), within=10)
            letter = (await again.fetch("SELECT type, cause, tries FROM dead_letters"))[0]
            assert (letter["type"], letter["tries"]) == (SUBJECT, topology.MAX_DELIVER)
            assert "deliveries used up" in letter["cause"]
            assert await again.count("effects") == 0


async def test_a_consumer_that_was_altered_is_refused_by_name_until_the_wanted_one_is_applied(system: System) -> None:
    async with pair(system) as (scoring, audit):
        await audit.stop()
        durable = next(each for each in topology.durables("audit_svc") if each.stream == "SCORING")
        altered = {**durable.config, "max_deliver": 3}
        await scoring.bus.link.api(
            "CONSUMER.CREATE.SCORING.audit_svc", {"stream_name": "SCORING", "config": altered, "action": "update"}
        )
        again = Station("audit_svc", _dsn(audit), system.nats.url)
        await again.database.open()
        with pytest.raises(topology.TopologyDrift, match="consumer SCORING/audit_svc: max_deliver is 3, wanted 20"):
            await again.bus.start()
        await again.database.close()
        for stream in topology.streams():
            await topology.ensure_stream(scoring.bus.link, stream)
        assert "consumer SCORING/audit_svc: max_deliver is 3, wanted 20" in await topology.apply(scoring.bus.link)
        assert await topology.differences_now(scoring.bus.link) == []
        async with started(Station("audit_svc", _dsn(audit), system.nats.url)):
            await scoring.record([1])


async def test_a_service_starts_without_its_broker_and_sends_when_it_comes(system: System) -> None:
    await system.nats.stop()
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url)
    await scoring.start()
    await audit.start()
    try:
        assert audit.bus.deaf() == ["broker not connected"]
        await scoring.record(range(20))
        await system.nats.start_again()
        assert await settled(audit, 20, within=15)
    finally:
        await scoring.stop()
        await audit.stop()


async def test_handlers_must_be_exactly_the_types_that_the_registry_says(system: System) -> None:
    dsn = await messaging_database(system.postgres, "audit_svc")
    station = Station("audit_svc", dsn, system.nats.url)
    read = {each.contract: station._ignore for each in declarations().values() if "audit_svc" in each.readers}
    unread = next(each.contract for each in declarations().values() if "audit_svc" not in each.readers)
    Bus("audit_svc", station.database, station.settings, read)
    with pytest.raises(HandlerUnexpected, match=unread.__name__):
        Bus("audit_svc", station.database, station.settings, {**read, unread: station._ignore})
    del read[IndicatorDeducted]
    with pytest.raises(HandlerMissing, match="IndicatorDeducted"):
        Bus("audit_svc", station.database, station.settings, read)


async def _record_and_fail(station: Station) -> None:
    async with station.database.transaction("test") as uow:
        uow.record(deducted(1))
        await uow.flush()
        raise RuntimeError


async def _switch_read_only(system: System, station: Station, switch: str, *, cut: bool = True) -> None:
    """Let a station find its database as a standby, or writable again; `cut` ends the connections of before."""
    dsn = _dsn(station)
    name = dsn.split("@/")[1].split("?", maxsplit=1)[0]
    change = f"ALTER DATABASE {name} SET default_transaction_read_only = {switch}"
    await as_owner(system.postgres, dsn, f"SET default_transaction_read_only = off; COMMIT; {change}")
    if cut:
        others = f"datname = '{name}' AND pid <> pg_backend_pid()"
        await as_owner(system.postgres, dsn, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


async def _own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    return await Postgres.start(tmp_path_factory.mktemp(f"own-{uuid.uuid4().hex[:6]}"))


def _dsn(station: Station) -> str:
    return station.settings.database_url.get_secret_value()


async def _all_sent(station: Station) -> bool:
    return not await station.fetch("SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1")


async def _counted(station: Station, table: str, wanted: int) -> bool:
    return await station.count(table) >= wanted


async def test_events_of_one_stream_do_not_wait_for_those_of_another(postgres: Postgres, nats_server: Nats) -> None:
    bus = Station("scoring_svc", await messaging_database(postgres, "scoring_svc"), nats_server.url).bus
    hands = {id(pull._hands) for pull in bus._pulls}
    assert len(hands) == len(bus._pulls) > 1
