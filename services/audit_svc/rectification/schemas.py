"""HTTP shapes of the rectification room."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from services.audit_svc.shapes import Body, Code, Sha256, Text


class ActionIn(Body):
    """One action: what is done, by whom (staff number), until when."""

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
