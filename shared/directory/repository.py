"""Reads of the directory: what a subject holds today, where units stand in the tree, which days are worked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import msgspec

from shared.auth import Grant
from shared.contracts.roles import Role, Scope
from shared.db import Database
from shared.errors import NotFound, Refused

_TODAY = "u.effective_from <= $2 AND (u.effective_to IS NULL OR u.effective_to > $2)"


@dataclass(frozen=True)
class Unit:
    """A unit on a day: `path` is the codes from the root down, each followed by a slash."""

    unit_id: UUID
    code: str
    name: str
    kind: str
    parent_id: UUID | None
    path: str
    groups: Mapping[str, str]


class CalendarUnknown(Refused):
    """A working day is asked of a year whose calendar was never published."""

    code = "calendar_unknown"
    zh, en = "{year} 年的工作日历尚未发布", "The working-day calendar of {year} has not been published"


class Directory:
    """Grants of subjects for the authenticator, as of the business date."""

    def __init__(self, database: Database, today: Callable[[], date]) -> None:
        self._database, self._today = database, today

    async def grants_of(self, subject: str) -> Sequence[Grant]:
        """The appointments of a subject that hold today, with the place of their unit in today's tree."""
        records = await self._database.reads.fetch(
            "SELECT a.role, a.scope, a.unit_id, u.path FROM directory_appointments a "
            f"JOIN directory_unit_spans u ON u.unit_id = a.unit_id AND {_TODAY} "
            "WHERE a.subject = $1 AND NOT a.revoked AND a.effective_from <= $2 "
            "AND (a.effective_to IS NULL OR a.effective_to > $2)",
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


@dataclass(frozen=True)
class WorkingDays:
    """The working-day calendar: published years, and the days that differ from Monday to Friday."""

    years: frozenset[int]
    exceptions: Mapping[date, bool]

    def is_working(self, day: date) -> bool:
        """Whether a day is worked. Raises CalendarUnknown for a year that was not published."""
        if day.year not in self.years:
            raise CalendarUnknown(year=day.year)
        return self.exceptions.get(day, day.isoweekday() <= 5)  # noqa: PLR2004 - Friday

    def after(self, day: date, count: int) -> date:
        """The count-th working day after a day."""
        while count > 0:
            day += timedelta(days=1)
            count -= self.is_working(day)
        return day


async def working_days(connection: asyncpg.Connection | asyncpg.Pool) -> WorkingDays:
    """The calendar as published so far."""
    years = await connection.fetch("SELECT year FROM directory_calendar_years")
    days = await connection.fetch("SELECT day, kind FROM directory_calendar_days")
    return WorkingDays(
        frozenset(record["year"] for record in years),
        {record["day"]: record["kind"] == "working" for record in days},
    )
