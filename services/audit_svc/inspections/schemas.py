"""HTTP shapes of the inspections room."""

from pydantic import ConfigDict

from services.audit_svc.shapes import Body, Code, PeriodKey, Sha256, Text
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
