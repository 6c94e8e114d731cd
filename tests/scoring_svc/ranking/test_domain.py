"""What a policy may say, how places are said, what spans are: tables."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import lcm

import pytest

from services.scoring_svc.ranking.domain import (
    PLAIN,
    SCALE,
    CountRounding,
    Grade,
    Grading,
    Policy,
    Quota,
    RankingPolicyRefused,
    Ties,
    demand_sound,
    moved,
    parse_span,
    place_text,
    points_text,
)


@pytest.mark.parametrize(
    ("ties", "place", "tied", "dense", "said"),
    [
        ("competition", 1, 1, 1, "1"),
        ("competition", 2, 2, 2, "2"),
        ("competition", 4, 1, 3, "4"),
        ("dense", 2, 2, 2, "2"),
        ("dense", 4, 1, 3, "3"),
        ("average", 1, 1, 1, "1"),
        ("average", 2, 2, 2, "2.5"),
        ("average", 2, 3, 2, "3"),
        ("average", 1, 4, 1, "2.5"),
    ],
)
def test_a_place_is_said_by_the_tie_rule(ties: Ties, place: int, tied: int, dense: int, said: str) -> None:
    assert place_text(ties, place, tied, dense) == said


@pytest.mark.parametrize(
    ("rounding", "share", "ranked", "places"),
    [
        ("floor", "20", 17, 3),
        ("half_up", "20", 17, 3),
        ("ceiling", "20", 17, 4),
        ("floor", "20", 4, 0),
        ("half_up", "12.5", 20, 3),
        ("floor", "12.5", 20, 2),
        ("ceiling", "20", 20, 4),
        ("half_up", "0", 20, 0),
    ],
)
def test_a_quota_is_rounded_as_it_says(rounding: CountRounding, share: str, ranked: int, places: int) -> None:
    assert Quota(Fraction(share), "at_most", rounding, "leave_out").places(ranked) == places


@pytest.mark.parametrize(
    ("text", "first", "last", "before"),
    [
        ("2015-05", date(2015, 5, 1), date(2015, 5, 31), "2015-04"),
        ("2015-01", date(2015, 1, 1), date(2015, 1, 31), None),
        ("2015-Q3", date(2015, 7, 1), date(2015, 9, 30), "2015-Q2"),
        ("2015", date(2015, 1, 1), date(2015, 12, 31), None),
        ("2015-05-YTD", date(2015, 1, 1), date(2015, 5, 31), "2015-04-YTD"),
        ("2015-H1-YTD", date(2015, 1, 1), date(2015, 6, 30), None),
    ],
)
def test_a_span_is_a_period_or_a_year_to_date(text: str, first: date, last: date, before: str | None) -> None:
    span = parse_span(text)
    assert (span.key, span.first, span.last, span.before()) == (text, first, last, before)


@pytest.mark.parametrize("text", ["2015-YTD", "2015-13", "2015-5", "2015-05-ytd", "2015-05-YTD-YTD", ""])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"period|year"):
        parse_span(text)


def test_points_are_exact_until_they_are_shown() -> None:
    assert lcm(*range(1, 20)) * 30 == SCALE
    assert points_text(Decimal(SCALE) * 10 / 8) == "1.25"
    assert points_text(Fraction(SCALE, 200)) == "0.01"
    assert points_text(Decimal(-SCALE) / 8) == "-0.13"


def test_movement_is_places_won() -> None:
    assert [moved(5, 2), moved(2, 5), moved(3, 3), moved(None, 1)] == [3, -3, 0, None]


QUOTA = Quota(Fraction(20), "at_most", "floor", "leave_out")
GRADING = Grading(
    "percent",
    "all",
    (Grade("excellent", Fraction(90), QUOTA), Grade("good", Fraction(80), None), Grade("fair", None, None)),
    "good",
    capped_use_places=False,
)
SOUND = Policy(1, "competition", Fraction(0), ("location",), "totals", GRADING)
EXCELLENT, GOOD, FAIR = GRADING.grades


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (replace(SOUND, groups=("location", "location")), "group_twice"),
        (replace(SOUND, grading=replace(GRADING, within="size")), "group_not_ranked"),
        (replace(SOUND, grading=replace(GRADING, veto_not_above="poor")), "grade_unknown"),
        (replace(SOUND, grading=replace(GRADING, grades=(EXCELLENT, EXCELLENT, FAIR))), "grade_twice"),
        (
            replace(SOUND, grading=replace(GRADING, grades=(replace(GOOD, grade="a"), EXCELLENT, FAIR))),
            "thresholds_not_falling",
        ),
        (
            replace(
                SOUND,
                grading=replace(
                    GRADING,
                    grades=(
                        EXCELLENT,
                        replace(GOOD, quota=replace(QUOTA, share=Fraction("80.1"))),
                        FAIR,
                    ),
                ),
            ),
            "shares_above_100",
        ),
        (replace(SOUND, grading=replace(GRADING, grades=(EXCELLENT, GOOD))), "last_grade_not_open"),
        (
            replace(SOUND, grading=replace(GRADING, grades=(EXCELLENT, replace(GOOD, at_least=None), FAIR))),
            "grade_without_end",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(policy: Policy, code: str) -> None:
    with pytest.raises(RankingPolicyRefused) as refused:
        demand_sound(policy)
    assert code in [detail.code for detail in refused.value.details]


def test_sound_policies_are_taken() -> None:
    demand_sound(PLAIN)
    demand_sound(SOUND)
    demand_sound(replace(SOUND, grading=replace(GRADING, within="location")))
