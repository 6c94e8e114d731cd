"""Statements on whose turn it is to be scored: groups of units that see each other."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


async def take_turns(driver: asyncpg.Connection, period: str, indicators: Iterable[UUID], pause: float) -> set[UUID]:
    """Which of these groups may be scored now; the others were scored less than `pause` seconds ago and wait.

    Whoever scores a group holds its row until the transaction ends: who comes meanwhile finds it scored just now.
    In the order of the ids, after the period and before the cells.
    """
    rows = await driver.fetch(
        "INSERT INTO group_turns AS known (period, indicator_id, scored_at, waits) "
        "SELECT $1, id, clock_timestamp(), false FROM (SELECT unnest($2::uuid[]) AS id ORDER BY 1) AS ids "
        "ON CONFLICT (period, indicator_id) DO UPDATE SET waits = known.scored_at > clock_timestamp() - $3::interval, "
        "scored_at = CASE WHEN known.scored_at > clock_timestamp() - $3::interval THEN known.scored_at "
        "ELSE clock_timestamp() END RETURNING indicator_id, waits",
        period,
        sorted(indicators),
        timedelta(seconds=pause),
    )
    return {row["indicator_id"] for row in rows if not row["waits"]}


async def wait_no_longer(driver: asyncpg.Connection, period: str, indicators: Iterable[UUID]) -> None:
    """These groups are scored in this transaction, all of their facts that are here."""
    await driver.execute(
        "UPDATE group_turns SET waits = false, scored_at = clock_timestamp() WHERE (period, indicator_id) IN "
        "(SELECT period, indicator_id FROM group_turns WHERE period = $1 AND indicator_id = ANY($2::uuid[]) AND waits "
        "ORDER BY indicator_id FOR UPDATE)",
        period,
        list(indicators),
    )


async def waiting_groups(connection: Connection, pause: float) -> Sequence[tuple[str, UUID]]:
    """Period and indicator of the groups that wait and whose pause is over, the longest waiting first."""
    rows = await connection.fetch(
        "SELECT period, indicator_id FROM group_turns WHERE waits AND scored_at <= clock_timestamp() - $1::interval "
        "ORDER BY scored_at LIMIT 100",
        timedelta(seconds=pause),
    )
    return [(row["period"], row["indicator_id"]) for row in rows]
