"""Tasks and completeness are computed from cards and facts, within one's own units."""

from datetime import date, datetime
from typing import Any

import pytest

from services.submission_svc.collection.domain import due_date, state_of, window_of
from shared.clock import SHANGHAI
from shared.directory.repository import WorkingDays
from tests.submission_svc.bureau import DISTRICTS, SET, Bureau, row

CALENDAR = WorkingDays(frozenset({2015}), {date(2015, 2, 18): False, date(2015, 2, 15): True})


@pytest.mark.parametrize(
    ("done", "due", "today", "state"),
    [
        (None, date(2015, 2, 10), date(2015, 2, 10), "open"),
        (None, date(2015, 2, 10), date(2015, 2, 11), "overdue"),
        (date(2015, 2, 10), date(2015, 2, 10), date(2015, 3, 1), "done"),
        (date(2015, 2, 11), date(2015, 2, 10), date(2015, 3, 1), "done_late"),
        (None, None, date(2015, 3, 1), "open"),
    ],
)
def test_states(done: date | None, due: date | None, today: date, state: str) -> None:
    assert state_of(done, due, today) == state


def test_due_dates_count_working_days_with_make_up_days() -> None:
    assert due_date(window_of("2015-01"), 7, CALENDAR) == date(2015, 2, 10)
    assert due_date(window_of("2015-01"), 11, CALENDAR) == date(2015, 2, 15)
    assert due_date(window_of("2015-12"), 7, CALENDAR) is None


async def test_tasks_are_seen_by_whom_they_concern(bureau: Bureau) -> None:
    async def tasks(by: Any) -> dict[str, str]:
        answer = await by.get("/v1/tasks", params={"period": "2015-01"})
        assert answer.status_code == 200, answer.text
        return {each["unit"]: each["state"] for each in answer.json()["items"]}

    assert await tasks(bureau.office) == dict.fromkeys(DISTRICTS, "open")
    assert await tasks(bureau.liaison) == {"420102": "open"}
    await bureau.post([row("M-SELF", value="1")], by=bureau.liaison)
    assert await tasks(bureau.liaison) == {"420102": "done"}
    assert await tasks(bureau.neighbour) == {"420103": "open"}
    assert await tasks(bureau.department) == {"420102": "done", "420103": "open", "420104": "open"}
    bad = await bureau.office.get("/v1/tasks", params={"period": "2015-13"})
    assert (bad.status_code, bad.json()["code"]) == (422, "period_unknown")


async def test_completeness_counts_mandatory_cells_and_never_exceeds_all(bureau: Bureau) -> None:
    await bureau.post([row(), row("M-COUNT", value="1"), row("M-DATE", value=None, state="missing", reason="断")])
    answer = await bureau.office.get("/v1/completeness", params={"set": SET, "period": "2015-01"})
    found = {each["unit"]: each for each in answer.json()["items"]}
    first = found["420102"]
    assert (first["expected"], first["actual"], first["on_time"], first["rate"]) == (7, 2, 2, "28.5")
    assert (found["420103"]["expected"], found["420103"]["actual"]) == (7, 0)
    own = await bureau.liaison.get("/v1/completeness", params={"set": SET, "period": "2015-01"})
    assert [each["unit"] for each in own.json()["items"]] == ["420102"]


async def test_a_value_that_comes_late_is_not_in_time_because_it_was_said_to_be_missing(bureau: Bureau) -> None:
    clock = bureau.service.app.state.clock
    before = clock.now()
    await bureau.post([row(value=None, state="missing", reason="断"), row("M-COUNT", value="1")])
    try:
        clock.set(datetime(2015, 3, 20, 9, tzinfo=SHANGHAI), by="test")
        assert (await bureau.post([row()])).json()["updated"] == 1
        answer = await bureau.office.get("/v1/completeness", params={"set": SET, "period": "2015-01"})
    finally:
        clock.set(before, by="test")
    first = next(each for each in answer.json()["items"] if each["unit"] == "420102")
    assert (first["actual"], first["on_time"]) == (2, 1)
