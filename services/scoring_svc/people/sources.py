"""Statements on what rounds are made of: people, appointments and places of units; published unit results and cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ranking import domain as ranking
from shared.contracts.periods import Period
from shared.directory.held import in_force, last_place

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class Person:
    """A person as the directory knows them now."""

    person_id: UUID
    code: str
    name: str
    unit_id: UUID
    post: str


# --- the directory --------------------------------------------------------------------------------------------------


async def serving(connection: Connection, root: str, today: date) -> list[Person]:
    """Everybody who serves in a unit at or below a path, where the unit stands or last stood."""
    rows = await connection.fetch(
        "SELECT p.person_id, p.code, p.name, p.unit_id, p.post FROM directory_people p JOIN directory_unit_spans u "
        f"ON u.unit_id = p.unit_id AND {last_place('u', '$2')} WHERE starts_with(u.path, $1) ORDER BY p.code",
        root,
        today,
    )
    return [Person(**row) for row in rows]


async def people_by_code(connection: Connection, codes: Sequence[str]) -> dict[str, Person]:
    """People by staff number."""
    rows = await connection.fetch(
        "SELECT person_id, code, name, unit_id, post FROM directory_people WHERE code = ANY($1::text[])", list(codes)
    )
    return {row["code"]: Person(**row) for row in rows}


async def people_by_id(connection: Connection, people: Sequence[UUID]) -> list[Person]:
    """People by their ids."""
    rows = await connection.fetch(
        "SELECT person_id, code, name, unit_id, post FROM directory_people WHERE person_id = ANY($1::uuid[])",
        list(people),
    )
    return [Person(**row) for row in rows]


async def appointments_in(
    connection: Connection, people: Sequence[UUID], roles: Sequence[str], period: Period
) -> dict[UUID, list[tuple[UUID, str, date, date | None]]]:
    """The appointments of people in some roles that touch a period: unit, role, first day, day after the last one."""
    rows = await connection.fetch(
        "SELECT subject::uuid AS person_id, unit_id, role, effective_from, effective_to FROM directory_appointments "
        "WHERE subject = ANY($1::text[]) AND NOT revoked AND role = ANY($2::text[]) AND effective_from <= $4 "
        "AND (effective_to IS NULL OR effective_to > $3)",
        [str(one) for one in people],
        list(roles),
        period.first,
        period.last,
    )
    found: dict[UUID, list[tuple[UUID, str, date, date | None]]] = {}
    for row in rows:
        one = (row["unit_id"], row["role"], row["effective_from"], row["effective_to"])
        found.setdefault(row["person_id"], []).append(one)
    return found


async def codes_of_units(connection: Connection, units: Sequence[UUID], today: date) -> dict[UUID, str]:
    """The codes that units bear, or last bore."""
    rows = await connection.fetch(
        f"SELECT u.unit_id, u.code FROM directory_unit_spans u WHERE u.unit_id = ANY($1::uuid[]) "
        f"AND {last_place('u', '$2')}",
        list(units),
        today,
    )
    return {row["unit_id"]: row["code"] for row in rows}


async def units_by_code(connection: Connection, codes: Sequence[str], period: Period) -> dict[str, UUID]:
    """The units that bore codes on some day of a period."""
    rows = await connection.fetch(
        "SELECT code, unit_id FROM directory_unit_spans WHERE code = ANY($1::text[]) AND effective_from <= $3 "
        "AND (effective_to IS NULL OR effective_to > $2)",
        list(codes),
        period.first,
        period.last,
    )
    return {row["code"]: row["unit_id"] for row in rows}


async def places_now(connection: Connection, units: Sequence[UUID], today: date) -> list[tuple[UUID, str]]:
    """Where those of the units that stand today stand."""
    rows = await connection.fetch(
        f"SELECT u.unit_id, u.path FROM directory_unit_spans u WHERE u.unit_id = ANY($1::uuid[]) "
        f"AND {in_force('u', '$2')}",
        list(units),
        today,
    )
    return [(row["unit_id"], row["path"]) for row in rows]


async def paths_on(connection: Connection, places: Sequence[tuple[UUID, date]]) -> dict[tuple[UUID, date], list[str]]:
    """The codes from the root down to units, on days; of one that did not stand then, where it stood nearest to it."""
    rows = await connection.fetch(
        "SELECT one.unit_id, one.day, found.path FROM unnest($1::uuid[], $2::date[]) AS one(unit_id, day) "
        "CROSS JOIN LATERAL (SELECT path FROM directory_unit_spans u WHERE u.unit_id = one.unit_id "
        "ORDER BY u.effective_from <= one.day DESC, abs(u.effective_from - one.day) LIMIT 1) found",
        [unit for unit, _ in places],
        [day for _, day in places],
    )
    return {(row["unit_id"], row["day"]): row["path"].rstrip("/").split("/") for row in rows}


# --- what results are made of ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RankedUnit:
    """A unit's published result over a period: percent of full marks, grade."""

    set: str
    ranking_id: UUID
    version: int
    share: Fraction
    grade: str | None


