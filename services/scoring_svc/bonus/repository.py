"""All statements on bonus entries."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from shared.contracts.audit import MakeupVerified


@dataclass(frozen=True)
class Lost:
    """A deduction as it stands: its set and its loss in points."""

    set_id: UUID
    loss: Decimal


async def hold_deduction(driver: asyncpg.Connection, deduction_id: UUID) -> Lost | None:
    """The loss of a deduction, held until the transaction ends."""
    row = await driver.fetchrow("SELECT set_id, loss FROM deductions WHERE deduction_id = $1 FOR UPDATE", deduction_id)
    return Lost(row["set_id"], row["loss"]) if row else None


async def add_bonus(
    driver: asyncpg.Connection,
    entry_id: UUID,
    lost: Lost,
    event: MakeupVerified,
    points: Decimal,
    who: str,
    at: datetime,
) -> bool:
    """Add the entry of a problem. False if the problem has one already."""
    added = await driver.fetchval(
        "INSERT INTO bonus_entries (entry_id, problem_id, deduction_id, set_id, period, indicator_id, "
        "unit_id, verified_in, "
        "points, who, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING 1",
        entry_id,
        event.problem_id,
        event.deduction_id,
        lost.set_id,
        event.period,
        event.indicator_id,
        event.unit_id,
        event.verified_in,
        points,
        who,
        at,
    )
    return added is not None
