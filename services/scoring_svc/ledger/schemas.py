"""HTTP shapes of the ledger: period states, scores, entries, proofs, deductions, the points balance."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

# More than blanks, and nothing that the database cannot store.
_SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"


class ExclusionIn(BaseModel):
    """A cell to be taken out at confirmation, by the codes of indicator and unit, with the reason."""

    model_config = ConfigDict(extra="forbid", strict=True)

    indicator: str = Field(min_length=1, max_length=64)
    unit: str = Field(min_length=1, max_length=64)
    state: Literal["exempt", "not_scorable"]
    reason: str = Field(min_length=1, max_length=1_000, pattern=_SAYS_SOMETHING)


class ConfirmIn(BaseModel):
    """What is taken out when a period is confirmed."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"exclusions": []},
                {
                    "exclusions": [
                        {
                            "indicator": "COL-01",
                            "unit": "420102",
                            "state": "exempt",
                            "reason": "系统切换，经绩效办批准豁免",
                        }
                    ]
                },
            ]
        },
    )

    exclusions: list[ExclusionIn] = Field(default_factory=list, max_length=5_000)


class PeriodOut(BaseModel):
    """A set in a period. `last_chunk` and `chunks` are the fence; `cells` how many were confirmed."""

    set_code: str
    period: str
    state: Literal["open", "fenced", "confirmed", "closed"]
    version: int
    last_chunk: int | None = None
    chunks: int | None = None
    fenced_at: datetime | None = None
    fenced_by: str | None = None
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    cells: int | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None


class PeriodsOut(BaseModel):
    """The periods of a set that were touched; all others are open."""

    items: list[PeriodOut]


class HoldupOut(BaseModel):
    """One matter that holds confirmation up, with the codes of indicator and unit where it is a cell."""

    code: str
    indicator: str | None = None
    unit: str | None = None
    text: str | None = None


class HoldupsOut(BaseModel):
    """How many matters hold the confirmation of a period up, and the first of them."""

    state: str
    count: int
    items: list[HoldupOut]


class ScoreOut(BaseModel):
    """A cell as it stands. Points are decimal text; `version` is that of the ledger once `entered`, else of the row."""

    indicator_id: UUID
    indicator: str
    indicator_name: str
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    period: str
    standing: Literal["provisional", "confirmed"]
    entered: bool
    version: int
    state: Literal["scored", "exempt", "not_scorable", "refused"]
    code: str | None
    note: str | None
    full_marks: str
    score: str | None
    loss: str
    at: datetime


class ScoresOut(BaseModel):
    """A page of cells."""

    items: list[ScoreOut]
    next: str | None


class EntryOut(BaseModel):
    """One entry of the ledger; `reverses` names the cell version that it takes back."""

    version: int
    entry: int
    kind: str
    clause: str | None
    points: str
    reverses: int | None
    indicator_version: int
    rule: str
    inputs: dict[str, int | str]
    who: str
    at: datetime


class ScoreCardOut(ScoreOut):
    """A cell with its entries: of the ledger once entered, of the provisional evaluation before."""

    rule: str
    indicator_version: int
    inputs: dict[str, int | str]
    entries: list[EntryOut]
    provisional_entries: list[dict[str, str | None]]


class DecisionOut(BaseModel):
    """What a ruling or an approved correction laid down for a cell, and what it replaced: the fact, or the result.

    `input` names the input whose value it is; without it the whole cell is exempt or has a fixed score.
    """

    source: Literal["ruling", "correction"]
    id: UUID
    version: int
    kind: Literal["value", "exempt", "score"]
    input: str | None
    value: Any
    replaced: Any
    reason: str
    decided_by: str
    decided_at: datetime


class ProofOut(BaseModel):
    """A proof as the rule language writes it; its entries add up to the score. Version 0 is the provisional score."""

    indicator_id: UUID
    unit_id: UUID
    period: str
    version: int
    indicator_version: int
    note: str | None
    decisions: list[DecisionOut]
    proof: dict[str, Any]


class DeductionOut(BaseModel):
    """A deduction as told to the other services, with the names of its indicator and unit."""

    indicator: str
    indicator_name: str
    unit: str | None
    unit_name: str | None
    at: datetime
    deduction: dict[str, Any]


class DeductionsOut(BaseModel):
    """A page of deductions."""

    items: list[DeductionOut]
    next: str | None


class BalanceRow(BaseModel):
    """Points of a unit: lost, won back, and still open, as decimal text."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    deductions: int
    lost: str
    won_back: str
    open: str


class BalanceOut(BaseModel):
    """The points balance of a set over a period and all periods inside it, within the reader's scope."""

    set: str
    period: str
    items: list[BalanceRow]
    lost: str
    won_back: str
    open: str
