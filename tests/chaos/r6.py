"""R6: the outbox skips no committed event, and a long transaction elsewhere holds nothing up.

Sixteen writers with short and long transactions and rollbacks, one writing transaction left open in another
database of the cluster. Controls over the same outbox: a reader with a cursor `id > last`; a reader that waits for the
oldest running transaction, which would have seen nothing at all.
"""

import asyncio
import itertools
import random
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from shared.contracts.envelope import seal
from tests.chaos.stations import Station, deducted, messaging_database, percentile, settled, started
from tests.chaos.verdict import System, Verdict, red_if

_WRITERS = 16
# So many seconds bring 150,000 events.
FULL_SECONDS = 240.0
# With the long transaction open, the slowest delivery may take this much longer than before it was opened.
_HARM_FACTOR, _HARM_SECONDS = 2.0, 0.5
_INSERT = "INSERT INTO outbox (event_id, type, nats_subject, envelope) VALUES ($1, $2, $2, $3)"

# What a reader that waits for the oldest running transaction of the cluster could not see yet.
_BEHIND_HORIZON = """
SELECT count(*) AS n FROM outbox
WHERE xmin::text::bigint >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint & 4294967295
"""


class _Writers:
    """Transactions of 0 to `longest` seconds; what was committed is remembered with its time."""

    def __init__(self, station: Station, dsn: str, longest: float) -> None:
        self.committed: dict[UUID, float] = {}
        self._station = station
        self._dsn = dsn
        self._longest = longest
        self._numbers = itertools.count()

    async def write(self, until: float) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            while time.monotonic() < until:
                await self._transaction(connection)
        finally:
            await connection.close()

    async def _transaction(self, connection: asyncpg.Connection) -> None:
        chance, count = random.random(), random.randint(1, 8)  # noqa: S311 - a load, no secret
        transaction = connection.transaction()
        await transaction.start()
        sealed = [seal(deducted(next(self._numbers)), at=datetime.now(UTC), traceparent="") for _ in range(count)]
        await connection.executemany(_INSERT, [(event_id, name, body.decode()) for event_id, name, body in sealed])
        await asyncio.sleep(self._longest * random.random() if chance > 0.99 else 0.1 * chance)  # noqa: S311
        if chance < 0.1:
            await transaction.rollback()
            return
        await transaction.commit()
        self._station.bus._relay.wake()
        self.committed.update(dict.fromkeys((event_id for event_id, _, __ in sealed), time.time()))


async def _cursor(dsn: str, seen: set[UUID], until: float) -> None:
    """The control: read on from the highest id seen."""
    connection = await asyncpg.connect(dsn)
    last = 0
    try:
        while time.monotonic() < until:
            for row in await connection.fetch("SELECT id, event_id FROM outbox WHERE id > $1 ORDER BY id", last):
                last = row["id"]
                seen.add(row["event_id"])
            await asyncio.sleep(0.005)
    finally:
        await connection.close()


async def _open_long_transaction(elsewhere: asyncpg.Connection, *, after: float) -> float:
    """Leave a writing transaction open in another database from now on; returns when it began."""
    await asyncio.sleep(after)
    await elsewhere.execute("BEGIN")
    await elsewhere.execute("INSERT INTO inbox (consumer, event_id) VALUES ('long', $1)", uuid4())
    return time.time()


async def run(system: System, *, seconds: float) -> Verdict:
    """Write for so many seconds, at about 800 events a second."""
    await system.nats.wipe()  # what another scenario left there is not counted
    dsn = await messaging_database(system.postgres, "scoring_svc")
    scoring = Station("scoring_svc", dsn, system.nats.url)
    audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url)
    elsewhere = await asyncpg.connect(await messaging_database(system.postgres, "submission_svc"))
    writers = _Writers(scoring, dsn, longest=min(5.0, seconds / 4))
    by_cursor: set[UUID] = set()
    try:
        async with started(scoring, audit):
            until = time.monotonic() + seconds
            work = [writers.write(until) for _ in range(_WRITERS)]
            opening = _open_long_transaction(elsewhere, after=seconds / 3)
            opened, *_ = await asyncio.gather(opening, *work, _cursor(dsn, by_cursor, until + 1))
            size = len(writers.committed)
            await settled(audit, size, within=30 + size / 300)
            rows = await audit.fetch("SELECT event_id, at FROM effects")
            unsent = (await scoring.fetch("SELECT count(*) AS n FROM outbox WHERE published_at IS NULL"))[0]["n"]
            sent = await scoring.fetch("SELECT event_id, published_at FROM outbox")
            behind_horizon = (await scoring.fetch(_BEHIND_HORIZON))[0]["n"]
    finally:
        await elsewhere.close()
    seen = {row["event_id"] for row in rows}
    missed = writers.committed.keys() - seen
    delays = [
        (writers.committed[row["event_id"]], row["published_at"].timestamp() - writers.committed[row["event_id"]])
        for row in sent
        if row["published_at"] and row["event_id"] in writers.committed
    ]
    p99_before = percentile([delay for committed, delay in delays if committed < opened], 0.99)
    p99 = percentile([delay for committed, delay in delays if committed >= opened], 0.99)
    phantom = len(seen - writers.committed.keys())
    by_cursor_missed = len(writers.committed.keys() - by_cursor)
    return Verdict(
        "R6",
        held=not missed and not phantom and unsent == 0 and p99 <= _HARM_FACTOR * p99_before + _HARM_SECONDS,
        control=red_if(by_cursor_missed > 0 and behind_horizon > 0),
        figures={
            "missed": len(missed),
            "phantom": phantom,
            "of": size,
            "sent_p99_s": round(p99, 3),
            "sent_p99_before_s": round(p99_before, 3),
            "control_missed": by_cursor_missed,
            "control_stalled": behind_horizon,
        },
    )
