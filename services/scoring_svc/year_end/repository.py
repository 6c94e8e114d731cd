"""All statements on year results, their steps, appeals and uses. What archives are made of: sources.py."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ranking.repository import add_row
from services.scoring_svc.year_end.domain import ResultState
from shared.auth import Reach
from shared.contracts.periods import Period
from shared.directory.held import last_place, reading_condition
from shared.leased import Jobs

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
ARCHIVES = Jobs("year_archives", "result_id", "year_archive", ())


@dataclass(frozen=True)
class YearResult:
    """A year result as stored; `basis` as JSON, once it is final."""

    result_id: UUID
    version: int
    state: ResultState
    set_id: UUID
    year: int
    period: str
    ranking_id: UUID
    ranking_version: int
    drafted_by: str
    opened_at: datetime
    updated_at: datetime
    approved_by: str | None = None
    notice_first: date | None = None
    notice_last: date | None = None
    basis: str | None = None


_COLUMNS = ", ".join(field.name for field in fields(YearResult))


# --- results and steps ------------------------------------------------------------------------------------------------


async def hold_result(driver: asyncpg.Connection, result_id: UUID) -> YearResult | None:
    """A year result, held until the transaction ends: of two steps at once the second sees what the first did."""
    row = await driver.fetchrow(f"SELECT {_COLUMNS} FROM year_results WHERE result_id = $1 FOR UPDATE", result_id)
    return YearResult(**row) if row else None


async def result(connection: Connection, result_id: UUID) -> YearResult | None:
    """A year result."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM year_results WHERE result_id = $1", result_id)
    return YearResult(**row) if row else None


async def results_of(connection: Connection, set_id: UUID, after: int | None, limit: int) -> list[YearResult]:
    """The year results of a set by year, after a year."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM year_results WHERE set_id = $1 AND ($2::int IS NULL OR year > $2) "
        "ORDER BY year LIMIT $3",
        set_id,
        after,
        limit,
    )
    return [YearResult(**row) for row in rows]


async def add_result(driver: asyncpg.Connection, made: YearResult) -> bool:
    """Add a year result; False if the set has one of that year."""
    row = asdict(made)
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    added = await driver.fetchval(
        f"INSERT INTO year_results ({', '.join(row)}) VALUES ({marks}) ON CONFLICT (set_id, year) DO NOTHING "
        "RETURNING 1",
        *row.values(),
    )
    return added is not None


async def save_result(driver: asyncpg.Connection, after: YearResult) -> None:
    """Store a held year result as it now is."""
    row = asdict(after)
    key = row.pop("result_id")
    told = ", ".join(f"{name} = ${number}" for number, name in enumerate(row, start=2))
    await driver.execute(f"UPDATE year_results SET {told} WHERE result_id = $1", key, *row.values())


async def add_step(driver: asyncpg.Connection, row: Mapping[str, Any]) -> None:
    """Add a step."""
    await add_row(driver, "year_result_steps", row)


async def steps_of(connection: Connection, result_id: UUID) -> list[asyncpg.Record]:
    """The steps of a year result in their order."""
    return list(
        await connection.fetch(
            "SELECT version, step, who, at, document, reason, details FROM year_result_steps WHERE result_id = $1 "
            "ORDER BY version",
            result_id,
        )
    )


# --- appeals and uses -------------------------------------------------------------------------------------------------


async def next_number(driver: asyncpg.Connection, table: str, result_id: UUID) -> int:
    """The next number of an appeal or use of a held year result."""
    statement = f"SELECT coalesce(max(number), 0) + 1 FROM {table} WHERE result_id = $1"
    number: int = await driver.fetchval(statement, result_id)
    return number


async def add_appeal(driver: asyncpg.Connection, row: Mapping[str, Any]) -> None:
    """Add an open appeal."""
    await add_row(driver, "year_appeals", row)


async def appeal(connection: Connection, result_id: UUID, number: int) -> asyncpg.Record | None:
    """An appeal of a year result; who decides holds the result."""
    return await connection.fetchrow(
        "SELECT unit_id, filed_by, entered_by, against, ranking_version, outcome FROM year_appeals "
        "WHERE result_id = $1 AND number = $2",
        result_id,
        number,
    )


async def decide_appeal(driver: asyncpg.Connection, result_id: UUID, number: int, decided: Mapping[str, Any]) -> None:
    """Write the decision on an appeal of a held year result."""
    told = ", ".join(f"{name} = ${place}" for place, name in enumerate(decided, start=3))
    statement = f"UPDATE year_appeals SET {told} WHERE result_id = $1 AND number = $2"
    await driver.execute(statement, result_id, number, *decided.values())


async def open_appeals(connection: Connection, result_id: UUID) -> list[int]:
    """The numbers of the appeals that nobody has decided."""
    rows = await connection.fetch(
        "SELECT number FROM year_appeals WHERE result_id = $1 AND outcome IS NULL ORDER BY number", result_id
    )
    return [row["number"] for row in rows]


async def add_uses(driver: asyncpg.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add uses of the result, or what takes them back."""
    for row in rows:
        await add_row(driver, "year_result_uses", row)


