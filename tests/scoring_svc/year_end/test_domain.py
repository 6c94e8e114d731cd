"""The rules of a year's end: its states, its notice, its appeals, what holds a final result up."""

from datetime import date
from itertools import product
from typing import Any, get_args

import pytest

from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.year_end.domain import (
    NoticeBackdated,
    OutsideNotice,
    OwnDecision,
    RankingNotOfYear,
    ResultState,
    Verb,
    YearStepRefused,
    advance,
    demand_another,
    demand_foreign,
    demand_in_notice,
    demand_year,
    holdups,
    last_day_of_notice,
)
from shared.directory.domain import CalendarUnknown, WorkingDays

_MOVES: dict[tuple[ResultState, Verb], ResultState] = {
    ("drafted", "revise"): "drafted", ("approved", "revise"): "drafted", ("noticed", "revise"): "drafted",
    ("drafted", "approve"): "approved", ("approved", "notice"): "noticed", ("noticed", "appeal"): "noticed",
    ("approved", "decide"): "approved", ("noticed", "decide"): "noticed", ("noticed", "finalise"): "final",
    ("final", "archive"): "final", ("final", "use"): "final", ("archived", "use"): "archived",
}  # fmt: skip


@pytest.mark.parametrize(("state", "verb"), list(product(get_args(ResultState), get_args(Verb))))
def test_a_step_is_taken_from_its_states_only(state: ResultState, verb: Verb) -> None:
    if (state, verb) in _MOVES:
        assert advance(state, verb) == _MOVES[state, verb]
    else:
        with pytest.raises(YearStepRefused):
            advance(state, verb)


@pytest.mark.parametrize("span", ["2015", "2015-11-YTD", "2015-12-YTD", "2015-H1-YTD"])
def test_a_result_stands_on_what_begins_with_its_year(span: str) -> None:
    demand_year(parse_span(span), 2015)
    with pytest.raises(RankingNotOfYear):
        demand_year(parse_span(span), 2016)


@pytest.mark.parametrize("span", ["2015-01", "2015-H1", "2015-Q1", "2015-12"])
def test_and_on_nothing_else(span: str) -> None:
    with pytest.raises(RankingNotOfYear):
        demand_year(parse_span(span), 2015)


# New Year 2016: the 1st is a holiday, Sunday the 3rd a make-up working day.
CALENDAR = WorkingDays(frozenset({2015, 2016}), {date(2016, 1, 1): False, date(2016, 1, 3): True})


@pytest.mark.parametrize(
    ("first", "days", "last"),
    [
        (date(2015, 12, 28), 1, date(2015, 12, 28)),  # a Monday counts itself
        (date(2015, 12, 28), 4, date(2015, 12, 31)),
        (date(2015, 12, 28), 5, date(2016, 1, 3)),  # over the holiday, to the Sunday that is worked
        (date(2015, 12, 28), 6, date(2016, 1, 4)),
        (date(2016, 1, 2), 1, date(2016, 1, 3)),  # a first day that is not worked does not count
    ],
)
def test_a_notice_lasts_so_many_working_days(first: date, days: int, last: date) -> None:
    assert last_day_of_notice(first, days, CALENDAR, first) == last


def test_a_notice_is_not_backdated_and_needs_a_published_calendar() -> None:
    with pytest.raises(NoticeBackdated):
        last_day_of_notice(date(2015, 12, 28), 5, CALENDAR, date(2015, 12, 29))
    with pytest.raises(CalendarUnknown):
        last_day_of_notice(date(2016, 12, 30), 5, CALENDAR, date(2015, 12, 29))


@pytest.mark.parametrize(
    ("filed", "today", "fine"),
    [(9, 20, False), (10, 10, True), (12, 20, True), (13, 20, False), (12, 11, False)],
)
def test_an_appeal_is_filed_in_the_notice_and_not_after_today(filed: int, today: int, *, fine: bool) -> None:
    days = date(2015, 2, filed), date(2015, 2, 10), date(2015, 2, 12), date(2015, 2, today)
    if fine:
        demand_in_notice(*days)
    else:
        with pytest.raises(OutsideNotice):
            demand_in_notice(*days)


def test_nobody_judges_their_own_matter() -> None:
    demand_another("a", "b", None)
    with pytest.raises(OwnDecision):
        demand_another("a", "b", "a")
    demand_foreign(["420100/"], ["420100/420102/"])
    demand_foreign(["420100/420102/"], [""])
    with pytest.raises(OwnDecision):
        demand_foreign(["420100/420102/S/"], ["420100/420102/"])


_READY: dict[str, Any] = {
    "open_appeals": (), "unconfirmed": (), "standing": 2, "newest": 2, "outdated": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("today", "changes", "found"),
    [
        (13, {}, []),
        (12, {}, [("notice_running", "2015-02-12")]),  # the last day ends at 24:00
        (13, {"open_appeals": [3, 1]}, [("appeals_open", "1, 3")]),
        (13, {"unconfirmed": {"2015-Q1"}}, [("periods_not_confirmed", "2015-Q1")]),
        (13, {"outdated": True}, [("ranking_outdated", "2")]),
        (13, {"newest": 3, "outdated": True}, [("ranking_superseded", "2 < 3")]),
        (11, {"open_appeals": [1], "newest": 3}, [
            ("notice_running", "2015-02-12"), ("appeals_open", "1"), ("ranking_superseded", "2 < 3"),
        ]),
    ],
)  # fmt: skip
def test_what_holds_a_final_result_up(today: int, changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    told = holdups(date(2015, 2, 12), date(2015, 2, today), **{**_READY, **changes})
    assert [(one.code, one.text) for one in told] == found
