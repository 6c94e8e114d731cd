"""The queries behind the GET routes of the problems room: pages and single objects within reach, with their story."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from services.audit_svc.problems.reconciliation import Followed, LossyCell
from shared.auth import Reach
from shared.directory.held import days_of, last_place, reading_condition
from shared.errors import NotFound

_WITHIN = reading_condition("p.unit_id", days_of("p.period"), 2, "$1")
# A case spans the periods of its problems: whoever may read one of them reads the case, and in it those problems only.
_CASE_WITHIN = (
    "EXISTS (SELECT 1 FROM problems q WHERE q.case_id = p.case_id "
    f"AND {reading_condition('q.unit_id', days_of('q.period'), 2, '$1')})"
)
_PLACE = (
    f"LEFT JOIN directory_unit_spans u ON u.unit_id = p.unit_id AND {last_place('u', '$1')} "
    "LEFT JOIN cards c ON c.indicator_id = p.indicator_id"
)
_SHOWN = "p.*, u.code AS unit, u.name AS unit_name, c.code AS indicator, c.name AS indicator_name, c.set_code AS set"
# A problem, with the day until which its cure was extended.
_PROBLEM = (
    f"{_SHOWN}, (SELECT r.due FROM rectifications r WHERE r.problem_id = p.problem_id AND r.extensions > 0) "
    "AS extended_to"
)


async def problem_page(
    driver: asyncpg.Connection,
    reach: Reach,
    day: date,
    filters: dict[str, Any],
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """A page of problems within reach, by period."""
    rows: list[asyncpg.Record] = await driver.fetch(
        f"SELECT {_PROBLEM} FROM problems p {_PLACE} WHERE {_WITHIN} "
        "AND ($5::text IS NULL OR u.code = $5) AND ($6::text IS NULL OR p.state = $6) "
        "AND ($7::text IS NULL OR p.tier = $7) AND ($8::text IS NULL OR p.period = $8) "
        "AND ($9::text IS NULL OR c.code = $9) AND ($10::uuid IS NULL OR p.deduction_id = $10) "
        "AND ($11::text IS NULL OR c.set_code = $11) "
        "AND ($12::text IS NULL OR (p.period, p.problem_id) > ($12, $13::uuid)) "
        "ORDER BY p.period, p.problem_id LIMIT $14",
        day,
        *reach.parameters,
        filters.get("unit"),
        filters.get("state"),
        filters.get("tier"),
        filters.get("period"),
        filters.get("indicator"),
        filters.get("deduction_id"),
        filters.get("set"),
        after[0] if after else None,
        UUID(after[1]) if after else None,
        limit + 1,
    )
    return rows


async def one_problem(driver: asyncpg.Connection, reach: Reach, day: date, problem_id: UUID) -> asyncpg.Record:
    """One problem within reach. Raises NotFound."""
    row = await driver.fetchrow(
        f"SELECT {_PROBLEM} FROM problems p {_PLACE} WHERE {_WITHIN} AND p.problem_id = $5",
        day,
        *reach.parameters,
        problem_id,
    )
    if row is None:
        raise NotFound
    return row


async def case_page(
    driver: asyncpg.Connection,
    reach: Reach,
    day: date,
    filters: dict[str, Any],
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """A page of cases within reach, by the day they were opened."""
    rows: list[asyncpg.Record] = await driver.fetch(
        f"SELECT {_SHOWN} FROM cases p {_PLACE} WHERE {_CASE_WITHIN} "
        "AND ($5::text IS NULL OR u.code = $5) AND ($6::text IS NULL OR p.state = $6) "
        "AND ($7::text IS NULL OR p.tier = $7) AND ($8::text IS NULL OR c.code = $8) "
        "AND ($9::date IS NULL OR (p.opened_on, p.case_id) > ($9, $10::uuid)) "
        "ORDER BY p.opened_on, p.case_id LIMIT $11",
        day,
        *reach.parameters,
        filters.get("unit"),
        filters.get("state"),
        filters.get("tier"),
        filters.get("indicator"),
        date.fromisoformat(after[0]) if after else None,
        UUID(after[1]) if after else None,
        limit + 1,
    )
    return rows


async def one_case(driver: asyncpg.Connection, reach: Reach, day: date, case_id: UUID) -> asyncpg.Record:
    """One case within reach. Raises NotFound."""
    row = await driver.fetchrow(
        f"SELECT {_SHOWN} FROM cases p {_PLACE} WHERE {_CASE_WITHIN} AND p.case_id = $5",
        day,
        *reach.parameters,
        case_id,
    )
    if row is None:
        raise NotFound
    return row


async def problems_of_case(
    driver: asyncpg.Connection, reach: Reach, day: date, case_id: UUID | None
) -> list[asyncpg.Record]:
    """The problems of a case within reach, by period."""
    rows: list[asyncpg.Record] = await driver.fetch(
        f"SELECT {_PROBLEM} FROM problems p {_PLACE} WHERE p.case_id = $5 AND {_WITHIN} "
        "ORDER BY p.period, p.problem_id",
        day,
        *reach.parameters,
        case_id,
    )
    return rows


async def versions_of(driver: asyncpg.Connection, problem_id: UUID) -> list[dict[str, Any]]:
    """Every version of the deduction that was heard."""
    rows = await driver.fetch(
        "SELECT version, full_marks, score, loss, timing, reason, note, received_at FROM problem_versions "
        "WHERE problem_id = $1 ORDER BY version",
        problem_id,
    )
    return [dict(row) for row in rows]


async def timeline_of(
    driver: asyncpg.Connection, case_id: UUID | None, problem_id: UUID | None, within: Sequence[UUID]
) -> list[dict[str, Any]]:
    """What happened, in order: to one problem and its case as a whole, or to everything of a case.

    `within` are the problems of the case within the reader's reach; nothing is told of the others.
    """
    rows = await driver.fetch(
        "SELECT problem_id, at, what, who, detail FROM timeline WHERE problem_id = $2 "
        "OR (case_id = $1 AND (problem_id IS NULL OR (problem_id = ANY($3::uuid[]) "
        "AND ($2::uuid IS NULL OR what LIKE 'interview%')))) ORDER BY id",
        case_id,
        problem_id,
        within,
    )
    return [dict(row) for row in rows]


async def interview_of(
    driver: asyncpg.Connection, case_id: UUID | None, within: Sequence[UUID], problem_id: UUID | None = None
) -> dict[str, Any] | None:
    """The interview that was about a problem, otherwise the latest of the case, in short.

    `within` are the problems of the case within the reader's reach; interviews that others called for are not told of.
    """
    row = await driver.fetchrow(
        "SELECT interview_id, no, state, number, tier, interviewer_post, record_version, version FROM interviews "
        "WHERE case_id = $1 AND problem_id = ANY($3::uuid[]) "
        "ORDER BY coalesce($2::uuid = ANY(covers), false) DESC, no DESC LIMIT 1",
        case_id,
        problem_id,
        within,
    )
    return None if row is None else dict(row)


async def rectification_of(driver: asyncpg.Connection, problem_id: UUID) -> dict[str, Any] | None:
    """The rectification of a problem in short."""
    row = await driver.fetchrow(
        "SELECT r.rectification_id, r.due, r.extensions, r.returns, r.version, "
        "CASE WHEN r.state = 'planned' THEN 'planned' ELSE p.state END AS state, "
        "(SELECT count(*) FROM rectification_actions a WHERE a.rectification_id = r.rectification_id "
        "AND a.state = 'open') AS open_actions "
        "FROM rectifications r JOIN problems p USING (problem_id) WHERE problem_id = $1",
        problem_id,
    )
    return None if row is None else dict(row)


async def verifications_of(driver: asyncpg.Connection, problem_id: UUID) -> list[dict[str, Any]]:
    """What later figures proved or did not prove."""
    rows = await driver.fetch(
        "SELECT period, cell_version, outcome, full_marks, loss, at FROM verifications WHERE problem_id = $1 "
        "ORDER BY period, cell_version",
        problem_id,
    )
    return [dict(row) for row in rows]


async def followed_in(driver: asyncpg.Connection, set_id: UUID, period: str) -> list[Followed]:
    """The problems of a set and period for the reconciler."""
    rows = await driver.fetch(
        "SELECT deduction_id, deduction_version, loss, indicator_id, unit_id FROM problems "
        "WHERE set_id = $1 AND period = $2",
        set_id,
        period,
    )
    return [Followed(*row) for row in rows]


async def lossy_cells_in(driver: asyncpg.Connection, set_id: UUID, period: str) -> list[LossyCell]:
    """The confirmed cells with a loss for the reconciler."""
    rows = await driver.fetch(
        "SELECT deduction_id, loss, indicator_id, unit_id FROM confirmed_cells "
        "WHERE set_id = $1 AND period = $2 AND loss > 0",
        set_id,
        period,
    )
    return [LossyCell(*row) for row in rows]


async def digest_in(driver: asyncpg.Connection, set_id: UUID, period: str) -> tuple[int, str] | None:
    """The latest digest of scoring_svc."""
    row = await driver.fetchrow("SELECT count, digest FROM digests WHERE set_id = $1 AND period = $2", set_id, period)
    return None if row is None else (row["count"], row["digest"])


async def names_in(driver: asyncpg.Connection, units: Sequence[UUID], indicators: Sequence[UUID]) -> dict[UUID, str]:
    """Codes of units and indicators, for naming gaps."""
    rows = await driver.fetch(
        "SELECT DISTINCT ON (unit_id) unit_id AS id, code FROM directory_unit_spans WHERE unit_id = ANY($1::uuid[]) "
        "UNION ALL SELECT indicator_id, code FROM cards WHERE indicator_id = ANY($2::uuid[])",
        units,
        indicators,
    )
    return {row["id"]: row["code"] for row in rows}
