"""HTTP shapes of simulations. Numbers are decimal text, 4 places, half up."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.scoring_svc.engine.schemas import EXAMPLE_RULE
from shared.contracts.periods import PeriodKind

Code = Annotated[str, Field(min_length=1, max_length=64)]
Points = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?$")]
Constant = Annotated[str, Field(pattern=r"^-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,12})?$")]
Pointer = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Simulated = Literal[True]


def _strict(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": list(examples)} if examples else None)


# --- what is asked ----------------------------------------------------------------------------------------------------


class BindingIn(BaseModel):
    """What an input reads: the metric of a code, a day of the period, or the unit's group in a dimension."""

    model_config = _strict()

    metric: Code | None = None
    calendar: Literal["period_start", "period_end", "due"] | None = None
    unit_group: Code | None = None


class RuleChange(BaseModel):
    """Another rule; `bindings` for inputs that the card does not bind. `points`: the full marks it is meant for."""

    model_config = _strict()

    kind: Literal["rule"]
    indicator: Code
    rule: dict[str, Any]
    bindings: dict[str, BindingIn] = {}
    points: Points | None = None


class ConstantsChange(BaseModel):
    """Other numbers in the rule as it stands, by JSON pointer: targets, steps, amounts."""

    model_config = _strict()

    kind: Literal["constants"]
    indicator: Code
    values: Annotated[dict[Pointer, Constant], Field(min_length=1, max_length=100)]


class FullMarksChange(BaseModel):
    """Other full marks (weight); real scores count in proportion, exactly."""

    model_config = _strict()

    kind: Literal["full_marks"]
    indicator: Code
    points: Points


class RemoveChange(BaseModel):
    """The indicator is left out."""

    model_config = _strict()

    kind: Literal["remove"]
    indicator: Code


class NewIndicator(BaseModel):
    """An indicator that the set does not have. `units`: null for every evaluated unit of the set."""

    model_config = _strict()

    code: Code
    name: Name
    type: Literal["regular", "bonus", "deduction", "situational", "veto"]
    points: Points
    period_kind: PeriodKind
    evaluating_unit: Code
    units: Annotated[list[Code], Field(min_length=1, max_length=10_000)] | None
    due_working_days: Annotated[int, Field(ge=0, le=366)]
    rule: dict[str, Any]
    bindings: dict[str, BindingIn]


class AddChange(BaseModel):
    """An indicator is taken in; facts of its metrics must have been collected for the periods of its kind."""

    model_config = _strict()

    kind: Literal["add"]
    indicator: NewIndicator


Change = Annotated[
    RuleChange | ConstantsChange | FullMarksChange | RemoveChange | AddChange, Field(discriminator="kind")
]


class VariantIn(BaseModel):
    """What is changed at once; an indicator at most once."""

    model_config = _strict()

    name: Name
    changes: Annotated[list[Change], Field(min_length=1, max_length=300)]


class SimulationIn(BaseModel):
    """Variants of a set over a span (2015-06, 2015-Q2, 2015-06-YTD, 2015) whose periods are all confirmed."""

    model_config = _strict(
        {
            "set": "WH2015-DISTRICT",
            "period": "2015-02-YTD",
            "name": "漏管率容忍度放宽",
            "variants": [
                {
                    "name": "容忍度 10%",
                    "changes": [
                        {"kind": "constants", "indicator": "COL-01", "values": {"/result/clauses/0/points/from": "10"}}
                    ],
                },
                {"name": "权重减半", "changes": [{"kind": "full_marks", "indicator": "COL-01", "points": "1"}]},
                {
                    "name": "换一个指标",
                    "changes": [
                        {"kind": "remove", "indicator": "COL-01"},
                        {
                            "kind": "add",
                            "indicator": {
                                "code": "COL-90",
                                "name": "漏管率",
                                "type": "regular",
                                "points": "2",
                                "period_kind": "month",
                                "evaluating_unit": "420102",
                                "units": ["420102", "420103", "420105"],
                                "due_working_days": 7,
                                "rule": EXAMPLE_RULE,
                                "bindings": {"rate": {"metric": "M-COL-UNREGISTERED"}},
                            },
                        },
                    ],
                },
            ],
        }
    )

    set: Code
    period: Annotated[str, Field(max_length=11)]
    name: Name
    variants: Annotated[list[VariantIn], Field(min_length=1, max_length=20)]


# --- what is answered -------------------------------------------------------------------------------------------------


class VariantHead(BaseModel):
    """A variant of a simulation; the figures are there when it is done."""

    simulated: Simulated = True
    number: int
    name: str
    variant_hash: str
    ranked: int | None = None
    moved: int | None = None
    spearman: str | None = None
    kendall: str | None = None


class ProgressOut(BaseModel):
    """How many of the altered indicators have been evaluated; one more step compares."""

    done: int
    total: int


class SimulationOut(BaseModel):
    """A stored simulation. `board`: the total of the set, or the sum of the asking department's own indicators."""

    simulated: Simulated = True
    simulation_id: UUID
    set: str
    period: str
    name: str
    board: Literal["total", "own_indicators"]
    state: Literal["waiting", "running", "done", "failed"]
    code: str | None
    progress: ProgressOut
    made_at: datetime
    made_by: str
    finished_at: datetime | None
    variants: list[VariantHead]


class SimulationsOut(BaseModel):
    """Simulations of a set, the newest first."""

    simulated: Simulated = True
    items: list[SimulationOut]
    next: str | None


class CellOut(BaseModel):
    """A cell with what it really scored and what it would score; `absent`: the indicator has no such cell there."""

    period: str
    real_score: str | None
    real_state: str
    simulated_score: str | None
    simulated_state: str


class ReasonOut(BaseModel):
    """An indicator behind a move: by how much it changes the total, and its cell that changes most."""

    indicator: str
    change: str
    cell: CellOut


class MoveOut(BaseModel):
    """A unit whose total or place changes. `rises`: places won, lost where negative."""

    unit_id: UUID
    unit: str
    unit_name: str
    real_place: int | None
    simulated_place: int | None
    rises: int
    real_total: str
    simulated_total: str
    change: str
    because: list[ReasonOut]


class ChangedCellOut(CellOut):
    """One of the cells that change most."""

    indicator: str
    unit_id: UUID
    unit: str
    unit_name: str


class AlteredOut(BaseModel):
    """An altered indicator: its cells by state as simulated, why cells are refused, the mean score of its cells.

    `follows`: its card is as it was, and reads a result of one that is altered.
    """

    indicator: str
    name: str
    kind: Literal["rule", "constants", "full_marks", "remove", "add", "follows"]
    in_total: bool
    cells: dict[str, int]
    refusals: dict[str, int]
    real_mean: str | None
    simulated_mean: str | None


class PairsOut(BaseModel):
    """Pairs of units in the same order, in opposite order, tied in at least one ranking."""

    same: int
    opposite: int
    tied: int


class VariantOut(BaseModel):
    """What a variant moves. At most 1,000 units (`changed` counts all) and 50 cells are listed, the furthest first."""

    simulated: Simulated = True
    variant_hash: str
    number: int
    name: str
    board: Literal["total", "own_indicators"]
    changes: list[dict[str, Any]]
    ranked: int
    moved: int
    changed: int
    spearman: str | None
    kendall: str | None
    pairs: PairsOut
    units: list[MoveOut]
    indicators: list[AlteredOut]
    cells: list[ChangedCellOut]
