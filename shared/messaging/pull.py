"""A standing pull: hears one durable consumer of the broker with low delay, and never goes deaf unnoticed.

Belongs here: one pull request outstanding, renewing and binding again, keeping messages in hand alive, answering the
broker. Does not belong here: what a message means (consumer.py). The client's own `fetch` is not used: it lingers
until its timeout after the first message, and across a restart of the server for all of it.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.messaging import topology
from shared.messaging.gate import Gate
from shared.messaging.link import AWAY, Link
from shared.messaging.tasks import end_all, set_within
from shared.observability import CONSUMER_LAG, log

_BATCH = 64
_EXPIRES_SECONDS = 2.0
_HEARTBEAT_SECONDS = 0.5
_SILENCE_SECONDS = 1.5
_DEAF_SECONDS = 3.0
_STUCK_SECONDS = 60.0
_KEEP_ALIVE_SECONDS = topology.ACK_WAIT_SECONDS / 4
_LAG_SECONDS = 2.0
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Ack:
    """The message is done with."""


@dataclass(frozen=True)
class Again:
    """Deliver the message again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Term:
    """Never deliver the message again; it was put aside."""


Answer = Ack | Again | Term
Receive = Callable[[Msg], Awaitable[Answer]]


@dataclass(eq=False)
class _Held:
    """A message in hand; `life` is the consumer's creation when it came."""

    message: Msg
    life: str
    since: float


