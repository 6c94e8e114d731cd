"""HTTP shapes of rankings. Points, thresholds and shares are decimal text."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.scoring_svc.ranking.policy_schemas import Name, PolicyOut, strict

Reason = Annotated[str, Field(min_length=1, max_length=500)]

# --- rankings ---------------------------------------------------------------------------------------------------------


class CapIn(BaseModel):
    """A veto by decision: the unit's grade is not above this one, whatever its total."""

    model_config = strict()

    unit: Name
    not_above: Name
    reason: Reason


class RankingIn(BaseModel):
    """Which ranking to publish: a set, and a period, span or year to date whose periods are all confirmed.

    `reason` is required from the second version on. `caps` left out: those of the version before stand.
    """

    model_config = strict({"set": "WH2015-DISTRICT", "period": "2015-H1"})

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
