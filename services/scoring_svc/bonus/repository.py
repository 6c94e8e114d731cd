"""All statements on bonus entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from services.scoring_svc.bonus.domain.makeup import Regained, bonus_id
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
        "INSERT INTO bonus_entries (entry_id, problem_id, version, deduction_id, set_id, period, indicator_id, "
        "unit_id, verified_in, "
        "points, who, at) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING 1",
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


async def regained_on(driver: asyncpg.Connection, deduction_ids: Iterable[UUID]) -> Mapping[UUID, Sequence[Regained]]:
    """What was won back on deductions, by deduction, the earlier grants first."""
    rows = await driver.fetch(
        "SELECT deduction_id, problem_id, sum(points) FILTER (WHERE version = 1) AS granted, sum(points) AS standing, "
        "max(version) AS version FROM bonus_entries WHERE deduction_id = ANY($1::uuid[]) "
        "GROUP BY deduction_id, problem_id ORDER BY deduction_id, min(at), problem_id",
        list(deduction_ids),
    )
    found: dict[UUID, list[Regained]] = {}
    for row in rows:
        one = Regained(row["problem_id"], row["granted"], row["standing"], row["version"])
        found.setdefault(row["deduction_id"], []).append(one)
    return found


async def add_adjustment(
    driver: asyncpg.Connection, known: Regained, points: Decimal, *, who: str, at: datetime
) -> None:
    """Add the next entry of a problem: points below zero are taken back."""
    await driver.execute(
        "INSERT INTO bonus_entries (entry_id, problem_id, version, deduction_id, set_id, period, indicator_id, "
        "unit_id, verified_in, points, who, at) SELECT $1, problem_id, $3, deduction_id, set_id, period, indicator_id, "
        "unit_id, verified_in, $4, $5, $6 FROM bonus_entries WHERE problem_id = $2 AND version = 1",
        bonus_id(known.problem_id, known.version + 1),
        known.problem_id,
        known.version + 1,
        points,
        who,
        at,
    )
