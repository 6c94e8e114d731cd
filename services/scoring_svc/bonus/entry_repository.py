"""All statements on the ledger's entries of units beside their cells, and on external losses."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class UnitEntry:
    """One entry as stored; `taken` is what each cap took, as JSON."""

    entry_id: UUID
    kind: Literal["award", "external_loss"]
    source_id: UUID
    set_id: UUID
    period: str
    unit_id: UUID
    table_code: str | None
    bonus_class: str | None
    due: Decimal
    points: Decimal
    taken: str
    reverses: UUID | None
    caused_by: UUID | None
    reason: str
    who: str
    at: datetime


@dataclass(frozen=True)
class ExternalLoss:
    """Points that the bureau itself lost, as stored."""

    loss_id: UUID
    version: int
    state: Literal["standing", "withdrawn"]
    set_id: UUID
    period: str
    points: Decimal
    source: str
    matter: str
    matter_key: str
    document_no: str
    document_key: str
    document_on: date
    entered_by: str
    entered_at: datetime
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    reason: str = ""


_ENTRY = [field.name for field in fields(UnitEntry)]
_LOSS = [field.name for field in fields(ExternalLoss)]


async def add_entries(driver: asyncpg.Connection, entries: Sequence[UnitEntry]) -> None:
    """Add entries."""
    await driver.copy_records_to_table("unit_entries", records=[astuple(one) for one in entries], columns=_ENTRY)


async def standing_entries(connection: Connection, source_id: UUID) -> list[UnitEntry]:
    """The entries of an award or loss that nothing has taken back."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_ENTRY)} FROM unit_entries e WHERE source_id = $1 AND reverses IS NULL "
        "AND NOT EXISTS (SELECT FROM unit_entries later WHERE later.reverses = e.entry_id) ORDER BY entry_id",
        source_id,
    )
    return [UnitEntry(**row) for row in rows]


async def units_of_source(connection: Connection, source_id: UUID) -> list[UUID]:
    """The units that an award or loss was entered for."""
    rows = await connection.fetch("SELECT DISTINCT unit_id FROM unit_entries WHERE source_id = $1", source_id)
    return [row["unit_id"] for row in rows]


@dataclass(frozen=True)
class Used:
    """The points that stand under a table in a year: of a unit in a class, of the unit, of all units."""

    in_class: Decimal
    unit: Decimal
    overall: Decimal


async def used(connection: Connection, table_code: str, year: int, unit_id: UUID, bonus_class: str) -> Used:
    """What the caps have given already; the caller holds the awards."""
    row = await connection.fetchrow(
        "SELECT coalesce(sum(points) FILTER (WHERE unit_id = $3 AND bonus_class = $4), 0) AS in_class, "
        "coalesce(sum(points) FILTER (WHERE unit_id = $3), 0) AS unit, coalesce(sum(points), 0) AS overall "
        "FROM unit_entries WHERE kind = 'award' AND table_code = $1 AND left(period, 4) = $2",
        table_code,
        str(year),
        unit_id,
        bonus_class,
    )
    return Used(row["in_class"], row["unit"], row["overall"])


async def state_of_period(driver: asyncpg.Connection, set_id: UUID, period: str) -> str:
    """The state of a period, kept from changing until the transaction ends; nobody closes one that was never fenced."""
    state: str | None = await driver.fetchval(
        "SELECT state FROM period_states WHERE set_id = $1 AND period = $2 FOR SHARE", set_id, period
    )
    return state or "open"


# --- external losses ------------------------------------------------------------------------------------------------


async def loss_on(connection: Connection, document_key: str, matter_key: str) -> UUID | None:
    """The standing loss of a matter by a document."""
    found: UUID | None = await connection.fetchval(
        "SELECT loss_id FROM external_losses WHERE document_key = $1 AND matter_key = $2 AND state = 'standing'",
        document_key,
        matter_key,
    )
    return found


async def hold_loss(driver: asyncpg.Connection, loss_id: UUID) -> ExternalLoss | None:
    """A loss, held until the transaction ends."""
    row = await driver.fetchrow(
        f"SELECT {', '.join(_LOSS)} FROM external_losses WHERE loss_id = $1 FOR UPDATE", loss_id
    )
    return ExternalLoss(**row) if row else None


async def save_loss(driver: asyncpg.Connection, loss: ExternalLoss) -> None:
    """Put a loss as it now stands."""
    places = ", ".join(f"${number}" for number in range(1, len(_LOSS) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _LOSS[1:])
    await driver.execute(
        f"INSERT INTO external_losses ({', '.join(_LOSS)}) VALUES ({places}) "
        f"ON CONFLICT (loss_id) DO UPDATE SET {changes}",
        *astuple(loss),
    )
