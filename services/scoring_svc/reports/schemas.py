"""HTTP shapes of reading: score cards, indicators across units, heat map, trend, remedies, explanations.

Points are decimal text.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.scoring_svc.context.schemas import ContextFigureOut
from services.scoring_svc.reports.domain import State

Standing = Literal["provisional", "confirmed"]


class SumsOut(BaseModel):
    """What scored cells add up to, digit for digit: full marks − loss + bonus = score.

    `points` is the mark that rankings count, made of an indicator's periods as the policy now blends them, rounded
    half up to 2 places; `points_exact` the same unrounded, p/q where it has no finite decimal. `states` counts cells.
    """

    full_marks: str
    score: str
    loss: str
    bonus: str
    won_back: str
    points: str
    points_exact: str
    states: dict[str, int]


class CardCellOut(BaseModel):
    """A cell of the card. `reasons`: what gave or cost points, in words; `facts`: what it was worked out from.

    `cell` is its id for an explanation.
    """

    cell: str
    deduction_id: UUID | None
    period: str
    state: State
    standing: Standing | None
    code: str | None
    note: str | None
    full_marks: str
    score: str | None
    loss: str
    bonus: str
    won_back: str
    summary: str | None = None
    reasons: list[str] = Field(default_factory=list)
    facts: list[str] = Field(default_factory=list)


class CardIndicatorOut(SumsOut):
    """An indicator of the card; `in_total` is false for veto indicators, which cap the grade instead."""

    indicator_id: UUID
    indicator: str
    name: str
    type: str
    in_total: bool
    standard: str
    cells: list[CardCellOut]


class Level2Out(SumsOut):
    """A level 2 of the tree."""

    name: str
    indicators: list[CardIndicatorOut]


class Level1Out(SumsOut):
    """A level 1 of the tree."""

    name: str
    level2: list[Level2Out]


class BesideOut(BaseModel):
    """An entry of the unit beside its cells: an award or an external loss, below zero where it costs points."""

    entry_id: UUID
    kind: Literal["award", "external_loss"]
    period: str
    points: str
    reason: str
    who: str
    at: datetime


class UnitCardOut(BaseModel):
    """The score card of a unit. `whole`: the reader sees every cell; otherwise sums are of those that are seen.

    `total` is the tree's; `beside` are awards and external losses, `result` the mark that rankings count with both.
    `context` gives no points: what was collected beside the scores, with its growth on the year before.
    """

    set: str
    period: str
    unit_id: UUID
    unit: str
    unit_name: str
    whole: bool
    confirmed: bool
    total: SumsOut
    levels: list[Level1Out]
    beside: list[BesideOut]
    beside_points: str
    result: str
    result_exact: str
    context: list[ContextFigureOut]


class UnitScoreOut(BaseModel):
    """A unit's cells of one indicator added up; `mean` is exact.

    `points`: the mark that rankings count, as on the score card; null where nothing is scored.
    """

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    confirmed: bool
    states: dict[str, int]
    full_marks: str
    score: str
    loss: str
    loss_share: str | None
    won_back: str
    mean: str | None
    points: str | None
    points_exact: str | None


class UnitScoresOut(BaseModel):
    """A page of the units of an indicator within reach."""

    set: str
    period: str
    indicator_id: UUID
    indicator: str
    indicator_name: str
    items: list[UnitScoreOut]
    next: str | None


class HeatColumn(BaseModel):
    """A column of the heat map."""

    indicator_id: UUID
    indicator: str
    name: str
    level1: str
    level2: str


class HeatRow(BaseModel):
    """A unit of the heat map, for each column; null: not scored.

    `losses` of its cells added up, as on the score card; as rankings count, `points` (2 places) and what share of the
    full marks is lost (4 places).
    """

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    losses: list[str | None]
    shares: list[str | None]
    points: list[str | None]


class HeatMapOut(BaseModel):
    """A page of the heat map; all pages have the same columns."""

    set: str
    period: str
    indicators: list[HeatColumn]
    items: list[HeatRow]
    next: str | None


class TrendPoint(BaseModel):
    """The cells within reach in one period.

    `points`, where a unit is named: the mark that rankings count over this period, as on the unit's score card; of
    a quarter or year it is made of the cells of the shorter periods inside too.
    """

    period: str
    confirmed: bool
    units: int
    cells: int
    scored: int
    lost: int
    full_marks: str
    score: str
    loss: str
    loss_share: str | None
    won_back: str
    mean: str | None
    points: str | None
    points_exact: str | None


class TrendOut(BaseModel):
    """How a unit, an indicator, or a unit in an indicator did from period to period."""

    set: str
    year: int
    kind: str
    unit: str | None
    indicator: str | None
    items: list[TrendPoint]


class RemedyOut(BaseModel):
    """The nearest change of one fact that reaches the target, everything else as it is; or why none can be named.

    `none_lost`: full marks. `next_step`: more than now. `impossible` is proven, `too_many_values` is not.
    """

    input: str
    label: str
    target: Literal["none_lost", "next_step"]
    code: Literal["impossible", "too_many_values", "records", "fact_not_there", "peers_hidden"] | None
    before: str | None
    after: str | None
    score: str | None
    gain: str | None
    sentence: str


class RemediesOut(BaseModel):
    """What it would take to win a cell's points back; nothing where none are lost."""

    indicator_id: UUID
    unit_id: UUID
    period: str
    version: int
    full_marks: str
    score: str | None
    loss: str
    items: list[RemedyOut]


class InputOut(BaseModel):
    """What an input of the rule read: a fact with its version, or a date or group.

    `decision`: the ruling or correction that gave the value instead; `version` is then the fact that it replaced.
    """

    name: str
    label: str
    metric_id: UUID | None
    version: int | None
    value: Any
    state: str
    reason: str | None
    decision: str | None
    received_at: datetime | None
    text: str


class ExplainedEntryOut(BaseModel):
    """An entry of the cell with its words; `asked`: the one whose id was given."""

    entry: int
    kind: str
    clause: str | None
    points: str
    text: str
    asked: bool


class VersionOut(BaseModel):
    """A version of the cell in the ledger: why and by whom it was entered."""

    version: int
    state: str
    score: str | None
    loss: str
    timing: str
    reason: str
    note: str | None
    who: str
    at: datetime


class RegainedOut(BaseModel):
    """Points won back on the cell's deduction, or taken back again."""

    entry_id: UUID
    problem_id: UUID
    verified_in: str
    points: str
    who: str
    at: datetime


class ExplanationOut(BaseModel):
    """How a score came about: the rule in words, what it read, what each clause gave, the proof, who entered it.

    Other units appear in the proof under pseudonyms with hashes of their values, except to who may see them.
    """

    cell: str
    deduction_id: UUID
    indicator_id: UUID
    indicator: str
    indicator_name: str
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    period: str
    standing: Standing
    version: int
    state: str
    code: str | None
    note: str | None
    full_marks: str
    score: str | None
    loss: str
    indicator_version: int
    rule: str
    standard: str
    sentence: str
    facts_line: str
    inputs: list[InputOut]
    entries: list[ExplainedEntryOut]
    versions: list[VersionOut]
    regained: list[RegainedOut]
    proof: dict[str, Any]
