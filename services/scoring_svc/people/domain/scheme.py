"""The personal scheme (个人绩效办法) of a year: dimensions, evaluators, marks, coefficient, days, quotas. Pure data.

Every choice is a required field: nothing is left to a default of the code. Weights, marks and coefficients are exact.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from services.scoring_svc.ranking.domain import Grading, faults_of
from shared.contracts.roles import Role
from shared.errors import Detail, Refused

EvaluatorKind = Literal["self", "unit_leader", "peer", "panel", "performance_office"]
Source = Literal["marks", "indicators"]
Missing = Literal["refuse", "renormalise"]
Days = Literal["calendar", "working"]
Mode = Literal["half_up", "half_even", "floor", "ceiling"]
_WHOLE = 100
GROUPS = ("unit", "post")
"""Besides "all": quotas may count within the unit or the post in which a person spent most days."""


class PersonalSchemeRefused(Refused):
    """A scheme that contradicts itself; `details` names each place."""

    status, code = 422, "personal_scheme_refused"
    zh, en = "个人绩效办法自相矛盾，详见 details", "The personal scheme contradicts itself; see details"


class MarkNotAllowed(Refused):
    """Only the marks that the scheme lists are taken."""

    status, code = 422, "mark_not_allowed"
    zh, en = "“{mark}”不是本办法允许的分值；允许：{allowed}", "{mark} is not an allowed mark; allowed are {allowed}"


class ItemUnknown(Refused):
    """The scheme has no such dimension that is marked, or no such indicator of a post that the person held."""

    status, code = 404, "item_unknown"
    zh, en = "该人员没有可评分的项目“{item}”", "There is nothing to mark of this person that is called {item}"


@dataclass(frozen=True)
class Evaluator:
    """A kind of evaluator with its weight in the dimension."""

    kind: EvaluatorKind
    weight: Decimal


@dataclass(frozen=True)
class Dimension:
    """A dimension (维度) with its weight in percent. `source`: marks of evaluators, or personal indicators.

    `evaluators`: who marks it, or those of its indicators that are marked; who is of several kinds counts as the first.
    `missing`: what is missing refuses the closing of a round, or is left out and the other weights scaled.
    """

    code: str
    name: str
    name_en: str
    weight: Decimal
    source: Source
    evaluators: tuple[Evaluator, ...]
    missing: Missing


@dataclass(frozen=True)
class Post:
    """A post (岗位) and how the directory tells of it: by the role of an appointment, or by the name of the post."""

    code: str
    name: str
    role: Role | None
    post_name: str | None


@dataclass(frozen=True)
class PersonalIndicator:
    """A personal indicator of a post and a matter. `set` and `indicator`: the unit's cells; both None: it is marked.

    `weight` counts among the indicators of the same post in the dimension.
    """

    code: str
    name: str
    name_en: str
    dimension: str
    post: str
    matter: str | None
    weight: Decimal
    set: str | None
    indicator: str | None


@dataclass(frozen=True)
class CoefficientRow:
    """A coefficient for a grade, or for a unit's percent of full marks from `at_least` on; the last: the rest."""

    grade: str | None
    at_least: Decimal | None
    coefficient: Decimal


@dataclass(frozen=True)
class UnitResult:
    """Which unit's result makes the coefficient (组织绩效系数): from the published rankings of `sets`.

    `of`: the unit of the posting alone, or the nearest one at or above it that is ranked.
    """

    sets: tuple[str, ...]
    of: Literal["own", "nearest_above"]
    by: Literal["grade", "share"]
    rows: tuple[CoefficientRow, ...]


@dataclass(frozen=True)
class PersonalScheme:
    """A scheme of a year. `marks_shown_from`: with fewer marks of a kind than this, dimensions are shown to the office.

    `least_days`: who was in post on fewer days is not assessed.
    """

    year: int
    full_marks: Decimal
    allowed_marks: tuple[Decimal, ...]
    dimensions: tuple[Dimension, ...]
    posts: tuple[Post, ...]
    indicators: tuple[PersonalIndicator, ...]
    unit_result: UnitResult
    days: Days
    least_days: int
    marks_shown_from: int
    places: int
    rounding: Mode

    def mark(self, text: str) -> Decimal:
        """The allowed mark that a text means. Raises MarkNotAllowed."""
        mark = Decimal(text)
        for allowed in self.allowed_marks:
            if allowed == mark:
                return allowed
        raise MarkNotAllowed(mark=text, allowed=", ".join(str(one) for one in self.allowed_marks))

    def evaluators_of(self, item: str) -> Sequence[Evaluator]:
        """Who marks a dimension or an indicator. Raises ItemUnknown for what is not marked."""
        for one in self.dimensions:
            if one.code == item and one.source == "marks":
                return one.evaluators
        for indicator in self.indicators:
            if indicator.code == item and indicator.set is None:
                return next(one.evaluators for one in self.dimensions if one.code == indicator.dimension)
        raise ItemUnknown(item=item)

    def items_of(self, posts: Collection[str | None]) -> list[str]:
        """What is marked of a person who held these posts."""
        dimensions = [one.code for one in self.dimensions if one.source == "marks"]
        return [*dimensions, *(one.code for one in self.indicators if one.set is None and one.post in posts)]

    def indicators_of(self, dimension: str, post: str | None) -> list[PersonalIndicator]:
        """The indicators of a post in a dimension."""
        return [one for one in self.indicators if one.dimension == dimension and one.post == post]

    def post_of(self, role: str | None, post_name: str | None) -> str | None:
        """The post that the directory tells of by a role or by a name; None: the scheme knows no such post."""
        for one in self.posts:
            if (role is not None and one.role == role) or (post_name is not None and one.post_name == post_name):
                return one.code
        return None


