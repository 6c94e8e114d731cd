"""HTTP shapes of personal schemes. Weights, marks, thresholds and coefficients are decimal text."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.scoring_svc.bonus.shapes import Body, Code, Name, Points
from services.scoring_svc.people.domain.scheme import Days, EvaluatorKind, Missing, Mode, Source
from services.scoring_svc.ranking.domain import Measure
from services.scoring_svc.ranking.policy_schemas import GradeIn, Number
from shared.contracts.roles import Role

_EXAMPLE: dict[str, Any] = {
    "name": "2015年度个人绩效办法",
    "year": 2015,
    "full_marks": "100",
    "allowed_marks": ["100", "90", "80", "70", "60", "0"],
    "dimensions": [
        {
            "code": "DUTY", "name": "履职实绩", "name_en": "duties", "weight": "60", "source": "indicators",
            "evaluators": [], "missing": "renormalise",
        },
        {
            "code": "CONDUCT", "name": "工作作风", "name_en": "conduct", "weight": "40", "source": "marks",
            "evaluators": [{"kind": "unit_leader", "weight": "70"}, {"kind": "self", "weight": "30"}],
            "missing": "renormalise",
        },
    ],
    "posts": [
        {"code": "LEADER", "name": "单位负责人", "role": "unit_leader"},
        {"code": "STAFF", "name": "干部", "post_name": "干部"},
    ],
    "indicators": [
        {
            "code": "P-COL", "name": "漏征漏管户", "name_en": "unregistered taxpayers", "dimension": "DUTY",
            "post": "LEADER", "matter": "M-023", "weight": "1", "set": "WH2015-DISTRICT", "indicator": "COL-01",
        }
    ],
    "unit_result": {
        "sets": ["WH2015-DISTRICT"], "of": "nearest_above", "by": "share",
        "rows": [
            {"at_least": "90", "coefficient": "1.1"},
            {"at_least": "60", "coefficient": "1"},
            {"coefficient": "0.9"},
        ],
    },
    "days": "calendar",
    "least_days": 15,
    "marks_shown_from": 3,
    "rounding": "half_up",
    "places": 2,
    "grading": {
        "measure": "points",
        "within": "all",
        "capped_use_places": False,
        "grades": [
            {
                "grade": "excellent", "name": "优秀", "name_en": "excellent", "at_least": "90",
                "quota": {"share": "20", "bound": "at_most", "rounding": "floor", "edge": "leave_out"},
            },
            {"grade": "competent", "name": "称职", "name_en": "competent", "at_least": "60", "quota": None},
            {"grade": "basic", "name": "基本称职", "name_en": "basically competent", "at_least": None, "quota": None},
        ],
    },
}  # fmt: skip


class EvaluatorIn(Body):
    """A kind of evaluator with its weight; the weights of an item make 100."""

    kind: EvaluatorKind
    weight: Points


class DimensionIn(Body):
    """A dimension; all weights make 100. `evaluators`: who marks it, or the marked ones of its indicators.

    `missing`: a kind without marks, or an indicator without value, refuses closing, or is left out and the rest scaled.
    """

    code: Code
    name: Name
    name_en: Name
    weight: Points
    source: Source
    evaluators: Annotated[list[EvaluatorIn], Field(max_length=5)]
    missing: Missing


class PostIn(Body):
    """A post, known in the directory by the role of an appointment or by the name of the post: exactly one of both."""

    code: Code
    name: Name
    role: Role | None = None
    post_name: Name | None = None


class PersonalIndicatorIn(Body):
    """An indicator of a post and its matter: the share of full marks in the unit's cells, or marked: both null."""

    code: Code
    name: Name
    name_en: Name
    dimension: Code
    post: Code
    matter: Code | None = None
    weight: Points
    set: Code | None = None
    indicator: Code | None = None


class CoefficientIn(Body):
    """A row of the coefficient table: for a grade, or from a percent of full marks on, falling; the last: the rest."""

    grade: Name | None = None
    at_least: Number | None = None
    coefficient: Number


class UnitResultIn(Body):
    """From which published rankings a unit's result is taken, and what it makes of a person's points."""

    sets: Annotated[list[Code], Field(min_length=1, max_length=20)]
    of: Literal["own", "nearest_above"]
    by: Literal["grade", "share"]
    rows: Annotated[list[CoefficientIn], Field(min_length=1, max_length=50)]


class PersonalGradingIn(Body):
    """Grades of persons, best first. `within`: all of the round, or those of the same unit or post."""

    measure: Measure
    within: Literal["all", "unit", "post"]
    grades: Annotated[list[GradeIn], Field(min_length=2, max_length=12)]
    capped_use_places: bool


class PersonalSchemeBody(Body):
    """How persons are assessed in a year.

    `days`: postings weigh by calendar or working days. `least_days`: with fewer nobody is assessed.
    `marks_shown_from`: with fewer marks of a kind, dimensions are shown to the office and the auditor alone.
    `places` and `rounding`: of the score, once, at the end; grades are given on the score as rounded.
    """

    name: Name
    year: Annotated[int, Field(ge=1994, le=2999)]
    full_marks: Points
    allowed_marks: Annotated[list[Number], Field(min_length=1, max_length=200)]
    dimensions: Annotated[list[DimensionIn], Field(min_length=1, max_length=20)]
    posts: Annotated[list[PostIn], Field(max_length=200)]
    indicators: Annotated[list[PersonalIndicatorIn], Field(max_length=1_000)]
    unit_result: UnitResultIn
    days: Days
    least_days: Annotated[int, Field(ge=1, le=366)]
    marks_shown_from: Annotated[int, Field(ge=1, le=1_000)]
    rounding: Mode
    places: Annotated[int, Field(ge=0, le=4)]
    grading: PersonalGradingIn


class PersonalSchemeIn(PersonalSchemeBody):
    """A version of a personal scheme."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})


class PersonalSchemeOut(PersonalSchemeBody):
    """A published version; it never changes, and rounds keep theirs."""

    code: str
    version: int
    published_at: datetime
    published_by: str


class PersonalSchemesOut(BaseModel):
    """A page of versions."""

    items: list[PersonalSchemeOut]
    next: str | None
