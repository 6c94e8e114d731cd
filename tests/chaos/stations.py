"""Services with nothing but their bus: the real relay and consumers on a real database, with a handler that only
writes what it was told. Broken in the scenarios where a whole service is not needed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg

from deploy.local.postgres import Postgres
from shared.contracts.envelope import Envelope
from shared.contracts.known import declarations
from shared.contracts.scoring import Deduction, IndicatorDeducted
from shared.db import Database, UnitOfWork
from shared.messaging import tables
from shared.messaging.bus import Bus
from shared.settings import Settings

_SCHEMA = Path(tables.__file__).with_name("schema.sql")
_ROOT = UUID("8a0e9a80-5f3f-4b5c-9d3b-1d2f3c4b5a69")
_EFFECTS = """
CREATE TABLE effects (
    deduction_id uuid NOT NULL, event_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX effects_once ON effects (deduction_id);
"""
SUBJECT = "indicator.deducted.v1"

Before = Callable[[IndicatorDeducted], Awaitable[None]]


def deducted(number: int, *, note: str = "") -> IndicatorDeducted:
    """The deduction of that number: always the same cell."""
    some = uuid5(_ROOT, str(number))
    deduction = Deduction(
        deduction_id=some, version=1, indicator_id=some, indicator_version=1, unit_id=some, period="2015-06",
        full_marks="10", score="9", loss="1", clauses=[], inputs=[], responsible_unit_id=some, timing="immediate",
        note=note,
    )  # fmt: skip
    return IndicatorDeducted(set_id=_ROOT, deductions=[deduction])


class Station:
    """One service's bus and database in this process."""

    def __init__(self, service: str, dsn: str, nats_url: str, **settings: Any) -> None:
        self.service = service
        self.before: Before | None = None
        self.delays: list[float] = []
        self.settings = Settings(
            database_url=dsn, nats_url=nats_url, issuer="none", jwks_url="none", **{"database_pool": 8, **settings}
        )
        self.database = Database(dsn, pool=8)
        handlers = {each.contract: self._ignore for each in declarations().values() if service in each.readers}
        if IndicatorDeducted in handlers:
            handlers[IndicatorDeducted] = self._effect
        self.bus = Bus(service, self.database, self.settings, handlers)

    async def start(self) -> "Station":
        await self.database.open()
        await self.bus.start()
        return self

    async def stop(self) -> None:
        await self.bus.stop()
        await self.database.close()

    async def crash(self) -> None:
        """End without a word to anybody, as kill -9 would: nothing acknowledged, nothing marked, nothing flushed."""
        for task in self.bus._tasks:
            task.cancel()
        client = self.bus.link._client
        if client is not None and client._transport is not None:
            client._transport._io_writer.transport.abort()
        await self.stop()

    async def ready(self, within: float = 10.0) -> "Station":
        await until(lambda: not self.bus.deaf(), within=within)
        return self

    async def record(self, numbers: Sequence[int], *, note: str = "") -> None:
        """One transaction that records these deductions."""
        async with self.database.transaction("test") as uow:
            for number in numbers:
                uow.record(deducted(number, note=note))

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.database.reads.fetch(statement, *values)
        return rows

    async def count(self, table: str) -> int:
        return int((await self.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"])

    async def lag(self) -> int:
        """What the broker still holds for this reader on the stream of deductions."""
        info = await self.bus.link.api(f"CONSUMER.INFO.SCORING.{self.service}")
        return int(info["num_pending"] + info["num_ack_pending"])

    async def _ignore(self, uow: UnitOfWork, event: Any, envelope: Envelope) -> None:
        """Types that the scenario does not send."""

    async def _effect(self, uow: UnitOfWork, event: IndicatorDeducted, envelope: Envelope) -> None:
        if self.before is not None:
            await self.before(event)
        driver = await uow.driver()
        await driver.executemany(
            # Without a target it also works when the scenario took the unique key away.
            "INSERT INTO effects (deduction_id, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            [(each.deduction_id, envelope.id) for each in event.deductions],
        )
        self.delays.append((datetime.now(UTC) - envelope.time).total_seconds())


async def messaging_database(postgres: Postgres, service: str) -> str:
    """A new database with the messaging tables and `effects`; returns the address of the role that runs."""
    short = service.removesuffix("_svc")
    dsns = await postgres.create_service_database(short, database=f"m_{short}_{uuid4().hex[:10]}")
    owner = await asyncpg.connect(dsns.owner)
    try:
        await owner.execute(_SCHEMA.read_text("utf-8"))
        await owner.execute(_EFFECTS)
        await owner.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, inbox, dead_letters, stream_state, effects TO {short}_app"
        )
    finally:
        await owner.close()
    return dsns.app


async def as_owner(postgres: Postgres, dsn: str, statement: str) -> None:
    """Change a database's tables; `dsn` is any role's address of it."""
    connection = await asyncpg.connect(postgres.dsn(dsn.split("@/")[1].split("?", maxsplit=1)[0]))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def started(*stations: Station) -> AsyncIterator[None]:
    """Stations started and ready, stopped at the end."""
    async with AsyncExitStack() as ends:
        for station in stations:
            await station.start()
            ends.push_async_callback(station.stop)
        for station in stations:
            await station.ready()
        yield


async def until(condition: Callable[[], bool | Awaitable[bool]], *, within: float) -> bool:
    """Wait for a condition; whether it came true in time."""
    end = asyncio.get_running_loop().time() + within
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return True
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.02)


async def settled(station: Station, expected: int, *, within: float) -> bool:
    """Wait until a reader has at least so many effects and the broker holds nothing more for it."""

    async def done() -> bool:
        try:
            return await station.count("effects") >= expected and await station.lag() == 0
        except Exception:  # noqa: BLE001 - the broker may be away; asked again
            return False

    return await until(done, within=within)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
