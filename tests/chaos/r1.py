"""R1: no acknowledged submission is lost, whatever process dies.

Senders post batches under keys of their own and note what was acknowledged, while the service and PostgreSQL are killed
(-9) in turn. Afterwards every acknowledged cell must stand with a version at least as new as the acknowledged one, and
every version must belong to a batch that was sent. Control: a service that answers before its commit.
"""

import asyncio
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from shared.clock import SHANGHAI, Clock
from shared.testing import TestIssuer, fresh_database, issuer_for_tests, running_service
from tests.chaos.verdict import System, Verdict, red_if
from tests.submission_svc import bureau
from tests.support.processes import ServiceProcess

_SENDERS = 6
_EVERY_SECONDS = 2.5
_CONTROL_SECONDS = 4.0


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


async def _kill_in_turn(system: System, process: ServiceProcess, seconds: float) -> int:
    kills, end = 0, asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() + _EVERY_SECONDS < end:
        await asyncio.sleep(_EVERY_SECONDS)
        if kills % 2:
            await system.postgres.kill()
            await system.postgres.start_again()
        else:
            await process.kill()
            await process.start()
        kills += 1
    return kills


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
        kills, _ = await asyncio.gather(_kill_in_turn(system, process, seconds), load.run(seconds))
    finally:
        await process.stop()
    inside = await asyncpg.connect(system.postgres.dsn(database))
    kept = {str(each["receipt_id"]) for each in await inside.fetch("SELECT receipt_id FROM receipts WHERE landed")}
    phantom = await inside.fetchval(
        "SELECT count(*) FROM fact_versions v WHERE NOT EXISTS (SELECT FROM receipts r WHERE r.receipt_id = v.batch_id)"
    )
    halves = await inside.fetchval(
        "SELECT count(*) FROM receipts r WHERE r.landed AND r.created + r.updated <> "
        "(SELECT count(*) FROM fact_versions v WHERE v.batch_id = r.receipt_id)"
    )
    unsent = await inside.fetchval(
        "SELECT count(*) FROM fact_chunks c WHERE NOT EXISTS "
        "(SELECT FROM outbox o WHERE o.envelope LIKE '%\"chunk_no\":' || c.chunk_no || ',%')"
    )
    await inside.close()
    return {
        "lost": len(set(load.acknowledged) - kept) + halves + unsent,
        "phantom": phantom,
        "of": len(load.acknowledged),
        "kills": kills,
    }


async def run(system: System, *, seconds: float) -> Verdict:
    """About `seconds` of load with a kill every few seconds, and a short control."""
    with issuer_for_tests() as issuer:
        figures = await _scenario(system, issuer, seconds, early=False)
        control = await _scenario(system, issuer, max(_CONTROL_SECONDS, seconds / 4), early=True)
    held = figures["lost"] == 0 and figures["phantom"] == 0 and figures["of"] > 0 and figures["kills"] > 0
    return Verdict("R1", held, red_if(control["lost"] > 0), {**figures, "control_lost": control["lost"]})
