"""What the messaging tables need now and then: tomorrow's partitions, pruning, the count of dead letters.

Belongs here: work that nobody waits for. Does not belong here: anything that an event's delivery depends on.
"""

import asyncio
import time

from shared.messaging import dead_letters
from shared.messaging.standing import StandingConnection
from shared.observability import DEAD_LETTERS, log

_DAYS_AHEAD = 7
_DAYS_KEPT = 30
_COUNT_SECONDS = 5
_HOUSE_SECONDS = 3_600
_PRUNE_INBOX = "DELETE FROM inbox WHERE handled_at < now() - make_interval(days => $1)"


async def keep_house(service: str, connection: StandingConnection) -> None:
    """Keep the messaging tables in order for ever; a database that is away is waited for."""
    done = float("-inf")
    while True:
        try:
            driver = await connection.get()
            DEAD_LETTERS.labels(service).set(await dead_letters.count_open(driver))
            if time.monotonic() - done > _HOUSE_SECONDS:
                await driver.execute("SELECT outbox_partitions($1, $2)", _DAYS_AHEAD, _DAYS_KEPT)
                await driver.execute(_PRUNE_INBOX, _DAYS_KEPT)
                done = time.monotonic()
        except Exception as error:  # noqa: BLE001 - nobody waits for this; the next turn tries again
            log().warning("housekeeping of the messaging tables failed", error=repr(error))
            await connection.drop()
        await asyncio.sleep(_COUNT_SECONDS)
