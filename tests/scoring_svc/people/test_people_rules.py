"""The rules: what a scheme may say, days by posting, who marks as what, and the arithmetic to the last digit."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from services.scoring_svc.engine.numbers import Rounding
from services.scoring_svc.people.domain.results import (
    Served,
    UnitResultMissing,
    coefficient_of,
    main_posting,
    missing_items,
    result_of,
    revealing,
)
from services.scoring_svc.people.domain.roster import (
    NotAnEvaluator,
    Posting,
    PostingsRefused,
    Relation,
    days_in,
    demand_orderly,
    kind_of,
    seed,
)
from services.scoring_svc.people.domain.scheme import (
    Evaluator,
    ItemUnknown,
    MarkNotAllowed,
    PersonalSchemeRefused,
    demand_sound,
)
from services.scoring_svc.people.scheme_schemas import PersonalGradingIn
from services.scoring_svc.people.use_cases import _grading
from shared.contracts.periods import parse_period
from tests.scoring_svc.people.scheme import GRADES, GRADING, dimension, indicator, read, row

A, B, C = (UUID(int=number) for number in (1, 2, 3))
JANUARY = parse_period("2015-01")
_F = Fraction


def day(text: str) -> date:
    return date.fromisoformat(text)


def served(
    days: int, post: str | None = "STAFF", share: str | None = "75", grade: str | None = None, **cells: Fraction
) -> Served:
    named = {code.replace("_", "-"): value for code, value in cells.items()}
    return Served(A, "U", post, days, None if share is None else _F(share), grade, named)


# --- schemes --------------------------------------------------------------------------------------------------------


def codes_of(grading: dict[str, Any] | None = None, **changes: Any) -> set[tuple[str, str]]:
    try:
        demand_sound(read(**changes), _grading(PersonalGradingIn(**(grading or GRADING))))
    except PersonalSchemeRefused as refused:
        return {(one.pointer, one.code) for one in refused.details}
    return set()


def unit_result(*rows: Any, by: str = "share") -> Any:
    return {"sets": ["S"], "of": "own", "by": by, "rows": list(rows)}


def graded(grade: str) -> Any:
    return {"grade": grade, "at_least": None, "coefficient": "1"}


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, set()),
        (
            {"dimensions": [dimension("D", "99", "marks", ("self", "100"))], "indicators": []},
            {("/dimensions", "weights_not_100")},
        ),
        (
            {"dimensions": [dimension("D", "100", "marks", ("self", "60"))], "indicators": []},
            {("/dimensions/0/evaluators", "weights_not_100")},
        ),
        (
            {"dimensions": [dimension("D", "100", "marks", ("self", "50"), ("self", "50"))], "indicators": []},
            {("/dimensions/0/evaluators", "kind_twice")},
        ),
        ({"dimensions": [dimension("D", "100", "indicators")], "indicators": []}, {("/dimensions/0", "no_indicators")}),
        (
            {"dimensions": [dimension("DUTY", "100", "indicators", ("self", "100"))],
             "indicators": [indicator("P", "LEADER", "1", "COL-01")]},
            {("/dimensions/0/evaluators", "nothing_to_mark")},
        ),
        ({"indicators": [indicator("P", "NOBODY", "1", "X")]},
         {("/indicators/0/post", "post_unknown"), ("/dimensions/0/evaluators", "nothing_to_mark")}),
        ({"allowed_marks": ["101", "90", "90.0"]},
         {("/allowed_marks", "mark_twice"), ("/allowed_marks/0", "above_full_marks")}),
        ({"posts": [{"code": "LEADER", "name": "n", "role": None, "post_name": None},
                    {"code": "STAFF", "name": "n", "role": None, "post_name": "干部"}]},
         {("/posts/0", "role_or_post_name")}),
        ({"unit_result": unit_result(row("60", "1"))}, {("/unit_result/rows", "last_row_not_open")}),
        ({"unit_result": unit_result(row("60", "1"), row("60", "2"), row(None, "1"))},
         {("/unit_result/rows", "thresholds_not_falling")}),
        ({"unit_result": unit_result(graded("good"))}, {("/unit_result/rows", "rows_not_by_share")}),
        ({"unit_result": unit_result(graded("good"), graded("good"), by="grade")},
         {("/unit_result/rows", "grade_twice")}),
    ],
)  # fmt: skip
def test_a_scheme_that_contradicts_itself_is_refused_at_its_places(
    changes: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    assert codes_of(**changes) == faults


def test_quotas_and_thresholds_are_checked_by_the_rules_of_grading() -> None:
    grades = [*GRADES[:2], {**GRADES[2], "at_least": "10"}]
    assert codes_of({**GRADING, "grades": grades}) == {("/grading/grades", "last_grade_not_open")}


def test_only_allowed_marks_are_taken_by_value() -> None:
    scheme = read()
    assert str(scheme.mark("85.50")) == "85.5"
    with pytest.raises(MarkNotAllowed):
        scheme.mark("85")


def test_what_is_marked_are_dimensions_of_marks_and_indicators_without_cells() -> None:
    scheme = read()
    assert [one.kind for one in scheme.evaluators_of("CONDUCT")] == ["unit_leader", "peer", "self"]
    assert [one.kind for one in scheme.evaluators_of("P-WORK")] == ["unit_leader"]
    for item in ("DUTY", "P-COL", "NONE"):
        with pytest.raises(ItemUnknown):
            scheme.evaluators_of(item)


# --- postings and evaluators ----------------------------------------------------------------------------------------


def shown(postings: Sequence[Posting]) -> list[tuple[int, str | None, str, int]]:
    return [(one.unit_id.int, one.post, one.origin, (one.until - one.first).days) for one in postings]


def test_postings_come_from_appointments_and_the_unit_of_now_fills_the_rest() -> None:
    held = [(B, "LEADER", day("2014-03-01"), day("2015-01-11")), (C, "LEADER", day("2015-01-21"), None)]
    assert shown(seed(JANUARY, (A, "STAFF"), held)) == [
        (2, "LEADER", "appointment", 10), (1, "STAFF", "service", 10), (3, "LEADER", "appointment", 11),
    ]  # fmt: skip
    assert shown(seed(JANUARY, (A, None), [])) == [(1, None, "service", 31)]
    before = [(B, "LEADER", day("2014-01-01"), day("2015-01-01")), (B, "LEADER", day("2015-02-01"), None)]
    assert shown(seed(JANUARY, (A, None), before)) == [(1, None, "service", 31)]


def test_of_two_appointments_on_a_day_the_later_one_counts() -> None:
    held = [(C, "LEADER", day("2015-01-15"), day("2015-01-20")), (B, "LEADER", day("2014-01-01"), None)]
    assert shown(seed(JANUARY, (A, "STAFF"), held)) == [
        (2, "LEADER", "appointment", 14), (3, "LEADER", "appointment", 5), (2, "LEADER", "appointment", 12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "code"),
    [
        ([("2015-01-01", "2015-01-10"), ("2015-01-09", "2015-02-01")], "overlaps_or_unsorted"),
        ([("2015-01-05", "2015-01-05")], "no_days"),
        ([("2014-12-31", "2015-01-05")], "outside_period"),
        ([("2015-01-05", "2015-02-02")], "outside_period"),
    ],
)
def test_stated_postings_are_orderly(spans: list[tuple[str, str]], code: str) -> None:
    postings = [Posting(A, "STAFF", day(first), day(until), "stated") for first, until in spans]
    with pytest.raises(PostingsRefused) as refused:
        demand_orderly(JANUARY, postings, ["STAFF"])
    assert {one.code for one in refused.value.details} == {code}
    with pytest.raises(PostingsRefused):
        demand_orderly(JANUARY, [Posting(A, "X", day("2015-01-01"), day("2015-01-05"), "stated")], ["STAFF"])
    demand_orderly(JANUARY, [Posting(A, None, day("2015-01-03"), day("2015-02-01"), "stated")], ["STAFF"])


def test_days_are_counted_one_by_one() -> None:
    one = Posting(A, None, day("2015-01-01"), day("2015-01-08"), "stated")
    assert days_in(one, lambda _: True) == 7
    assert days_in(one, lambda day: day.isoweekday() <= 5) == 5


def relation(**changes: bool) -> Relation:
    held = {"same_person": False, "leads": False, "shares_unit": False, "on_panel": False, "in_office": False}
    return Relation(**{**held, **changes})


def test_who_is_several_kinds_counts_as_the_first_and_nobody_marks_themself() -> None:
    peer, leader, own = (Evaluator(kind, _F(1)) for kind in ("peer", "unit_leader", "self"))  # type: ignore[arg-type]
    both = relation(leads=True, shares_unit=True)
    assert kind_of(both, [leader, peer]) == "unit_leader"
    assert kind_of(both, [peer, leader]) == "peer"
    everything = relation(same_person=True, leads=True, shares_unit=True, on_panel=True, in_office=True)
    assert kind_of(everything, [leader, peer, own]) == "self"
    for who, kinds in ((everything, [leader, peer]), (relation(), [leader, peer, own]), (both, [])):
        with pytest.raises(NotAnEvaluator):
            kind_of(who, kinds)


# --- results --------------------------------------------------------------------------------------------------------

MARKS = {
    "CONDUCT": {"unit_leader": [_F(90)], "peer": [_F(100), _F(80), _F(60)], "self": [_F(100)]},
    "P-WORK": {"unit_leader": [_F("85.5")]},
}


def test_a_result_adds_up_digit_for_digit() -> None:
    # 10 days in a unit at 95 %, 21 days in one at 60 %: 1.1 and 1.
    first, then = served(10, share="95"), served(21, share="60")
    found = result_of(read(), [first, then], MARKS)
    assert found is not None
    duty, conduct = found.dimensions
    assert [(one.mean, one.marks) for one in conduct.parts] == [(90, 1), (80, 3), (100, 1)]
    assert conduct.value == _F(90 * 50 + 80 * 30 + 100 * 20, 100) == 89
    assert (duty.value, duty.contribution, conduct.contribution) == (_F("85.5"), _F("51.3"), _F("35.6"))
    assert found.base == duty.contribution + conduct.contribution == _F("86.9")
    assert found.coefficients == (_F("1.1"), _F(1))
    assert found.coefficient == _F(10 * _F("1.1") + 21, 31) == _F(320, 310)
    assert found.exact == _F("86.9") * _F(32, 31)
    assert found.score == Rounding(at="", mode="half_up", places=2).text(found.exact) == "89.70"


def test_indicators_are_those_of_the_post_and_weigh_by_the_days_in_it() -> None:
    lead = served(20, "LEADER", P_COL=_F(6, 10), P_LATE=_F(9, 10))
    found = result_of(read(), [lead, served(10)], MARKS)
    assert found is not None
    duty = found.dimensions[0]
    assert [(one.indicator, one.posting, one.value) for one in duty.indicators] == [
        ("P-COL", 0, 60), ("P-LATE", 0, 90), ("P-WORK", 1, _F("85.5")),
    ]  # fmt: skip
    assert duty.value == (20 * _F(60 + 2 * 90, 3) + 10 * _F("85.5")) / 30


def test_a_posting_without_counted_days_changes_nothing() -> None:
    plain = result_of(read(), [served(20)], MARKS)
    both = result_of(read(), [served(20), served(0, "LEADER", share=None)], MARKS)
    assert plain is not None
    assert both is not None
    assert (both.exact, both.coefficients) == (plain.exact, (1, 0))


def test_what_is_missing_is_left_out_and_the_rest_scaled() -> None:
    found = result_of(read(), [served(31, None)], {"CONDUCT": {"peer": [_F(80)], "self": [_F(100)]}})
    assert found is not None
    (conduct,) = found.dimensions
    assert (conduct.dimension, conduct.weight, conduct.value) == ("CONDUCT", 100, _F(80 * 30 + 100 * 20, 50))
    assert found.base == conduct.contribution == conduct.value
    assert result_of(read(), [served(31, None)], {}) is None


def test_what_may_not_be_left_out_is_named() -> None:
    strict = read(
        dimensions=[
            dimension("DUTY", "60", "indicators", ("unit_leader", "100"), missing="refuse"),
            dimension("CONDUCT", "40", "marks", ("unit_leader", "50"), ("self", "50"), missing="refuse"),
        ]
    )
    only = {"CONDUCT": {"self": [_F(60)]}}
    assert missing_items(strict, [served(9)], only) == ["P-WORK/unit_leader", "CONDUCT/unit_leader"]
    lead = [served(9, "LEADER", P_COL=_F(1))]
    assert missing_items(strict, lead, MARKS) == ["P-LATE"]
    assert missing_items(strict, lead, MARKS, only_marks=True) == []
    assert missing_items(strict, [served(9, None)], MARKS) == ["DUTY"]
    assert missing_items(read(), [served(9)], {}) == []


def test_coefficients_by_grade_and_what_gives_none_is_refused() -> None:
    by_grade = read(unit_result=unit_result({"grade": "good", "at_least": None, "coefficient": "1.05"}, by="grade"))
    found = result_of(by_grade, [served(5, grade="good")], MARKS)
    assert found is not None
    assert found.coefficient == _F("1.05")
    for one in (served(5, grade="poor"), served(5, share=None)):
        with pytest.raises(UnitResultMissing):
            result_of(by_grade, [one], MARKS)
    with pytest.raises(UnitResultMissing):
        result_of(read(), [served(5, share=None)], MARKS)


def test_a_unit_below_nothing_gets_the_last_row() -> None:
    assert coefficient_of(read(), served(5, share="-3")) == _F("0.9")
    assert coefficient_of(read(), served(5, share="60")) == 1


def test_what_few_evaluators_gave_is_not_told() -> None:
    found = result_of(read(), [served(31, None)], {"CONDUCT": {"peer": [_F(80), _F(90)], "self": [_F(100)]}})
    assert found is not None
    assert not revealing(found, 2)
    assert revealing(found, 3)


def test_the_main_posting_has_most_days_and_the_later_of_two_equal_ones() -> None:
    assert main_posting([served(3, "A"), served(9, "B"), served(9, "C"), served(8, "D")]).post == "C"
