"""What may be promised: a day that is to come and within the deadline, by a person of the unit that answers."""

from datetime import date, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.audit_svc.problems.deadlines import deadline
from services.audit_svc.rectification.domain import DueBeforePlanned, DuePastDeadline, demand_in_time
from shared.clock import SHANGHAI
from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import PersonChanged
from shared.directory.domain import WorkingDays
from tests.audit_svc.stage import RECORD, Stage, deducted, deduction

TODAY, LAST = date(2015, 3, 10), date(2015, 4, 7)


async def planned(stage: Stage, *actions: dict[str, Any], **headers: str) -> httpx.Response:
    problem_id = (await stage.problem("A", "2015-02"))["problem_id"]
    given = [{"action": "比对", "owner": "LIAISON-A", "due": "2015-03-20", **action} for action in actions]
    body = {"problem_id": problem_id, "plan": "整改", "actions": given}
    return await stage.liaison.post("/v1/rectifications", json=body, headers=headers)


def refused(answer: httpx.Response, status: int, code: str, pointer: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert problem["texts"]["zh-CN"] != problem["texts"]["en"]
    assert "{" not in "".join(problem["texts"].values())


@pytest_asyncio.fixture
async def lost(stage: Stage) -> Stage:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    return stage


@pytest.mark.parametrize(
    ("due", "today", "last", "refusal"),
    [
        (TODAY, TODAY, LAST, None),
        (LAST, TODAY, LAST, None),
        (date(2015, 3, 9), TODAY, LAST, DueBeforePlanned),
        (date(2015, 4, 8), TODAY, LAST, DuePastDeadline),
        (date(2015, 4, 8), TODAY, None, None),
        (date(2015, 12, 31), date(2015, 4, 7), LAST, DuePastDeadline),
        (date(2015, 12, 31), date(2015, 4, 8), LAST, None),
    ],
)
def test_between_today_and_the_deadline(
    due: date, today: date, last: date | None, refusal: type[Exception] | None
) -> None:
    if refusal is None:
        demand_in_time({"/x": due}, TODAY, today, last)
    else:
        with pytest.raises(refusal):
            demand_in_time({"/x": due}, TODAY, today, last)


def test_no_deadline_without_a_tier_or_a_calendar() -> None:
    days = WorkingDays(frozenset({2015}), {})
    assert deadline(TODAY, 20, days) == LAST
    assert deadline(TODAY, None, days) is None
    assert deadline(date(2015, 12, 30), 20, days) is None


async def test_the_days_of_a_plan(lost: Stage) -> None:
    refused(await planned(lost, {}, {"due": "2015-03-09"}), 409, "due_before_planned", "/actions/1/due")
    refused(await planned(lost, {"due": "2015-04-08"}), 409, "due_past_deadline", "/actions/0/due")
    made = await planned(lost, {"due": "2015-03-10"}, {"due": "2015-04-07"})
    assert made.status_code == 201, made.text
    assert (await lost.problem("A", "2015-02"))["rectify_by"] == made.json()["due"] == "2015-04-07"
    with lost.at(datetime(2015, 4, 7, 23, 59, tzinfo=SHANGHAI)):
        late = await planned(lost, {"due": "2015-04-30"}, **{"if-match": '"1"'})
        refused(late, 409, "due_past_deadline", "/actions/0/due")
        path = f"/v1/rectifications/{made.json()['rectification_id']}"
        shown = (await lost.leader.get(path)).json()
        assert [one["overdue"] for one in shown["actions"]] == [True, False]
    with lost.at(datetime(2015, 4, 8, 0, 1, tzinfo=SHANGHAI)):
        late = await planned(lost, {"due": "2015-04-30"}, **{"if-match": '"1"'})
        assert late.status_code == 201, late.text
        assert (await lost.accept(late.json())).status_code == 200
        assert (await lost.problem("A", "2015-02"))["overdue"] is True


async def test_an_extension_gives_time_that_is_still_to_come(lost: Stage) -> None:
    made = await planned(lost, {})
    path = f"/v1/rectifications/{made.json()['rectification_id']}"
    await lost.accept(made.json())
    with lost.at(datetime(2015, 5, 4, 9, tzinfo=SHANGHAI)):
        past = await lost.office.post(f"{path}/extension", json={"until": "2015-05-03", "reason": "x"})
        refused(past, 409, "due_before_planned", "/until")
        today = await lost.office.post(f"{path}/extension", json={"until": "2015-05-04", "reason": "x"})
        assert today.status_code == 200, today.text


async def test_an_extension_never_shortens_the_time_that_the_policy_gives(lost: Stage) -> None:
    made = await planned(lost, {})
    await lost.accept(made.json())
    deadline = (await lost.problem("A", "2015-02"))["rectify_by"]
    assert deadline > made.json()["due"]
    path = f"/v1/rectifications/{made.json()['rectification_id']}/extension"
    shorter = await lost.office.post(path, json={"until": deadline, "reason": "x"})
    assert (shorter.status_code, shorter.json()["code"]) == (409, "extension_not_later"), shorter.text


async def test_who_may_own_an_action(lost: Stage) -> None:
    refused(await planned(lost, {}, {"owner": "NOBODY"}), 422, "owner_unknown", "/actions/1/owner")
    for foreign in ("LEADER-B", "HEAD", "OFFICE"):
        refused(await planned(lost, {"owner": foreign}), 409, "owner_outside_unit", "/actions/0/owner")
    # Below the unit, and who leads it from elsewhere.
    await lost.service.seed_person("CLERK-A1", "A1")
    await lost.service.seed_person("ACTING", "CITY")
    await lost.service.seed_person("ACTING", "A", "unit_liaison")
    person = {"person_id": person_id("ACTING"), "code": "ACTING", "name": "人员", "post": "干部"}
    await lost.service.deliver(PersonChanged(**person, version=2, unit_id=unit_id("CITY")))
    made = await planned(lost, {"owner": "CLERK-A1"}, {"owner": "ACTING"})
    assert [one["owner"] for one in made.json()["actions"]] == ["CLERK-A1", "ACTING"], made.text
    # Who moved away since may not be charged with anything new.
    clerk = {"person_id": person_id("CLERK-A1"), "code": "CLERK-A1", "name": "人员", "post": "干部"}
    await lost.service.deliver(PersonChanged(**clerk, version=2, unit_id=unit_id("B")))
    moved = await planned(lost, {"owner": "CLERK-A1"}, **{"if-match": '"1"'})
    refused(moved, 409, "owner_outside_unit", "/actions/0/owner")


async def test_what_is_promised_in_the_interview_is_judged_alike(lost: Stage) -> None:
    interview = await lost.interview("A", "2015-02")
    key, version = interview["interview_id"], (await lost.notice(interview)).json()["version"]
    for wrong, status, code, place in (
        ({"due": "2015-03-09"}, 409, "due_before_planned", "due"),
        ({"due": "2015-04-08"}, 409, "due_past_deadline", "due"),
        ({"owner": "NOBODY"}, 422, "owner_unknown", "owner"),
        ({"owner": "LEADER-B"}, 409, "owner_outside_unit", "owner"),
    ):
        commitments = [*RECORD["commitments"], {"text": "另一项", "due": "2015-03-31", **wrong}]
        answer = await lost.record(key, version, commitments=commitments)
        refused(answer, status, code, f"/commitments/1/{place}")
    written = await lost.record(key, version)
    assert written.status_code == 200, written.text
    # What the record holds already is not promised anew when a word beside it is put right later.
    with lost.at(datetime(2015, 4, 6, 9, tzinfo=SHANGHAI)):
        edited = await lost.record(key, written.json()["version"], explanation="更正")
        assert edited.status_code == 200, edited.text
