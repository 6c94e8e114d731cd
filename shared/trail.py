"""The trail: who did what to which object, sealed into a hash chain per service within a second.

Rows are written unchained with the change, so writers never queue. The sealer chains committed rows afterwards; the
role that runs may add rows and seal them once, but neither change nor delete them. Verify with

    python -m shared.trail verify
"""

import asyncio
import hashlib
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from shared.db import Database, is_database_down
from shared.observability import log

GENESIS = "0" * 64
_BATCH = 2_000
_FIELDS = "id, at, who, action, object_type, object_id, outcome, before, after, trace"


def link(previous: str, row: asyncpg.Record | dict[str, Any]) -> str:
    """The hash that seals a row onto the chain: sha256 over the previous hash and every field, each with its length."""
    at: datetime = row["at"]
    parts = [previous, str(row["id"]), str(int(at.timestamp() * 1_000_000))]
    parts += [
        "-" if row[name] is None else f"+{row[name]}"
        for name in ("who", "action", "object_type", "object_id", "outcome", "before", "after", "trace")
    ]
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


async def seal_once(driver: asyncpg.Connection) -> int:
    """Chain the committed rows that are not sealed yet; returns how many. One sealer at a time, by advisory lock."""
    async with driver.transaction():
        if not await driver.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('trail', 0))"):
            return 0
        head = await driver.fetchrow("SELECT seal_no, hash FROM trail_seals ORDER BY seal_no DESC LIMIT 1")
        number, previous = (head["seal_no"], head["hash"]) if head else (0, GENESIS)
        # Claims, not a cursor: a row with a lower id may commit after a higher one was sealed.
        rows = await driver.fetch(f"SELECT {_FIELDS} FROM trail WHERE NOT sealed ORDER BY id LIMIT {_BATCH}")
        if not rows:
            return 0
        seals = []
        for row in rows:
            number, previous = number + 1, link(previous, row)
            seals.append((number, row["id"], previous))
        await driver.copy_records_to_table("trail_seals", records=seals, columns=["seal_no", "trail_id", "hash"])
        await driver.execute("UPDATE trail SET sealed = true WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        return len(rows)


async def keep_sealing(database: Database, every: float) -> None:
    """Seal for ever; an unreachable database is waited for."""
    while True:
        try:
            sealed = await _seal(database)
        except Exception as error:  # noqa: BLE001 - the sealer outlives every fault, which is logged
            if not is_database_down(error):
                log().error("sealing the trail failed", error=repr(error))
            sealed = 0
        if sealed < _BATCH:
            await asyncio.sleep(every)


async def _seal(database: Database) -> int:
    async with database.reads.acquire() as driver:
        return await seal_once(driver)


@dataclass(frozen=True)
class TrailVerdict:
    """What verifying found: how many sealed rows hold, the head of the chain, and the first bad entry if any."""

    sealed: int
    unsealed: int
    head: str
    broken_at: int | None
    why: str


async def verify(driver: asyncpg.Connection) -> TrailVerdict:
    """Walk the whole chain and recompute every hash."""
    previous, count = GENESIS, 0
    async with driver.transaction(isolation="repeatable_read", readonly=True):
        unsealed = await driver.fetchval("SELECT count(*) FROM trail WHERE NOT sealed")
        orphans = await driver.fetchval(
            "SELECT min(t.id) FROM trail t LEFT JOIN trail_seals s ON s.trail_id = t.id "
            "WHERE t.sealed AND s.trail_id IS NULL"
        )
        fields = ", ".join(f"t.{name}" for name in _FIELDS.split(", ")[1:])
        async for row in driver.cursor(
            f"SELECT s.seal_no, s.trail_id, s.hash, t.id, {fields} "
            "FROM trail_seals s LEFT JOIN trail t ON t.id = s.trail_id ORDER BY s.seal_no"
        ):
            count += 1
            if row["seal_no"] != count:
                return TrailVerdict(count - 1, unsealed, previous, count, "a seal is missing")
            if row["id"] is None:
                return TrailVerdict(count - 1, unsealed, previous, count, f"row {row['trail_id']} is missing")
            previous, expected = row["hash"], link(previous, row)
            if previous != expected:
                return TrailVerdict(count - 1, unsealed, previous, count, f"row {row['trail_id']} was altered")
    if orphans is not None:
        return TrailVerdict(count, unsealed, previous, count + 1, f"the seal of row {orphans} was cut off")
    return TrailVerdict(count, unsealed, previous, None, "")


async def _main() -> int:
    driver = await asyncpg.connect(os.environ["LIANDONG_DATABASE_URL"])
    try:
        verdict = await verify(driver)
    finally:
        await driver.close()
    if verdict.broken_at is not None:
        sys.stdout.write(f"trail broken at entry {verdict.broken_at}: {verdict.why}\n")
        return 1
    sys.stdout.write(f"trail holds: {verdict.sealed} sealed, {verdict.unsealed} not yet sealed, head {verdict.head}\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] != ["verify"]:
        sys.exit("usage: python -m shared.trail verify")
    sys.exit(asyncio.run(_main()))
