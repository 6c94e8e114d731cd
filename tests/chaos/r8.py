"""R8: a retried request does nothing twice.

Each key is sent 50 times at once while the service is killed (-9) in the middle and started again; then once more
until answered, with another body, and by another client. Every batch carries values of its own, so an effect that
happened twice, or two batches under one key, shows in the version chains. Control: the keys' rows are deleted between
two sends, so the same batch is recorded again.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from shared.clock import SHANGHAI, Clock
from shared.contracts.roles import Role
from shared.testing import fresh_database, issuer_for_tests, running_service
from tests.chaos.verdict import System, Verdict, red_if
from tests.submission_svc import bureau
from tests.support.processes import ServiceProcess

_SENDS = 50
# So many seconds bring 400 keys.
FULL_SECONDS = 600.0
_OTHER = "sys-other"
_ROUTE = "/v1/fact-batches"


def _body(number: int, value: int) -> dict[str, Any]:
    return {"mode": "partial", "rows": [bureau.row(unit=unit, period="2015-01", value=f"{value % 100}.{number:04d}")
                                        for unit in bureau.DISTRICTS]}  # fmt: skip


async def _send(http: httpx.AsyncClient, body: Mapping[str, Any], key: str) -> httpx.Response | None:
    """One try; None when the service died or was busy with the same key, so that the caller tries again."""
    try:
        answer = await http.post(_ROUTE, json=body, headers={"idempotency-key": key})
    except httpx.HTTPError:
        return None
    return answer if answer.status_code < 500 and answer.status_code != 409 else None


async def _until_answered(http: httpx.AsyncClient, body: Mapping[str, Any], key: str) -> httpx.Response:
    while True:
        answer = await _send(http, body, key)
        if answer is not None:
            return answer
        await asyncio.sleep(0.1)


async def run(system: System, *, seconds: float) -> Verdict:
    """About `seconds` of keys."""
    journal = system.directory / "clock-r8.jsonl"
    Clock(journal).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="chaos")
    database, dsns = await fresh_database(system.postgres, "submission_svc")
    with issuer_for_tests() as issuer:
        async with running_service(
            "submission_svc", system.postgres, issuer, database=(database, dsns), clock_file=journal
        ) as service:
            await bureau.found_bureau(service)
            await service.seed_client(_OTHER, "420100", Role.SOURCE_SYSTEM)
            shared = bureau.metric("M-RATE", "percent", "any", version=2, supplied_by=(bureau.CLIENT, _OTHER))
            await service.deliver(shared, times=1)
            second = {"client_id": _OTHER, "name": "另一系统", "metric_codes": ["M-RATE"]}
            await service.client(client="setup").post("/v1/source-systems", json=second)
        process = ServiceProcess(
            "submission_svc", dsns, issuer, system.nats.url, system.directory, clock_file=str(journal)
        )
        await process.start()
        headers = {"authorization": f"Bearer {issuer.token(client=bureau.CLIENT)}"}
        limits = httpx.Limits(max_connections=_SENDS)
        try:
            async with (
                httpx.AsyncClient(base_url=process.url, headers=headers, timeout=10, limits=limits) as http,
                httpx.AsyncClient(
                    base_url=process.url, headers={"authorization": f"Bearer {issuer.token(client=_OTHER)}"}, timeout=10
                ) as other,
            ):
                return await _count(database, system, process, http, other, seconds)
        finally:
            await process.stop()


async def _count(
    database: str,
    system: System,
    process: ServiceProcess,
    http: httpx.AsyncClient,
    other: httpx.AsyncClient,
    seconds: float,
) -> Verdict:
    inside = await asyncpg.connect(system.postgres.dsn(database))
    end, keys, kills, differing, wrong = asyncio.get_running_loop().time() + seconds, 0, 0, 0, 0
    while asyncio.get_running_loop().time() < end or keys < 2:
        key, body = f"key-{keys}", _body(keys, keys)
        sends = [asyncio.create_task(_send(http, body, key)) for _ in range(_SENDS)]
        if keys % 5 == 0:
            await asyncio.sleep(0.01 + 0.004 * (keys % 7))
            await process.kill()
            await process.start()
            kills += 1
        answers = [answer for answer in await asyncio.gather(*sends) if answer is not None]
        answers.append(await _until_answered(http, body, key))
        differing += len({(answer.status_code, answer.content) for answer in answers}) != 1
        changed = await _until_answered(http, _body(keys, keys + 1), key)
        wrong += changed.json()["code"] != "idempotency_key_reused"
        # Another client's key of the same name is another key: its batch is worked on, and finds the facts unchanged.
        own = await _until_answered(other, body, key)
        wrong += own.json()["receipt_id"] == answers[0].json()["receipt_id"] or own.json()["unchanged"] != len(
            bureau.DISTRICTS
        )
        keys += 1
    effects = await inside.fetchval("SELECT count(*) FROM receipts")
    versions = await inside.fetchval("SELECT count(*) FROM fact_versions")
    held = effects == 2 * keys and versions == keys * len(bureau.DISTRICTS) and not differing and not wrong
    for value in (1, 2):  # between them another batch, so that a repetition is no "unchanged"
        await _until_answered(http, _body(9_000 + value, value), f"control-{value}")
    await inside.execute("DELETE FROM idempotency")
    await _until_answered(http, _body(9_001, 1), "control-1")
    twice = await inside.fetchval("SELECT count(*) FROM receipts") - effects > 2
    await inside.close()
    figures = {
        "keys": keys,
        "sends": keys * _SENDS,
        "kills": kills,
        "effects": effects,
        "other_answers": differing + wrong,
    }
    return Verdict("R8", held, red_if(twice), figures)
