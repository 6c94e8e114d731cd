"""HTTP shapes of the bonus room: tables, requests, external losses, entries of units."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import asyncpg
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.scoring_svc.bonus.domain import RequestState
from services.scoring_svc.ledger.domain import plain

_NO_NUL = r"^[^\x00]*$"
_SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"


def _positive(text: str) -> str:
    if Decimal(text) <= 0:
        raise ValueError("must be more than nothing")
    return text


def _plain(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_SAYS_SOMETHING)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=_SAYS_SOMETHING)]
Text = Annotated[str, StringConstraints(max_length=4_000, pattern=_NO_NUL)]
Points = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?$"), AfterValidator(_positive)]
Cap = Points | Literal["none"]
PlainPoints = Annotated[str, BeforeValidator(_plain)]
PeriodKey = Annotated[str, StringConstraints(min_length=4, max_length=7)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    @classmethod
    def of(cls, row: asyncpg.Record, **more: Any) -> Self:
        """The answer from the columns that bear the names of its members."""
        return cls(**{**row, **more})


# --- bonus tables ---------------------------------------------------------------------------------------------------


class BonusClassRow(_Body):
    """A class of bonus. `cap`: points a unit gets at most in it in a year; `opinion_of`: the department that gives its
    opinion first.
    """

    code: Code
    name: Name
    name_en: Name
    cap: Cap
    opinion_of: Code | Literal["none"]


class LevelRow(_Body):
    """A level of the awarding body."""

    code: Code
    name: Name
    name_en: Name


class PointsRow(_Body):
    """What an award of a class at a level gives."""

    bonus_class: Code
    level: Code
    points: Points


class BonusTableIn(_Body):
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


# --- requests -------------------------------------------------------------------------------------------------------


class EvidenceRow(_Body):
    """A piece of evidence: its name, and the sha256 of the file that the unit keeps."""

    name: Name
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UnitIn(_Body):
    """A unit of an award. `weight` is its share where the table lets joint awards be shared by weight."""

    unit: Code
    weight: Annotated[int, Field(ge=1, le=1_000)] = 1


class BonusRequestIn(_Body):
    """A request for a bonus. `matter` names what was awarded: the same matter counts once, at the highest level.

    `units`: the requesting unit first, then the others of a joint award.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "set": "WH2015-DISTRICT",
                    "period": "2015",
                    "units": [{"unit": "420102", "weight": 1}],
                    "table": "WH2015-BONUS",
                    "bonus_class": "innovation",
                    "level": "city",
                    "matter": "纳税人自助办税厅",
                    "document_no": "武地税发〔2015〕12号",
                    "awarded_on": "2015-02-05",
                    "text": "自助办税厅被评为市级创新项目。",
                    "evidence": [{"name": "表彰文件扫描件", "sha256": "0" * 64}],
                }
            ]
        },
    )

    set: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    period: PeriodKey
    units: Annotated[list[UnitIn], Field(min_length=1, max_length=20)]
    table: Code
    bonus_class: Code
    level: Code
    matter: Name
    document_no: Name
    awarded_on: date
    text: Text
    evidence: Annotated[list[EvidenceRow], Field(min_length=1, max_length=20)]


class OpinionIn(_Body):
    """The department's opinion."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"supported": True, "text": "情况属实，建议加分。"}]}
    )

    supported: bool
    text: Reason


class ApprovalIn(_Body):
    """The approval. `other_matter`: why this is another matter than what stands on the same document."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "绩效考评委员会审议通过", "other_matter": ""}]},
    )

    text: Text
    other_matter: Text = ""


class ReasonIn(_Body):
    """Why it is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "表彰文件已被撤销"}]})

    reason: Reason


class RequestUnit(BaseModel):
    """A unit of a request with its weight."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    weight: int


class BonusRequestOut(_Answer):
    """A bonus request. `points` is what the table gives for the whole award, before sharing and caps."""

    request_id: UUID
    version: int
    state: RequestState
    set_code: str
    period: str
    units: list[RequestUnit]
    table_code: str
    table_version: int
    bonus_class: str
    level: str
    points: PlainPoints
    department_id: UUID | None
    matter: str
    document_no: str
    awarded_on: date
    text: str
    evidence: list[EvidenceRow]
    requested_by: str
    submitted_by: str | None
    opinion_by: str | None
    decided_by: str | None
    replaced_by: UUID | None
    opened_at: datetime
    updated_at: datetime


class StepOut(_Answer):
    """Who did what when, and why."""

    version: int
    step: str
    who: str
    at: datetime
    text: str


class DuplicateOut(_Answer):
    """Another request within reach on the same matter, or on the same document."""

    request_id: UUID
    state: RequestState
    level: str
    same_matter: bool
    same_document: bool


class UnitEntryOut(_Answer):
    """An entry of a unit beside its cells. `due` before caps, `taken` what each cap took; below zero: lost or taken
    back. `reverses` names the entry that it takes back, `caused_by` the higher award for which.
    """

    entry_id: UUID
    kind: Literal["award", "external_loss"]
    source_id: UUID
    set_code: str
    period: str
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    table_code: str | None
    bonus_class: str | None
    due: PlainPoints
    points: PlainPoints
    taken: dict[str, str]
    reverses: UUID | None
    caused_by: UUID | None
    reason: str
    who: str
    at: datetime


class BonusRequestCardOut(BonusRequestOut):
    """A request with its steps, the entries it made within reach, and what is on the same matter or document."""

    steps: list[StepOut]
    entries: list[UnitEntryOut]
    duplicates: list[DuplicateOut]


class BonusRequestsOut(BaseModel):
    """A page of requests."""

    items: list[BonusRequestOut]
    next: str | None


class UnitEntriesOut(BaseModel):
    """A page of entries."""

    items: list[UnitEntryOut]
    next: str | None


# --- external losses ------------------------------------------------------------------------------------------------


class ShareIn(_Body):
    """A unit that answers, with its points or its weight (a whole number)."""

    unit: Code
    share: Points


class ExternalLossIn(_Body):
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
    matter: Name
    document_no: Name
    document_on: date
    by: Literal["points", "weights"]
    shares: Annotated[list[ShareIn], Field(min_length=1, max_length=500)]


class ShareOut(BaseModel):
    """What a unit within reach bears."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    points: str


class ExternalLossOut(_Answer):
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
