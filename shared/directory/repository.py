"""Reads of the directory: what a subject holds today, where units stand in the tree, which days are worked."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from uuid import UUID

import asyncpg
import msgspec

from shared.auth import Grant
from shared.contracts.roles import Role, Scope
from shared.db import Database
from shared.directory.domain import CalendarUnknown, Unit, WorkingDays
from shared.directory.held import in_force, last_place
from shared.errors import NotFound

__all__ = [
    "CalendarUnknown", "Directory", "Unit", "WorkingDays", "places_of", "unit_on", "units_by", "units_on",
    "working_days",
]  # fmt: skip

_TODAY = in_force("u", "$2")


class Directory:
    """Grants of subjects for the authenticator, as of the business date."""

    def __init__(self, database: Database, today: Callable[[], date]) -> None:
        self._database, self._today = database, today

    async def grants_of(self, subject: str) -> Sequence[Grant]:
        """The appointments of a subject that hold today, with the place of their unit in today's tree."""
        records = await self._database.reads.fetch(
            "SELECT a.role, a.scope, a.unit_id, u.path FROM directory_appointments a "
            f"JOIN directory_unit_spans u ON u.unit_id = a.unit_id AND {_TODAY} "
            f"WHERE a.subject = $1 AND NOT a.revoked AND {in_force('a', '$2')}",
            subject,
            self._today(),
        )
        return [Grant(Role(r["role"]), Scope(r["scope"]), r["unit_id"], r["path"]) for r in records]


async def unit_on(connection: asyncpg.Connection | asyncpg.Pool, unit_id: UUID, day: date) -> Unit:
    """A unit as of a day. Raises NotFound if there was none."""
    found = await connection.fetchrow(
        "SELECT u.unit_id, u.code, u.name, u.kind, u.parent_id, u.path, u.groups FROM directory_unit_spans u "
        f"WHERE u.unit_id = $1 AND {_TODAY}",
        unit_id,
        day,
    )
    if found is None:
        raise NotFound
    return _unit(found)


async def units_on(connection: asyncpg.Connection | asyncpg.Pool, day: date, root: str = "") -> list[Unit]:
    """All units of a day at or below a path, in the order of their paths."""
    records = await connection.fetch(
        "SELECT u.unit_id, u.code, u.name, u.kind, u.parent_id, u.path, u.groups FROM directory_unit_spans u "
        f"WHERE starts_with(u.path, $1) AND {_TODAY} ORDER BY u.path",
        root,
        day,
    )
    return [_unit(record) for record in records]


async def units_by(connection: asyncpg.Connection | asyncpg.Pool, day: date) -> list[Unit]:
    """All units that there were by a day: as they are on it, or as they last were."""
    records = await connection.fetch(
        "SELECT u.unit_id, u.code, u.name, u.kind, u.parent_id, u.path, u.groups FROM directory_unit_spans u "
        f"WHERE {last_place('u', '$1')}",
        day,
    )
    return [_unit(record) for record in records]


async def places_of(
    connection: asyncpg.Connection | asyncpg.Pool, units: Iterable[UUID], days: Iterable[date]
) -> dict[UUID, set[str]]:
    """Where units stood in the tree on each of some days, by path; one that was gone by then, where it last stood."""
    records = await connection.fetch(
        "SELECT DISTINCT ON (u.unit_id, day) u.unit_id, u.path FROM directory_unit_spans u "
        "CROSS JOIN unnest($2::date[]) AS day WHERE u.unit_id = ANY($1::uuid[]) AND u.effective_from <= day "
        "ORDER BY u.unit_id, day, u.effective_from DESC",
        list(units),
        list(days),
    )
    places: dict[UUID, set[str]] = {}
    for record in records:
        places.setdefault(record["unit_id"], set()).add(record["path"])
    return places


def _unit(record: asyncpg.Record) -> Unit:
    # The bare pool returns jsonb as text, the engine's connections decode it.
    groups = record["groups"]
    if isinstance(groups, (str, bytes)):
        groups = msgspec.json.decode(groups)
    return Unit(
        record["unit_id"],
        record["code"],
        record["name"],
        record["kind"],
        record["parent_id"],
        record["path"],
        groups,
    )


async def working_days(connection: asyncpg.Connection | asyncpg.Pool) -> WorkingDays:
    """The calendar as published so far."""
    years = await connection.fetch("SELECT year FROM directory_calendar_years")
    days = await connection.fetch("SELECT day, kind FROM directory_calendar_days")
    return WorkingDays(
        frozenset(record["year"] for record in years),
        {record["day"]: record["kind"] == "working" for record in days},
    )
