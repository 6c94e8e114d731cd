"""HTTP shapes of rounds, postings, marks and personal results. Numbers are exact text: decimal, else `13/12`."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.scoring_svc.bonus.shapes import Answer, Body, Code, Name, PeriodKey, PlainPoints, Reason, Text
from services.scoring_svc.people.domain.roster import Origin
from services.scoring_svc.people.domain.scheme import EvaluatorKind
from services.scoring_svc.ranking.schemas import Number

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
    """A post held in a unit from a day on; `until` is the day after the last one. `post` null: none of the scheme."""

    unit: Code
    post: Code | None
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


class PersonCapIn(Body):
    """The best grade that a person may hold, and why."""

    person: Code
    not_above: Name
    reason: Reason


class PublicationIn(Body):
    """Publish results. `reason` is needed after the first time; `caps` left out: those of the version before stand."""

    model_config = _shown({"reason": None, "caps": [{"person": "P0132", "not_above": "basic", "reason": "通报批评"}]})

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


class UnitResultOut(BaseModel):
    """The published result that a coefficient comes from: percent of full marks, and the grade if the set is graded."""

    unit: str
    set: str
    ranking_id: UUID
    version: int
    share: str
    grade: str | None


class ServedOut(BaseModel):
    """A post held: its days, and what its unit's result made of them."""

    unit_id: UUID
    unit: str
    post: str | None
    first: date
    until: date
    origin: Origin
    days: int
    unit_result: UnitResultOut | None
    coefficient: str | None


class PartOut(BaseModel):
    """What a kind of evaluators gave: the mean of so many marks."""

    kind: EvaluatorKind
    weight: str
    mean: str
    marks: int


class IndicatorOut(BaseModel):
    """A personal indicator in a posting (its place in `postings`); `set` null: it was marked."""

    indicator: str
    posting: int
    matter: str | None
    set: str | None
    unit_indicator: str | None
    weight: str
    value: str
    parts: list[PartOut]


class DimensionOut(BaseModel):
    """A dimension: weight × value / 100 = contribution. `weight` after what was missing was left out."""

    dimension: str
    weight: str
    value: str
    contribution: str
    parts: list[PartOut]
    indicators: list[IndicatorOut]


class CapOut(BaseModel):
    """What holds a grade back."""

    not_above: str
    reason: str


class ResultOut(Answer):
    """A person's result in a version. `score` null: not assessed. `result_id` is the same in every version."""

    result_id: UUID
    round_id: UUID
    version: int
    scheme_code: str
    period: str
    person: str
    person_name: str
    state: Literal["assessed", "not_assessed"]
    score: PlainPoints | None
    grade: str | None
    earned: str | None
    caps: list[CapOut]


class ResultsOut(BaseModel):
    """A page of results."""

    items: list[ResultOut]
    next: str | None


class ResultCardOut(ResultOut):
    """A result with its proof, from the person to posts held, to units' results.

    The contributions of the dimensions make `base`; base × coefficient = exact; exact rounded is the score.
    `dimensions` null: withheld, because they would tell what single evaluators gave; the office sees them.
    """

    postings: list[ServedOut]
    days: int
    dimensions: list[DimensionOut] | None
    base: str | None
    coefficient: str | None
    exact: str | None


class ChangeOut(Answer):
    """How a person's result differs from the version before."""

    person: str
    person_name: str
    score_before: PlainPoints | None
    score: PlainPoints | None
    grade_before: str | None
    grade: str | None


class PublicationOut(Answer):
    """A publication and what it changed of people within reach; nothing for the first one."""

    round_id: UUID
    version: int
    reason: str | None
    published_at: datetime
    published_by: str
    changes: list[ChangeOut]


class HolderOut(BaseModel):
    """Who held a post in the unit, for how many days, and their result over the whole period."""

    person: str
    person_name: str
    first: date
    until: date
    days: int
    result_id: UUID
    score: str | None
    grade: str | None


class PostHeldOut(BaseModel):
    """A post in the unit, the matters and personal indicators tied to it, and who held it."""

    post: str | None
    indicators: list[str]
    matters: list[str]
    holders: list[HolderOut]


class UnitChainOut(BaseModel):
    """From a unit and its result to posts, people and their results, as published."""

    unit: str
    round_id: UUID
    version: int
    unit_result: UnitResultOut | None
    coefficient: str | None
    posts: list[PostHeldOut]
