"""R1's control: submission_svc with its one promise broken - batches are answered before they are committed."""

import asyncio
from typing import Any

from fastapi import FastAPI

from services.submission_svc.main import create_app as create_service
from shared.db import UnitOfWork

_COMMIT_LATER_SECONDS = 0.5


def create_app() -> FastAPI:
    """The service whose unit of work only pretends to commit, and does it half a second later."""
    finish = UnitOfWork._finish
    waiting: set[asyncio.Task[Any]] = set()

    async def pretend(self: UnitOfWork, *, commit: bool) -> None:
        if not commit:
            await finish(self, commit=False)
            return
        later = asyncio.create_task(_later(self))
        waiting.add(later)
        later.add_done_callback(waiting.discard)

    async def _later(uow: UnitOfWork) -> None:
        await asyncio.sleep(_COMMIT_LATER_SECONDS)
        await finish(uow, commit=True)

    UnitOfWork._finish = pretend  # type: ignore[method-assign]
    return create_service()