async def standing_use(connection: Connection, result_id: UUID, number: int) -> asyncpg.Record | None:
    """A use that stands: it takes nothing back and nothing takes it back."""
    return await connection.fetchrow(
        "SELECT unit_id, kind, text FROM year_result_uses u WHERE result_id = $1 AND number = $2 "
        "AND withdraws IS NULL AND NOT EXISTS (SELECT FROM year_result_uses w WHERE w.result_id = u.result_id "
        "AND w.withdraws = u.number)",
        result_id,
        number,
    )


async def rows_within(
    connection: Connection,
    table: str,
    result_id: UUID,
    reach: Reach,
    days: Period,
    today: date,
    *,
    unit: str | None,
    after: int | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Appeals or uses of units that the reader reaches today or held on a day of the span, by number."""  # fmt: skip
    return list(
        await connection.fetch(
            f"SELECT a.*, u.code AS unit, u.name AS unit_name FROM {table} a "
            f"LEFT JOIN directory_unit_spans u ON u.unit_id = a.unit_id AND {last_place('u', '$4')} "
            f"WHERE a.result_id = $7 AND {reading_condition('a.unit_id', ('$5::date', '$6::date'), 1, '$4')} "
            "AND ($8::text IS NULL OR u.code = $8) AND ($9::int IS NULL OR a.number > $9) ORDER BY a.number LIMIT $10",
            *reach.parameters,
            today,
            days.first,
            days.last,
            result_id,
            unit,
            after,
            limit,
        )
    )


# --- who and what steps speak of --------------------------------------------------------------------------------------


async def person_named(connection: Connection, code: str) -> str | None:
    """The subject of a person's code."""
    found = await connection.fetchval("SELECT person_id FROM directory_people WHERE code = $1", code)
    return None if found is None else str(found)


async def amended_cells(connection: Connection, set_id: UUID, periods: Collection[str]) -> list[asyncpg.Record]:
    """The confirmed cells whose version in the ledger is above 1."""
    return list(
        await connection.fetch(
            "SELECT period, indicator_id, unit_id, entered_version AS version FROM cells WHERE set_id = $1 "
            "AND period = ANY($2::text[]) AND standing = 'confirmed' AND entered_version > 1 ORDER BY 1, 2, 3",
            set_id,
            list(periods),
        )
    )


async def entries_counted(connection: Connection, set_id: UUID, periods: Collection[str]) -> list[UUID]:
    """The entries of units, awards and external losses, that count in these periods."""
    rows = await connection.fetch(
        "SELECT entry_id FROM unit_entries WHERE set_id = $1 AND period = ANY($2::text[]) ORDER BY entry_id",
        set_id,
        list(periods),
    )
    return [row["entry_id"] for row in rows]


# --- archives as jobs -------------------------------------------------------------------------------------------------


async def ask_for_archive(driver: asyncpg.Connection, result_id: UUID, who: str, at: datetime) -> bool:
    """Let an archive be written; False unless there is none yet, or the last try failed."""
    row = await driver.fetchval(
        "INSERT INTO year_archives AS known (result_id, state, made_at, made_by) VALUES ($1, 'waiting', $2, $3) "
        "ON CONFLICT (result_id) DO UPDATE SET state = 'waiting', code = NULL, tries = 0, done = 0, made_at = $2, "
        "made_by = $3, finished_at = NULL WHERE known.state = 'failed' RETURNING 1",
        result_id,
        at,
        who,
    )
    return row is not None


async def archive(connection: Connection, result_id: UUID) -> asyncpg.Record | None:
    """The archive of a year result without its bytes."""
    return await connection.fetchrow(
        "SELECT state, done, total, code, made_at, made_by, finished_at, sha256, size, signed_by FROM year_archives "
        "WHERE result_id = $1",
        result_id,
    )


async def complete_archive(
    driver: asyncpg.Connection, result_id: UUID, *, sha256: str, size: int, signed_by: str
) -> None:
    """Say of which bytes an archive consists, in the transaction that adds them and ends its job."""
    await driver.execute(
        "UPDATE year_archives SET sha256 = $2, size = $3, signed_by = $4 WHERE result_id = $1",
        result_id,
        sha256,
        size,
        signed_by,
    )


async def add_piece(driver: asyncpg.Connection, result_id: UUID, number: int, body: bytes) -> None:
    """Add a piece of an archive."""
    await driver.execute(
        "INSERT INTO year_archive_pieces (result_id, number, body) VALUES ($1, $2, $3)", result_id, number, body
    )


async def piece(connection: Connection, result_id: UUID, number: int) -> bytes | None:
    """A piece of an archive; None after the last one."""
    body: bytes | None = await connection.fetchval(
        "SELECT body FROM year_archive_pieces WHERE result_id = $1 AND number = $2", result_id, number
    )
    return body
