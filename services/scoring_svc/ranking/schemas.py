"""HTTP shapes of rankings."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class RankingIn(BaseModel):
    """Which ranking to publish: the code of a set, and a period or span whose periods are all confirmed."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"set": "WH2015-DISTRICT", "period": "2015-H1"}]}
    )

    set: str = Field(min_length=1, max_length=64)
    period: str = Field(min_length=4, max_length=7)


class RankedOut(BaseModel):
    """A unit with its place; total and the full marks behind it in points as decimal text."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    place: int
    total: str
    full_marks: str
    indicators: int


class RankingOut(BaseModel):
    """A ranking; `policy` says how totals are blended and ties ranked. Version 0 and no id: provisional."""

    ranking_id: UUID | None
    set: str
    period: str
    version: int
    published_at: datetime | None
    published_by: str | None
    ranked: int
    policy: dict[str, str]
    units: list[RankedOut]


class RankingHead(BaseModel):
    """A published version without its units."""

    ranking_id: UUID
    period: str
    version: int
    published_at: datetime
    published_by: str


class RankingsOut(BaseModel):
    """A page of published versions."""

    items: list[RankingHead]
    next: str | None
