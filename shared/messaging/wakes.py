"""Wakes: the workers of every process of a service hear at once that a job was committed.

Belongs here: telling the other processes by a plain message, and hearing theirs. A wake carries nothing but names of
tables and may be lost, late or twice: the job is the row, and every worker looks by itself after its poll.
Does not belong here: the jobs (shared/leased.py).
"""

import asyncio
from collections.abc import Collection

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.db import Database
from shared.messaging.link import AWAY, Link
from shared.messaging.tasks import set_within
from shared.observability import log

_AGAIN_SECONDS = 1.0


def subject_of(service: str) -> str:
    """The subject on which the processes of a service wake each other; no stream keeps it."""
    return f"wake.{service}"


class Wakes:
    """One process's mouth and ear. Never raises and never keeps anybody waiting, whatever the broker does."""

    def __init__(self, link: Link, database: Database, service: str) -> None:
        self._link = link
        self._database = database
        self._subject = subject_of(service)
        self._untold: set[str] = set()
        self._bound: Client | None = None
        self._news = asyncio.Event()
        link.on_change.append(self._news.set)

    def tell(self, tables: Collection[str]) -> None:
        """Wake the workers of these tables in the other processes; called after every commit that queued jobs."""
        self._untold.update(tables)
        self._news.set()

    async def run(self) -> None:
        """Tell and hear for ever; each new connection is subscribed on anew."""
        while True:
            self._news.clear()
            try:
                await self._turn()
            except AWAY as error:
                log().debug("wakes wait", error=repr(error))
            except Exception as error:  # noqa: BLE001 - without wakes the polls go on; the next turn tries again
                log().warning("wakes failed, trying again", error=repr(error))
            await set_within(self._news, _AGAIN_SECONDS)

    async def _turn(self) -> None:
        client = self._link.client
        if self._bound is not client:
            await client.subscribe(self._subject, cb=self._heard)
            self._bound = client
        if self._untold:
            tables, self._untold = self._untold, set()
            try:
                await client.publish(self._subject, " ".join(sorted(tables)).encode())
            except BaseException:
                self._untold |= tables
                raise

    async def _heard(self, message: Msg) -> None:
        """A wake of some process, this one's own too: one look more than needed, which finds nothing."""
        self._database.wake_workers(message.data.decode(errors="replace").split())
