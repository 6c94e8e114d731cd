"""HTTP shapes of the rectification room."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.audit_svc.problems.domain import ProblemState
from services.audit_svc.problems.schemas import VerificationOut
from services.audit_svc.shapes import Answer, Body, Code, Sha256, Text


class ActionIn(Body):
    """One action: what is done, by whom (staff number, of the responsible unit), until when (today at the earliest)."""

    action: Text
    owner: Code
    due: date


class PlanIn(Body):
    """A rectification plan (整改方案) for one problem. Replacing a plan not accepted yet needs If-Match."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "problem_id": "7b0b6f3e-58c5-5a53-8d05-0a3b7f0e9c11",
                    "plan": "逐户比对登记信息，清理漏征漏管户。",
                    "actions": [{"action": "与工商部门逐户比对登记信息", "owner": "P0132", "due": "2015-03-20"}],
                }
            ]
        },
    )

    problem_id: UUID
    plan: Text
    actions: Annotated[list[ActionIn], Field(min_length=1, max_length=50)]


class EvidenceIn(Body):
    """The evidence that an action has ended: what it is, and the sha256 of the file kept by the unit."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "比对清单 2015-03-19", "hash": "0" * 64}]}
    )

    note: Text
    hash: Sha256


class ReportIn(Body):
    """The unit's report that the cure is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "两项措施均已完成。"}]})

    text: Text


class ReturnIn(Body):
    """Why a report is returned."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "证据不足"}]})

    reason: Text


class ExtensionIn(Body):
    """More time, until when and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"until": "2015-04-30", "reason": "部门数据晚到"}]}
    )

    until: date
    reason: Text


class RectificationOut(Answer):
    """A cure (整改). `state` is `planned` until the plan is accepted, then how far the problem is."""

    rectification_id: UUID
    problem_id: UUID
    case_id: UUID | None
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    indicator: str | None
    indicator_name: str | None
    period: str
    state: Literal["planned"] | ProblemState
    plan: str
    due: date
    overdue: bool
    extensions: int
    returns: int
    report: str | None
    reason: str
    submitted_by: str
    accepted_by: str | None
    opened_on: date
    version: int


class ActionEvidenceOut(Answer):
    """The evidence with which an action ended."""

    note: str
    hash: str


class ActionOut(Answer):
    """One action. `source`: planned by the unit, or a commitment of the interview; `owner` by staff number."""

    no: int
    action: str
    owner: str
    due: date
    source: Literal["plan", "commitment"]
    state: Literal["open", "ended", "dropped"]
    overdue: bool
    evidence: ActionEvidenceOut | None
    ended_at: datetime | None
    ended_by: str | None


class RectificationCardOut(RectificationOut):
    """One cure with its actions and what later figures proved."""

    actions: list[ActionOut]
    verifications: list[VerificationOut]
