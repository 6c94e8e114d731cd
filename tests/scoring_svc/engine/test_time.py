from datetime import date

import pytest

from services.scoring_svc.engine.domain import WorkingCalendar, evaluate, parse_rule
from tests.scoring_svc.engine.builders import dated, figure, rule, scored

CALENDAR = WorkingCalendar.from_days(
    "cn-2015",
    closed=["2015-10-01", "2015-10-02"],
    open_days=["2015-10-10"],
    first=date(2015, 1, 1),
    last=date(2015, 12, 31),
)


def due(**fields: str) -> dict[str, object]:
    deadline = {"kind": "deadline", "from": "d", **fields}
    return rule({"d": dated()}, {"kind": "date", "value": deadline})


@pytest.mark.parametrize(
    ("start", "fields", "wanted"),
    [
        ("2015-09-30", {"count": "1", "in": "working_days", "start": "day_after", "if_closed": "keep"}, "2015-10-05"),
        ("2015-09-30", {"count": "1", "in": "working_days", "start": "same_day", "if_closed": "keep"}, "2015-09-30"),
        ("2015-10-01", {"count": "1", "in": "working_days", "start": "same_day", "if_closed": "keep"}, "2015-10-05"),
        ("2015-10-09", {"count": "1", "in": "working_days", "start": "day_after", "if_closed": "keep"}, "2015-10-10"),
        ("2015-09-30", {"count": "1", "in": "days", "start": "day_after", "if_closed": "keep"}, "2015-10-01"),
        (
            "2015-09-30",
            {"count": "1", "in": "days", "start": "day_after", "if_closed": "next_working_day"},
            "2015-10-05",
        ),
        (
            "2015-09-30",
            {"count": "1", "in": "days", "start": "day_after", "if_closed": "previous_working_day"},
            "2015-09-30",
        ),
        ("2015-09-30", {"count": "1", "in": "days", "start": "same_day", "if_closed": "keep"}, "2015-09-30"),
        ("2015-01-31", {"count": "1", "in": "months", "month_end": "last_day", "if_closed": "keep"}, "2015-02-28"),
        ("2015-01-31", {"count": "1", "in": "months", "month_end": "first_of_next", "if_closed": "keep"}, "2015-03-01"),
        ("2015-11-30", {"count": "3", "in": "months", "month_end": "last_day", "if_closed": "keep"}, "2016-02-29"),
    ],
)
def test_deadline(start: str, fields: dict[str, str], wanted: str) -> None:
    assert scored(due(**fields), {"d": start}, calendar=CALENDAR).value == wanted


@pytest.mark.parametrize("start", ["2015-12-31", "9999-12-31"])
def test_working_day_outside_the_covered_years_refuses(start: str) -> None:
    fields = {"count": "1", "in": "working_days", "start": "day_after", "if_closed": "keep"}
    outcome = scored(due(**fields), {"d": start}, calendar=CALENDAR)
    assert (outcome.kind, outcome.code) == ("refused", "CALENDAR_UNKNOWN")


def test_without_a_calendar_only_plain_days_are_known() -> None:
    plain = due(count="3", **{"in": "days"}, start="day_after", if_closed="keep")
    working = due(count="3", **{"in": "working_days"}, start="day_after", if_closed="keep")
    assert evaluate(parse_rule(plain), {"d": "2015-06-30"}).value == "2015-07-03"
    assert evaluate(parse_rule(working), {"d": "2015-06-30"}).code == "CALENDAR_UNKNOWN"


@pytest.mark.parametrize(
    ("in_", "start", "end", "wanted"),
    [
        ("days", "2015-09-30", "2015-10-05", "5"),
        ("days", "2015-10-05", "2015-09-30", "-5"),
        ("working_days", "2015-09-30", "2015-10-05", "1"),
        ("working_days", "2015-10-05", "2015-09-30", "-1"),
        ("working_days", "2015-10-09", "2015-10-10", "1"),
        ("working_days", "2015-10-05", "2015-10-05", "0"),
    ],
)
def test_days_between(in_: str, start: str, end: str, wanted: str) -> None:
    between = {"kind": "days_between", "from": "a", "to": "b", "in": in_}
    document = rule({"a": dated(), "b": dated()}, figure(between, 0, "days", "天"))
    assert scored(document, {"a": start, "b": end}, calendar=CALENDAR).value == wanted
