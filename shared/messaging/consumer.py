"""What a service does with a delivered event: inbox, handler and outbox commit together, then the acknowledgement.

Belongs here: the classes of failure. Whose fault decides: while the service's database or a dependency is away the
event waits and spends no delivery; only the event's own faults are counted. Does not belong here: hearing (pull.py).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from nats.aio.msg import Msg

from shared.contracts.envelope import Envelope, UnknownEventType, data_of, unseal
from shared.contracts.registry import Event
from shared.db import Database, UnitOfWork, is_database_down
from shared.errors import Unavailable
from shared.messaging.dead_letters import event_id_of, letter_of, put_aside
from shared.messaging.gate import Gate
from shared.messaging.link import AWAY, Link
from shared.messaging.pull import Ack, Again, Answer, Term
from shared.observability import HANDLED, HANDLING, continue_trace, log

Handler = Callable[[UnitOfWork, Any, Envelope], Awaitable[None]]

# The consumer that fails to write a dead letter or to reach the broker tries again after this.
_LATER = Again(1.0)
_WAIT_SECONDS = 1.0
_LOCKED_OUT_SECONDS = 0.05
_FAILURES_REMEMBERED = 10_000
_ENTER = "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
# Two handlers that met in the database: nobody's fault, and the next try passes.
_COLLIDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_COLLISIONS = 5
# Another transaction is at work on the same rows for longer than the connection's lock_timeout.
_LOCKED_OUT = (asyncpg.LockNotAvailableError,)


class Consumer:
    """The handlers of one service behind their inbox."""

    def __init__(
        self,
        service: str,
        database: Database,
        link: Link,
        gate: Gate,
        handlers: Mapping[type[Event], Handler],
        *,
        retry_delays: tuple[float, ...],
    ) -> None:
        self._service = service
        self._database = database
        self._link = link
        self._gate = gate
        self._handlers = dict(handlers)
        self._delays = retry_delays
        # By event: deliveries also grow when the broker restarts, so they are not the count of failures.
        self._failures: OrderedDict[UUID, int] = OrderedDict()
        self._waiting: dict[UUID, str] = {}

    def deaf(self) -> list[str]:
        """What the handlers wait for right now; empty when they work."""
        reasons = sorted({*self._waiting.values(), self._gate.reason} - {""})
        return [f"handlers of {self._service}: {reason}" for reason in reasons]

    async def receive(self, message: Msg) -> Answer:
        """Handle one delivered message and say what the broker is told. Never raises but for cancellation."""
        try:
            envelope = unseal(message.data)
            event = data_of(envelope)
            handler = self._handlers[type(event)]
        except (msgspec.DecodeError, UnknownEventType, UnicodeDecodeError, KeyError) as error:
            place = message.metadata
            event_id = event_id_of(message.headers, place.stream, place.sequence.stream)
            return await self._give_up(message, event_id, error, tries=1)
        continue_trace(envelope.traceparent)
        try:
            return await self._patiently(message, envelope, event, handler)
        finally:
            self._waiting.pop(envelope.id, None)

    async def _patiently(self, message: Msg, envelope: Envelope, event: Event, handler: Handler) -> Answer:
        collisions = 0
        while True:
            await self._gate.passed()
            try:
                await self._apply(envelope, event, handler)
            except Unavailable as error:
                self._waiting[envelope.id] = f"waits for {error.values.get('what', 'a dependency')}"
                await asyncio.sleep(_WAIT_SECONDS)
            except Exception as error:  # noqa: BLE001 - every failure is one of the classes below
                if is_database_down(error):
                    self._gate.shut(error)
                elif _caused_by(error, _LOCKED_OUT):
                    # However long the other one takes; each of these tries has waited for the lock itself.
                    log().info("event waits for a lock", type=envelope.type, event_id=str(envelope.id))
                    await asyncio.sleep(_LOCKED_OUT_SECONDS)
                elif collisions < _COLLISIONS and _caused_by(error, _COLLIDED):
                    collisions += 1
                    await asyncio.sleep(0.01 * collisions)
                else:
                    return await self._failed(message, envelope, error)
            else:
                self._failures.pop(envelope.id, None)
                return Ack()

    async def _apply(self, envelope: Envelope, event: Event, handler: Handler) -> None:
        async with self._database.transaction(f"event:{self._service}") as uow:
            entered = await (await uow.driver()).execute(_ENTER, self._service, envelope.id)
            repeated = entered == "INSERT 0 0"
            if not repeated:
                await handler(uow, event, envelope)
        HANDLED.labels(self._service, envelope.type, "repeated" if repeated else "handled").inc()
        if not repeated:
            seconds = (datetime.now(UTC) - envelope.time).total_seconds()
            HANDLING.labels(self._service, envelope.type).observe(max(seconds, 0))
            log().info("event handled", type=envelope.type, event_id=str(envelope.id), ms=round(seconds * 1000, 1))

    async def _failed(self, message: Msg, envelope: Envelope, error: Exception) -> Answer:
        tries = self._failures.pop(envelope.id, 0) + 1
        if tries > len(self._delays):
            return await self._give_up(message, envelope.id, error, tries=tries)
        self._failures[envelope.id] = tries
        while len(self._failures) > _FAILURES_REMEMBERED:
            self._failures.popitem(last=False)
        HANDLED.labels(self._service, envelope.type, "retried").inc()
        log().warning(
            "event failed, tried again", type=envelope.type, event_id=str(envelope.id), tries=tries, error=repr(error)
        )
        return Again(self._delays[tries - 1])

    async def _give_up(self, message: Msg, event_id: UUID, error: Exception, *, tries: int) -> Answer:
        letter = letter_of(message, event_id=event_id, cause=f"{type(error).__name__}: {error}", tries=tries)
        try:
            await put_aside(self._database, self._link, self._service, letter)
        except AWAY:
            return _LATER
        except Exception as failure:  # noqa: BLE001 - the message stays with the broker until it is written down
            if is_database_down(failure):
                self._gate.shut(failure)
            log().warning("dead letter not written yet", event_id=str(event_id), error=repr(failure))
            return _LATER
        finally:
            # Given up but not written down: the next failure gives up again at once.
            self._failures[event_id] = len(self._delays)
        self._failures.pop(event_id, None)
        HANDLED.labels(self._service, letter.type, "dead").inc()
        log().error("event put aside as a dead letter", type=letter.type, event_id=str(event_id), cause=letter.cause)
        return Term()


def _caused_by(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kinds):
            return True
        cause = getattr(cause, "orig", None) or cause.__cause__
    return False
