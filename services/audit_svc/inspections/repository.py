"""All queries of the inspections room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import asyncpg

from services.audit_svc.inspections.domain import FindingState
from services.audit_svc.rows import read, save
from shared.auth import Reach
from shared.directory.held import days_of, last_place, reading_condition
from shared.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding as stored: what was found where, in which period it counts, who recorded and who confirmed it."""

    finding_id: UUID
    metric_id: UUID
    metric_code: str
    unit_id: UUID
    period: str
    text: str
    evidence_hash: str
    occurred_at: datetime
    state: FindingState
    recorded_by: str
    confirmed_by: str | None
    withdrawn_by: str | None
    reason: str
    recorded_on: date
    updated_at: datetime
    version: int


async def unit_by_code(driver: asyncpg.Connection, code: str, day: date) -> UUID | None:
    """The unit that bears a code on a day."""
    found: UUID | None = await driver.fetchval(
        "SELECT unit_id FROM directory_unit_spans WHERE code = $1 AND effective_from <= $2 "
        "AND (effective_to IS NULL OR effective_to > $2)",
        code,
        day,
    )
    return found


async def is_inspected(driver: asyncpg.Connection, metric_id: UUID, unit_id: UUID, period_kind: str) -> bool:
    """Whether a published inspection indicator reads the metric for the unit in that kind of period."""
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT 1 FROM cards WHERE fill_mode = 'inspection' AND period_kind = $3 "
        "AND metric_ids ? $1 AND evaluated_unit_ids ? $2)",
        str(metric_id),
        str(unit_id),
        period_kind,
    )
    return found


async def save_finding(driver: asyncpg.Connection, finding: Finding) -> None:
    """Write a finding."""
    await save(driver, "findings", ["finding_id"], [finding])


async def hold(driver: asyncpg.Connection, finding_id: UUID) -> Finding:
    """One finding, held until the end of the transaction. Raises NotFound."""
    row = await driver.fetchrow("SELECT * FROM findings WHERE finding_id = $1 FOR UPDATE", finding_id)
    if row is None:
        raise NotFound
    return read(Finding, row)


async def recount(driver: asyncpg.Connection, metric_id: UUID, unit_id: UUID, period: str) -> tuple[int, int]:
    """Count the confirmed findings anew, one at a time; returns the next version and the count."""
    name = f"audit/findings/{metric_id}/{unit_id}/{period}"
    key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    await driver.execute("SELECT pg_advisory_xact_lock($1)", key)
    row = await driver.fetchrow(
        "INSERT INTO finding_counts AS known (metric_id, unit_id, period, version, count) "
        "SELECT $1, $2, $3, 1, count(*) FROM findings "
        "WHERE metric_id = $1 AND unit_id = $2 AND period = $3 AND state = 'confirmed' "
        "ON CONFLICT (metric_id, unit_id, period) DO UPDATE SET version = known.version + 1, count = excluded.count "
        "RETURNING version, count",
        metric_id,
        unit_id,
        period,
    )
    return row["version"], row["count"]


_FROM = f"FROM findings f LEFT JOIN directory_unit_spans u ON u.unit_id = f.unit_id AND {last_place('u', '$1')}"
_DAYS = days_of("f.period")
_WITHIN = (
    f"{reading_condition('f.unit_id', _DAYS, 2, '$1')} "
    f"AND (f.state = 'confirmed' OR {reading_condition('f.unit_id', _DAYS, 5, '$1')})"
)
_SHOWN = "f.*, u.code AS unit, u.name AS unit_name"


async def page(
    driver: asyncpg.Connection,
    reach: Reach,
    day: date,
    filters: dict[str, Any],
    after: Sequence[str] | None,
    limit: int,
    *,
    unconfirmed: Reach,
) -> list[asyncpg.Record]:
    """A page of findings within reach, by the day they were recorded; those not confirmed only in `unconfirmed`."""
    rows: list[asyncpg.Record] = await driver.fetch(
        f"SELECT {_SHOWN} {_FROM} WHERE {_WITHIN} "
        "AND ($8::text IS NULL OR f.state = $8) AND ($9::text IS NULL OR u.code = $9) "
        "AND ($10::text IS NULL OR f.period = $10) AND ($11::text IS NULL OR f.metric_code = $11) "
        "AND ($12::date IS NULL OR (f.recorded_on, f.finding_id) > ($12, $13::uuid)) "
        "ORDER BY f.recorded_on, f.finding_id LIMIT $14",
        day,
        *reach.parameters,
        *unconfirmed.parameters,
        filters.get("state"),
        filters.get("unit"),
        filters.get("period"),
        filters.get("problem_type"),
        date.fromisoformat(after[0]) if after else None,
        UUID(after[1]) if after else None,
        limit + 1,
    )
    return rows


async def one(
    driver: asyncpg.Connection, reach: Reach, day: date, finding_id: UUID, *, unconfirmed: Reach
) -> asyncpg.Record:
    """One finding within reach, one not confirmed only in `unconfirmed`. Raises NotFound."""
    row = await driver.fetchrow(
        f"SELECT {_SHOWN} {_FROM} WHERE {_WITHIN} AND f.finding_id = $8",
        day,
        *reach.parameters,
        *unconfirmed.parameters,
        finding_id,
    )
    if row is None:
        raise NotFound
    return row
