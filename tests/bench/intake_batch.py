"""`intake_batch`: 10,000 rows posted over HTTP, against the same rows written bare.

Product: checks, facts, versions, receipt, outbox, trail and idempotency on, one request in flight, its bytes ready.
Bare: tuples ready; COPY into staging, one INSERT…SELECT…ON CONFLICT into facts, one INSERT…SELECT into versions, one
transaction, as the same role on the same tables and partitions. Every round writes a month of its own, empty before.
The product writes a new fact once, so what bare takes without the second INSERT is printed beside it.
"""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec

from shared.clock import SHANGHAI, Clock
from shared.contracts.identity import metric_id, unit_id
from shared.contracts.roles import Role
from shared.testing import RunningService, fresh_database, running_service
from tests.bench.harness import Bench, Figure, interleave
from tests.submission_svc import bureau
from tests.support.processes import ServiceProcess

METRICS = [f"M-{number:03d}" for number in range(100)]
UNITS = [f"42{number:04d}" for number in range(100)]
YEARS = (2015, 2016, 2017, 2018)
ROUNDS = 9
_STAGING = "CREATE TEMPORARY TABLE bare (period text, metric_id uuid, unit_id uuid, value jsonb) ON COMMIT DELETE ROWS"
_COLUMNS = "period, metric_id, unit_id, version, state, value, provenance, author, received_at, batch_id"
_READY = "SELECT period, metric_id, unit_id, 1, 'present', value, 'feed', $1, $2::timestamptz, $3::uuid FROM bare"
_SORTED = " ORDER BY period, metric_id, unit_id"
_UPSERT = (
    f"INSERT INTO facts AS f ({_COLUMNS}) %s ON CONFLICT (period, metric_id, unit_id) DO UPDATE SET "
    "version = f.version + 1, value = excluded.value WHERE f.value IS DISTINCT FROM excluded.value"
)
_VERSIONS = f"INSERT INTO fact_history ({_COLUMNS}) %s"

Row = tuple[str, UUID, UUID, str]


def _value(metric: int, unit: int, number: int) -> str:
    return f"{(metric * 7 + unit * 13 + number) % 100}.{(metric + unit) % 100:02d}"


def _rows(period: str, number: int) -> list[Row]:
    return [
        (period, metric_id(metric), unit_id(unit), f'"{_value(m, u, number)}"')
        for m, metric in enumerate(METRICS)
        for u, unit in enumerate(UNITS)
    ]


def _body(period: str, number: int) -> bytes:
    rows = [
        {"metric": metric, "unit": unit, "period": period, "value": _value(m, u, number)}
        for m, metric in enumerate(METRICS)
        for u, unit in enumerate(UNITS)
    ]
    return msgspec.json.encode({"mode": "atomic", "rows": rows})


async def _write_bare(connection: asyncpg.Connection, rows: list[Row], order: str, *, versions: bool = True) -> None:
    batch = ("bare", datetime.now(UTC), uuid4())
    async with connection.transaction():
        await connection.copy_records_to_table("bare", records=rows)
        await connection.execute(_UPSERT % (_READY + order), *batch)
        if versions:
            await connection.execute(_VERSIONS % (_READY + order), *batch)


async def _found(service: RunningService) -> None:
    """A city whose 100 units are asked for 100 metrics in the months of four years."""
    await service.seed_units([("CITY", "city_bureau", None), *((unit, "district_bureau", "CITY") for unit in UNITS)])
    await service.seed_client(bureau.CLIENT, "CITY", Role.SOURCE_SYSTEM)
    for metric in METRICS:
        await service.deliver(bureau.metric(metric, "percent", {"at_least": "0", "at_most": "100"}), times=1)
    for year in YEARS:
        name = f"BENCH-{year}"
        card = bureau.card("ALL", METRICS, set_code=name, units=UNITS)
        await service.deliver(card, times=1)
        published = msgspec.structs.replace(bureau.published_set(1, set_code=name), year=year)
        await service.deliver(published, times=1)
    registration = {"client_id": bureau.CLIENT, "name": "测量", "metric_codes": METRICS}
    registered = await service.client(client="setup").post("/v1/source-systems", json=registration)
    assert registered.status_code == 201, registered.text
    async with service.database.reads.acquire() as connection:
        await connection.execute("ANALYZE")


class Sender:
    """One kept-alive connection that sends ready bytes: the client must not be what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader, self._writer, self._token = reader, writer, token

    async def post(self, body: bytes) -> bytes:
        """The answer to a batch, which must be 200."""
        head = (
            f"POST /v1/fact-batches HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self._token}\r\n"
            f"idempotency-key: {uuid4()}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length.partition(b":")[2]))


async def run(bench: Bench) -> list[Figure]:
    """Measure it."""
    journal = Path(bench.directory) / "clock.jsonl"
    Clock(journal).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="bench")
    name, dsns = await fresh_database(bench.postgres, "submission_svc")
    async with running_service(
        "submission_svc", bench.postgres, bench.issuer, database=(name, dsns), clock_file=journal
    ) as service:
        await _found(service)
    process = ServiceProcess(
        "submission_svc", dsns, bench.issuer, bench.nats.url, bench.directory, clock_file=str(journal)
    )
    bench.stack.push_async_callback(process.stop)
    await process.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    sender = Sender(reader, writer, bench.issuer.token(client=bureau.CLIENT))
    connection = await asyncpg.connect(dsns.app)
    await connection.execute(_STAGING)

    months = [[date(year, month, 1).strftime("%Y-%m") for month in range(1, 13)] for year in YEARS]
    bodies = [_body(months[0][number], number) for number in range(ROUNDS + 1)]
    plain = [_rows(months[1][number], number) for number in range(ROUNDS + 1)]
    ordered = [_rows(months[2][number], number) for number in range(ROUNDS + 1)]
    once = [_rows(months[3][number], number) for number in range(ROUNDS + 1)]

    async def product(number: int) -> None:
        answer = msgspec.json.decode(await sender.post(bodies[number]))
        assert answer["created"] == len(METRICS) * len(UNITS), answer

    times = await interleave(
        {
            "product": product,
            "plain": lambda number: _write_bare(connection, plain[number], ""),
            "ordered": lambda number: _write_bare(connection, ordered[number], _SORTED),
            "once": lambda number: _write_bare(connection, once[number], "", versions=False),
        },
        rounds=ROUNDS,
    )
    await connection.close()
    writer.close()
    best = min(times["plain"], times["ordered"])
    bare = (
        f"bare: 10,000 rows by COPY into staging and 2 statements in one transaction took "
        f"{times['plain'] * 1_000:.0f} ms as they came and {times['ordered'] * 1_000:.0f} ms sorted "
        f"(without versions {times['once'] * 1_000:.0f} ms); "
        f"the batch over HTTP with everything on {times['product'] * 1_000:.0f} ms ({ROUNDS} rounds)"
    )
    return [Figure("intake_batch", best / times["product"], 0.60, bare, stretch=0.70)]
