"""HTTP shapes of rounds with their people and postings, and of marks."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.scoring_svc.bonus.shapes import Answer, Body, Code, Name, PeriodKey, PlainPoints, Reason, Text
from services.scoring_svc.people.domain.roster import Origin
from services.scoring_svc.people.domain.scheme import EvaluatorKind
from services.scoring_svc.ranking.policy_schemas import Number

State = Literal["open", "closed", "published"]


def _shown(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


# --- what is asked ----------------------------------------------------------------------------------------------------


class RoundIn(Body):
    """An assessment round: the newest version of a scheme, a period of its year, and all who serve at or below a unit.

    `panel`: staff numbers of who marks as the panel.
    """

    model_config = _shown({"scheme": "WH2015-PERSONAL", "period": "2015-01", "unit": "420102", "panel": []})

    scheme: Code
    period: PeriodKey
    unit: Code
    panel: Annotated[list[Code], Field(max_length=200)]


class PostingIn(Body):
    """A post held in a unit from a day on; `until`: the day after the last one. `post` left out: none of the scheme."""

    unit: Code
    post: Code | None = None
    first: date
    until: date


class PostingsIn(Body):
    """The postings of a person in the round's period, by day, and why they are not as found."""

    model_config = _shown(
        {
            "postings": [
                {"unit": "420103", "post": "STAFF", "first": "2015-01-01", "until": "2015-01-12"},
                {"unit": "420102", "post": "STAFF", "first": "2015-01-12", "until": "2015-02-01"},
            ],
            "reason": "1月12日交流任职，武地税人〔2015〕3号",
        }
    )

    postings: Annotated[list[PostingIn], Field(max_length=60)]
    reason: Reason


class MarkIn(Body):
    """A mark: one of those that the scheme allows."""

    model_config = _shown({"mark": "90", "text": "作风扎实"})

    mark: Number
    text: Text


class RecusalIn(Body):
    """Whom the caller does not mark, and why (回避)."""

    model_config = _shown({"person": "P0132", "reason": "近亲属"})

    person: Code
    reason: Reason


class ReopeningIn(Body):
    """Why marks are taken again."""

    model_config = _shown({"reason": "申诉成立，重新评价"})

    reason: Reason


class PersonCapIn(Body):
    """The best grade that a person may hold, and why."""

    person: Code
    not_above: Name
    reason: Reason


class PublicationIn(Body):
    """Publish results. `reason` is needed after the first time; `caps` left out: those of the version before stand."""

    model_config = _shown({"caps": [{"person": "P0132", "not_above": "basic", "reason": "通报批评"}]})

    reason: Reason | None = None
    caps: Annotated[list[PersonCapIn], Field(max_length=500)] | None = None


# --- what is answered -------------------------------------------------------------------------------------------------


class RoundOut(Answer):
    """An assessment round. `version` is what If-Match names; `results_version` 0: nothing is published."""

    round_id: UUID
    version: int
    state: State
    scheme_code: str
    scheme_version: int
    period: str
    unit: str | None
    people: int
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    results_version: int


class RoundsOut(BaseModel):
    """A page of rounds."""

    items: list[RoundOut]
    next: str | None


class PostingOut(BaseModel):
    """A posting and where it is known from."""

    unit_id: UUID
    unit: str
    post: str | None
    first: date
    until: date
    origin: Origin


class MemberOut(Answer):
    """A person of a round with their postings as they count now."""

    person: str
    person_name: str
    postings: list[PostingOut]
    reason: str
    who: str
    at: datetime


class MembersOut(BaseModel):
    """A page of people."""

    items: list[MemberOut]
    next: str | None


class MarkOut(Answer):
    """A mark. `mark` null: the evaluator is recused."""

    person: str
    person_name: str
    item: str
    evaluator: str
    kind: EvaluatorKind
    version: int
    mark: PlainPoints | None
    text: str
    at: datetime


class MarksOut(BaseModel):
    """A page of marks."""

    items: list[MarkOut]
    next: str | None


class ItemOut(BaseModel):
    """What the caller marks of a person, and as what. `version` null: no mark yet."""

    item: str
    kind: EvaluatorKind
    mark: str | None
    version: int | None


class TaskOut(BaseModel):
    """A person whom the caller marks."""

    person: str
    person_name: str
    items: list[ItemOut]


class TasksOut(BaseModel):
    """Whom the caller marks, by staff number."""

    items: list[TaskOut]
    next: str | None
