"""HTTP shapes of rankings. Points, thresholds and shares are decimal text."""

from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Literal
from uuid import UUID

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
Reason = Annotated[str, Field(min_length=1, max_length=500)]


def _strict(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": list(examples)})


# --- policies ---------------------------------------------------------------------------------------------------------


class QuotaIn(BaseModel):
    """At most, or exactly, `share` percent of a group; the number of places rounded; what happens to ties at its end.

    `edge`: tied units of whom only some have a place are all left out, all taken in, or publication is refused.
    """

    model_config = _strict()

    share: Number
    bound: Bound
    rounding: CountRounding
    edge: Edge


class GradeIn(BaseModel):
    """A grade, for totals from `at_least` on and as many units as the quota lets; left out: no such condition.

    The last grade has neither.
    """

    model_config = _strict()

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

    model_config = _strict()

    measure: Measure
    within: Name
    grades: Annotated[list[GradeIn], Field(min_length=2, max_length=12)]
    veto_not_above: Name | None
    capped_use_places: bool


class BlendIn(BaseModel):
    """How an indicator's cells of a span become its mark, full marks alike; Σ of the marks is the total.

    `how`: the mean of its scored cells, their sum, the last one, or by `weights`: Σ weight × mean of the cells of a
    kind of period, in percent that make 100; null otherwise. A kind that the set is scored in must have a weight, if 0.
    `in_part`: an indicator that has cells in only some periods (it joined, or the unit did, mid-way) counts in full, or
    in proportion to them out of the periods of their kind in the span. A sum already does, and is refused with it.
    """

    model_config = _strict()

    how: How
    in_part: InPart
    weights: dict[PeriodKind, Number] | None


class SpanBlendIn(BlendIn):
    """The blend over spans of one kind; `to_date`: years to date."""

    span: SpanKind


_MEAN = BlendIn(how="mean", in_part="full", weights=None)


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

    model_config = _strict(
        {
            "set": "WH2015-DISTRICT",
            "blend": {"how": "mean", "in_part": "full", "weights": None},
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


# --- rankings ---------------------------------------------------------------------------------------------------------


class CapIn(BaseModel):
    """A veto by decision: the unit's grade is not above this one, whatever its total."""

    model_config = _strict()

    unit: Name
    not_above: Name
    reason: Reason


class RankingIn(BaseModel):
    """Which ranking to publish: a set, and a period, span or year to date whose periods are all confirmed.

    `reason` is required from the second version on. `caps` left out: those of the version before stand.
    """

    model_config = _strict({"set": "WH2015-DISTRICT", "period": "2015-H1"})

    set: Name
    period: str = Field(min_length=4, max_length=11)
    reason: Reason | None = None
    caps: Annotated[list[CapIn], Field(max_length=500)] | None = None


class PeerPlace(BaseModel):
    """A unit's place in one group of its peers."""

    place: int
    ranked: int


class RankedOut(BaseModel):
    """A unit with its place; total and the full marks behind it in points.

    `place` counts the better units, `place_by_policy` is the place under the policy's tie rule. `best` and `worst`:
    the places that the unit may hold within the policy's spread. `to_next`: points to the next better total.
    `moved`: places won since the ranking before (lost: negative), null if it was not ranked there.
    """

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    place: int
    total: str
    full_marks: str
    indicators: int
    place_by_policy: str = ""
    tied: int = 1
    best: int = 0
    worst: int = 0
    to_next: str | None = None
    moved: int | None = None
    grade: str | None = None
    peers: dict[str, PeerPlace] = Field(default_factory=dict)


class RankingOut(BaseModel):
    """A ranking of totals among all units. `policy` says in words how totals are blended and ties ranked, `rules` is
    the policy as data. `previous`: the published ranking that movement is told against. Version 0 and no id:
    provisional, and not graded yet.
    """

    ranking_id: UUID | None
    set: str
    period: str
    version: int
    published_at: datetime | None
    published_by: str | None
    ranked: int
    policy: dict[str, str]
    rules: PolicyOut | None = None
    previous: UUID | None = None
    reason: str | None = None
    board: str = "total"
    group: str = "all"
    units: list[RankedOut]


class RankingHead(BaseModel):
    """A published version without its units."""

    ranking_id: UUID
    period: str
    version: int
    published_at: datetime
    published_by: str
    policy_version: int
    reason: str | None


class RankingsOut(BaseModel):
    """A page of published versions."""

    items: list[RankingHead]
    next: str | None


class BoardOut(BaseModel):
    """What is ranked (`total`, `level1:…`, `level2:…/…`, `indicator:CODE`) among whom (`all` or `dimension:group`)."""

    board: str
    group: str
    ranked: int


class BoardsOut(BaseModel):
    """The boards of a published ranking."""

    items: list[BoardOut]


class PlacesOut(BaseModel):
    """A page of places on one board among one group."""

    board: str
    group: str
    items: list[RankedOut]
    next: str | None


# --- answers about rankings -------------------------------------------------------------------------------------------


class AmendmentOut(BaseModel):
    """A confirmed score that was amended since the version before."""

    indicator: str
    indicator_name: str
    period: str
    version: int
    reason: Literal["scored", "fact_amended", "ruling", "correction"]
    note: str | None
    who: str
    at: datetime
    score_before: str | None
    score: str | None


class ChangeOut(BaseModel):
    """A unit whose place, total or grade differs; `why`: its own amended scores. None: others moved past it."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    place_before: int | None
    place: int | None
    total_before: str | None
    total: str | None
    grade_before: str | None
    grade: str | None
    why: list[AmendmentOut]


class ChangesOut(BaseModel):
    """A version against the one before: its reason, whether the policy is another one, and who changed within reach."""

    ranking_id: UUID
    version: int
    before: UUID | None
    reason: str | None
    policy_before: int | None
    policy: int
    units: list[ChangeOut]


class LossOut(BaseModel):
    """An indicator on which the unit stands below the mean of its peers, and by how many points."""

    indicator: str
    total: str
    full_marks: str
    mean: str
    cost: str
    place: int
    ranked: int


class LossesOut(BaseModel):
    """What cost a unit most against its peers, dearest first."""

    ranking_id: UUID
    unit: str
    group: str
    items: list[LossOut]


class BottomOut(BaseModel):
    """A unit that stood among the last places, how often and when."""

    unit_id: UUID
    unit: str | None
    unit_name: str | None
    times: int
    periods: list[str]


class BottomsOut(BaseModel):
    """Who stood among the last places often; `published`: the spans that were looked at."""

    published: list[str]
    items: list[BottomOut]


class CapOut(BaseModel):
    """Why a grade may not be better than `not_above`."""

    not_above: str
    reason: str
    source: Literal["veto_indicator", "decision"]


class GradeOut(BaseModel):
    """The grade of a unit, the one it had earned before its caps, and the caps."""

    ranking_id: UUID
    version: int
    unit_id: UUID
    unit: str | None
    unit_name: str | None
    grade: str
    earned: str
    caps: list[CapOut]


class GradesOut(BaseModel):
    """Grades by the newest published ranking, within reach."""

    items: list[GradeOut]
