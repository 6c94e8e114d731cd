"""Who is who and where, in the directory's read copy: units and persons by their codes, who holds which post."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import asyncpg

from services.audit_svc.permissions import PERMISSIONS
from shared.directory.held import in_force

_SIGNERS = sorted(PERMISSIONS["interviews.sign"])
_OF_UNIT = ["unit_leader", "unit_liaison"]


async def unit_by_code(driver: asyncpg.Connection, code: str, day: date) -> UUID | None:
    """The unit that bears a code on a day."""
    found: UUID | None = await driver.fetchval(
        f"SELECT unit_id FROM directory_unit_spans u WHERE code = $1 AND {in_force('u', '$2::date')}", code, day
    )
    return found


async def path_of(driver: asyncpg.Connection, unit_id: UUID, day: date) -> str:
    """Where a unit stands in the tree of a day; nowhere, if it does not stand any more."""
    path: str | None = await driver.fetchval(
        f"SELECT path FROM directory_unit_spans u WHERE unit_id = $1 AND {in_force('u', '$2::date')}", unit_id, day
    )
    return path or ""


async def people(driver: asyncpg.Connection, codes: Sequence[str]) -> dict[str, UUID]:
    """Persons by staff number."""
    rows = await driver.fetch("SELECT person_id, code FROM directory_people WHERE code = ANY($1::text[])", codes)
    return {row["code"]: row["person_id"] for row in rows}


async def person_codes(driver: asyncpg.Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Staff numbers by person."""
    rows = await driver.fetch("SELECT person_id, code FROM directory_people WHERE person_id = ANY($1::uuid[])", ids)
    return {row["person_id"]: row["code"] for row in rows}


async def known_parties(driver: asyncpg.Connection, names: Sequence[str], day: date) -> set[str]:
    """Those of the names that are a staff number, or the code or name of a unit that stands on the day."""
    rows = await driver.fetch(
        "SELECT code AS name FROM directory_people WHERE code = ANY($1::text[]) UNION ALL "
        "SELECT unnest(ARRAY[u.code, u.name]) FROM directory_unit_spans u "
        f"WHERE (u.code = ANY($1::text[]) OR u.name = ANY($1::text[])) AND {in_force('u', '$2::date')}",
        names,
        day,
    )
    return {row["name"] for row in rows} & set(names)


async def belonging_to(driver: asyncpg.Connection, codes: Sequence[str], unit_id: UUID, day: date) -> dict[str, bool]:
    """Persons by staff number, and whether they belong to a unit: they serve in it or below it on the day, or lead or
    liaise for such a unit.
    """
    rows = await driver.fetch(
        "WITH own AS (SELECT u.unit_id FROM directory_unit_spans u "
        "JOIN directory_unit_spans root ON starts_with(u.path, root.path) "
        f"WHERE root.unit_id = $2 AND {in_force('root', '$3::date')} AND {in_force('u', '$3::date')}) "
        "SELECT p.code, p.unit_id IN (SELECT unit_id FROM own) OR EXISTS (SELECT 1 FROM directory_appointments a "
        "WHERE a.subject = p.person_id::text AND a.role = ANY($4::text[]) AND NOT a.revoked "
        f"AND {in_force('a', '$3::date')} AND a.unit_id IN (SELECT unit_id FROM own)) AS belongs "
        "FROM directory_people p WHERE p.code = ANY($1::text[])",
        codes,
        unit_id,
        day,
        _OF_UNIT,
    )
    return {row["code"]: row["belongs"] for row in rows}


async def holders_above(driver: asyncpg.Connection, unit_id: UUID, post: str, day: date) -> list[asyncpg.Record]:
    """Who holds a post in a unit that stands above the given one in the tree of a day.

    `may_sign`: whether an appointment of theirs lets them sign for interviews of the unit on that day.
    """
    rows: list[asyncpg.Record] = await driver.fetch(
        "SELECT p.person_id, p.code, EXISTS (SELECT 1 FROM directory_appointments a "
        f"JOIN directory_unit_spans place ON place.unit_id = a.unit_id AND {in_force('place', '$3::date')} "
        "WHERE a.subject = p.person_id::text AND a.role = ANY($4::text[]) AND NOT a.revoked "
        f"AND {in_force('a', '$3::date')} AND (a.scope = 'all' OR a.scope = 'own' AND a.unit_id = $1 "
        "OR a.scope = 'subtree' AND starts_with(below.path, place.path))) AS may_sign "
        "FROM directory_unit_spans below "
        "JOIN directory_unit_spans above ON starts_with(below.path, above.path) AND above.unit_id <> below.unit_id "
        f"AND {in_force('above', '$3::date')} "
        "JOIN directory_people p ON p.unit_id = above.unit_id AND p.post = $2 "
        f"WHERE below.unit_id = $1 AND {in_force('below', '$3::date')} ORDER BY p.code",
        unit_id,
        post,
        day,
        _SIGNERS,
    )
    return rows


async def leaders_of(driver: asyncpg.Connection, unit_id: UUID, day: date) -> list[asyncpg.Record]:
    """Who leads a unit on a day: appointments as its leader, to this very unit."""
    rows: list[asyncpg.Record] = await driver.fetch(
        "SELECT p.person_id, p.code FROM directory_appointments a "
        "JOIN directory_people p ON p.person_id::text = a.subject "
        f"WHERE a.unit_id = $1 AND a.role = 'unit_leader' AND NOT a.revoked AND {in_force('a', '$2::date')} "
        "ORDER BY p.code",
        unit_id,
        day,
    )
    return rows
