"""HTTP shapes of source systems."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]
MetricCodes = Annotated[list[Code], Field(min_length=1, max_length=5_000)]


class SourceIn(BaseModel):
    """A source system by its client id, and the metrics that it may supply."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client_id": "sys-revenue",
                    "name": "收入规划核算系统",
                    "name_en": "revenue planning and accounting system",
                    "owner_unit_code": "D-REV",
                    "metric_codes": ["M-REV-REVENUE-PLAN-COMPLETED"],
                }
            ]
        },
    )

    client_id: Code
    name: Code
    name_en: Annotated[str, StringConstraints(max_length=200)] = ""
    owner_unit_code: Code | None = None
    metric_codes: MetricCodes


class MetricsIn(BaseModel):
    """The metrics that a source system may supply from now on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"metric_codes": ["M-REV-REVENUE-PLAN-COMPLETED"]}]}
    )

    metric_codes: MetricCodes


class SourceOut(BaseModel):
    """A registered source system."""

    client_id: str
    version: int
    name: str
    name_en: str
    owner_unit_code: str | None
    metric_codes: list[str]
    registered_by: str
    registered_at: datetime


class SourcePage(BaseModel):
    """A page of source systems by client id."""

    items: list[SourceOut]
    next: str | None
