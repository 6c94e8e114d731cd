"""What every route asks first: what day it is, and whether the actor reaches the unit that is about to change."""

from datetime import date
from uuid import UUID

import asyncpg
from fastapi import Request

from services.audit_svc.people import path_of
from shared.auth import Actor
from shared.clock import Clock
from shared.contracts.periods import parse_period
from shared.directory.held import readable
from shared.errors import NotFound, OutsideScope


def clock_of(request: Request) -> Clock:
    """The business clock of the service."""
    clock: Clock = request.app.state.clock
    return clock


async def demand(
    driver: asyncpg.Connection, actor: Actor, unit_id: UUID, period: str, today: date, *, read: str, write: str
) -> None:
    """Raise NotFound for what the actor may not even see, OutsideScope for what may be seen but not changed.

    Who held the unit during the period may see its record; only who reaches it in today's tree may change it.
    """
    if not actor.may(read) or not await readable(driver, actor.reach(read), parse_period(period), today, [unit_id]):
        raise NotFound
    actor.reach(write).demand(unit_id, await path_of(driver, unit_id, today))


def demand_everywhere(actor: Actor, permission: str) -> None:
    """Raise OutsideScope unless the actor holds the permission over the whole bureau."""
    if not actor.reach(permission).everything:
        raise OutsideScope
