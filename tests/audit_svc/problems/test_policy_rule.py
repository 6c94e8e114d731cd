from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import permutations
from uuid import UUID, uuid4

import pytest

from services.audit_svc.problems.domain import (
    BELOW_THRESHOLD,
    UNASSIGNED,
    Condition,
    Judged,
    Lost,
    Policy,
    Tier,
    assign,
    judge,
    make_up_points,
    policy_for,
)
from shared.contracts.periods import parse_period

SET = UUID(int=1)


def tier(name: str, *conditions: Condition, interview: bool = False) -> Tier:
    return Tier(name, name, name, conditions, "measure", interview, "局长", 5, 20, Decimal("0.5"))


POLICY = Policy(
    "P",
    1,
    date(2015, 1, 1),
    frozenset(),
    (
        tier(
            "red",
            Condition(share_at_least=Decimal("0.8")),
            Condition(repeats_at_least=2, repeats_within_months=6, of_tier="orange"),
            interview=True,
        ),
        tier(
            "orange",
            Condition(share_at_least=Decimal("0.4")),
            Condition(repeats_at_least=3, repeats_within_months=3),
        ),
        tier("yellow", Condition(share_at_least=Decimal("0.1"), loss_at_least=Decimal("0.5"))),
    ),
)


def lost(period: str, loss: str, full: str = "10") -> Lost:
    return Lost(uuid4(), parse_period(period), Decimal(full), Decimal(loss))


@pytest.mark.parametrize(
    ("loss", "full", "history", "expected"),
    [
        ("8", "10", [], "red"),
        ("7.99", "10", [], "orange"),
        ("4", "10", [], "orange"),
        ("3.99", "10", [], "yellow"),
        ("0.99", "10", [], BELOW_THRESHOLD),
        ("0.4", "1", [], "orange"),
        ("0.3", "1", [], BELOW_THRESHOLD),  # the share is reached, the points are not: both must hold
        ("1", "0", [], BELOW_THRESHOLD),  # without full marks there is no share
        ("1", "10", [("2015-05", 1), ("2015-04", 1)], "orange"),
        ("1", "10", [("2015-05", 1), ("2015-03", 1)], "yellow"),  # April to June is the window
        ("1", "10", [("2015-07", 1), ("2015-05", 1)], "yellow"),  # what comes later does not count
        ("4", "10", [("2015-01", 2)], "red"),  # two oranges in half a year
        ("4", "10", [("2014-12", 2)], "orange"),
        ("4", "10", [("2015-05", 1)], "orange"),  # a yellow and an orange are not two oranges
        ("1", "10", [("2015-05", 3), ("2015-01", 2)], "yellow"),  # this one is no orange itself
    ],
)
def test_the_tier_of_a_loss_in_june(loss: str, full: str, history: list[tuple[str, int]], expected: str) -> None:
    judged = [Judged(parse_period(period), severity) for period, severity in history]
    measures = assign(POLICY, lost("2015-06", loss, full), judged)
    assert measures.tier == expected


def test_without_a_policy_the_loss_is_unassigned() -> None:
    measures = assign(None, lost("2015-06", "8"), [])
    assert (measures.tier, measures.interview, measures.policy_code) == (UNASSIGNED, False, None)


def test_only_an_interview_tier_names_an_interviewer_who_interviews() -> None:
    red, yellow = assign(POLICY, lost("2015-06", "9"), []), assign(POLICY, lost("2015-06", "1"), [])
    assert (red.interview, red.interviewer_post, red.severity) == (True, "局长", 3)
    assert (yellow.interview, yellow.severity) == (False, 1)


def test_judging_does_not_depend_on_the_order_of_arrival() -> None:
    losses = [lost("2015-01", "4"), lost("2015-02", "1"), lost("2015-03", "1"), lost("2015-04", "4")]
    results = [judge([POLICY], SET, order) for order in permutations(losses)]
    assert all(result == results[0] for result in results)
    assert [results[0][one.deduction_id].tier for one in losses] == ["orange", "yellow", "red", "red"]


def test_the_policy_that_names_the_set_then_the_latest_in_force() -> None:
    later = replace(POLICY, code="Q", effective_from=date(2015, 4, 1))
    named = replace(POLICY, code="R", set_ids=frozenset({SET}))
    other = replace(POLICY, code="T", set_ids=frozenset({UUID(int=2)}))
    day = date(2015, 5, 31)
    assert policy_for([POLICY, later, named, other], SET, day) == named
    assert policy_for([POLICY, later, other], SET, day) == later
    assert policy_for([POLICY, later], SET, date(2015, 3, 31)) == POLICY
    assert policy_for([POLICY], SET, date(2014, 12, 31)) is None


def test_a_later_version_judges_from_its_own_day_on() -> None:
    second = replace(POLICY, version=2, effective_from=date(2015, 7, 1))
    corrected = replace(POLICY, version=3, effective_from=date(2015, 7, 1))
    assert policy_for([POLICY, second], SET, date(2015, 6, 30)) == POLICY
    assert policy_for([second, POLICY], SET, date(2015, 7, 31)) == second
    assert policy_for([second, corrected, POLICY], SET, date(2015, 7, 31)) == corrected


@pytest.mark.parametrize(
    ("loss", "share", "points"),
    [("8.64", "0.5", "4.32"), ("1.25", "0.3", "0.38"), ("0.01", "0.5", "0.01"), ("1", "0", "0.00")],
)
def test_make_up_points_are_rounded_half_up(loss: str, share: str, points: str) -> None:
    assert str(make_up_points(Decimal(loss), Decimal(share))) == points
