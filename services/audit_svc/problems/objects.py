"""What the rules of problems speak of: a version of a deduction, the problem that follows it, the case it belongs to.

Frozen values, as they are stored; what happens to them stands in following.py and cases.py.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.audit_svc.problems.domain import Measures, ProblemState


@dataclass(frozen=True, kw_only=True)
class OfCell:
    """The cell that lost points. It is the same in every version of its deduction."""

    deduction_id: UUID
    set_id: UUID
    indicator_id: UUID
    unit_id: UUID
    responsible_unit_id: UUID
    period: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a version of a deduction states of its cell: points, and the clauses and reason they rest on."""

    indicator_version: int
    full_marks: Decimal
    score: Decimal
    loss: Decimal
    clauses: Any
    timing: str
    reason: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Stated(OfCell, Figures):
    """One version of a deduction, as scoring_svc stated it."""

    version: int


@dataclass(frozen=True, kw_only=True)
class Problem(OfCell, Figures, Measures):
    """A problem as stored: the latest deduction version, what the policy demands, and how far the cure is.

    `version` is the problem's own, for edits; `deduction_version` is the one it follows. Days count from `opened_on`.
    """

    problem_id: UUID
    deduction_version: int
    state: ProblemState
    case_id: UUID | None
    cause: Any
    verified_in: str | None
    makeup_points: Decimal | None
    entry_id: UUID | None
    regained: Decimal | None
    regained_version: int
    opened_on: date
    updated_at: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """The problems of one unit and indicator that belong together; owns tier, repeats and the interviews.

    `state`: open; lifted while nothing of it stands lost, and then taken up by the next loss; closed for good.
    """

    case_id: UUID
    number: int
    unit_id: UUID
    indicator_id: UUID
    state: str
    tier: str
    severity: int
    repeats: int
    interview: bool
    interviewer_post: str | None
    trigger_problem_id: UUID | None
    opened_on: date
    closed_on: date | None
    version: int


@dataclass(frozen=True)
class Moment:
    """When it happens: the business day, and the moment with its offset."""

    today: date
    now: datetime


def part(kind: type[Any], whole: object) -> dict[str, Any]:
    """Those members of an object that belong to one of its kinds, by name."""
    return {one.name: getattr(whole, one.name) for one in fields(kind)}
