"""A personal result: means of marks, indicators of posts, the unit's coefficient by days. Pure and exact.

Numbers are rationals until the one rounding at the end. The parts of a result add up: the contributions of the
dimensions make the base, base times coefficient makes `exact`, and only `exact` is rounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from services.scoring_svc.engine.numbers import Rounding
from services.scoring_svc.people.domain.scheme import Dimension, EvaluatorKind, PersonalScheme
from shared.errors import Refused

Marks = Mapping[str, Mapping[EvaluatorKind, Sequence[Fraction]]]


class ItemsMissing(Refused):
    """What the scheme does not let be left out is missing; `details` names person and item, up to 200."""

    code = "items_missing"
    zh, en = (
        "尚缺 {count} 项评分或指标结果，详见 details",
        "{count} marks or indicator results are missing; see details",
    )


class UnitResultMissing(Refused):
    """No published ranking, or no row of the table, gives a coefficient for these units."""

    code = "unit_result_missing"
    zh, en = "以下单位没有可用的组织绩效结果：{units}", "There is no usable unit result for {units}"


@dataclass(frozen=True)
class Served:
    """A posting as the arithmetic sees it: its days, the percent of full marks and the grade that its unit earned.

    `cells`: by personal indicator, the unit's score over its full marks in the period; missing ones are left out.
    `unit` is the code that names it in refusals.
    """

    unit_id: UUID
    unit: str
    post: str | None
    days: int
    share: Fraction | None
    grade: str | None
    cells: Mapping[str, Fraction]


@dataclass(frozen=True)
class Part:
    """What one kind of evaluators gave: weight in percent, mean of so many marks."""

    kind: EvaluatorKind
    weight: Fraction
    mean: Fraction
    marks: int


@dataclass(frozen=True)
class IndicatorValue:
    """The value of a personal indicator in a posting, on the scale of the scheme's full marks."""

    indicator: str
    posting: int
    weight: Fraction
    value: Fraction
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class DimensionValue:
    """The value of a dimension and what it contributes to the base; `weight` after what is missing was left out."""

    dimension: str
    weight: Fraction
    value: Fraction
    contribution: Fraction
    parts: tuple[Part, ...]
    indicators: tuple[IndicatorValue, ...]


@dataclass(frozen=True)
class Result:
    """A person's result; `coefficients` one for each posting, `score` is `exact` rounded with all its places."""

    dimensions: tuple[DimensionValue, ...]
    base: Fraction
    coefficients: tuple[Fraction, ...]
    coefficient: Fraction
    exact: Fraction
    score: str


def missing_items(
    scheme: PersonalScheme, served: Sequence[Served], marks: Marks, *, only_marks: bool = False
) -> list[str]:
    """What is missing of a person and may not be left out: `dimension/kind`, `indicator` or `indicator/kind`."""
    found: list[str] = []
    for dimension in scheme.dimensions:
        if dimension.missing == "renormalise":
            continue
        if dimension.source == "marks":
            found += _kinds_missing(dimension.code, dimension, marks)
            continue
        wanted = {
            one.code: one
            for posting in served
            if posting.days
            for one in scheme.indicators_of(dimension.code, posting.post)
        }
        if not wanted:
            found.append(dimension.code)
        for one in wanted.values():
            if one.set is None:
                found += _kinds_missing(one.code, dimension, marks)
            elif not only_marks and any(
                one.code not in posting.cells for posting in served if posting.days and posting.post == one.post
            ):
                found.append(one.code)
    return found


def _kinds_missing(item: str, dimension: Dimension, marks: Marks) -> list[str]:
    given = marks.get(item, {})
    return [f"{item}/{one.kind}" for one in dimension.evaluators if not given.get(one.kind)]


def coefficient_of(scheme: PersonalScheme, posting: Served) -> Fraction | None:
    """The coefficient of the unit's result; None: the table or the ranking gives none."""
    for row in scheme.unit_result.rows:
        if row.grade is not None and row.grade == posting.grade:
            return Fraction(row.coefficient)
        if row.grade is None and posting.share is not None and _reached(posting.share, row.at_least):
            return Fraction(row.coefficient)
    return None


def _reached(share: Fraction, at_least: Decimal | None) -> bool:
    return at_least is None or share >= Fraction(at_least)


