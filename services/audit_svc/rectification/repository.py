"""All queries of the rectification room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.audit_svc.problems.objects import Problem
from services.audit_svc.rectification.domain import Evidence
from services.audit_svc.rows import add, read, save
from services.audit_svc.views import CARD, UNIT, View, held, with_card, with_unit
from shared.contracts.periods import parse_period
from shared.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Rectification:
    """A rectification as stored. `state` is `planned` or `accepted`; how far the cure is, is the problem's state."""

    rectification_id: UUID
    problem_id: UUID
    case_id: UUID | None
    unit_id: UUID
    state: str
    plan: str
    due: date
    extensions: int
    returns: int
    report: str | None
    reason: str
    submitted_by: str
    accepted_by: str | None
    opened_on: date
    updated_at: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action of a plan, numbered from 1. `source`: planned by the unit, or a commitment of the interview."""

    rectification_id: UUID
    no: int
    action: str
    owner: str
    due: date
    source: str
    state: str
    evidence: Any
    ended_at: datetime | None
    ended_by: str | None


async def of_problem(driver: asyncpg.Connection, problem_id: UUID) -> Rectification | None:
    """The rectification of a problem, if a plan was ever submitted."""
    row = await driver.fetchrow("SELECT * FROM rectifications WHERE problem_id = $1 FOR UPDATE", problem_id)
    return None if row is None else read(Rectification, row)


async def problem_of(driver: asyncpg.Connection, rectification_id: UUID) -> UUID:
    """The problem that a rectification cures. Raises NotFound."""
    problem_id: UUID | None = await driver.fetchval(
        "SELECT problem_id FROM rectifications WHERE rectification_id = $1", rectification_id
    )
    if problem_id is None:
        raise NotFound
    return problem_id


async def save_rectification(driver: asyncpg.Connection, rectification: Rectification) -> None:
    """Write a rectification; each problem has one."""
    await save(driver, "rectifications", ["problem_id"], [rectification])


async def actions_of(driver: asyncpg.Connection, rectification_id: UUID) -> list[Action]:
    """The actions in their order; who changes them holds the problem."""
    rows = await driver.fetch(
        "SELECT * FROM rectification_actions WHERE rectification_id = $1 ORDER BY no", rectification_id
    )
    return [read(Action, row) for row in rows]


async def save_actions(driver: asyncpg.Connection, actions: Iterable[Action]) -> None:
    """Write actions."""
    await save(driver, "rectification_actions", ["rectification_id", "no"], actions)


async def later_figures(driver: asyncpg.Connection, problem: Problem) -> list[Evidence]:
    """The confirmed figures of the same unit and indicator in later periods of the same kind."""
    period = parse_period(problem.period)
    rows = await driver.fetch(
        "SELECT period, version, state, full_marks, loss FROM confirmed_cells "
        "WHERE indicator_id = $1 AND unit_id = $2 AND period_kind = $3 AND period_last > $4",
        problem.indicator_id,
        problem.unit_id,
        period.kind,
        period.last,
    )
    return [
        Evidence(parse_period(row["period"]), row["version"], row["state"], row["full_marks"], row["loss"])
        for row in rows
    ]


async def add_verifications(
    driver: asyncpg.Connection, problem_id: UUID, outcome: str, figures: Iterable[Evidence], at: datetime
) -> None:
    """Write down what later figures proved; what is written already stays."""
    rows: list[dict[str, Any]] = [
        {
            "problem_id": problem_id,
            "period": figure.period.key,
            "cell_version": figure.cell_version,
            "outcome": outcome,
            "full_marks": figure.full_marks,
            "loss": figure.loss,
            "at": at,
        }
        for figure in figures
    ]
    columns = ("problem_id", "period", "cell_version", "outcome", "full_marks", "loss", "at")
    await add(driver, "verifications", columns, rows)


async def reported_problems(driver: asyncpg.Connection, pairs: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    """Problems of units x indicators that wait for a figure that proves their cure."""
    rows = await driver.fetch(
        "SELECT p.problem_id FROM problems p JOIN unnest($1::uuid[], $2::uuid[]) AS wanted(u, i) "
        "ON p.unit_id = wanted.u AND p.indicator_id = wanted.i WHERE p.state = 'reported' ORDER BY p.problem_id",
        [unit for unit, _ in pairs],
        [indicator for _, indicator in pairs],
    )
    return [row["problem_id"] for row in rows]


async def pairs_at_work(driver: asyncpg.Connection, cells: Iterable[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Those of the units x indicators that have a problem not finished yet."""
    wanted = sorted(set(cells), key=str)
    rows = await driver.fetch(
        "SELECT DISTINCT p.unit_id, p.indicator_id FROM problems p "
        "JOIN unnest($1::uuid[], $2::uuid[]) AS wanted(u, i) ON p.unit_id = wanted.u AND p.indicator_id = wanted.i "
        "WHERE p.state NOT IN ('struck_off', 'lifted')",
        [unit for unit, _ in wanted],
        [indicator for _, indicator in wanted],
    )
    return [(row["unit_id"], row["indicator_id"]) for row in rows]


_STATE = "CASE WHEN r.state = 'planned' THEN 'planned' ELSE p.state END"
VIEW = View(
    # What the plan's own state is, nobody asks: shown is how far the cure is.
    shown=f"r.*, {_STATE} AS shown_state, p.period, {UNIT}, {CARD}",
    source=(
        f"rectifications r JOIN problems p USING (problem_id) {with_unit('r.unit_id')} {with_card('p.indicator_id')}"
    ),
    within=held("r.unit_id", "p.period"),
    order="r.opened_on",
    key="r.rectification_id",
    filters={"state": _STATE, "unit": "u.code", "problem_id": "r.problem_id"},
)


async def verifications_of(driver: asyncpg.Connection, problem_id: UUID) -> list[dict[str, Any]]:
    """What later figures proved or did not prove."""
    rows = await driver.fetch(
        "SELECT period, cell_version, outcome, full_marks, loss, at FROM verifications WHERE problem_id = $1 "
        "ORDER BY period, cell_version, outcome",
        problem_id,
    )
    return [dict(row) for row in rows]
