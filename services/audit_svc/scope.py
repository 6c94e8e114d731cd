"""What every route asks first: what day it is, and whether the actor reaches the unit that is about to change."""

from datetime import date
from uuid import UUID

import asyncpg
from fastapi import Request

from services.audit_svc.people import path_of
from shared.auth import Actor
from shared.clock import Clock
from shared.errors import NotFound, OutsideScope


def clock_of(request: Request) -> Clock:
    """The business clock of the service."""
    clock: Clock = request.app.state.clock
    return clock


async def demand(driver: asyncpg.Connection, actor: Actor, unit_id: UUID, day: date, *, read: str, write: str) -> None:
    """Raise NotFound for what the actor may not even see, OutsideScope for what may be seen but not changed."""
    path = await path_of(driver, unit_id, day)
    if not actor.may(read) or not actor.reach(read).covers(unit_id, path):
        raise NotFound
    actor.reach(write).demand(unit_id, path)


def demand_everywhere(actor: Actor, permission: str) -> None:
    """Raise OutsideScope unless the actor holds the permission over the whole bureau."""
    if not actor.reach(permission).everything:
        raise OutsideScope
