"""Grades by threshold and quota, ties at the edge, caps: one table each."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from uuid import UUID

import pytest

from services.scoring_svc.ranking.domain import Bound, Edge, Grade, Grading, Quota
from services.scoring_svc.ranking.grading import Candidate, QuotaNotMet, grade

E, G, F = "excellent", "good", "fair"


def grading(
    share: str = "20",
    *,
    edge: Edge = "leave_out",
    bound: Bound = "at_most",
    threshold: str | None = None,
    uses: bool = False,
) -> Grading:
    first = Grade(E, None if threshold is None else Fraction(threshold), Quota(Fraction(share), bound, "floor", edge))
    return Grading("points", "all", (first, Grade(G, Fraction(80), None), Grade(F, None, None)), G, uses)


def units(*totals: str, caps: Mapping[int, str] | None = None) -> list[Candidate]:
    return [
        Candidate(UUID(int=number), Fraction(total), Fraction(100), (caps or {}).get(number))
        for number, total in enumerate(totals, start=1)
    ]


def graded(rules: Grading, found: list[Candidate]) -> str:
    """The first letters of the grades, in the order of the units."""
    grades = grade("all", found, rules)
    return "".join(grades[unit.unit_id].grade[0] for unit in found)


TEN = ("99", "98", "97", "96", "90", "85", "81", "80", "79", "60")
TIED = ("99", "98", "98", "96", "90", "85", "81", "80", "79", "60")


@pytest.mark.parametrize(
    ("rules", "totals", "expected"),
    [
        (grading(), TEN, "eeggggggff"),
        (grading("29"), TEN, "eeggggggff"),  # 2.9 places, rounded down
        (grading("30"), TEN, "eeegggggff"),
        (grading("0"), TEN, "ggggggggff"),
        (grading(threshold="98.5"), TEN, "egggggggff"),  # at most: a place may stay empty
        (grading(edge="leave_out"), TIED, "egggggggff"),  # places 2 and 3 are tied over one place
        (grading(edge="take_in"), TIED, "eeegggggff"),
        (grading("30", edge="refuse"), TIED, "eeegggggff"),  # no tie over the edge, nothing to refuse
        (grading("30", bound="exactly"), TIED, "eeegggggff"),
    ],
)
def test_thresholds_and_quotas(rules: Grading, totals: tuple[str, ...], expected: str) -> None:
    assert graded(rules, units(*totals)) == expected


@pytest.mark.parametrize(
    ("rules", "totals", "places", "found"),
    [
        (grading(edge="refuse"), TIED, 2, 1),
        (grading(bound="exactly"), TIED, 2, 1),
        (grading(bound="exactly", edge="take_in"), TIED, 2, 3),
        (grading(bound="exactly", threshold="99"), TEN, 2, 1),
    ],
)
def test_a_quota_that_cannot_be_met_is_refused_with_its_numbers(
    rules: Grading, totals: tuple[str, ...], places: int, found: int
) -> None:
    with pytest.raises(QuotaNotMet) as refused:
        grade("all", units(*totals), rules)
    assert (refused.value.values["places"], refused.value.values["found"]) == (places, found)
    assert str(UUID(int=1 if found == 1 and totals is TEN else 2)) in str(refused.value.values["units"])


@pytest.mark.parametrize(
    ("uses", "caps", "expected"),
    [
        (True, {1: G}, "geggggggff"),  # its place is used up
        (False, {1: G}, "geegggggff"),  # its place goes to the next unit
        (False, {9: G}, "eeggggggff"),  # a cap above what was earned does nothing
        (True, {1: F, 3: F}, "fefgggggff"),
        (False, {1: F, 2: G}, "fgeegggg" + "ff"),
    ],
)
def test_a_veto_caps_the_grade(uses: bool, caps: dict[int, str], expected: str) -> None:
    found = units(*TEN, caps=caps)
    assert graded(grading(uses=uses), found) == expected
    assert grade("all", found, grading(uses=uses))[UUID(int=1)].earned == E
    assert [unit.total for unit in found] == [Fraction(total) for total in TEN]


def test_thresholds_in_percent_are_of_the_units_own_full_marks() -> None:
    rules = replace(grading("100", threshold="90"), measure="percent")
    small = Candidate(UUID(int=1), Fraction(45), Fraction(50))
    large = Candidate(UUID(int=2), Fraction(89), Fraction(100))
    assert graded(rules, [small, large]) == "eg"


def test_nobody_is_no_group() -> None:
    assert grade("all", [], grading()) == {}
