"""R1: no acknowledged submission is lost, whatever process dies.

Senders post batches under keys of their own and note what was acknowledged, while every few seconds the service,
PostgreSQL or NATS is killed (-9) or frozen for a while. Afterwards every acknowledged batch must stand whole with its
event, every event must have reached the broker, and every version must belong to a batch that was sent. Control: a
service that answers before its commit.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import httpx

from deploy.local.processes import Child, descendants
from shared.clock import SHANGHAI, Clock
from shared.testing import TestIssuer, fresh_database, issuer_for_tests, running_service
from tests.chaos.stations import until
from tests.chaos.verdict import System, Verdict, red_if
from tests.submission_svc import bureau
from tests.support.processes import ServiceProcess

_SENDERS = 12
_EVERY_SECONDS, _OFTEN_SECONDS = (4.0, 8.0), (1.0, 2.0)
_FROZEN_SECONDS = (1.0, 3.0)
_CONTROL_SECONDS, _CONTROL_LONGEST = 4.0, 30.0
# So many seconds bring 80 kills and 50,000 acknowledged batches.
FULL_SECONDS = 720.0

Victim = Callable[[], Awaitable[None]]


def _batch(sender: int, number: int) -> dict[str, Any]:
    month = 1 + (number // 100) % 12
    value = f"{number % 100}.{sender}{number:06d}"
    rows = [bureau.row(unit=unit, period=f"2015-{month:02d}", value=value) for unit in bureau.DISTRICTS]
    return {"mode": "atomic", "rows": rows}


class _Load:
    """Senders that retry under the same key until answered; `acknowledged` are the receipts they were given."""

    def __init__(self, url: str, token: str) -> None:
        self.acknowledged: list[str] = []
        self.sent = 0
        self._url, self._token, self._stop = url, token, False

    async def run(self, seconds: float) -> None:
        async with httpx.AsyncClient(
            base_url=self._url, headers={"authorization": f"Bearer {self._token}"}, timeout=10
        ) as http:
            end = asyncio.get_running_loop().time() + seconds
            await asyncio.gather(*(self._send(http, sender, end) for sender in range(_SENDERS)))

    async def _send(self, http: httpx.AsyncClient, sender: int, end: float) -> None:
        number = 0
        while asyncio.get_running_loop().time() < end:
            number, key, body = number + 1, f"{sender}-{number}", _batch(sender, number)
            self.sent += 1
            while asyncio.get_running_loop().time() < end + 20:
                try:
                    answer = await http.post("/v1/fact-batches", json=body, headers={"idempotency-key": key})
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
                    continue
                if answer.status_code == 200:
                    self.acknowledged.append(answer.json()["receipt_id"])
                    break
                await asyncio.sleep(0.1)


async def _kill_in_turn(victims: Sequence[Victim], seconds: float, *, gently: bool) -> int:
    """Strike one victim after the other, all of them before any a second time; `gently`: every 4 to 8 s."""
    shortest, longest = _EVERY_SECONDS if gently else _OFTEN_SECONDS
    kills, now = 0, asyncio.get_running_loop().time
    end = now() + seconds
    left: list[Victim] = list(victims)
    while (strike := now() + random.uniform(shortest, longest)) < end:  # noqa: S311 - no secret
        victim = left.pop(0)
        await asyncio.sleep(strike - now())
        await victim()
        kills += 1
        left = left or random.sample(victims, len(victims))
    return kills


def _victims(system: System, process: ServiceProcess, *, killed_only: bool) -> list[Victim]:
    async def service() -> None:
        await process.kill()
        await process.start()

    async def postgres() -> None:
        await system.postgres.kill()
        await system.postgres.start_again()

    async def nats() -> None:
        await system.nats.kill()
        await system.nats.start_again()

    if killed_only:
        return [service, postgres]
    frozen = [partial(_freeze, child) for child in (lambda: process.child, lambda: system.postgres.child,
                                                    lambda: system.nats.child)]  # fmt: skip
    return [service, postgres, nats, *frozen]


async def _freeze(child: Callable[[], Child]) -> None:
    """Stop a process and all it started for a while (SIGSTOP), and let them go on."""
    family = [child().pid, *descendants(child().pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(random.uniform(*_FROZEN_SECONDS))  # noqa: S311 - no secret
    for pid in family:
        os.kill(pid, signal.SIGCONT)


async def _scenario(system: System, issuer: TestIssuer, seconds: float, *, early: bool) -> dict[str, int]:
    """Load and kills; how many acknowledged batches are lost, and how many versions nobody sent (phantoms)."""
    journal = system.directory / "clock-r1.jsonl"
    Clock(journal).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="chaos")
    database, dsns = await fresh_database(system.postgres, "submission_svc")
    async with running_service(
        "submission_svc", system.postgres, issuer, database=(database, dsns), clock_file=journal
    ) as service:
        await bureau.found_bureau(service)
    process = ServiceProcess("submission_svc", dsns, issuer, system.nats.url, system.directory, clock_file=str(journal))
    if early:
        process.application = "tests.chaos.early_answer:create_app"
    await process.start()
    try:
        load = _Load(process.url, issuer.token(client=bureau.CLIENT))
        victims = _victims(system, process, killed_only=early)
        kills, _ = await asyncio.gather(_kill_in_turn(victims, seconds, gently=seconds >= 60), load.run(seconds))
        inside = await asyncpg.connect(system.postgres.dsn(database))
        sent = await until(partial(_all_sent, inside), within=60)
    finally:
        await process.stop()
    kept = {str(each["receipt_id"]) for each in await inside.fetch("SELECT receipt_id FROM receipts WHERE landed")}
    phantom = await inside.fetchval(
        "SELECT count(*) FROM fact_versions v WHERE NOT EXISTS (SELECT FROM receipts r WHERE r.receipt_id = v.batch_id)"
    )
    halves = await inside.fetchval(
        "WITH kept AS (SELECT batch_id, count(*) AS n FROM fact_versions GROUP BY batch_id) SELECT count(*) "
        "FROM receipts r LEFT JOIN kept ON kept.batch_id = r.receipt_id "
        "WHERE r.landed AND r.created + r.updated <> coalesce(kept.n, 0)"
    )
    unsaid = await inside.fetchval(
        "SELECT count(*) FROM (SELECT chunk_no FROM fact_chunks EXCEPT "
        "SELECT (envelope::json #>> '{data,chunk_no}')::bigint FROM outbox) AS unsaid"
    )
    await inside.close()
    return {
        "lost": len(set(load.acknowledged) - kept) + halves + unsaid + (not sent),
        "phantom": phantom,
        "of": len(load.acknowledged),
        "kills": kills,
    }


async def _all_sent(inside: asyncpg.Connection) -> bool:
    return not await inside.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)")


async def run(system: System, *, seconds: float) -> Verdict:
    """About `seconds` of load with a kill every 4 to 8 s (below a minute: 1 to 2 s), and a short control."""
    with issuer_for_tests() as issuer:
        figures = await _scenario(system, issuer, seconds, early=False)
        control = await _scenario(system, issuer, min(_CONTROL_LONGEST, max(_CONTROL_SECONDS, seconds / 4)), early=True)
    held = figures["lost"] == 0 and figures["phantom"] == 0 and figures["of"] > 0 and figures["kills"] > 0
    return Verdict("R1", held, red_if(control["lost"] > 0), {**figures, "control_lost": control["lost"]})
