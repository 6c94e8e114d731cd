"""What reaches back into a fenced period, and which approval lets it, as a table."""

from datetime import date, datetime

import pytest

from services.indicator_svc.organisation.domain.backdating import (
    HOLDS_FOR,
    Approval,
    ApprovalDoesNotCover,
    ApprovalUnknown,
    BackdatedIntoFencedPeriod,
    Effect,
    SecondPersonNeeded,
    SettledPeriod,
    demand_approved,
    effects_of_term,
)
from services.indicator_svc.organisation.domain.terms import Term
from shared.clock import SHANGHAI
from shared.contracts.identity import unit_id
from shared.contracts.periods import parse_period
from shared.contracts.roles import Role, Scope
from shared.errors import Refused

NOW = datetime(2015, 4, 20, 9, tzinfo=SHANGHAI)
FEBRUARY = SettledPeriod("SET", parse_period("2015-02"))
UNIT, OTHER = unit_id("U"), unit_id("V")


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("first", "end", "reaches"),
    [
        ("2015-03-01", None, False),
        ("2015-02-28", None, True),
        ("2014-01-01", None, True),
        ("2014-01-01", "2015-02-01", False),
        ("2014-01-01", "2015-02-02", True),
    ],
)
def test_a_change_reaches_a_period_from_its_first_day_to_its_last(first: str, end: str | None, reaches: bool) -> None:
    effect = Effect(UNIT, day(first), day(end) if end else None)
    if not reaches:
        assert not demand_approved([effect], [FEBRUARY], None, None, by="a", today=NOW.date())
        return
    with pytest.raises(BackdatedIntoFencedPeriod) as refused:
        demand_approved([effect], [FEBRUARY], None, None, by="a", today=NOW.date())
    assert refused.value.values["periods"] == "SET 2015-02"


def approval(**changes: object) -> Approval:
    values = {"document": "D1", "unit_ids": frozenset({UNIT}), "since": day("2015-02-10"), "reason": "r"}
    return Approval(**{**values, "approved_by": "b", "approved_at": NOW, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "by", "about", "today", "refusal"),
    [
        (approval(), "a", None, NOW.date(), None),
        (approval(), "a", None, NOW.date() + HOLDS_FOR, None),
        (None, "a", None, NOW.date(), ApprovalUnknown),
        (approval(), "b", None, NOW.date(), SecondPersonNeeded),
        (approval(), "a", "b", NOW.date(), SecondPersonNeeded),
        (approval(unit_ids=frozenset({OTHER})), "a", None, NOW.date(), ApprovalDoesNotCover),
        (approval(since=day("2015-02-11")), "a", None, NOW.date(), ApprovalDoesNotCover),
        (approval(), "a", None, NOW.date() + HOLDS_FOR + HOLDS_FOR, ApprovalDoesNotCover),
    ],
)
def test_which_approval_lets_a_change_through(
    given: Approval | None, by: str, about: str | None, today: date, refusal: type[Refused] | None
) -> None:
    effect = Effect(UNIT, day("2015-02-10"), about=about)
    if refusal is None:
        assert demand_approved([effect], [FEBRUARY], "D1", given, by=by, today=today)
        return
    with pytest.raises(refusal):
        demand_approved([effect], [FEBRUARY], "D1", given, by=by, today=today)


def term(**changes: object) -> Term:
    values = {
        "appointment_id": unit_id("T"), "version": 1, "subject": "p", "role": Role.UNIT_LEADER, "unit_id": UNIT,
        "scope": Scope.OWN, "effective_from": day("2015-01-01"), "effective_to": None, "recorded_at": NOW,
    }  # fmt: skip
    return Term(**{**values, **changes})  # type: ignore[arg-type]


def days(effects: list[Effect]) -> list[tuple[object, date, date | None]]:
    return [(effect.unit_id, effect.first, effect.end) for effect in effects]


def test_only_those_who_evaluate_answer_or_report_make_a_difference_to_a_fenced_period() -> None:
    given = {role for role in Role if effects_of_term(None, term(role=role))}
    assert given == {Role.UNIT_LEADER, Role.UNIT_LIAISON, Role.EVALUATING_DEPARTMENT}


def test_a_term_that_ends_earlier_changes_the_days_between_its_two_ends() -> None:
    ended = term(effective_to=day("2015-02-10"))
    assert days(effects_of_term(term(), ended)) == [(UNIT, day("2015-02-10"), date.max)]
    assert days(effects_of_term(ended, term(effective_to=day("2015-02-05")))) == [
        (UNIT, day("2015-02-05"), day("2015-02-10"))
    ]


def test_a_term_that_stays_as_it_was_asks_nobody() -> None:
    ended = term(effective_to=day("2015-02-10"))
    assert effects_of_term(term(), term()) == []
    assert effects_of_term(ended, ended) == []


def test_a_term_that_changes_its_unit_changes_all_its_days_in_both() -> None:
    found = days(effects_of_term(term(), term(unit_id=OTHER)))
    assert found == [(UNIT, day("2015-01-01"), None), (OTHER, day("2015-01-01"), None)]
