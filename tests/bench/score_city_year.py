"""`score_city_year`: 138 units × 148 indicators × 12 months = 245,088 cells from facts to a published ranking.

Product: every month is confirmed over HTTP (facts read, all cells evaluated, cells, versions, entries, evaluations,
deductions and their events written in one transaction a month), then the year's ranking is published. By one process,
and by two that share the months. Bare: the facts read by COPY, and the very rows that the product wrote put into the
same tables by binary COPY from ready bytes, in one transaction over one connection.
"""

import asyncio
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import httpx

from services.scoring_svc.metadata import metadata
from shared.contracts.roles import Role
from shared.testing import fresh_database, running_service
from tests.bench import city_year
from tests.bench.city_year import MONTHS, SET, UNITS
from tests.bench.harness import Bench, Figure, interleave
from tests.support.processes import ServiceProcess

ROUNDS = 3
_SILENT = {"period_states"}


@dataclass
class _Written:
    """The rows of one product round by table, as the binary COPY takes them, and how many."""

    tables: Mapping[str, bytes]
    rows: Mapping[str, int]


async def run(bench: Bench) -> list[Figure]:
    """Measure it."""
    name, dsns = await fresh_database(bench.postgres, "scoring_svc")
    async with running_service("scoring_svc", bench.postgres, bench.issuer, database=(name, dsns)) as service:
        cards = await city_year.publish(service)
        person = await service.seed_person("PO1", "420100", Role.PERFORMANCE_OFFICE, scope="all")
        for period, rows in city_year.facts_of_months(cards[0].evaluated_unit_ids):
            async with service.database.transaction("bench") as uow:
                await city_year.store_facts(await uow.driver(), period, rows)
    owner = await asyncpg.connect(bench.postgres.dsn(name))
    bench.stack.push_async_callback(owner.close)
    await owner.execute("ANALYZE")
    processes = []
    for _ in range(2):
        process = ServiceProcess("scoring_svc", dsns, bench.issuer, bench.nats.url, bench.directory)
        bench.stack.push_async_callback(process.stop)
        await process.start()
        processes.append(process)
    headers = {"Authorization": f"Bearer {bench.issuer.token(person=person)}"}
    clients = [httpx.AsyncClient(base_url=one.url, headers=headers, timeout=600) for one in processes]
    for client in clients:
        bench.stack.push_async_callback(client.aclose)
    before = await _counts(owner)
    written: list[_Written] = []

    async def product(_: int) -> None:
        await _confirm(clients[:1])
        await _publish(clients[0])

    async def two(_: int) -> None:
        await _confirm(clients)
        await _publish(clients[0])

    async def bare(_: int) -> None:
        await _copy(owner, written[0])

    async def empty() -> None:
        await _empty(owner, before)

    await empty()
    await product(0)
    await _sent(owner)
    written.append(await _read(owner, before))
    times = await interleave({"product": product, "two": two, "bare": bare}, rounds=ROUNDS, before=empty)
    rows = written[0].rows
    assert rows["cells"] == UNITS * len(cards) * len(MONTHS) == 245_088
    told = ", ".join(f"{table} {count}" for table, count in sorted(rows.items(), key=lambda one: -one[1]))
    said = (
        f"bare: facts out and {sum(rows.values())} ready rows in by COPY took {times['bare']:.1f} s ({told}); "
        f"product {times['product']:.1f} s, two processes {times['two']:.1f} s (load {os.getloadavg()[0]:.1f})"
    )
    return [
        Figure("score_city_year", times["product"] / times["bare"], 1.6, said, unit="of_bare", stretch=1.3),
        Figure("score_city_year_two", times["two"] / times["bare"], 1.1, said, unit="of_bare"),
    ]


def _key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def _confirm(clients: list[httpx.AsyncClient]) -> None:
    """Confirm all months, the clients in turn."""

    async def some(place: int) -> None:
        for month in MONTHS[place :: len(clients)]:
            answer = await clients[place].post(f"/v1/period-states/{SET}/{month.key}/confirm", json={}, headers=_key())
            assert answer.status_code == 200, answer.text

    await asyncio.gather(*(some(place) for place in range(len(clients))))


async def _publish(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rankings", json={"set": SET, "period": "2015-12-YTD"}, headers=_key())
    assert answer.status_code == 201, answer.text


async def _counts(owner: asyncpg.Connection) -> dict[str, int]:
    return {table: await owner.fetchval(f"SELECT count(*) FROM {table}") for table in sorted(metadata.tables)}


async def _sent(owner: asyncpg.Connection) -> None:
    """Wait until the relay has sent what was written, so that it does not run beside the next way."""
    while await owner.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL"):  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.2)


async def _empty(owner: asyncpg.Connection, before: Mapping[str, int]) -> None:
    """Every month fenced, and nothing entered."""
    await _sent(owner)
    empty = [table for table, count in before.items() if not count]
    await owner.execute(f"TRUNCATE {', '.join(empty)}")
    for month in MONTHS:
        await city_year.put_period(owner, month, "fenced", 2)
    await owner.execute("CHECKPOINT")


async def _read(owner: asyncpg.Connection, before: Mapping[str, int]) -> _Written:
    tables, rows = {}, {}
    after = await _counts(owner)
    for table, count in after.items():
        if count > before[table] and table not in _SILENT:
            out = io.BytesIO()
            await owner.copy_from_query(f"SELECT * FROM {table}", output=out, format="binary")
            tables[table], rows[table] = out.getvalue(), count
    return _Written(tables, rows)


async def _copy(owner: asyncpg.Connection, written: _Written) -> None:
    read = io.BytesIO()
    await owner.copy_from_table("facts", output=read, format="binary")
    async with owner.transaction():
        for table, content in written.tables.items():
            await owner.copy_to_table(table, source=io.BytesIO(content), format="binary")
