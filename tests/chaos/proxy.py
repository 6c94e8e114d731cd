"""A cable between a client and a server that can be cut silently: nothing is closed, nothing arrives."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self


class Cable:
    """A TCP proxy on loopback. A connection that was cut stays dead for ever, as behind a forgetful firewall."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._to = port
        self._cut = False
        self._generation = 0
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    def cut(self) -> None:
        """From now on nothing arrives, on connections old and new."""
        self._cut = True
        self._generation += 1

    def mend(self) -> None:
        """New connections work again; the old ones stay dead."""
        self._cut = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        generation = self._generation
        if self._cut:
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        self._writers.add(far_writer)

        def alive() -> bool:
            return generation == self._generation

        for source, target in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(_pump(source, target, alive))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, alive: Callable[[], bool]) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            if not alive():
                continue  # swallowed
            target.write(data)
            await target.drain()
        if alive():
            target.close()
