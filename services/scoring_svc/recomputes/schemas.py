"""HTTP shapes of recomputes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

_EXAMPLE: dict[str, Any] = {"set": "WH2015-DISTRICT", "periods": ["2015-03"], "reason": "年中抽查：按现有数据重新计分"}


class RecomputeIn(BaseModel):
    """A recompute of a set in some periods, with the reason."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    set: Annotated[str, Field(min_length=1, max_length=64)]
    periods: Annotated[list[Annotated[str, Field(max_length=11)]], Field(min_length=1, max_length=24)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class PiecesOut(BaseModel):
    """How many pieces there are, and how far they are."""

    all: int
    done: int
    failed: int


class RecomputeOut(BaseModel):
    """A recompute: `cells` scored or replayed so far of `total`, `changed` of them written anew.

    `differences`: cells of confirmed periods that their stored inputs do not give again; there should be none.
    `longest_ms`: the longest transaction of a piece.
    """

    recompute_id: UUID
    set: str
    periods: list[str]
    reason: str
    state: Literal["waiting", "running", "done", "failed"]
    pieces: PiecesOut
    total: int
    cells: int
    changed: int
    differences: int
    longest_ms: int | None
    made_at: datetime
    made_by: str
    finished_at: datetime | None


class RecomputesOut(BaseModel):
    """A page of recomputes, the newest first."""

    items: list[RecomputeOut]
    next: str | None


class DifferenceOut(BaseModel):
    """A cell of the ledger and what its stored inputs give now: the score, and every entry with its points."""

    indicator_id: UUID
    unit_id: UUID
    period: str
    version: int
    stored: str
    found: str


class DifferencesOut(BaseModel):
    """A page of differences."""

    items: list[DifferenceOut]
    next: str | None
