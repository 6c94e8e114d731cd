"""All statements on context metrics and their figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.engine.numbers import is_decimal, rational
from shared.directory.held import last_place

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class ContextMetric:
    """A metric; `name` and `unit` by language. `unit` is None until the metric was told with one."""

    metric_id: UUID
    code: str
    name: Mapping[str, str]
    type: str
    unit: Mapping[str, str] | None


@dataclass(frozen=True)
class ShownUnit:
    """A unit as it is today or last was."""

    unit_id: UUID
    code: str
    name: str


async def metrics(connection: Connection, metric_ids: Sequence[UUID]) -> dict[UUID, ContextMetric]:
    """Those of the metrics that are known."""
    rows = await connection.fetch(
        "SELECT metric_id, code, name, type, unit FROM metrics WHERE metric_id = ANY($1::uuid[])", list(metric_ids)
    )
    return {
        row["metric_id"]: ContextMetric(
            row["metric_id"],
            row["code"],
            msgspec.json.decode(row["name"]),
            row["type"],
            msgspec.json.decode(row["unit"]) if row["unit"] else None,
        )
        for row in rows
    }


async def hold_declarations(driver: asyncpg.Connection, set_id: UUID) -> None:
    """Until the transaction ends nobody else declares metrics of the set."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"context_metrics:{set_id}")


async def declared(connection: Connection, set_id: UUID) -> tuple[int, Sequence[UUID]]:
    """The newest declaration of a set: its version (0: none) and its metrics."""
    row = await connection.fetchrow(
        "SELECT version, metric_ids FROM context_metrics WHERE set_id = $1 ORDER BY version DESC LIMIT 1", set_id
    )
    return (row["version"], row["metric_ids"]) if row else (0, [])


async def declare(
    driver: asyncpg.Connection, set_id: UUID, version: int, metric_ids: Sequence[UUID], who: str, at: datetime
) -> None:
    """Add a declaration."""
    await driver.execute(
        "INSERT INTO context_metrics (set_id, version, metric_ids, declared_by, declared_at) "
        "VALUES ($1, $2, $3, $4, $5)",
        set_id,
        version,
        list(metric_ids),
        who,
        at,
    )


async def units(connection: Connection, unit_ids: Iterable[UUID], code: str | None, today: date) -> list[ShownUnit]:
    """These units, or the one with that code among them, by code."""
    rows = await connection.fetch(
        "SELECT u.unit_id, u.code, u.name FROM directory_unit_spans u WHERE u.unit_id = ANY($1::uuid[]) "
        f'AND {last_place("u", "$3")} AND ($2::text IS NULL OR u.code = $2) ORDER BY u.code COLLATE "C", u.unit_id',
        list(unit_ids),
        code,
        today,
    )
    return [ShownUnit(**row) for row in rows]


async def figures(
    connection: Connection, periods: Sequence[str], metric_ids: Sequence[UUID], unit_ids: Sequence[UUID]
) -> dict[tuple[str, UUID, UUID], Fraction]:
    """The newest figures by (period, metric, unit); whatever is stated as missing or exempt is none."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (period, metric_id, unit_id) period, metric_id, unit_id, state, value FROM facts "
        "WHERE period = ANY($1::text[]) AND metric_id = ANY($2::uuid[]) AND unit_id = ANY($3::uuid[]) "
        "ORDER BY period, metric_id, unit_id, version DESC",
        list(periods),
        list(metric_ids),
        list(unit_ids),
    )
    found = {}
    for row in rows:
        told = msgspec.json.decode(row["value"]) if row["state"] == "present" and row["value"] else None
        if isinstance(told, str) and is_decimal(told):
            found[row["period"], row["metric_id"], row["unit_id"]] = rational(told)
    return found
