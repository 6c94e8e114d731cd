"""Closing and publishing a round: results with proof, corrections, grades, caps, quotas."""

from datetime import date

from shared.contracts.identity import unit_id
from shared.contracts.indicator import UnitChanged, UnitSpan
from tests.scoring_svc.ledger.city import NOON
from tests.scoring_svc.people.scheme import (
    GRADES,
    GRADING,
    People,
    amended,
    dimension,
    marked,
    published,
    refusal,
)


async def test_steps_out_of_order_are_refused(people: People) -> None:
    await marked(people)
    assert refusal(await people.step("publication", {})) == (409, "round_not_closed")
    assert refusal(await people.step("closing", who="BO", seen=1)) == (403, "outside_scope")
    assert (await people.step("closing", who="DPO")).status_code == 200
    assert refusal(await people.step("closing", seen=1)) == (412, "stale")
    assert refusal(await people.step("closing")) == (409, "round_not_open")
    assert refusal(await people.mark("H2", "W2", "CONDUCT", "90")) == (409, "round_not_open")


async def test_a_round_is_not_closed_while_marks_are_missing_that_may_not_be(people: People) -> None:
    strict = dimension("CONDUCT", "100", "marks", ("unit_leader", "100"), missing="refuse")
    await people.publish(seen=1, dimensions=[strict], indicators=[])
    await people.open()
    for code in ("DPO", "L2", "S2", "W1", "W2"):
        await people.marked("H2", code, "CONDUCT", "90")
    answer = await people.step("closing")
    assert refusal(answer) == (409, "items_missing")
    assert answer.json()["count"] == 2
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/people/H2", "/people/W3"]
    assert (await people.state("H2", [("420102", "LEADER", "2015-01-01", "2015-01-05")])).status_code == 200
    await people.marked("H2", "W3", "CONDUCT", "90")
    assert (await people.step("closing")).status_code == 200, "who was there for four days is not assessed"


async def test_a_result_is_proven_from_marks_to_the_score(people: People) -> None:
    await published(people)
    first = await people.result("W1")
    assert [(one["dimension"], one["value"], one["contribution"]) for one in first["dimensions"]] == [
        ("DUTY", "85.5", "51.3"), ("CONDUCT", "92", "36.8"),
    ]  # fmt: skip
    assert (first["base"], first["coefficient"], first["exact"], first["score"]) == ("88.1", "1", "88.1", "88.1")
    assert first["postings"][0]["unit_result"]["share"] == "1700/23"
    head = await people.result("H2")
    assert [(one["indicator"], one["matter"], one["value"]) for one in head["dimensions"][0]["indicators"]] == [
        ("P-COL", "M-P-COL", "60"), ("P-LATE", "M-P-LATE", "100"),
    ]  # fmt: skip
    assert (head["exact"], head["score"], head["grade"]) == ("260/3", "86.67", "competent")
    assert ((await people.result("L2"))["state"], (await people.result("L2"))["score"]) == ("not_assessed", None)


async def test_postings_in_two_units_split_the_coefficient_by_days(people: People) -> None:
    await marked(people)
    stated = [("420103", "STAFF", "2015-01-01", "2015-01-11"), ("420102", "STAFF", "2015-01-11", "2015-02-01")]
    assert refusal(await people.state("W1", stated, seen=9)) == (412, "stale")
    assert refusal(await people.state("W1", stated[::-1])) == (422, "postings_refused")
    assert refusal(await people.state("W1", [("NOWHERE", None, "2015-01-01", "2015-01-11")])) == (422, "malformed")
    assert (await people.state("W1", stated)).json()["version"] == 2
    await people.step("closing")
    await people.step("publication", {})
    first = await people.result("W1")
    told = [(one["unit"], one["days"], one["coefficient"], one["origin"]) for one in first["postings"]]
    assert told == [("420103", 10, "1.1", "stated"), ("420102", 21, "1", "stated")]
    assert (first["coefficient"], first["exact"], first["score"]) == ("32/31", "14096/155", "90.94")
    # Readable from both sides: the leaders of both units see whom they had.
    assert (await people.result("W1", who="H3"))["score"] == "90.94"


async def test_working_days_are_those_of_the_calendar(people: People) -> None:
    await people.publish(seen=1, days="working")
    await marked(people)
    await people.step("closing")
    await people.step("publication", {})
    assert (await people.result("W1"))["days"] == 22


async def test_a_correction_is_a_new_version_with_its_reason_and_what_it_changed(people: People) -> None:
    await published(people)
    assert refusal(await people.step("publication", {"reason": "无"})) == (409, "results_unchanged")
    await amended(people.city)
    assert refusal(await people.step("publication", {})) == (422, "correction_reason_required")
    assert (await people.step("publication", {"reason": "单位得分更正"})).json()["results_version"] == 2
    now, before = await people.result("H2"), await people.result("H2", version=1)
    assert (now["score"], before["score"], now["result_id"] == before["result_id"]) == ("110", "86.67", True)
    told = (await people.by("H2").get(people.at("/publications/2"))).json()
    assert (told["reason"], [(one["person"], one["score_before"], one["score"]) for one in told["changes"]]) == (
        "单位得分更正", [("H2", "86.67", "110"), ("W1", "88.1", "96.91")],
    )  # fmt: skip
    mine = (await people.by("W1").get(people.at("/publications/2"))).json()
    assert [one["person"] for one in mine["changes"]] == ["W1"]
    assert (await people.by("W1").get(people.at("/publications/1"))).json()["changes"] == []
    assert refusal(await people.by("W1").get(people.at("/publications/3"))) == (404, "not_found")


