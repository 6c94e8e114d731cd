"""HTTP shapes of weights, diagnostics and pre-heats. Numbers are decimal text, 4 places, half up."""

from typing import Literal

from pydantic import BaseModel

from services.scoring_svc.simulation.schemas import Simulated


class WeightMoves(BaseModel):
    """How many units change their place, and how far at most."""

    moved: int
    furthest: int


class WeightOut(BaseModel):
    """How places depend on an indicator's weight.

    `first_change_raised`, `first_change_lowered`: by which share of itself the weight must be raised or lowered until
    the first two units meet (0: units that tie part at any change; null: never). `more`, `less`: at `by` percent.
    """

    indicator: str
    name: str
    first_change_raised: str | None
    first_change_lowered: str | None
    more: WeightMoves
    less: WeightMoves


class WeightsOut(BaseModel):
    """How sensitive the ranking of a set is to the weight of each indicator."""

    simulated: Simulated = True
    set: str
    period: str
    board: Literal["total", "own_indicators"]
    by_percent: str
    indicators: list[WeightOut]


class LinesOut(BaseModel):
    """From which share or correlation on something is flagged."""

    duplicate: str
    dominates: str
    ceiling: str
    floor: str
    biased: str


class DiagnosisOut(BaseModel):
    """An indicator. `share_of_spread`: its part of the variance of totals; all parts make 1.

    `at_full`, `at_lowest`: shares of cells at full marks, at the lowest score of the rule. `bias`: by dimension the
    share of the variance that lies between groups.
    """

    indicator: str
    name: str
    units: int
    cells: int
    flags: list[Literal["everyone_full", "constant", "ceiling", "floor", "dominates", "biased"]]
    share_of_spread: str | None
    correlation_with_total: str | None
    at_full: str | None
    at_lowest: str | None
    bias: dict[str, str | None]


class DuplicateOut(BaseModel):
    """Two indicators whose marks rise and fall together, over so many units."""

    one: str
    other: str
    correlation: str
    units: int


class DiagnosticsOut(BaseModel):
    """What the real scores of a set say of its indicators."""

    set: str
    period: str
    board: Literal["total", "own_indicators"]
    lines: LinesOut
    ranked: int
    bias_of_totals: dict[str, str | None]
    indicators: list[DiagnosisOut]
    duplicates: list[DuplicateOut]


class GroupLoss(BaseModel):
    """Points lost in a group of units, and the mean loss of a cell in it."""

    group: str
    units: int
    lost: str
    mean_loss: str | None


class PreheatOut(BaseModel):
    """How an indicator told units apart: `spread` is the highest less the lowest mark, `deviation` the standard one."""

    indicator: str
    name: str
    units: int
    cells: int
    units_at_full: int
    cells_at_full: int
    mean_loss: str | None
    spread: str
    deviation: str
    discriminates: bool
    lost_by_group: dict[str, list[GroupLoss]]


class PreheatsOut(BaseModel):
    """The pre-heat (望) of a set over its confirmed periods."""

    set: str
    periods: list[str]
    indicators: list[PreheatOut]
