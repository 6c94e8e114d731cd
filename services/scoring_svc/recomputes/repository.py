"""All statements on recomputes, their pieces and what they found."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID, uuid4

import asyncpg

from services.scoring_svc.recomputes.domain import Difference, Piece

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


async def hold_recomputes(driver: asyncpg.Connection, set_id: UUID) -> None:
    """Let nobody else ask for a recompute of the set until the transaction ends."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"recomputes:{set_id}")


async def unfinished(driver: asyncpg.Connection, set_id: UUID, periods: Sequence[str]) -> asyncpg.Record | None:
    """The oldest recompute of a set that covers one of the periods and has a piece to do, with all its periods."""
    return await driver.fetchrow(
        "SELECT recompute_id, periods FROM recomputes r WHERE set_id = $1 AND periods && $2::text[] AND EXISTS "
        "(SELECT FROM recompute_pieces p WHERE p.recompute_id = r.recompute_id AND state IN ('waiting', 'running')) "
        "ORDER BY made_at, recompute_id LIMIT 1",
        set_id,
        list(periods),
    )


async def add_recompute(
    driver: asyncpg.Connection,
    recompute_id: UUID,
    set_id: UUID,
    pieces: Sequence[tuple[str, Piece]],
    periods: Sequence[str],
    *,
    reason: str,
    by: str,
    at: datetime,
) -> None:
    """Store a recompute with its waiting pieces, each with its period."""
    await driver.execute(
        "INSERT INTO recomputes (recompute_id, set_id, periods, reason, made_at, made_by) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        recompute_id,
        set_id,
        periods,
        reason,
        at,
        by,
    )
    await driver.copy_records_to_table(
        "recompute_pieces",
        columns=(
            "piece_id", "recompute_id", "set_id", "period", "indicators", "units", "state", "total", "made_at",
            "made_by",
        ),
        records=[
            (uuid4(), recompute_id, set_id, period, piece.indicators, piece.units, "waiting", piece.cells, at, by)
            for period, piece in pieces
        ],
    )  # fmt: skip


async def note_piece(driver: asyncpg.Connection, piece_id: UUID, *, cells: int, changed: int, took_ms: int) -> None:
    """Tell what a piece did, in the transaction that did it."""
    await driver.execute(
        "UPDATE recompute_pieces SET cells = $2, changed = $3, took_ms = $4 WHERE piece_id = $1",
        piece_id,
        cells,
        changed,
        took_ms,
    )


async def add_differences(
    driver: asyncpg.Connection, recompute_id: UUID, period: str, differences: Iterable[Difference]
) -> None:
    """Store what a replay did not give again; a piece that is worked on twice tells it once."""
    await driver.executemany(
        "INSERT INTO recompute_differences (recompute_id, period, indicator_id, unit_id, version, stored, found) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        [(recompute_id, period, *one) for one in differences],
    )


_SHOWN = (
    "SELECT r.recompute_id, r.set_id, r.periods, r.reason, r.made_at, r.made_by, p.*, "
    "(SELECT count(*) FROM recompute_differences d WHERE d.recompute_id = r.recompute_id) AS differences "
    "FROM recomputes r CROSS JOIN LATERAL (SELECT count(*) AS pieces, coalesce(sum(total), 0) AS total, "
    "count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed, "
    "count(*) FILTER (WHERE tries > 0) AS begun, coalesce(sum(cells), 0) AS cells, "
    "coalesce(sum(changed), 0) AS changed, max(took_ms) AS longest_ms, max(finished_at) AS finished_at "
    "FROM recompute_pieces WHERE recompute_id = r.recompute_id) p "
)


async def recompute(connection: Connection, recompute_id: UUID) -> asyncpg.Record | None:
    """A recompute with what its pieces did so far."""
    return await connection.fetchrow(f"{_SHOWN} WHERE r.recompute_id = $1", recompute_id)


async def recomputes_of(
    connection: Connection, set_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[asyncpg.Record]:
    """The recomputes of a set, the newest first."""
    return list(
        await connection.fetch(
            f"{_SHOWN} WHERE r.set_id = $1 AND ($2::timestamptz IS NULL OR (r.made_at, r.recompute_id) < ($2, $3)) "
            "ORDER BY r.made_at DESC, r.recompute_id DESC LIMIT $4",
            set_id,
            after[0] if after else None,
            after[1] if after else None,
            limit,
        )
    )


async def differences_of(
    connection: Connection, recompute_id: UUID, after: Sequence[str] | None, limit: int
) -> list[asyncpg.Record]:
    """The differences that a recompute found, by period, indicator and unit."""
    return list(
        await connection.fetch(
            "SELECT period, indicator_id, unit_id, version, stored, found FROM recompute_differences "
            "WHERE recompute_id = $1 AND ($2::text IS NULL OR (period, indicator_id, unit_id) > ($2, $3, $4)) "
            "ORDER BY period, indicator_id, unit_id LIMIT $5",
            recompute_id,
            after[0] if after else None,
            UUID(after[1]) if after else None,
            UUID(after[2]) if after else None,
            limit,
        )
    )
