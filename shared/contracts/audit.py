"""Events of audit_svc: confirmed findings, verified cures, rulings on appeals."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from shared.contracts.registry import Event, event


@event("finding.confirmed.v1", producer="audit_svc", readers=("submission_svc",))
class FindingConfirmed(Event, frozen=True, kw_only=True):
    """The confirmed findings of one problem type in a unit and period: a fact of the monthly indicators.

    `count` is the whole count now, not an increment; `version` grows with each confirmation or withdrawal.
    """

    finding_id: UUID
    version: int
    metric_id: UUID
    unit_id: UUID
    period: str
    count: int
    confirmed_by: str
    confirmed_at: datetime


@event("makeup.verified.v1", producer="audit_svc", readers=("scoring_svc",))
class MakeupVerified(Event, frozen=True, kw_only=True):
    """The cure of a problem is verified, so points may be won back: `points` as decimal text, at most the loss."""

    problem_id: UUID
    version: int
    deduction_id: UUID
    indicator_id: UUID
    unit_id: UUID
    period: str
    verified_in: str
    points: str


@event("appeal.ruled.v1", producer="audit_svc", readers=("scoring_svc",))
class AppealRuled(Event, frozen=True, kw_only=True):
    """The ruling on an upheld appeal against a cell as it now stands: an adjudicated input of every later evaluation.

    Applied by `appeal_id` and `version`; `withdrawn` takes it back. `kind`: a corrected `value` of the rule's input
    named `input`, as the rule language writes facts; the cell is `exempt`; or its `score`, as decimal text in `value`.
    """

    appeal_id: UUID
    version: int
    state: Literal["upheld", "withdrawn"]
    indicator_id: UUID
    unit_id: UUID
    period: str
    kind: Literal["value", "exempt", "score"]
    input: str | None = None
    value: Any = None
    reason: str
    ruled_by: str
    ruled_at: datetime
