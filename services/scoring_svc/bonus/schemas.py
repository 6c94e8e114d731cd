"""HTTP shapes of bonus requests and of the entries of units."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.scoring_svc.bonus.domain.awards import RequestState
from services.scoring_svc.bonus.shapes import (
    Answer,
    Body,
    Code,
    Compared,
    Name,
    PeriodKey,
    PlainPoints,
    Reason,
    Text,
)


class EvidenceRow(Body):
    """A piece of evidence: its name, and the sha256 of the file that the unit keeps."""

    name: Name
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UnitIn(Body):
    """A unit of an award. `weight` is its share where the table lets joint awards be shared by weight."""

    unit: Code
    weight: Annotated[int, Field(ge=1, le=1_000)] = 1


class BonusRequestIn(Body):
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
    matter: Compared
    document_no: Compared
    awarded_on: date
    text: Text
    evidence: Annotated[list[EvidenceRow], Field(min_length=1, max_length=20)]


class OpinionIn(Body):
    """The department's opinion."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"supported": True, "text": "情况属实，建议加分。"}]}
    )

    supported: bool
    text: Reason


class ApprovalIn(Body):
    """The approval. `other_matter`: why this is another matter than what stands on the same document."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "绩效考评委员会审议通过", "other_matter": ""}]},
    )

    text: Text
    other_matter: Text = ""


class ReasonIn(Body):
    """Why it is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "表彰文件已被撤销"}]})

    reason: Reason


class RequestUnit(BaseModel):
    """A unit of a request with its weight."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    weight: int


class BonusRequestOut(Answer):
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


class StepOut(Answer):
    """Who did what when, and why."""

    version: int
    step: str
    who: str
    at: datetime
    text: str


class DuplicateOut(Answer):
    """Another request within reach on the same matter, or on the same document."""

    request_id: UUID
    state: RequestState
    level: str
    same_matter: bool
    same_document: bool


class UnitEntryOut(Answer):
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
