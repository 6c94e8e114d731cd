"""`rescore_latency`: from the answer to one changed fact to its new provisional score, at 50 a second.

submission_svc and scoring_svc run as processes over NATS with every message synchronised; facts come in over HTTP, one
a batch, by client credentials. The score is watched for from outside, so the figure is up to one look (about 2 ms)
worse than the truth. `rescore_peers`: the handler of one changed fact under a rule that ranks 7,900 units, whose every
place may move; the way over the bus comes on top.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import httpx
import msgspec

from shared.clock import SHANGHAI, Clock
from shared.contracts.identity import unit_id
from shared.testing import fresh_database, running_service
from tests.bench.harness import Bench, Figure, percentile
from tests.scoring_svc.ledger.city import RANKED, UNITS, card, fact, facts, metric, per_error, published
from tests.submission_svc import bureau
from tests.support.processes import ServiceProcess

RATE = 50
WARM, MEASURED = 100, 750
PEERS, CHANGES = 7_900, 40
PERIOD = "2015-01"
_SEEN = "SELECT unit_id, (inputs::jsonb ->> 'errors')::int AS version FROM cells"


async def run(bench: Bench) -> list[Figure]:
    """Measure both."""
    single = await _over_the_bus(bench)
    peers = await _among_peers(bench)
    load = f"load {os.getloadavg()[0]:.1f}"
    how = f"{len(single)} facts at {RATE}/s over HTTP, outbox, broker and ledger; no bare, the bar is in ms ({load})"
    ranked = f"{len(peers)} changed facts, each re-scoring {PEERS} units that are ranked ({load})"
    return [
        Figure("rescore_latency_p50", percentile(single, 0.5), 20, how, unit="ms"),
        Figure("rescore_latency_p99", percentile(single, 0.99), 100, how, unit="ms"),
        Figure("rescore_peers_p99", percentile(peers, 0.99), 300, ranked, unit="ms"),
    ]


async def _over_the_bus(bench: Bench) -> list[float]:
    journal = bench.directory / "clock.jsonl"
    Clock(journal).set(datetime(2015, 2, 3, 9, tzinfo=SHANGHAI), by="bench")
    database, dsns = await fresh_database(bench.postgres, "submission_svc")
    async with running_service(
        "submission_svc", bench.postgres, bench.issuer, database=(database, dsns), clock_file=journal
    ) as service:
        await bureau.found_bureau(service)
    name, scoring_dsns = await fresh_database(bench.postgres, "scoring_svc")
    async with running_service(
        "scoring_svc", bench.postgres, bench.issuer, database=(name, scoring_dsns), clock_file=journal
    ) as service:
        await service.seed_units(UNITS)
        scored = card("RATE", per_error("10", "-0.01"), {"errors": metric("M-COUNT")})
        for event in (published("WH-T", [scored]), scored):
            await service.deliver(event, times=1)
    processes = [
        ServiceProcess(which, one, bench.issuer, bench.nats.url, bench.directory, clock_file=str(journal))
        for which, one in (("submission_svc", dsns), ("scoring_svc", scoring_dsns))
    ]
    for process in processes:
        bench.stack.push_async_callback(process.stop)
        await process.start(ready=True)
    headers = {"authorization": f"Bearer {bench.issuer.token(client=bureau.CLIENT)}"}
    async with httpx.AsyncClient(base_url=processes[0].url, headers=headers, timeout=30) as http:
        await _measure(http, name, bench, 0, WARM)
        return await _measure(http, name, bench, WARM, MEASURED)


async def _measure(http: httpx.AsyncClient, database: str, bench: Bench, first: int, count: int) -> list[float]:
    """Milliseconds from the answer to the score of each fact."""
    answered: dict[tuple[UUID, int], float] = {}
    wanted = [_change(first + number) for number in range(count)]
    watching = asyncio.ensure_future(_watch(bench.postgres.dsn(database), wanted))
    begun, sends = time.perf_counter(), []

    async def send(number: int) -> None:
        unit, version = _change(number)
        body = {"mode": "partial", "rows": [bureau.row("M-COUNT", unit, PERIOD, str(number + 1))]}
        answer = await http.post("/v1/fact-batches", json=body, headers={"idempotency-key": f"n-{number}"})
        answered[unit_id(unit), version] = time.perf_counter()
        assert answer.json()["rejected"] == 0, answer.text

    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
        sends.append(asyncio.ensure_future(send(first + number)))
    await asyncio.gather(*sends)
    seen = await asyncio.wait_for(watching, 60)
    return [max(0.0, seen[key] - at) * 1_000 for key, at in answered.items()]


def _change(number: int) -> tuple[str, int]:
    """Which unit's fact the n-th change is, and which version of it."""
    return bureau.DISTRICTS[number % len(bureau.DISTRICTS)], number // len(bureau.DISTRICTS) + 1


async def _watch(dsn: str, wanted: Sequence[tuple[str, int]]) -> dict[tuple[UUID, int], float]:
    """When each version could first be read in a score; a later one shows the earlier too."""
    waiting: dict[UUID, list[int]] = {}
    for unit, version in wanted:
        waiting.setdefault(unit_id(unit), []).append(version)
    seen: dict[tuple[UUID, int], float] = {}
    driver = await asyncpg.connect(dsn)
    try:
        while any(waiting.values()):
            rows = await driver.fetch(_SEEN)
            now = time.perf_counter()
            for row in rows:
                left = waiting.get(row["unit_id"], [])
                while left and left[0] <= row["version"]:
                    seen[row["unit_id"], left.pop(0)] = now
            await asyncio.sleep(0.002)
    finally:
        await driver.close()
    return seen


async def _among_peers(bench: Bench) -> list[float]:
    """Milliseconds of the handler, from the event to the commit of all places."""
    name, dsns = await fresh_database(bench.postgres, "scoring_svc")
    # Without the pause, so that every change is scored for itself.
    async with running_service(
        "scoring_svc", bench.postgres, bench.issuer, database=(name, dsns), group_pause_seconds=0
    ) as service:
        codes = [f"U{number:04d}" for number in range(PEERS)]
        ranked = msgspec.structs.replace(
            card("RANKED", RANKED, {"growth": metric("M-GROWTH")}), evaluated_unit_ids=[unit_id(code) for code in codes]
        )
        for event in (published("WH-T", [ranked]), ranked):
            await service.deliver(event, times=1)
        first = [fact("M-GROWTH", code, f"{number % 977}.{number % 10}") for number, code in enumerate(codes)]
        await service.deliver(facts(1, *first), times=1)
        taken = []
        for number in range(CHANGES):
            value = f"{(number * 37) % 990}.5"
            event = facts(2 + number, fact("M-GROWTH", codes[number * 131 % PEERS], value, version=2))
            started = time.perf_counter()
            await service.deliver(event, times=1)
            taken.append((time.perf_counter() - started) * 1_000)
        return taken[CHANGES // 8 :]
