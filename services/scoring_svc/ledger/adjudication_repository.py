"""All statements on adjudicated inputs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.ledger.adjudication import Adjudication, Cell, Standing

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_COLUMNS = "a.source, a.source_id, a.version, a.kind, a.input, a.value, a.reason, a.decided_by, a.decided_at"
_NEWEST = "a.version = (SELECT max(later.version) FROM adjudications later WHERE later.source_id = a.source_id)"


async def hold_indicators(driver: asyncpg.Connection, indicators: Iterable[UUID]) -> None:
    """Hold what is decided on indicators, alone, until the transaction ends; after metrics, before period states.

    Without this, a card and a decision on it that arrive at the same moment would each not see the other.
    """
    await driver.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('adjudicated:' || name, 0)) "
        "FROM (SELECT unnest($1::text[]) AS name ORDER BY 1) AS names",
        sorted({str(indicator) for indicator in indicators}),
    )


async def keep(
    driver: asyncpg.Connection, period: str, cell: Cell, decided: Adjudication, *, state: str, at: datetime
) -> bool:
    """Add a version of a decision on a cell. False if it was here already."""
    added = await driver.fetchval(
        "INSERT INTO adjudications (source_id, version, period, indicator_id, unit_id, input, source, state, kind, "
        "value, reason, decided_by, decided_at, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
        "$14) ON CONFLICT DO NOTHING RETURNING 1",
        decided.source_id,
        decided.version,
        period,
        *cell,
        decided.input or "",
        decided.source,
        state,
        decided.kind,
        None if decided.value is None else msgspec.json.encode(decided.value).decode(),
        decided.reason,
        decided.decided_by,
        decided.decided_at,
        at,
    )
    return added is not None


async def standing(connection: Connection, period: str, indicators: Iterable[UUID]) -> Standing:
    """The decisions that stand in a period, by (indicator, unit)."""
    rows = await connection.fetch(
        f"SELECT a.indicator_id, a.unit_id, {_COLUMNS} FROM adjudications a WHERE a.period = $1 "
        f"AND a.indicator_id = ANY($2::uuid[]) AND a.state = 'standing' AND {_NEWEST}",
        period,
        list(indicators),
    )
    found: dict[Cell, list[Adjudication]] = {}
    for indicator, unit, *row in rows:
        found.setdefault((indicator, unit), []).append(_adjudication(row))
    return found


async def periods_decided(connection: Connection, indicator: UUID) -> list[str]:
    """The periods in which anything was ever decided on an indicator."""
    rows = await connection.fetch("SELECT DISTINCT period FROM adjudications WHERE indicator_id = $1", indicator)
    return [row["period"] for row in rows]


async def cells_of(connection: Connection, source_id: UUID) -> Sequence[tuple[str, UUID, UUID]]:
    """The cells (period, indicator, unit) that any version of a decision was about."""
    rows = await connection.fetch(
        "SELECT DISTINCT period, indicator_id, unit_id FROM adjudications WHERE source_id = $1 ORDER BY 1, 2, 3",
        source_id,
    )
    return [(row["period"], row["indicator_id"], row["unit_id"]) for row in rows]


async def as_read(connection: Connection, period: str, read: Sequence[tuple[UUID, UUID, str]]) -> Standing:
    """The decisions that an evaluation read, by (indicator, unit); `read` tells (indicator, unit, reference)."""
    parts = [reference.split(":") for _, __, reference in read]
    rows = await connection.fetch(
        f"SELECT a.indicator_id, a.unit_id, {_COLUMNS} FROM adjudications a JOIN unnest($2::uuid[], $3::uuid[], "
        "$4::uuid[], $5::int[]) AS read(indicator_id, unit_id, source_id, version) "
        "USING (indicator_id, unit_id, source_id, version) WHERE a.period = $1",
        period,
        [indicator for indicator, _, __ in read],
        [unit for _, unit, __ in read],
        [UUID(identity) for _, identity, __ in parts],
        [int(version) for _, __, version in parts],
    )
    found: dict[Cell, list[Adjudication]] = {}
    for indicator, unit, *row in rows:
        found.setdefault((indicator, unit), []).append(_adjudication(row))
    return found


def _adjudication(row: Sequence[object]) -> Adjudication:
    source, source_id, version, kind, name, value, *rest = row
    told = None if value is None else msgspec.json.decode(str(value))
    return Adjudication(source, source_id, version, kind, name or None, told, *rest)  # type: ignore[arg-type]  # a row
