"""HTTP shapes of the problems room; those of the policy table are in policy_schemas.py."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.audit_svc.interviews.domain import InterviewState
from services.audit_svc.problems.domain import ProblemState
from services.audit_svc.problems.reconciliation import Side
from services.audit_svc.shapes import Answer, Body, PlainPoints, Text


class CauseIn(Body):
    """One cause by kind, in words."""

    kind: Literal["management", "staff", "process", "system", "external", "other"]
    text: Text


class CauseAnalysisIn(Body):
    """Why the points were lost (原因分析)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "causes": [{"kind": "process", "text": "未及时与工商登记信息比对"}],
                    "text": "新增商户集中开业后漏征漏管户未清理。",
                }
            ]
        },
    )

    causes: Annotated[list[CauseIn], Field(min_length=1, max_length=20)]
    text: Text


class CauseOut(Answer):
    """The causes as the unit wrote them down, and by whom."""

    problem_id: UUID
    cause: dict[str, Any]
    version: int


class NamedPair(Answer):
    """The unit and the indicator that something is about, with their codes and names of today."""

    set: str | None
    indicator_id: UUID
    indicator: str | None
    indicator_name: str | None
    unit_id: UUID
    unit: str | None
    unit_name: str | None


class ProblemOut(NamedPair):
    """A problem (问题): the latest version of its deduction, what the policy demands, and how far the cure is.

    Points are decimal text. `respond_by` and `rectify_by` are null where no tier sets a deadline, and while the
    calendar of their year is not published. `makeup_points`: what the verified cure asks back; `regained`: what was
    won back.
    """

    problem_id: UUID
    deduction_id: UUID
    deduction_version: int
    period: str
    full_marks: PlainPoints
    score: PlainPoints
    loss: PlainPoints
    timing: str
    reason: str
    note: str
    state: ProblemState
    tier: str
    measure: str | None
    interview_required: bool
    policy: str | None
    policy_version: int | None
    respond_by: date | None
    rectify_by: date | None
    overdue: bool
    case_id: UUID | None
    cause: dict[str, Any] | None
    verified_in: str | None
    makeup_points: PlainPoints | None
    regained: PlainPoints | None
    entry_id: UUID | None
    opened_on: date
    version: int


class RegisteredOut(Answer):
    """What became of a deduction: its problem, how far the cure is, whether its day has passed."""

    deduction_id: UUID
    problem_id: UUID
    state: ProblemState
    overdue: bool


class DeductionVersionOut(Answer):
    """One version of the deduction, as it was heard."""

    version: int
    full_marks: PlainPoints
    score: PlainPoints
    loss: PlainPoints
    timing: str
    reason: str
    note: str
    received_at: datetime


class InterviewBriefOut(Answer):
    """The interview of a problem or case, in short."""

    interview_id: UUID
    no: int
    state: InterviewState
    number: str | None
    tier: str
    interviewer_post: str | None
    record_version: int
    version: int


class RectificationBriefOut(Answer):
    """The rectification of a problem, in short; `planned` until its plan is accepted, then the problem's state."""

    rectification_id: UUID
    state: Literal["planned"] | ProblemState
    due: date
    extensions: int
    returns: int
    open_actions: int
    version: int


class VerificationOut(Answer):
    """What a later confirmed figure proved."""

    period: str
    cell_version: int
    outcome: Literal["cured", "not_cured"]
    full_marks: PlainPoints
    loss: PlainPoints
    at: datetime


class HappenedOut(Answer):
    """One thing on the timeline; without `problem_id` it happened to the case as a whole."""

    problem_id: UUID | None
    at: datetime
    what: str
    who: str
    detail: dict[str, Any]


class ProblemCardOut(ProblemOut):
    """One problem with everything that belongs to it."""

    clauses: list[dict[str, Any]]
    versions: list[DeductionVersionOut]
    interview: InterviewBriefOut | None
    rectification: RectificationBriefOut | None
    verifications: list[VerificationOut]
    timeline: list[HappenedOut]


class CaseOut(NamedPair):
    """A case: the problems of one unit and indicator until they are struck off."""

    case_id: UUID
    number: int
    state: Literal["open", "lifted", "closed"]
    tier: str
    repeats: int
    interview_required: bool
    interviewer_post: str | None
    trigger_problem_id: UUID | None
    opened_on: date
    closed_on: date | None
    version: int


class CaseCardOut(CaseOut):
    """One case with its problems, its latest interview and everything that happened."""

    problems: list[ProblemOut]
    interview: InterviewBriefOut | None
    timeline: list[HappenedOut]


class GapOut(Answer):
    """One deduction that is not followed as it should be. The codes are null when only the digest tells."""

    side: Side
    deduction_id: UUID | None
    indicator: str | None
    unit: str | None
    expected_loss: PlainPoints | None
    followed_loss: PlainPoints | None


class ReconciliationOut(Answer):
    """What was compared of a set and period. `deductions` and `digest_agrees` are null before scoring_svc's digest."""

    set: str
    period: str
    deductions: int | None
    problems: int
    digest_agrees: bool | None
    in_step: bool
    gaps: list[GapOut]