async def test_a_round_is_opened_again_for_marks_that_were_wrong(people: People) -> None:
    await marked(people)
    reason = {"reason": "申诉成立"}
    assert refusal(await people.step("reopening", reason)) == (409, "round_not_closed")
    await people.step("closing")
    await people.step("publication", {})
    assert refusal(await people.step("reopening", reason, who="BO", seen=3)) == (403, "outside_scope")
    again = await people.step("reopening", reason)
    assert (again.json()["state"], again.json()["results_version"], again.json()["closed_at"]) == ("open", 1, None)
    assert (await people.mark("H2", "W1", "CONDUCT", "100", seen=1)).status_code == 200
    assert (await people.result("W1"))["score"] == "88.1", "what is published stays"
    await people.step("closing")
    assert refusal(await people.step("publication", {})) == (422, "correction_reason_required")
    await people.step("publication", reason)
    assert [(await people.result("W1", version=one))["score"] for one in (1, 2)] == ["88.1", "90.1"]


async def test_quotas_grade_and_caps_hold_grades_back_until_they_are_decided_anew(people: People) -> None:
    await amended(people.city)
    await marked(people)
    await people.marked("H2", "W2", "CONDUCT", "80")
    await people.step("closing")
    caps = [{"person": "H2", "not_above": "basic", "reason": "通报批评"}]
    for wrong, code in (("NOBODY", "person_unknown"), ("H3", "malformed")):
        body = {"caps": [{**caps[0], "person": wrong}]}
        assert refusal(await people.step("publication", body)) == (422, code)
    assert refusal(await people.step("publication", {"caps": [{**caps[0], "not_above": "x"}]})) == (422, "malformed")
    assert (await people.step("publication", {"caps": caps})).status_code == 200
    rows = (await people.city.office.get("/v1/personal-results", params={"round": people.round_id})).json()["items"]
    # 34 % of three, rounded down, is one place: the head had earned it, the next one takes it.
    assert {one["person"]: (one["score"], one["grade"], one["earned"]) for one in rows if one["score"]} == {
        "H2": ("110", "basic", "excellent"), "W1": ("96.91", "excellent", "competent"),
        "W2": ("88", "competent", "competent"),
    }  # fmt: skip
    await people.state("W2", [], reason="挂职")
    await people.step("publication", {"reason": "更正"})
    assert [(await people.result("W2", who=who))["state"] for who in ("PO1", "W2")] == ["not_assessed"] * 2
    assert (await people.result("H2"))["caps"] == [{"not_above": "basic", "reason": "通报批评"}]
    await people.step("publication", {"reason": "影响期满", "caps": []})
    assert (await people.result("H2"))["caps"] == []


async def test_a_quota_that_cannot_be_met_names_the_people(people: People) -> None:
    exactly = {"share": "50", "bound": "exactly", "rounding": "floor", "edge": "refuse"}
    grades = [{**GRADES[0], "at_least": None, "quota": exactly}, GRADES[2]]
    await people.publish(seen=1, grading={**GRADING, "grades": grades})
    await people.open()
    for code in ("W1", "W2"):
        await people.marked("H2", code, "CONDUCT", "90")
    await people.marked("H2", "W3", "CONDUCT", "80")
    await people.step("closing")
    await people.state("H2", [("420102", None, "2015-01-01", "2015-02-01")])
    answer = await people.step("publication", {})
    assert (refusal(answer), answer.json()["units"]) == ((409, "quota_not_met"), "W1, W2")


async def test_a_unit_that_came_after_the_period_has_the_result_of_those_above(people: People) -> None:
    later = UnitSpan(
        effective_from=date(2015, 2, 5), effective_to=None, recorded_at=NOON, code="420102-NEW", name="新设科",
        kind="section", parent_id=unit_id("420102"), path="420100/420102/420102-NEW/", groups={},
    )  # fmt: skip
    await people.city.tell(UnitChanged(unit_id=unit_id("420102-NEW"), version=1, spans=[later]))
    await people.city.service.seed_person("W4", "420102-NEW")
    await people.open()
    await people.marked("H2", "W4", "CONDUCT", "90")
    await people.step("closing")
    assert (await people.step("publication", {})).status_code == 200
    posting = (await people.result("W4"))["postings"][0]
    assert (posting["unit"], posting["unit_result"]["unit"]) == ("420102-NEW", "420102")


async def test_a_unit_without_a_published_result_is_named(people: People) -> None:
    await people.open(unit="D-LAW")
    await people.marked("X1", "X1", "CONDUCT", "90")
    await people.step("closing")
    answer = await people.step("publication", {})
    assert (refusal(answer), answer.json()["units"]) == ((409, "unit_result_missing"), "D-LAW")
