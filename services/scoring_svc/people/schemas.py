"""HTTP shapes of personal results. Numbers are exact text: decimal, else `13/12`."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from services.scoring_svc.bonus.shapes import Answer, PlainPoints
from services.scoring_svc.people.domain.roster import Origin
from services.scoring_svc.people.domain.scheme import EvaluatorKind


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
