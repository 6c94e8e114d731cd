"""HTTP shapes of the inspections room."""

from datetime import date, datetime
from uuid import UUID

from pydantic import ConfigDict

from services.audit_svc.inspections.domain import FindingState
from services.audit_svc.shapes import Answer, Body, Code, PeriodKey, Sha256, Text
from shared.moments import Moment


class FindingIn(Body):
    """What an inspector found (督查发现). `problem_type` is the code of the metric that counts it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "problem_type": "M-COND-04",
                    "unit": "420105",
                    "period": "2015-01",
                    "text": "暗访录像：办公时间浏览股票行情。",
                    "evidence_hash": "0" * 64,
                    "occurred_at": "2015-01-21T10:12:00+08:00",
                }
            ]
        },
    )

    problem_type: Code
    unit: Code
    period: PeriodKey
    text: Text
    evidence_hash: Sha256
    occurred_at: Moment


class WithdrawalIn(Body):
    """Why a finding is withdrawn."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "经核实不属实"}]})

    reason: Text


class FindingStateOut(Answer):
    """What became of a finding."""

    finding_id: UUID
    state: FindingState
    version: int


class FindingOut(FindingStateOut):
    """A finding. `problem_type` is the code of the metric that counts it; persons by their ids."""

    problem_type: str
    metric_id: UUID
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    period: str
    text: str
    evidence_hash: str
    occurred_at: datetime
    recorded_by: str
    confirmed_by: str | None
    withdrawn_by: str | None
    reason: str
    recorded_on: date
