"""HTTP shapes of the facts room. Batches are read by reading.py; their shape is documented here."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]
ValueIn = Annotated[str, StringConstraints(max_length=1_000)] | list[dict[str, str]] | None
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"\S")]

BATCH_EXAMPLE: dict[str, Any] = {
    "mode": "partial",
    "rows": [
        {"metric": "M-REV-REVENUE-PLAN-COMPLETED", "unit": "420102", "period": "2015-01", "value": "101.2"},
        {
            "metric": "M-REV-REVENUE-PLAN-COMPLETED",
            "unit": "420103",
            "period": "2015-01",
            "state": "missing",
            "reason": "系统停机",
        },
    ],
}
BATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["mode", "rows"],
                    "properties": {
                        "mode": {
                            "enum": ["atomic", "partial"],
                            "description": "atomic: one bad row and nothing lands; partial: the good rows land",
                        },
                        "strategy": {"enum": ["create_and_update", "create", "update"]},
                        "id_scheme": {"enum": ["code", "id"]},
                        "dry_run": {"type": "boolean"},
                        "rows": {
                            "type": "array",
                            "maxItems": 20_000,
                            "items": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["metric", "unit", "period"],
                                "properties": {
                                    "metric": {"type": "string"},
                                    "unit": {"type": "string"},
                                    "period": {"type": "string"},
                                    "value": {"description": "text by the metric's type, or a list of records"},
                                    "state": {"enum": ["present", "missing", "exempt", "not_scorable"]},
                                    "reason": {"type": "string", "maxLength": 1_000},
                                },
                            },
                        },
                    },
                },
                "examples": {"batch": {"value": BATCH_EXAMPLE}},
            }
        },
    }
}


class RowFault(BaseModel):
    """A bad row: where, which rule, in words."""

    pointer: str
    code: str
    text: str


class BatchOut(BaseModel):
    """created + updated + unchanged + rejected = rows. A dry run has no receipt."""

    receipt_id: UUID | None
    dry_run: bool
    mode: Literal["atomic", "partial"]
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    errors: list[RowFault]


class FactIn(BaseModel):
    """A single fact: a value, or a state with its reason."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": "12.5"}]})

    value: ValueIn = None
    state: Literal["present", "missing", "exempt", "not_scorable"] | None = None
    reason: Reason | None = None


class ChangeIn(FactIn):
    """The new state of one fact."""

    metric: Code
    unit: Code
    period: Code


class ChangesIn(BaseModel):
    """Reasoned changes of facts after the fence; for a closed period `approval` names who approved the correction."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "来源系统更正",
                    "changes": [
                        {
                            "metric": "M-REV-REVENUE-PLAN-COMPLETED",
                            "unit": "420102",
                            "period": "2015-01",
                            "value": "99.8",
                        }
                    ],
                }
            ]
        },
    )

    reason: Reason
    approval: Reason | None = None
    changes: Annotated[list[ChangeIn], Field(min_length=1, max_length=1_000)]


class FactOut(BaseModel):
    """A fact as recorded, by codes and ids."""

    period: str
    metric: str
    unit: str
    metric_id: UUID
    unit_id: UUID
    version: int
    state: str
    value: Any
    reason: str | None
    provenance: str
    author: str
    received_at: datetime
    batch_id: UUID


class FactPage(BaseModel):
    """A page of facts; `next` is the cursor of the following one."""

    items: list[FactOut]
    next: str | None


class ReceiptOut(BaseModel):
    """What happened to a batch, kept for later."""

    receipt_id: UUID
    kind: str
    author: str
    received_at: datetime
    mode: str
    strategy: str
    landed: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    reason: str | None
    errors: list[RowFault]


class ReceiptPage(BaseModel):
    """A page of receipts, newest first."""

    items: list[ReceiptOut]
    next: str | None
