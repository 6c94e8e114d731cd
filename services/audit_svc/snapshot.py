"""Re-drives what audit owns from its tables to one named reader, under new event ids; readers apply it once."""

from uuid import UUID

import asyncpg

from services.audit_svc.inspections.domain import count_id_of
from shared.contracts.audit import FindingConfirmed, MakeupVerified
from shared.db import Database
from shared.snapshot import ReaderUnknown

_BATCH = 500
_NONE = UUID(int=0)


async def send_snapshot(database: Database, reader: str) -> int:
    """Send everything that the reader reads; returns how many events. Raises ReaderUnknown."""
    sources = {"scoring_svc": _send_makeups, "submission_svc": _send_counts}
    if reader not in sources:
        raise ReaderUnknown(reader=reader, service="audit_svc", what="anything")
    sent = await sources[reader](database, reader)
    async with database.transaction("snapshot") as uow:
        uow.trail("snapshot", "service", reader, after={"events": sent})
    return sent


async def _send_makeups(database: Database, reader: str) -> int:
    sent, after = 0, _NONE
    while True:
        async with database.transaction("snapshot") as uow:
            rows = await (await uow.driver()).fetch(
                "SELECT problem_id, deduction_id, indicator_id, unit_id, period, verified_in, makeup_points "
                "FROM problems WHERE makeup_points > 0 AND verified_in IS NOT NULL AND problem_id > $1 "
                "ORDER BY problem_id LIMIT $2",
                after,
                _BATCH,
            )
            for row in rows:
                values = {name: row[name] for name in row.keys() if name != "makeup_points"}  # noqa: SIM118 - records iterate over values
                points = format(row["makeup_points"], "f")
                uow.record(MakeupVerified(**values, version=1, points=points), to=reader)
        sent += len(rows)
        if len(rows) < _BATCH:
            return sent
        after = rows[-1]["problem_id"]


async def _send_counts(database: Database, reader: str) -> int:
    sent, after = 0, (_NONE, _NONE, "")
    while True:
        async with database.transaction("snapshot") as uow:
            rows = await (await uow.driver()).fetch(
                "SELECT c.*, last.who, last.updated_at FROM finding_counts c CROSS JOIN LATERAL ("
                "SELECT coalesce(f.withdrawn_by, f.confirmed_by) AS who, f.updated_at FROM findings f "
                "WHERE f.metric_id = c.metric_id AND f.unit_id = c.unit_id AND f.period = c.period "
                "AND f.confirmed_by IS NOT NULL ORDER BY f.updated_at DESC LIMIT 1) AS last "
                "WHERE (c.metric_id, c.unit_id, c.period) > ($1, $2, $3) "
                "ORDER BY c.metric_id, c.unit_id, c.period LIMIT $4",
                *after,
                _BATCH,
            )
            for row in rows:
                uow.record(_counted(row), to=reader)
        sent += len(rows)
        if len(rows) < _BATCH:
            return sent
        after = (rows[-1]["metric_id"], rows[-1]["unit_id"], rows[-1]["period"])


def _counted(row: asyncpg.Record) -> FindingConfirmed:
    return FindingConfirmed(
        finding_id=count_id_of(row["metric_id"], row["unit_id"], row["period"]),
        version=row["version"],
        metric_id=row["metric_id"],
        unit_id=row["unit_id"],
        period=row["period"],
        count=row["count"],
        confirmed_by=row["who"],
        confirmed_at=row["updated_at"],
    )