def demand_sound(scheme: PersonalScheme, grading: Grading) -> None:
    """Raise PersonalSchemeRefused with every place where the scheme contradicts itself."""
    faults = [*_faults(scheme), *faults_of(grading, GROUPS)]
    if faults:
        raise PersonalSchemeRefused(details=faults)


def _faults(scheme: PersonalScheme) -> Iterator[Detail]:
    for at, codes in (
        ("/dimensions", [*(one.code for one in scheme.dimensions), *(one.code for one in scheme.indicators)]),
        ("/posts", [one.code for one in scheme.posts]),
    ):
        if len(set(codes)) < len(codes):
            yield Detail(at, "code_twice")
    if sum(one.weight for one in scheme.dimensions) != _WHOLE:
        yield Detail("/dimensions", "weights_not_100")
    yield from _faults_of_marks(scheme)
    for number, dimension in enumerate(scheme.dimensions):
        yield from _faults_of_dimension(scheme, dimension, f"/dimensions/{number}")
    for number, post in enumerate(scheme.posts):
        if (post.role is None) == (post.post_name is None):
            yield Detail(f"/posts/{number}", "role_or_post_name")
    for number, indicator in enumerate(scheme.indicators):
        yield from _faults_of_indicator(scheme, indicator, f"/indicators/{number}")
    yield from _faults_of_coefficient(scheme.unit_result)


def _faults_of_marks(scheme: PersonalScheme) -> Iterator[Detail]:
    if len(set(scheme.allowed_marks)) < len(scheme.allowed_marks):
        yield Detail("/allowed_marks", "mark_twice")
    for number, mark in enumerate(scheme.allowed_marks):
        if mark > scheme.full_marks:
            yield Detail(f"/allowed_marks/{number}", "above_full_marks", str(mark))


def _faults_of_dimension(scheme: PersonalScheme, dimension: Dimension, at: str) -> Iterator[Detail]:
    own = [one for one in scheme.indicators if one.dimension == dimension.code]
    marked = dimension.source == "marks" or any(one.set is None for one in own)
    kinds = [one.kind for one in dimension.evaluators]
    if marked and sum(one.weight for one in dimension.evaluators) != _WHOLE:
        yield Detail(f"{at}/evaluators", "weights_not_100")
    if not marked and kinds:
        yield Detail(f"{at}/evaluators", "nothing_to_mark")
    if len(set(kinds)) < len(kinds):
        yield Detail(f"{at}/evaluators", "kind_twice")
    if dimension.source == "indicators" and not own:
        yield Detail(at, "no_indicators")


def _faults_of_indicator(scheme: PersonalScheme, indicator: PersonalIndicator, at: str) -> Iterator[Detail]:
    if not any(one.code == indicator.dimension and one.source == "indicators" for one in scheme.dimensions):
        yield Detail(f"{at}/dimension", "dimension_unknown", indicator.dimension)
    if indicator.post not in {one.code for one in scheme.posts}:
        yield Detail(f"{at}/post", "post_unknown", indicator.post)
    if (indicator.set is None) != (indicator.indicator is None):
        yield Detail(f"{at}/indicator", "set_and_indicator")


def _faults_of_coefficient(result: UnitResult) -> Iterator[Detail]:
    rows, at = result.rows, "/unit_result/rows"
    if result.by == "grade":
        if any(row.grade is None or row.at_least is not None for row in rows):
            yield Detail(at, "rows_not_by_grade")
        elif len({row.grade for row in rows}) < len(rows):
            yield Detail(at, "grade_twice")
        return
    lines = [row.at_least for row in rows[:-1] if row.at_least is not None]
    if any(row.grade is not None for row in rows) or len(lines) < len(rows) - 1:
        yield Detail(at, "rows_not_by_share")
    elif rows[-1].at_least is not None:
        # Totals may fall below zero by external losses, so no number is low enough for everybody.
        yield Detail(at, "last_row_not_open")
    elif any(low >= high for high, low in pairwise(lines)):
        yield Detail(at, "thresholds_not_falling")
