"""Events of audit_svc: confirmed findings and verified cures."""

from datetime import datetime
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
