"""The queries behind the GET routes of the problems room: what is shown of problems and cases, with their story."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from services.audit_svc.problems.reconciliation import Followed, LossyCell
from services.audit_svc.views import CARD, UNIT, View, held, with_card, with_unit
from shared.auth import Reach

_NAMED = f"p.*, {UNIT}, {CARD}, c.set_code AS set"
_PLACE = f"{with_unit('p.unit_id')} {with_card('p.indicator_id')}"
PROBLEMS = View(
    # With the day until which the cure was extended.
    shown=(
        f"{_NAMED}, (SELECT r.due FROM rectifications r WHERE r.problem_id = p.problem_id AND r.extensions > 0) "
        "AS extended_to"
    ),
    source=f"problems p {_PLACE}",
    within=held("p.unit_id", "p.period"),
    order="p.period",
    key="p.problem_id",
    filters={
        "unit": "u.code",
        "state": "p.state",
        "tier": "p.tier",
        "period": "p.period",
        "indicator": "c.code",
        "set": "c.set_code",
        "deduction_id": "p.deduction_id",
    },
    by_day=False,
)
CASES = View(
    shown=_NAMED,
    source=f"cases p {_PLACE}",
    # A case spans the periods of its problems: whoever may read one of them reads the case, and in it those alone.
    within=lambda first: (
        f"EXISTS (SELECT 1 FROM problems q WHERE q.case_id = p.case_id AND {held('q.unit_id', 'q.period')(first)})"
    ),
    order="p.opened_on",
    key="p.case_id",
    filters={"unit": "u.code", "state": "p.state", "tier": "p.tier", "indicator": "c.code"},
)


async def problems_of_case(
    driver: asyncpg.Connection, reach: Reach, day: date, case_id: UUID | None
) -> list[asyncpg.Record]:
    """The problems of a case within reach, by period."""
    rows: list[asyncpg.Record] = await driver.fetch(
        f"SELECT {PROBLEMS.shown} FROM {PROBLEMS.source} WHERE p.case_id = $2 AND {PROBLEMS.within(3)} "
        "ORDER BY p.period, p.problem_id",
        day,
        case_id,
        *reach.parameters,
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
