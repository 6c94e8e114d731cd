"""The connection to the broker: made in the background, kept for ever, re-made when it went silent.

Belongs here: one client for each connection, requests to JetStream's API. The client's own reconnecting is not used: it
gives up for good on some answers, buffers what nobody waits for any more, and leaks a socket with every failed try.
Does not belong here: what is sent (relay.py) and what is heard (pull.py).
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext

from shared.messaging.tasks import end_all, set_within
from shared.observability import log

# The client's own pings notice a silent cut after 4 to 6 minutes.
_PROBE_SECONDS = 1.0
_GLANCE_SECONDS = 0.05
_SILENCE_SECONDS = 2.0
_NOBODY = "_INBOX.liandong.nobody"
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
    """A service's one connection. `epoch` grows with every connection made, so that users know to bind again.

    `url` may name several servers, separated by commas: they are tried in turn, for ever, so that a broker that comes
    back at another of these addresses is found by itself.
    """

    def __init__(self, url: str, name: str) -> None:
        self.epoch = 0
        # Called whenever the connection was made or lost.
        self.on_change: list[Callable[[], None]] = []
        self._servers = itertools.cycle([part.strip() for part in url.split(",") if part.strip()])
        self._name = name
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection stands, as far as can be known: a silent cut is noticed after 2 to 3 s."""
        return self._client is not None and self._client.is_connected

    @property
    def server(self) -> str:
        """The id of the server's process, new with each of its starts; raises BrokerAway without a connection."""
        return str(self.client._server_info["server_id"])  # noqa: SLF001 - the client has no other way to tell

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
        if not self.connected:
            # The client knows of a loss before we do: what stands now is the connection that is gone.
            self._up.clear()
        await set_within(self._up, seconds)
        return self.connected

    async def wait_tried(self, seconds: float) -> bool:
        """Wait until a connection was made or a first try failed, at most so long; whether there is one."""
        await set_within(self._tried, seconds)
        return self.connected

    async def stop(self) -> None:
        """Send what is buffered, if the broker is there, and close."""
        if self._task is not None:
            if self.connected:
                with contextlib.suppress(Exception):  # a client that is just losing its connection may say anything
                    await self.client.flush(timeout=1)
            await end_all([self._task])
            self._task = None

    async def api(self, subject: str, body: Any = None) -> dict[str, Any]:
        """Ask JetStream's API. Raises BrokerRefused for its errors, one of AWAY when nobody answers."""
        payload = b"" if body is None else msgspec.json.encode(body)
        answer = await self.client.request(f"$JS.API.{subject}", payload, timeout=_API_SECONDS)
        decoded: dict[str, Any] = msgspec.json.decode(answer.data)
        if error := decoded.get("error"):
            raise BrokerRefused(subject, error.get("err_code", 0), error.get("description", ""))
        return decoded

    async def _keep(self) -> None:
        while True:
            client = Client()
            try:
                await self._connect(client)
                await self._made(client)
                await self._until_lost(client)
                log().warning("broker connection lost")
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may work
                log().debug("broker not reached", error=repr(error))
            finally:
                self._lost()
                await _abandon(client)
            await asyncio.sleep(random.uniform(0.15, 0.35))  # noqa: S311 - jitter, not a secret

    async def _connect(self, client: Client) -> None:
        await client.connect(
            next(self._servers),
            name=self._name,
            allow_reconnect=False,
            # Otherwise the client itself waits two seconds before it says that nobody listens.
            max_reconnect_attempts=1,
            reconnect_time_wait=0.05,  # type: ignore[arg-type]  # seconds to sleep; declared whole, taken as any number
            connect_timeout=_CONNECT_SECONDS,
            error_cb=self._failed,
        )

    async def _made(self, client: Client) -> None:
        self._client, self._stream = client, client.jetstream(timeout=_API_SECONDS)
        self.epoch += 1
        self._up.set()
        self._tried.set()
        log().info("broker connected", epoch=self.epoch)
        self._tell()

    async def _until_lost(self, client: Client) -> None:
        """Wait until the client is closed or the server is silent; a probe on a closed client is given up.

        The client is looked at, since it does not always tell: its closing may fail before it comes to that.
        """
        silent = asyncio.create_task(self._until_silent(client))
        try:
            while client.is_connected and not silent.done():
                await asyncio.wait((silent,), timeout=_GLANCE_SECONDS)
        finally:
            await end_all((silent,))

    async def _until_silent(self, client: Client) -> None:
        """Ask once a second for a subject that nobody serves: the server says so at once, if it hears us."""
        while client.is_connected:
            try:
                await client.request(_NOBODY, timeout=_SILENCE_SECONDS)
            except NoRespondersError:
                pass  # it hears us
            except AWAY:
                return
            await asyncio.sleep(_PROBE_SECONDS)

    def _lost(self) -> None:
        self._up.clear()
        self._tried.set()
        self._client = self._stream = None
        self._tell()

    async def _failed(self, error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            log().error("broker refuses", error=str(error))
        else:
            log().debug("broker connection", error=repr(error))

    def _tell(self) -> None:
        for listener in self.on_change:
            listener()


async def _abandon(client: Client) -> None:
    """Close a client at once. Its own close waits for what it could not send, on a dead connection for ever.

    Where its close fails midway it leaves its subscriptions listening for ever.
    """
    writer = getattr(client._transport, "_io_writer", None)  # noqa: SLF001 - the client has no way to abort
    if writer is not None:
        writer.transport.abort()
    listening: list[Any] = [one._wait_for_msgs_task for one in client._subs.values()]  # noqa: SLF001
    with contextlib.suppress(Exception):
        async with asyncio.timeout(1):
            await client.close()
    await end_all([task for task in listening if task is not None])