def result_of(scheme: PersonalScheme, served: Sequence[Served], marks: Marks) -> Result | None:
    """The result of a person who was in post; None: no dimension has a value. Raises UnitResultMissing."""
    worked = [_dimension(scheme, one, served, marks) for one in scheme.dimensions]
    values = [one for one in worked if one is not None]
    if not values:
        return None
    whole = sum((Fraction(one.weight) for one, _, _, _ in values), Fraction(0))
    dimensions = tuple(
        DimensionValue(
            one.code, Fraction(one.weight) * 100 / whole, value, Fraction(one.weight) / whole * value, parts, indicators
        )
        for one, value, parts, indicators in values
    )
    base = sum((one.contribution for one in dimensions), Fraction(0))
    numbers = [coefficient_of(scheme, one) if one.days else Fraction(0) for one in served]
    if unknown := sorted({one.unit for one, number in zip(served, numbers, strict=True) if number is None}):
        raise UnitResultMissing(units=", ".join(unknown))
    coefficients = tuple(number for number in numbers if number is not None)
    days = sum(one.days for one in served)
    coefficient = sum((one.days * number for one, number in zip(served, coefficients, strict=True)), Fraction(0)) / days
    exact = base * coefficient
    return Result(dimensions, base, coefficients, coefficient, exact, _rounding(scheme).text(exact))


def _rounding(scheme: PersonalScheme) -> Rounding:
    return Rounding(at="", mode=scheme.rounding, places=scheme.places)


def _dimension(
    scheme: PersonalScheme, dimension: Dimension, served: Sequence[Served], marks: Marks
) -> tuple[Dimension, Fraction, tuple[Part, ...], tuple[IndicatorValue, ...]] | None:
    if dimension.source == "marks":
        parts = _parts(dimension.code, dimension, marks)
        return (dimension, _mean(parts), parts, ()) if parts else None
    values: list[IndicatorValue] = []
    by_days: list[tuple[int, Fraction]] = []
    for number, posting in enumerate(served):
        own = _values(scheme, dimension, number, posting, marks) if posting.days else []
        if own:
            weights = sum((one.weight for one in own), Fraction(0))
            by_days.append((posting.days, sum((one.weight * one.value for one in own), Fraction(0)) / weights))
            values += own
    if not values:
        return None
    days = sum(number for number, _ in by_days)
    return dimension, sum((number * value for number, value in by_days), Fraction(0)) / days, (), tuple(values)


def _values(
    scheme: PersonalScheme, dimension: Dimension, number: int, posting: Served, marks: Marks
) -> list[IndicatorValue]:
    found = []
    for one in scheme.indicators_of(dimension.code, posting.post):
        parts = _parts(one.code, dimension, marks) if one.set is None else ()
        if parts:
            found.append(IndicatorValue(one.code, number, Fraction(one.weight), _mean(parts), parts))
        elif one.code in posting.cells:
            value = posting.cells[one.code] * Fraction(scheme.full_marks)
            found.append(IndicatorValue(one.code, number, Fraction(one.weight), value, ()))
    return found


def _parts(item: str, dimension: Dimension, marks: Marks) -> tuple[Part, ...]:
    given = marks.get(item, {})
    return tuple(
        Part(one.kind, Fraction(one.weight), sum(found, Fraction(0)) / len(found), len(found))
        for one in dimension.evaluators
        if (found := given.get(one.kind))
    )


def _mean(parts: Sequence[Part]) -> Fraction:
    return sum((one.weight * one.mean for one in parts), Fraction(0)) / sum((one.weight for one in parts), Fraction(0))


def revealing(result: Result, shown_from: int) -> bool:
    """Whether the dimensions would tell what a few evaluators gave: then only the office is shown them."""
    parts = [part for one in result.dimensions for part in one.parts]
    parts += [part for one in result.dimensions for indicator in one.indicators for part in indicator.parts]
    return any(part.kind != "self" and part.marks < shown_from for part in parts)


def main_posting(served: Sequence[Served]) -> Served:
    """Where a person spent most days; the later one of two that are equal."""
    return max(enumerate(served), key=lambda one: (one[1].days, one[0]))[1]