class StandingPull:
    """One service's ear on one stream. `receive` answers for each message and never raises."""

    def __init__(
        self, link: Link, durable: topology.Durable, gate: Gate, receive: Receive, *, hands: asyncio.Semaphore
    ) -> None:
        self._link = link
        self._durable = durable
        self._gate = gate
        self._receive = receive
        # How many messages are handled at once, over all ears of the service: each takes a database connection.
        self._hands = hands
        self._held: set[_Held] = set()
        self._life = ""
        self._epoch = -1
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._request = 0
        self._left = 0
        self._news = asyncio.Event()
        self._heard = time.monotonic()
        self._lag_at = 0.0
        self._full = False
        self._trouble = "not bound yet"
        self._tasks: set[asyncio.Task[None]] = set()
        link.on_change.append(self._news.set)

    def deaf(self) -> list[str]:
        """Why events of this stream are not heard or handled right now; empty when all is well."""
        reasons = []
        if self._trouble:
            reasons.append(self._trouble)
        elif not self._full and time.monotonic() - self._heard > _DEAF_SECONDS:
            reasons.append("nothing heard for 3 s, not even a heartbeat")
        if any(time.monotonic() - held.since > _STUCK_SECONDS for held in self._held):
            reasons.append("an event is being handled for more than 60 s")
        return [f"consumer {self._durable.stream}/{self._durable.service}: {reason}" for reason in reasons]

    async def run(self) -> None:
        """Hear for ever. Cancelled at the end; what is in hand is then delivered again by the broker."""
        keeper = asyncio.create_task(self._keep_alive())
        try:
            while True:
                try:
                    await self._bind()
                    await self._hear()
                except asyncio.CancelledError:
                    raise
                except AWAY as error:
                    self._trouble = f"broker away ({type(error).__name__})"
                    await self._pause(0.2)
                except Exception as error:  # noqa: BLE001 - an ear that dies silently is the worst of all
                    self._trouble = str(error)
                    log().error("consumer cannot be bound", stream=self._durable.stream, error=repr(error))
                    await self._pause(2)
        finally:
            await end_all([keeper, *self._tasks])

    async def _pause(self, seconds: float) -> None:
        self._news.clear()
        await set_within(self._news, seconds)

    async def _bind(self) -> None:
        """Subscribe on this connection and make sure that the consumer exists and is the one we know."""
        client, epoch = self._link.client, self._link.epoch
        if self._client is not client:
            self._inbox = client.new_inbox()
            self._subscription = await client.subscribe(f"{self._inbox}.*", cb=self._came)
            self._client = client
        info, differences = await topology.ensure_durable(self._link, self._durable)
        if differences:
            raise topology.TopologyDrift(differences)
        stream = await self._link.api(f"STREAM.INFO.{self._durable.stream}")
        if info["delivered"]["stream_seq"] > stream["state"]["last_seq"]:
            # The stream lost its tail; a consumer that is ahead of it would pass over what comes next.
            log().warning("consumer is ahead of its stream, made anew", stream=self._durable.stream)
            await topology.forget_durable(self._link, self._durable)
            info, _ = await topology.ensure_durable(self._link, self._durable)
        self._measure(info)
        self._life, self._epoch = info["created"], epoch
        self._heard = time.monotonic()
        self._trouble = ""

    async def _hear(self) -> None:
        """Keep one pull request outstanding until the connection, the consumer or the silence asks to bind again."""
        while self._link.epoch == self._epoch and self._link.connected:
            await self._until_room()
            if time.monotonic() - self._lag_at > _LAG_SECONDS:
                self._measure(await self._link.api(f"CONSUMER.INFO.{self._durable.stream}.{self._durable.service}"))
            await self._ask()
            while self._left > 0:
                self._news.clear()
                await set_within(self._news, _HEARTBEAT_SECONDS)
                if self._link.epoch != self._epoch or not self._link.connected:
                    return
                if self._trouble or time.monotonic() - self._heard > _SILENCE_SECONDS:
                    return

    async def _until_room(self) -> None:
        while self._gate.reason or len(self._held) > _BATCH // 2:
            self._full = True
            await self._gate.passed()
            if len(self._held) > _BATCH // 2:
                await self._pause(0.5)
        if self._full:
            self._full, self._heard = False, time.monotonic()

    async def _ask(self) -> None:
        self._request += 1
        self._left = _BATCH - len(self._held)
        request = {
            "batch": self._left,
            "expires": int(_EXPIRES_SECONDS * _SECOND),
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * _SECOND),
        }
        await self._link.client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._durable.stream}.{self._durable.service}",
            msgspec.json.encode(request),
            reply=f"{self._inbox}.{self._request}",
        )

    async def _came(self, message: Msg) -> None:
        """A message, or the broker's word about a pull request."""
        self._heard = time.monotonic()
        if message.reply.startswith("$JS.ACK."):
            self._left -= 1
            held = _Held(message, self._life, self._heard)
            self._held.add(held)
            task = asyncio.create_task(self._handle(held))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if self._left <= 0:
                self._news.set()
            return
        status = (message.headers or {}).get("Status", "")
        if status == "100" or message.subject != f"{self._inbox}.{self._request}":
            return
        self._left = 0
        if status != "408":
            # 503: nobody serves this consumer; 409: it was deleted, its leader moved, the server goes down.
            self._trouble = f"broker says {status} {(message.headers or {}).get('Description', '')}".strip()
        self._news.set()

    async def _handle(self, held: _Held) -> None:
        try:
            async with self._hands:
                held.since = time.monotonic()
                answer = await self._receive(held.message)
        finally:
            self._held.discard(held)
            self._news.set()
        # After the consumer was made anew its numbers mean other messages: the old ones must not be answered.
        if held.life != self._life:
            return
        with contextlib.suppress(*AWAY):
            match answer:
                case Ack():
                    await held.message.ack()
                case Again(seconds):
                    await held.message.nak(delay=seconds)
                case Term():
                    await held.message.term()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_SECONDS)
            for held in list(self._held):
                if held.life == self._life:
                    with contextlib.suppress(*AWAY):
                        await held.message.in_progress()

    def _measure(self, info: dict[str, Any]) -> None:
        self._lag_at = time.monotonic()
        lag = info["num_pending"] + info["num_ack_pending"]
        CONSUMER_LAG.labels(self._durable.service, self._durable.stream).set(lag)
