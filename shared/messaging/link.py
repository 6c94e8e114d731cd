"""The connection to the broker: made in the background, kept for ever, re-made when it went silent.

Belongs here: the client's settings, the client's replacement when it closed for good, requests to JetStream's API.
Does not belong here: what is sent (relay.py) and what is heard (pull.py).
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.observability import log

# The client's defaults give up after 60 tries and notice a silent cut after 4 to 6 minutes.
_PING_SECONDS = 1
_PINGS_UNANSWERED = 2
_CONNECT_SECONDS = 2
_API_SECONDS = 2.0

# What a broker that is away or busy makes of any call.
AWAY = (NatsError, OSError, TimeoutError)


class BrokerAway(NatsError):
    """There is no connection at the moment."""


class BrokerRefused(Exception):
    """JetStream's API answered with an error; `code` is its own error code."""

    def __init__(self, subject: str, code: int, description: str) -> None:
        self.code = code
        super().__init__(f"{subject}: {description} ({code})")


class Link:
    """A service's one connection. `epoch` grows with every connection made, so that users know to bind again."""

    def __init__(self, url: str, name: str) -> None:
        self.epoch = 0
        # Called whenever the connection was made or lost.
        self.on_change: list[Callable[[], None]] = []
        self._url = url
        self._name = name
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._closed = asyncio.Event()
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection stands, as far as can be known: a silent cut is noticed after 2 to 3 s."""
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The client; raises BrokerAway while there is no connection."""
        if self._client is None or not self._client.is_connected:
            raise BrokerAway
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """The client's JetStream context; raises BrokerAway while there is no connection."""
        if self._stream is None or not self.connected:
            raise BrokerAway
        return self._stream

    async def start(self) -> None:
        """Begin to connect; returns at once, whether or not the broker is there."""
        self._task = asyncio.create_task(self._keep())

    async def wait_connected(self, seconds: float) -> bool:
        """Wait for a connection, at most so long; whether there is one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._up.wait(), seconds)
        return self.connected

    async def wait_tried(self, seconds: float) -> bool:
        """Wait until a connection was made or a first try failed, at most so long; whether there is one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), seconds)
        return self.connected

    async def stop(self) -> None:
        """Send what is buffered, if the broker is there, and close."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._client is not None:
            if self._client.is_connected:
                with contextlib.suppress(*AWAY):
                    await self._client.flush(timeout=1)
            with contextlib.suppress(*AWAY):
                await self._client.close()
            self._client = None

    async def api(self, subject: str, body: Any = None) -> dict[str, Any]:
        """Ask JetStream's API. Raises BrokerRefused for its errors, one of AWAY when nobody answers."""
        payload = b"" if body is None else msgspec.json.encode(body)
        answer = await self.client.request(f"$JS.API.{subject}", payload, timeout=_API_SECONDS)
        decoded: dict[str, Any] = msgspec.json.decode(answer.data)
        if error := decoded.get("error"):
            raise BrokerRefused(subject, error.get("err_code", 0), error.get("description", ""))
        return decoded

    async def _keep(self) -> None:
        # The client reconnects by itself, except that some of the server's answers close it for good.
        while True:
            self._closed.clear()
            client = Client()
            try:
                await self._connect(client)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may work
                log().warning("broker not reached", error=repr(error))
            else:
                self._client, self._stream = client, client.jetstream(timeout=_API_SECONDS)
                await self._made()
                await self._closed.wait()
                self._up.clear()
                log().warning("broker connection closed for good, making another")
            with contextlib.suppress(Exception):
                await client.close()
            await asyncio.sleep(0.5)

    async def _connect(self, client: Client) -> None:
        await client.connect(
            self._url,
            name=self._name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=random.uniform(0.15, 0.35),  # type: ignore[arg-type]  # noqa: S311 - jitter, not a secret; any number of seconds works
            connect_timeout=_CONNECT_SECONDS,
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=_PINGS_UNANSWERED,
            error_cb=self._failed,
            disconnected_cb=self._lost,
            reconnected_cb=self._made,
            closed_cb=self._gone,
        )

    async def _made(self) -> None:
        self.epoch += 1
        self._up.set()
        self._tried.set()
        log().info("broker connected", epoch=self.epoch)
        self._tell()

    async def _lost(self) -> None:
        self._up.clear()
        if self._task is not None:  # otherwise it is ours to close
            log().warning("broker connection lost")
        self._tell()

    async def _gone(self) -> None:
        self._closed.set()
        self._tell()

    async def _failed(self, error: Exception) -> None:
        self._tried.set()
        if "permissions violation" in str(error).lower():
            log().error("broker refuses", error=str(error))
        else:
            log().debug("broker connection", error=repr(error))

    def _tell(self) -> None:
        for listener in self.on_change:
            listener()
