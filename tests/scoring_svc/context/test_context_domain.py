"""The arithmetic of context figures: sums over months, growth, and when there is none."""

from fractions import Fraction

import pytest

from services.scoring_svc.context.domain import (
    Figure,
    covers,
    evaluations_in,
    months_of,
    said,
    summed,
    total,
    year_before,
)
from services.scoring_svc.ranking.domain import parse_span
from shared.contracts.identity import unit_id
from shared.contracts.periods import parse_period
from tests.scoring_svc.ledger.city import COL1, COL3, DISTRICTS, QUARTER


@pytest.mark.parametrize(
    ("value", "before", "growth", "reason"),
    [
        ("6920900", "6314690", "9.6", None),
        ("110.05", "100", "10.1", None),  # half up
        ("110.04", "100", "10.0", None),
        ("89.95", "100", "-10.1", None),  # a tie below zero goes away from zero
        ("99.96", "100", "0.0", None),
        ("0", "100", "-100.0", None),
        ("100", "0", None, "year_before_not_positive"),
        ("100", "-5", None, "year_before_not_positive"),
        ("100", None, None, "year_before_missing"),
        (None, "100", None, "missing"),
        (None, None, None, "missing"),
    ],
)
def test_growth(value: str | None, before: str | None, growth: str | None, reason: str | None) -> None:
    figure = Figure(*(None if one is None else Fraction(one) for one in (value, before)))
    assert (figure.growth, figure.reason) == (growth, reason)


def test_a_sum_without_one_part_is_none() -> None:
    assert summed([Fraction(1), Fraction("0.5")]) == Fraction("1.5")
    assert summed([Fraction(1), None]) is None
    assert summed([]) is None
    assert said(summed([Fraction("0.10"), Fraction(2)])) == "2.1"
    assert said(None) is None


def test_units_together() -> None:
    both = total([Figure(Fraction(110), Fraction(100)), Figure(Fraction(50), Fraction(40))])
    assert (both.value, both.before, both.growth) == (160, 140, "14.3")
    assert total([Figure(Fraction(110), None), Figure(Fraction(50), Fraction(40))]).reason == "year_before_missing"


@pytest.mark.parametrize(
    ("span", "months", "before"),
    [
        ("2015-06", ["2015-06"], "2014-06"),
        ("2015-Q2", ["2015-04", "2015-05", "2015-06"], "2014-Q2"),
        ("2015-03-YTD", ["2015-01", "2015-02", "2015-03"], "2014-03-YTD"),
        ("2015", [f"2015-{month:02d}" for month in range(1, 13)], "2014"),
    ],
)
def test_spans(span: str, months: list[str], before: str) -> None:
    assert months_of(parse_span(span)) == months
    assert year_before(span) == before


@pytest.mark.parametrize(
    ("periods", "span", "covered"),
    [
        (["2015-01", "2015-02"], "2015-02-YTD", True),
        (["2015-02"], "2015-02-YTD", False),
        (["2015-Q1"], "2015-03-YTD", True),
        (["2015-Q1", "2015-05"], "2015-05-YTD", False),
        ([], "2015-01", False),
    ],
)
def test_what_periods_cover(periods: list[str], span: str, covered: bool) -> None:
    assert covers([parse_period(key) for key in periods], parse_span(span)) is covered


def test_who_evaluates_whom() -> None:
    found = evaluations_in([COL1, COL3, QUARTER], [parse_period("2015-01"), parse_period("2014-12")])
    districts = {unit_id(code) for code in DISTRICTS}
    assert found == {
        (unit_id("D-COL"), "2015-01"): districts,
        (unit_id("D-LAW"), "2015-01"): districts,
    }, "the card of the quarter governs no month, and none governs 2014"
