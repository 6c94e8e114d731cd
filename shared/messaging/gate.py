"""The gate in front of all handlers of a service: shut while its own database is away or takes no writes.

Belongs here: shutting, probing every second, opening. Does not belong here: which error means what (consumer.py).
A message waits at the gate without spending a delivery.
"""

import asyncio

from shared.db import Database
from shared.messaging.tasks import end_all
from shared.observability import log

_PROBE_SECONDS = 1.0
# Not at once: an error that only looks like an absent database must not turn into a busy loop.
_FIRST_PROBE_SECONDS = 0.3


class Gate:
    """Open, or shut with the reason, until the database answers again."""

    def __init__(self, database: Database) -> None:
        self.reason = ""
        self._database = database
        self._open = asyncio.Event()
        self._open.set()
        self._prober: asyncio.Task[None] | None = None

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()

    def shut(self, error: BaseException) -> None:
        """Shut the gate because the database is away; it opens by itself once something can be written."""
        if not self._open.is_set():
            return
        self.reason = f"database away: {type(error).__name__}"
        self._open.clear()
        log().warning("no event is handled while the database is away", error=repr(error))
        self._prober = asyncio.create_task(self._probe())

    async def close(self) -> None:
        """End the probing."""
        if self._prober is not None:
            await end_all([self._prober])

    async def _probe(self) -> None:
        await asyncio.sleep(_FIRST_PROBE_SECONDS)
        while not self._open.is_set():
            try:
                async with asyncio.timeout(2 * _PROBE_SECONDS), self._database.transaction("probe") as uow:
                    await self._database.demand_writable(await uow.driver())
            except Exception:  # noqa: BLE001 - any failure of the probe means: not yet
                await asyncio.sleep(_PROBE_SECONDS)
            else:
                self.reason = ""
                self._open.set()
                log().info("database answers again, events are handled")
