"""HTTP shapes of context metrics and figures. Figures are decimal text in the unit of their metric."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.scoring_svc.context.domain import Reason

MetricCode = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")]


class ContextMetricsIn(BaseModel):
    """The metrics shown beside the scores of a set, in that order; none takes them all away."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"metrics": ["M-CTX-TAX-REVENUE"]}]}
    )

    metrics: list[MetricCode] = Field(max_length=20)


class ContextMetricOut(BaseModel):
    """A metric with its name and unit by language; `unit` is null until it was told."""

    metric: str
    name: dict[str, str]
    unit: dict[str, str] | None


class ContextMetricsOut(BaseModel):
    """What is declared for a set; version 0: nothing ever was."""

    set: str
    version: int
    metrics: list[ContextMetricOut]


class ContextFigureOut(ContextMetricOut):
    """A figure: the sum over the months of the period, that of the same months a year before, and the growth.

    `growth` is in percent, rounded half up to 1 place, or null for a `reason`: a month is `missing`, one of the year
    before is (`year_before_missing`), or the year before is zero or below (`year_before_not_positive`).
    """

    value: str | None
    compared_with: str
    year_before: str | None
    growth: str | None
    reason: Reason | None


class ContextUnitOut(BaseModel):
    """The figures of a unit."""

    unit_id: UUID
    unit: str
    unit_name: str
    figures: list[ContextFigureOut]


class ContextFiguresOut(BaseModel):
    """A page of units, and `total`: the figures of all units that the reader sees, on this page or not."""

    set: str
    period: str
    total: list[ContextFigureOut]
    items: list[ContextUnitOut]
    next: str | None
