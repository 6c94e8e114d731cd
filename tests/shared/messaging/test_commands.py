import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.scoring import IndicatorDeducted
from tests.chaos.stations import Station, messaging_database, settled, started, until
from tests.chaos.verdict import System

ROOT = Path(__file__).resolve().parents[3]


async def command(station: Station, *words: str, told: int | None = None) -> tuple[int, list[Any]]:
    """Run the command as an operator does; its exit status and its lines, decoded where they are JSON."""
    environment = {
        "LIANDONG_DATABASE_URL": station.settings.database_url.get_secret_value(),
        "LIANDONG_NATS_URL": station.settings.nats_url.get_secret_value(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.messaging", "--service", station.service, *words,
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=told,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    lines = [json.loads(line) if line.startswith("{") else line for line in output.decode().splitlines()]
    return process.returncode or 0, lines


async def test_a_dead_letter_is_listed_read_with_its_cause_and_replayed(system: System) -> None:
    await system.nats.wipe()
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    audit = Station(
        "audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url, retry_delays=(0.05,)
    )

    async def refuse(event: IndicatorDeducted) -> None:
        raise ValueError(f"条款不明 {event.deductions[0].period}")

    async with started(scoring, audit):
        audit.before = refuse
        await scoring.record([1])
        assert await until(lambda: _one_letter(audit), within=10)

        status, lines = await command(audit, "dead-letters", "list")
        assert status == 0
        assert [(line["type"], line["tries"]) for line in lines] == [("indicator.deducted.v1", 2)]
        assert "条款不明 2015-06" in lines[0]["cause"]
        number = str(lines[0]["id"])

        status, lines = await command(audit, "dead-letters", "show", number)
        assert status == 0
        assert json.loads(lines[0]["envelope"])["type"] == "indicator.deducted.v1"

        audit.before = None
        assert await command(audit, "dead-letters", "replay", number) == (0, ["replayed 1"])
        assert await settled(audit, 1, within=10)
        assert await command(audit, "dead-letters", "list") == (0, [])
        assert await command(audit, "dead-letters", "list", told=asyncio.subprocess.STDOUT) == (0, ["no dead letters"])
        assert len((await command(audit, "dead-letters", "list", "--all"))[1]) == 1
        assert (await command(audit, "dead-letters", "show", "999"))[0] == 1
        assert (await command(audit, "dead-letters", "replay"))[0] == 2


async def test_what_a_reader_lost_is_sent_again_to_it_alone(system: System) -> None:
    await system.nats.wipe()
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url)
    async with started(scoring, audit):
        await scoring.record(range(10))
        assert await settled(audit, 10, within=10)
        async with audit.database.transaction("fault") as uow:
            await (await uow.driver()).execute("DELETE FROM effects; DELETE FROM inbox")
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        words = ("redrive", "--since", since, "--to", "audit_svc", "--type", "indicator.deducted.v1")
        assert await command(scoring, *words) == (0, ["sending 10 again"])
        assert await settled(audit, 10, within=10)
        # To everybody: the inbox passes over what was handled.
        assert await command(scoring, "redrive", "--since", since) == (0, ["sending 10 again"])
        assert await until(lambda: _delivered_again(audit), within=10)
        assert await audit.count("effects") == 10


@pytest.mark.parametrize("reader", [(), ("--to", "audit_svc")])
async def test_however_much_is_sent_again_no_statement_takes_it_all(system: System, reader: tuple[str, ...]) -> None:
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    await scoring.database.open()  # without its relay: what the command wrote stays as it wrote it
    try:
        await scoring.database.reads.execute(
            "INSERT INTO outbox (event_id, type, nats_subject, envelope, published_at) SELECT gen_random_uuid(), "
            "'indicator.deducted.v1', 'indicator.deducted.v1', '{}', now() FROM generate_series(1, 2500)"
        )
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        assert await command(scoring, "redrive", "--since", since, *reader) == (0, ["sending 2500 again"])
        pages = await scoring.fetch(
            "SELECT count(*) AS rows FROM outbox WHERE published_at IS NULL GROUP BY xmin::text ORDER BY 1"
        )
        assert [page["rows"] for page in pages] == [500, 1000, 1000]
        later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        assert await command(scoring, "redrive", "--since", later, *reader) == (0, ["sending 0 again"])
    finally:
        await scoring.database.close()


async def test_the_topology_is_shown_and_applied(system: System) -> None:
    await system.nats.wipe()
    station = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url)
    status, lines = await command(station, "topology", "show")
    assert status == 1
    assert "stream SCORING: absent" in lines
    assert (await command(station, "topology", "apply"))[0] == 0
    status, lines = await command(station, "topology", "show")
    assert (status, lines[-1]) == (0, "the broker has exactly this")


async def _one_letter(audit: Station) -> bool:
    return await audit.count("dead_letters") == 1


async def _delivered_again(audit: Station) -> bool:
    info = await audit.bus.link.api("CONSUMER.INFO.SCORING.audit_svc")
    return bool(info["delivered"]["stream_seq"] >= 30 and not info["num_ack_pending"])
