"""HTTP shapes of bonus tables and of external losses."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.scoring_svc.bonus.shapes import (
    Answer,
    Body,
    Cap,
    Code,
    Compared,
    Name,
    PeriodKey,
    PlainPoints,
    Points,
)

# --- bonus tables ---------------------------------------------------------------------------------------------------


class BonusClassRow(Body):
    """A class of bonus. `cap`: points a unit gets at most in it in a year; `opinion_of`: the department that gives its
    opinion first.
    """

    code: Code
    name: Name
    name_en: Name
    cap: Cap
    opinion_of: Code | Literal["none"]


class LevelRow(Body):
    """A level of the awarding body."""

    code: Code
    name: Name
    name_en: Name


class PointsRow(Body):
    """What an award of a class at a level gives."""

    bonus_class: Code
    level: Code
    points: Points


class BonusTableIn(Body):
    """A version of a bonus table (加分标准): from which day, and what it gives. Replacing one needs If-Match."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "2015年度加分标准",
                    "effective_from": "2015-01-01",
                    "classes": [
                        {
                            "code": "innovation",
                            "name": "创新",
                            "name_en": "innovation",
                            "cap": "5",
                            "opinion_of": "none",
                        },
                        {
                            "code": "best_practice",
                            "name": "经验推广",
                            "name_en": "best practice",
                            "cap": "none",
                            "opinion_of": "D-REV",
                        },
                    ],
                    "levels": [
                        {"code": "national", "name": "国家级", "name_en": "national"},
                        {"code": "province", "name": "省级", "name_en": "province"},
                        {"code": "city", "name": "市级", "name_en": "city"},
                    ],
                    "points": [
                        {"bonus_class": "innovation", "level": "province", "points": "3"},
                        {"bonus_class": "innovation", "level": "city", "points": "1"},
                        {"bonus_class": "best_practice", "level": "city", "points": "0.5"},
                    ],
                    "unit_cap": "8",
                    "overall_cap": "none",
                    "joint": "by_weight",
                }
            ]
        },
    )

    name: Name
    effective_from: date
    effective_to: Annotated[
        date | None, Field(description="Exclusive; without it until another version takes over")
    ] = None
    classes: Annotated[list[BonusClassRow], Field(min_length=1, max_length=50)]
    levels: Annotated[list[LevelRow], Field(min_length=1, max_length=20, description="The highest first")]
    points: Annotated[list[PointsRow], Field(min_length=1, max_length=1_000)]
    unit_cap: Annotated[Cap, Field(description="For one unit in a year, over all classes")]
    overall_cap: Annotated[Cap, Field(description="For all units together in a year")]
    joint: Annotated[
        Literal["each_full", "by_weight"],
        Field(description="Units of a joint award each get the full points, or share them by weight"),
    ]


class BonusTableOut(BaseModel):
    """A published version of a bonus table."""

    code: str
    version: int
    name: str
    effective_from: date
    effective_to: date | None
    classes: list[BonusClassRow]
    levels: list[LevelRow]
    points: list[PointsRow]
    unit_cap: str
    overall_cap: str
    joint: Literal["each_full", "by_weight"]
    published_at: datetime
    published_by: str


class BonusTablesOut(BaseModel):
    """A page of versions of bonus tables."""

    items: list[BonusTableOut]
    next: str | None


# --- external losses ------------------------------------------------------------------------------------------------


class ShareIn(Body):
    """A unit that answers, with its points or its weight (a whole number)."""

    unit: Code
    share: Points


class ExternalLossIn(Body):
    """Points that the bureau itself lost, by which document, and who bears them. Shares by `points` make the whole
    exactly; by `weights` the whole is shared to the last hundredth.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "set": "WH2015-DISTRICT",
                    "period": "2015-02",
                    "points": "2",
                    "source": "湖北省地税局绩效考评",
                    "matter": "一季度数据质量通报扣分",
                    "document_no": "鄂地税函〔2015〕8号",
                    "document_on": "2015-02-06",
                    "by": "points",
                    "shares": [{"unit": "420102", "share": "1.5"}, {"unit": "420103", "share": "0.5"}],
                }
            ]
        },
    )

    set: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    period: PeriodKey
    points: Points
    source: Name
    matter: Compared
    document_no: Compared
    document_on: date
    by: Literal["points", "weights"]
    shares: Annotated[list[ShareIn], Field(min_length=1, max_length=500)]


class ShareOut(BaseModel):
    """What a unit within reach bears."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    points: str


class ExternalLossOut(Answer):
    """An external loss with the shares of the units within reach; `points` is the whole."""

    loss_id: UUID
    version: int
    state: Literal["standing", "withdrawn"]
    set_code: str
    period: str
    points: PlainPoints
    source: str
    matter: str
    document_no: str
    document_on: date
    entered_by: str
    entered_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None
    reason: str
    shares: list[ShareOut]


class ExternalLossesOut(BaseModel):
    """A page of external losses."""

    items: list[ExternalLossOut]
    next: str | None
