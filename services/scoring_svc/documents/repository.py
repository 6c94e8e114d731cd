"""Statements on reports that were asked for and on their files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


async def hold_asker(driver: asyncpg.Connection, who: str) -> int:
    """Hold the reports of an asker until the transaction ends; how many of them are not done yet."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"reports:{who}")
    waiting: int = await driver.fetchval(
        "SELECT count(*) FROM reports WHERE made_by = $1 AND state IN ('waiting', 'running')", who
    )
    return waiting


async def add_report(driver: asyncpg.Connection, row: Mapping[str, Any]) -> None:
    """Add a report, waiting to be taken."""
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await driver.execute(f"INSERT INTO reports ({', '.join(row)}) VALUES ({marks})", *row.values())


async def report(connection: Connection, report_id: UUID) -> asyncpg.Record | None:
    """A report with what is known of its file, which may be kept no longer."""
    return await connection.fetchrow(
        "SELECT r.report_id, s.code AS set, r.period, r.format, r.asked, r.state, r.done, r.total, r.code, r.made_at, "
        "r.made_by, r.finished_at, f.sha256, f.size, f.kept_until FROM reports r "
        "JOIN indicator_sets s USING (set_id) LEFT JOIN report_files f USING (report_id) WHERE r.report_id = $1",
        report_id,
    )


async def content(connection: Connection, report_id: UUID) -> bytes | None:
    """The file of a report, while it is kept."""
    found: bytes | None = await connection.fetchval("SELECT content FROM report_files WHERE report_id = $1", report_id)
    return found


async def add_file(driver: asyncpg.Connection, row: Mapping[str, Any]) -> None:
    """Add the file of a report."""
    await driver.execute(
        "INSERT INTO report_files (report_id, sha256, size, content, kept_until) VALUES ($1, $2, $3, $4, $5)",
        *(row[name] for name in ("report_id", "sha256", "size", "content", "kept_until")),
    )


async def drop_files(driver: asyncpg.Connection, now: datetime, newest: int) -> list[UUID]:
    """Delete the files whose time is over, and all but the newest few of every asker; which ones they were of."""
    rows = await driver.fetch(
        "DELETE FROM report_files f USING (SELECT r.report_id, row_number() OVER (PARTITION BY r.made_by "
        "ORDER BY r.made_at DESC, r.report_id DESC) AS place FROM reports r JOIN report_files USING (report_id)) kept "
        "WHERE kept.report_id = f.report_id AND (f.kept_until < $1 OR kept.place > $2) RETURNING f.report_id",
        now,
        newest,
    )
    return sorted(row["report_id"] for row in rows)
