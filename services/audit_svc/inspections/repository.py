"""All queries of the inspections room."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.audit_svc.inspections.domain import FindingState
from services.audit_svc.rows import lock_key, read, save
from services.audit_svc.views import UNIT, View, held, with_unit
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
    key = lock_key(f"audit/findings/{metric_id}/{unit_id}/{period}")
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


VIEW = View(
    shown=f"f.*, {UNIT}",
    source=f"findings f {with_unit('f.unit_id')}",
    within=held("f.unit_id", "f.period"),
    order="f.recorded_on",
    key="f.finding_id",
    filters={"state": "f.state", "unit": "u.code", "period": "f.period", "problem_type": "f.metric_code"},
)
