"""Ending background tasks for certain, and waiting for an event or a while.

Belongs here: the two pitfalls of cancelling that all loops here share. Does not belong here: any loop.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

_AGAIN_SECONDS = 0.5


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until all have ended; what they raise is nobody's business any more.

    Cancels again after a while: a library on the way may swallow a cancellation, as asyncio.wait_for of 3.11 does.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event at most so long; whether it is set. Never swallows a cancellation."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
