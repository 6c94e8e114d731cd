"""The bus of a service: one object that a service starts and stops, and asks whether it hears.

Belongs here: putting the parts together. Does not belong here: any of their work.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from shared.contracts.known import declarations
from shared.contracts.registry import Event
from shared.db import Database
from shared.messaging import topology
from shared.messaging.consumer import Consumer, Handler
from shared.messaging.exhausted import Exhausted
from shared.messaging.gate import Gate
from shared.messaging.housekeeping import keep_house
from shared.messaging.link import AWAY, Link
from shared.messaging.pull import StandingPull
from shared.messaging.relay import Relay
from shared.messaging.standing import StandingConnection
from shared.messaging.streamwatch import StreamWatch
from shared.messaging.tasks import end_all
from shared.messaging.wakes import Wakes
from shared.observability import log
from shared.settings import Settings

__all__ = ["Bus", "Handler", "HandlerMissing", "HandlerUnexpected"]

_FIRST_CONNECTION_SECONDS = 2.0
# Of each stream: facts that wait for a long confirmation must not hold up a revoked appointment.
_HANDLED_AT_ONCE = 3


class HandlerMissing(Exception):
    """The registry says that the service reads these event types, and nothing handles them."""


class HandlerUnexpected(Exception):
    """The service handles event types that the registry says it does not read."""


class Bus:
    """Sends the service's outbox and handles what it reads. `handlers`: exactly the types it reads.

    Raises HandlerMissing or HandlerUnexpected when they differ from the registry.
    """

    def __init__(
        self, service: str, database: Database, settings: Settings, handlers: Mapping[type[Event], Handler]
    ) -> None:
        _check(service, handlers)
        url = settings.database_url.get_secret_value()
        self.service = service
        self.link = Link(settings.nats_url.get_secret_value(), service)
        self._database = database
        self._gate = Gate(database)
        self._connections = [StandingConnection(url, f"{service} {use}") for use in ("relay", "watch", "housekeeping")]
        self._watch = StreamWatch(self.link, service, self._connections[1])
        self._relay = Relay(
            self.link,
            self._watch,
            self._connections[0],
            lease=settings.outbox_lease_seconds,
            poll=settings.outbox_poll_seconds,
        )
        self._consumer = Consumer(
            service, database, self.link, self._gate, handlers, retry_delays=settings.retry_delays
        )
        self._wakes = Wakes(self.link, database, service)
        self._pulls = self._ears()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether the connection to the broker stands."""
        return self.link.connected

    def deaf(self) -> list[str]:
        """Why the service does not hear, handle or send right now, for its readiness; empty when all is well."""
        if not self._tasks:
            return ["messaging not started"]
        if not self.link.connected:
            return ["broker not connected"]
        reasons = [*self._relay.deaf(), *self._watch.deaf(), *self._consumer.deaf()]
        for pull in self._pulls:
            reasons += pull.deaf()
        for task in self._tasks:
            if task.done():
                reasons.append(f"{task.get_name()} ended")
        return reasons

    async def start(self) -> None:
        """Start sending and hearing; a broker that is away is waited for in the background.

        Raises TopologyDrift when the broker is there and its streams or consumers differ from the wanted ones.
        """
        await self.link.start()
        if await self.link.wait_tried(_FIRST_CONNECTION_SECONDS):
            try:
                await topology.ensure(self.link, self.service)
            except topology.TopologyDrift:
                await self.link.stop()
                raise
            except AWAY as error:
                log().warning("broker left while streams were compared", error=repr(error))
        self._database.after_outbox.append(self._relay.wake)
        self._database.after_queued.append(self._wakes.tell)
        jobs = {
            "relay": self._relay.run(),
            "stream watch": self._watch.run(),
            "wakes": self._wakes.run(),
            "housekeeping": keep_house(self.service, self._connections[2]),
            **{f"consumer {index}": pull.run() for index, pull in enumerate(self._pulls)},
        }
        self._tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]

    async def stop(self) -> None:
        """Stop hearing and sending; what is in hand is delivered again later, what is unsent stays in the outbox."""
        with contextlib.suppress(ValueError):
            self._database.after_outbox.remove(self._relay.wake)
            self._database.after_queued.remove(self._wakes.tell)
        async with contextlib.AsyncExitStack() as last:  # whatever one of them raises, the others end
            for connection in self._connections:
                last.push_async_callback(connection.drop)
            last.push_async_callback(self.link.stop)
            last.push_async_callback(self._gate.close)
            await end_all(self._tasks)
            self._tasks = []

    def _ears(self) -> Sequence[StandingPull]:
        exhausted = Exhausted(self.service, self._database, self.link)
        return [
            StandingPull(
                self.link,
                durable,
                self._gate,
                exhausted.receive if durable.stream == topology.ADVISORY_STREAM else self._consumer.receive,
                hands=asyncio.Semaphore(_HANDLED_AT_ONCE),
            )
            for durable in topology.durables(self.service)
        ]


def _check(service: str, handlers: Mapping[type[Event], Handler]) -> None:
    read = {each.contract for each in declarations().values() if service in each.readers}
    if missing := read - set(handlers):
        raise HandlerMissing(f"{service} reads without handling: {sorted(each.__name__ for each in missing)}")
    if unexpected := set(handlers) - read:
        raise HandlerUnexpected(f"{service} handles without reading: {sorted(each.__name__ for each in unexpected)}")