async def unit_results(connection: Connection, sets: Sequence[str], period: Period) -> dict[str, RankedUnit]:
    """The newest published results of units over a period, by code; a unit of several sets counts in the first."""
    rows = await connection.fetch(
        "WITH newest AS (SELECT DISTINCT ON (r.set_id) r.ranking_id, r.version, s.code AS set FROM rankings r "
        "JOIN indicator_sets s USING (set_id) WHERE s.code = ANY($1::text[]) AND r.period = $2 "
        "ORDER BY r.set_id, r.version DESC) "
        "SELECT n.ranking_id, n.version, n.set, u.code, p.total, p.full_marks, g.grade FROM newest n "
        "JOIN ranking_places p ON p.ranking_id = n.ranking_id AND p.board = $4 AND p.peers = $5 "
        "LEFT JOIN ranking_grades g ON g.ranking_id = n.ranking_id AND g.unit_id = p.unit_id "
        f"JOIN directory_unit_spans u ON u.unit_id = p.unit_id AND {last_place('u', '$3')} "
        "WHERE p.full_marks > 0 ORDER BY array_position($1::text[], n.set) DESC",
        list(sets),
        period.key,
        period.last,
        ranking.TOTAL,
        ranking.ALL_PEERS,
    )
    return {
        row["code"]: RankedUnit(
            row["set"], row["ranking_id"], row["version"],
            Fraction(row["total"]) * 100 / Fraction(row["full_marks"]), row["grade"],
        )
        for row in rows
    }  # fmt: skip


async def cell_shares(
    connection: Connection, wanted: Sequence[tuple[str, str]], periods: Sequence[str], last: date
) -> dict[tuple[str, str, str], Fraction]:
    """Score over full marks of confirmed cells in some periods, by set, indicator and unit."""
    rows = await connection.fetch(
        "SELECT s.code AS set, k.code AS indicator, u.code AS unit, sum(c.score) AS score, sum(c.full_marks) AS marks "
        "FROM cells c JOIN indicator_sets s USING (set_id) "
        "JOIN card_versions k ON k.indicator_id = c.indicator_id AND k.version = c.indicator_version "
        "JOIN unnest($1::text[], $2::text[]) AS one(set, indicator) ON one.set = s.code AND one.indicator = k.code "
        f"JOIN directory_unit_spans u ON u.unit_id = c.unit_id AND {last_place('u', '$4')} "
        "WHERE c.period = ANY($3::text[]) AND c.state = 'scored' AND c.standing = 'confirmed' "
        "GROUP BY 1, 2, 3 HAVING sum(c.full_marks) > 0",
        [code for code, _ in wanted],
        [code for _, code in wanted],
        list(periods),
        last,
    )
    return {
        (row["set"], row["indicator"], row["unit"]): Fraction(row["score"]) / Fraction(row["marks"]) for row in rows
    }
