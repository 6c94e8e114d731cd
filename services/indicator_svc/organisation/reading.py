"""Pages of units, people and appointments: one statement each, the caller's reach in SQL, in a stable order."""

from datetime import date, datetime
from typing import Any

import asyncpg

from services.indicator_svc.organisation.repository import decoded
from shared.auth import Reach, reach_condition
from shared.db import rows_as_dicts
from shared.directory.held import in_force, last_place, reading_condition

_NOW_KNOWN = "directory_unit_spans"
# What was known at a moment: of each unit the last timeline that was recorded by then.
_KNOWN_AT = (
    "(SELECT r.*, max(r.version) OVER (PARTITION BY r.unit_id) AS newest FROM "
    "(SELECT unit_id, version, effective_from, effective_to, span_recorded_at AS recorded_at, code, name, kind, "
    "parent_id, path, groups FROM unit_recordings WHERE recorded_at <= $9) r)"
)

# A unit that is gone keeps its code; where it last stood opens nothing.
_LAST = last_place("u", "$1")
_PATH_TODAY = "CASE WHEN u.effective_to IS NULL OR u.effective_to > $1 THEN u.path ELSE '' END"


async def units_page(
    driver: asyncpg.Connection | asyncpg.Pool,
    reach: Reach,
    *,
    today: date,
    as_of: date,
    known_at: datetime | None,
    kind: str | None = None,
    under: str | None = None,
    code: str | None = None,
    after: str = "",
    limit: int = 500,
) -> list[dict[str, Any]]:
    """Units as of a day, as now known or as known at a moment; `under` and `code` are codes of units.

    The reach is judged by today's tree and by that of the day, both as now known; a unit that begins or ended on
    another day than today by where it stands on the day.
    """
    source = _NOW_KNOWN if known_at is None else _KNOWN_AT
    newest = "" if known_at is None else "AND u.version = u.newest"
    parameters: list[Any] = [today, as_of, kind, under, after, *reach.parameters]
    parameters += [] if known_at is None else [known_at]
    at = len(parameters)
    records = await driver.fetch(
        "SELECT u.unit_id, u.version, u.code, u.name, u.kind, u.parent_id, u.path, u.groups, u.effective_from, "
        f"u.effective_to, u.recorded_at FROM {source} u "
        f"LEFT JOIN {_NOW_KNOWN} t ON t.unit_id = u.unit_id AND {in_force('t', '$1')} "
        f"WHERE {in_force('u', '$2')} {newest} AND ($3::text IS NULL OR u.kind = $3) "
        "AND ($4::text IS NULL OR strpos('/' || u.path, '/' || $4 || '/') > 0) "
        f"AND u.path > $5 AND ({reach_condition('u.unit_id', 'coalesce(t.path, u.path)', 6)} "
        f"OR {reading_condition('u.unit_id', ('$2', '$2'), 6, '$1')}) "
        f"AND (${at + 1}::text IS NULL OR u.code = ${at + 1}) ORDER BY u.path LIMIT ${at + 2}",
        *parameters,
        code,
        limit,
    )
    return [{**row, "groups": decoded(row["groups"])} for row in rows_as_dicts(records)]


async def people_page(
    driver: asyncpg.Connection | asyncpg.Pool,
    reach: Reach,
    *,
    today: date,
    role: str | None = None,
    unit: str | None = None,
    code: str | None = None,
    after: str = "",
    limit: int = 500,
) -> list[dict[str, Any]]:
    """People whose unit lies within reach. With `role`: who holds it today, over `unit` if that is given too."""
    held = f"a.subject = p.person_id::text AND NOT a.revoked AND {in_force('a', '$1')}"
    records = await driver.fetch(
        "SELECT p.person_id, p.version, p.code, p.name, p.unit_id, u.code AS unit_code, p.post, "
        f"ARRAY(SELECT DISTINCT a.role FROM directory_appointments a WHERE {held} ORDER BY 1) AS roles "
        "FROM directory_people p "
        f"LEFT JOIN directory_unit_spans u ON u.unit_id = p.unit_id AND {_LAST} "
        "WHERE ($3::text IS NULL OR p.code = $3) AND p.code > $4 "
        "AND ($2::text IS NOT NULL OR $5::text IS NULL OR u.code = $5) "
        "AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM directory_appointments a "
        f"LEFT JOIN directory_unit_spans o ON o.unit_id = a.unit_id AND {last_place('o', '$1')} "
        f"WHERE {held} AND a.role = $2 AND ($5::text IS NULL OR o.code = $5))) "
        f"AND {reach_condition('p.unit_id', _PATH_TODAY, 7)} ORDER BY p.code LIMIT $6",
        today,
        role,
        code,
        after,
        unit,
        limit,
        *reach.parameters,
    )
    return rows_as_dicts(records)


async def appointments_page(
    driver: asyncpg.Connection | asyncpg.Pool,
    reach: Reach,
    *,
    today: date,
    person: str | None = None,
    client: str | None = None,
    role: str | None = None,
    unit: str | None = None,
    appointment_id: str | None = None,
    after: str | None = None,
    limit: int = 500,
) -> list[dict[str, Any]]:
    """Appointments over units within reach, revoked and ended ones too; `person` is a staff number."""
    records = await driver.fetch(
        "SELECT a.appointment_id, a.version, p.code AS person_code, "
        "CASE WHEN p.person_id IS NULL THEN a.subject END AS client_id, a.role, a.unit_id, u.code AS unit_code, "
        "a.scope, a.effective_from, a.effective_to, a.recorded_at, a.revoked FROM directory_appointments a "
        "LEFT JOIN directory_people p ON p.person_id::text = a.subject "
        f"LEFT JOIN directory_unit_spans u ON u.unit_id = a.unit_id AND {_LAST} "
        "WHERE ($2::text IS NULL OR p.code = $2) AND ($3::text IS NULL OR (p.person_id IS NULL AND a.subject = $3)) "
        "AND ($4::text IS NULL OR a.role = $4) AND ($5::text IS NULL OR u.code = $5) "
        "AND ($6::uuid IS NULL OR a.appointment_id = $6::uuid) AND ($7::uuid IS NULL OR a.appointment_id > $7::uuid) "
        f"AND {reach_condition('a.unit_id', _PATH_TODAY, 9)} ORDER BY a.appointment_id LIMIT $8",
        today,
        person,
        client,
        role,
        unit,
        appointment_id,
        after,
        limit,
        *reach.parameters,
    )
    return rows_as_dicts(records)
