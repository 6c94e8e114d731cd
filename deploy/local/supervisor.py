"""Starts the parts of a system in the order they wait for each other, watches them, stops them in reverse.

What belongs here: order, watching, reporting a death. What does not: what the parts are (system.py) and how
one starts (parts.py).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from deploy.local.processes import Child
from deploy.local.sentences import CannotRun

_WATCH_SECONDS = 0.2


class Part(Protocol):
    """One process of the system."""

    @property
    def name(self) -> str:
        """Its name; also that of its log file."""

    @property
    def waits_for(self) -> Sequence[str]:
        """The names of the parts that must be ready before it starts."""

    async def start(self) -> Child:
        """Start it and return when it is ready. Raises CannotRun with its last words when it does not."""

    async def stop(self) -> None:
        """Stop it in order; one that never started, or is gone, is no error."""


class Supervisor:
    """Runs parts; `tell` gets one line for each that became ready."""

    def __init__(self, parts: Sequence[Part], tell: Callable[[str], None]) -> None:
        self._parts = parts
        self._tell = tell
        self._running: dict[str, Child] = {}
        self._touched: list[Part] = []

    async def start(self) -> None:
        """Start every part as soon as those it waits for are ready; independent ones at the same time.

        When one part does not come up the rest is stopped and its CannotRun is raised.
        """
        ready = {part.name: asyncio.Event() for part in self._parts}
        tasks = [asyncio.create_task(self._start(part, ready)) for part in self._parts]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.stop()
            raise

    async def watch(self) -> None:
        """Return never; raise CannotRun, with the last log lines, when a part dies that nobody stopped."""
        while True:
            for name, child in self._running.items():
                if child.returncode is not None:
                    how = _how(child.returncode)
                    raise CannotRun(f"{name} died ({how}). {child.log} ends:\n{child.last_lines()}")
            await asyncio.sleep(_WATCH_SECONDS)

    async def stop(self) -> None:
        """Stop what was started, the last one first."""
        self._running.clear()
        while self._touched:
            await self._touched.pop().stop()

    async def _start(self, part: Part, ready: dict[str, asyncio.Event]) -> None:
        for name in part.waits_for:
            await ready[name].wait()
        begun = time.monotonic()
        self._touched.append(part)
        child = await part.start()
        self._running[part.name] = child
        ready[part.name].set()
        self._tell(f"{part.name} ready after {time.monotonic() - begun:.1f} s")


def _how(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit status {returncode}"
