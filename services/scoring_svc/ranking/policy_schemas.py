"""HTTP shapes of ranking policies, as they are made, kept and read by the rules. Points, shares are decimal text."""

from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.scoring_svc.ranking.blending import Blend, How, InPart, Ranks, SpanKind
from services.scoring_svc.ranking.domain import (
    Bound,
    CountRounding,
    Edge,
    Grade,
    Grading,
    Measure,
    Policy,
    Quota,
    Shows,
    Ties,
)
from shared.contracts.periods import PeriodKind

Number = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?$")]
Name = Annotated[str, Field(min_length=1, max_length=64)]


def strict(*examples: dict[str, Any]) -> ConfigDict:
    """A body in which nothing is unknown or converted, with examples."""
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": list(examples)})


class QuotaIn(BaseModel):
    """At most, or exactly, `share` percent of a group; the number of places rounded; what happens to ties at its end.

    `edge`: tied units of whom only some have a place are all left out, all taken in, or publication is refused.
    """

    model_config = strict()

    share: Number
    bound: Bound
    rounding: CountRounding
    edge: Edge


class GradeIn(BaseModel):
    """A grade, for totals from `at_least` on and as many units as the quota lets; left out: no such condition.

    The last grade has neither.
    """

    model_config = strict()

    grade: Name
    name: Name
    name_en: Name
    at_least: Number | None = None
    quota: QuotaIn | None = None


class GradingIn(BaseModel):
    """How totals become grades, best first; thresholds in points or in percent of full marks.

    `within`: "all" or the dimension in whose groups quotas count. `veto_not_above`: the best grade under a veto.
    `capped_use_places`: whether a unit held back by a veto still uses a place of the grade it had earned.
    """

    model_config = strict()

    measure: Measure
    within: Name
    grades: Annotated[list[GradeIn], Field(min_length=2, max_length=12)]
    veto_not_above: Name | None
    capped_use_places: bool


class BlendIn(BaseModel):
    """How an indicator's cells of a span become its mark, full marks alike; Σ of the marks is the total.

    `how`: the mean of its scored cells, their sum, the last one, or by `weights`: Σ weight × mean of the cells of a
    kind of period, in percent that make 100; left out otherwise. A kind that the set is scored in must have one, 0 too.
    `in_part`: an indicator that has cells in only some periods (it joined, or the unit did, mid-way) counts in full, or
    in proportion to them out of the periods of their kind in the span. A sum already does, and is refused with it.
    """

    model_config = strict()

    how: How
    in_part: InPart
    weights: dict[PeriodKind, Number] | None = None


class SpanBlendIn(BlendIn):
    """The blend over spans of one kind; `to_date`: years to date."""

    span: SpanKind


_MEAN = BlendIn(how="mean", in_part="full")


class PolicyBody(BaseModel):
    """How a set is ranked. `spread`: totals no further apart than so many points cannot be told apart.

    `groups`: dimensions of peer groups that are ranked beside "all" ("kind": the kind of unit). `shows`: whose rows
    the party of a published ranking sees: all rows of every board, of totals only, or everybody their own.
    `blend`: how cells become marks over every span that `blends` has no blend of its own for. `ranks`: all units that
    were evaluated have a place, or only those that stood on the span's last day; cells of a unit that went stay its.
    """

    ties: Ties
    spread: Number
    groups: Annotated[list[Name], Field(max_length=8)]
    shows: Shows
    grading: GradingIn | None
    # A policy that was stored before it could say so meant this.
    blend: BlendIn = _MEAN
    blends: Annotated[list[SpanBlendIn], Field(max_length=5)] = []
    ranks: Ranks = "all_evaluated"


class PolicyIn(PolicyBody):
    """A new version of the ranking policy of a set."""

    model_config = strict(
        {
            "set": "WH2015-DISTRICT",
            "blend": {"how": "mean", "in_part": "full"},
            "blends": [
                {"span": "year", "how": "weights", "in_part": "by_periods", "weights": {"month": "60", "quarter": "40"}}
            ],
            "ranks": "standing_at_end",
            "ties": "competition",
            "spread": "0.5",
            "groups": ["kind"],
            "shows": "totals",
            "grading": {
                "measure": "percent",
                "within": "all",
                "grades": [
                    {
                        "grade": "excellent",
                        "name": "优秀",
                        "name_en": "excellent",
                        "at_least": "90",
                        "quota": {"share": "20", "bound": "at_most", "rounding": "half_up", "edge": "take_in"},
                    },
                    {"grade": "good", "name": "良好", "name_en": "good", "at_least": "80"},
                    {"grade": "fair", "name": "一般", "name_en": "fair"},
                ],
                "veto_not_above": "good",
                "capped_use_places": False,
            },
        }
    )

    set: Name
    blend: BlendIn
    blends: Annotated[list[SpanBlendIn], Field(max_length=5)]
    ranks: Ranks


class PolicyOut(PolicyBody):
    """A version of a ranking policy; version 0: the set has none of its own, and this is what holds."""

    version: int
    made_at: datetime | None
    made_by: str | None


def policy_of(body: PolicyBody, version: int) -> Policy:
    """The policy as the rules read it."""
    grading = None if body.grading is None else grading_of(body.grading)
    return Policy(
        version, body.ties, Fraction(body.spread), tuple(body.groups), body.shows, grading, _blend(body.blend),
        tuple((one.span, _blend(one)) for one in body.blends), body.ranks,
    )  # fmt: skip


def _blend(told: BlendIn) -> Blend:
    if told.weights is None:
        return Blend(told.how, told.in_part)
    return Blend(told.how, told.in_part, {kind: Fraction(weight) for kind, weight in told.weights.items()})


def grading_of(told: GradingIn) -> Grading:
    """How totals become grades, as the rules read it."""
    grades = [
        Grade(one.grade, None if one.at_least is None else Fraction(one.at_least), _quota(one.quota))
        for one in told.grades
    ]
    return Grading(told.measure, told.within, tuple(grades), told.veto_not_above, told.capped_use_places)


def _quota(told: QuotaIn | None) -> Quota | None:
    return None if told is None else Quota(Fraction(told.share), told.bound, told.rounding, told.edge)
