"""HTTP shapes of corrections."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"
_NO_NUL = r"^[^\x00]*$"
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NO_NUL)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=_SAYS_SOMETHING)]
Value = Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)]
# Which members belong to which kind; all others are left out.
_MEMBERS = {
    "value": {"indicator", "input", "value"},
    "exempt": {"indicator"},
    "score": {"indicator", "value"},
    "fact": {"metric", "fact_version"},
}


class CorrectionIn(BaseModel):
    """A correction of a confirmed or closed period, with reason and document.

    `value`: another value of one input of a cell, as the rule language writes facts; `exempt`: the cell is exempt;
    `score`: its score; `fact`: a version of a fact that came too late, for all that reads it.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "set": "WH2015-DISTRICT",
                    "period": "2015-01",
                    "unit": "420102",
                    "kind": "value",
                    "indicator": "COL-01",
                    "input": "rate",
                    "value": "3.5",
                    "reason": "系统重复计数，经核实更正",
                    "document_no": "武地税绩〔2015〕7号",
                    "document_on": "2015-02-09",
                },
                {
                    "set": "WH2015-DISTRICT",
                    "period": "2015-01",
                    "unit": "420103",
                    "kind": "exempt",
                    "indicator": "COL-01",
                    "reason": "机构撤并，经批准豁免",
                    "document_no": "武地税绩〔2015〕8号",
                    "document_on": "2015-02-09",
                },
            ]
        },
    )

    set: Code
    period: Annotated[str, StringConstraints(min_length=4, max_length=7)]
    unit: Code
    kind: Literal["value", "exempt", "score", "fact"]
    indicator: Code | None = None
    input: Code | None = None
    value: Value | Annotated[list[dict[str, Any]], Field(max_length=1_000)] | None = None
    metric: Code | None = None
    fact_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    reason: Reason
    document_no: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_SAYS_SOMETHING)]
    document_on: Annotated[date, Field(strict=False)]

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        needed = _MEMBERS[self.kind]
        named = {name for name in set.union(*_MEMBERS.values()) if getattr(self, name) is not None}
        if named != needed:
            raise ValueError(f"a correction of kind {self.kind} has {', '.join(sorted(needed))} and nothing besides")
        return self


class ApprovalIn(BaseModel):
    """What who approves has to say; may be empty."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"text": "同意更正"}]})

    text: Annotated[str, StringConstraints(max_length=1_000, pattern=_NO_NUL)] = ""


class RejectionIn(BaseModel):
    """Why it is rejected."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "依据不足"}]})

    reason: Reason


class CorrectionOut(BaseModel):
    """A correction as it stands; who decided and what was said once it is decided."""

    correction_id: UUID
    version: int
    state: Literal["asked", "approved", "rejected"]
    set: str
    period: str
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    kind: Literal["value", "exempt", "score", "fact"]
    indicator_id: UUID | None
    indicator: str | None
    input: str | None
    value: Any
    metric: str | None
    fact_version: int | None
    reason: str
    document_no: str
    document_on: date
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None


class CorrectionsOut(BaseModel):
    """A page of corrections."""

    items: list[CorrectionOut]
    next: str | None
