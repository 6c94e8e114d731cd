"""What the routes of one object share: the request under way, its transaction and moment, the headers of its answer.

A route names its actor beside it, so that its permission stands in its own signature.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response

from services.scoring_svc.ledger.api import clock_of, reader_of
from services.scoring_svc.ledger.reading import Reader
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import Uow, etag


@dataclass(frozen=True)
class Called:
    """A request under way."""

    request: Request
    response: Response
    uow: UnitOfWork

    @property
    def now(self) -> datetime:
        """The moment in business time."""
        return clock_of(self.request).now()

    def reader(self, actor: Actor, permission: str) -> Reader:
        """How far the caller reads, in today's tree."""
        return reader_of(self.request, actor, permission)

    def made(self, address: str) -> None:
        """Say where the object that was made is found."""
        self.response.headers["location"] = address

    def at_version(self, version: int) -> None:
        """Say which version of the object the answer shows: what the next step must have read."""
        etag(self.response, version)


async def _called(request: Request, response: Response, uow: Uow) -> Called:
    return Called(request, response, uow)


Call = Annotated[Called, Depends(_called)]
