"""Rounds over the routes: opening, postings, marks, recusals, closing, results with proof, corrections, chains."""

from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import UnitChanged, UnitSpan
from tests.scoring_svc.ledger.city import NOON, City
from tests.scoring_svc.people.scheme import CODE, GRADES, GRADING, People, amended, dimension, refusal, scheme, staffed

WHO = ["DPO", "H2", "L2", "S2", "W1", "W2", "W3"]


@pytest_asyncio.fixture
async def people(city: City) -> People:
    return await staffed(city)


async def opened(people: People) -> People:
    answer = await people.open()
    assert (answer.status_code, answer.json()["state"], answer.json()["people"]) == (201, "open", 7)
    return people


async def marked(people: People) -> People:
    await opened(people)
    await people.marked("H2", "W1", "CONDUCT", "90")
    await people.marked("H2", "W1", "P-WORK", "85.5")
    await people.marked("W2", "W1", "CONDUCT", "80")
    await people.marked("L2", "W1", "CONDUCT", "100")
    await people.marked("W1", "W1", "CONDUCT", "100")
    return people


async def published(people: People) -> People:
    await marked(people)
    assert (await people.step("closing")).status_code == 200
    answer = await people.step("publication", {})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["results_version"], answer.json()["version"]) == ("published", 1, 3)
    return people


# --- schemes and opening --------------------------------------------------------------------------------------------


async def test_a_scheme_is_published_by_version_for_the_whole_bureau(people: People) -> None:
    assert refusal(await people.publish()) == (428, "if_match_required")
    assert refusal(await people.publish(seen=4)) == (412, "stale")
    assert (await people.publish(seen=1, least_days=5)).json()["version"] == 2
    wrong = await people.publish(seen=2, dimensions=[dimension("D", "90", "marks", ("self", "100"))], indicators=[])
    assert refusal(wrong) == (422, "personal_scheme_refused")
    partly = await people.by("DPO").put(f"/v1/personal-schemes/{CODE}", json=scheme(), headers={"if-match": '"2"'})
    assert refusal(partly) == (403, "outside_scope")
    shown = (await people.by("W1").get("/v1/personal-schemes")).json()["items"]
    assert [(one["code"], one["version"], one["least_days"]) for one in shown] == [(CODE, 1, 10), (CODE, 2, 5)]
    assert (await people.by("W1").get(f"/v1/personal-schemes/{CODE}/1")).json()["dimensions"] == scheme()["dimensions"]


async def test_a_round_finds_people_and_postings_in_the_directory(people: People) -> None:
    await opened(people)
    rows = (await people.city.office.get(people.at("/people"))).json()["items"]
    assert [one["person"] for one in rows] == WHO
    held = {one["person"]: [(p["unit"], p["post"], p["first"], p["until"], p["origin"]) for p in one["postings"]]
            for one in rows}  # fmt: skip
    assert held["H2"] == [("420102", "LEADER", "2015-01-01", "2015-02-01", "appointment")]
    assert held["W3"] == [("420102-S1", "STAFF", "2015-01-01", "2015-02-01", "service")]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"scheme": "NONE"}, (422, "personal_scheme_unknown")),
        ({"period": "2016-01"}, (422, "period_not_of_scheme")),
        ({"period": "2015-13"}, (422, "malformed")),
        ({"unit": "NOWHERE"}, (422, "malformed")),
        ({"panel": ["W1", "NOBODY"]}, (422, "person_unknown")),
        ({"unit": "420104"}, (422, "nobody_serves")),
        ({"who": "BO"}, (403, "outside_scope")),
        ({"who": "H2"}, (403, "forbidden")),
    ],
)
async def test_what_no_round_is_opened_for(people: People, changes: dict[str, Any], refused: tuple[int, str]) -> None:
    assert refusal(await people.open(**changes)) == refused


async def test_nobody_is_in_two_rounds_of_a_scheme_and_period(people: People) -> None:
    await opened(people)
    assert refusal(await people.open()) == (409, "round_exists")
    assert refusal(await people.open(unit="420100")) == (409, "people_in_other_round")
    assert refusal(await people.open(unit="420102-S1")) == (409, "people_in_other_round")
    assert (await people.open(unit="420103", who="BO")).status_code == 201
    assert refusal(await people.state("W1", [])) == (409, "people_in_other_round")


async def test_nobody_takes_the_people_of_another_unit_into_their_round(people: People) -> None:
    """The office of one district would decide on them, and keep the round of their own unit from being opened."""
    assert (await people.open(unit="420103", who="BO")).status_code == 201
    month = ("2015-01-01", "2015-02-01")
    for postings in ([], [("420102", "STAFF", *month)], [("420100", None, *month)]):
        assert refusal(await people.state("W1", postings)) == (422, "person_of_no_unit")
    moved = [("420103", "STAFF", "2015-01-01", "2015-01-12"), ("420102", "STAFF", "2015-01-12", "2015-02-01")]
    assert (await people.state("W2", moved)).status_code == 200, "the control: W2 held a post in 420103"
    assert (await people.state("W2", moved[1:])).status_code == 200, "whom the round has it keeps"
    assert refusal(await people.open()) == (409, "people_in_other_round")


# --- marks ----------------------------------------------------------------------------------------------------------


async def test_who_may_mark_whom_and_with_what(people: People) -> None:
    await marked(people)
    for who, person, item in (
        ("W3", "W1", "CONDUCT"), ("H3", "W1", "CONDUCT"), ("W2", "W1", "P-WORK"), ("PO1", "W1", "CONDUCT"),
        ("H2", "H3", "CONDUCT"), ("H2", "NOBODY", "CONDUCT"), ("A1", "W1", "CONDUCT"),
    ):  # fmt: skip
        assert refusal(await people.mark(who, person, item, "90")) == (403, "not_an_evaluator"), (who, person, item)
    assert refusal(await people.mark("H2", "W1", "DUTY", "90")) == (404, "item_unknown")
    await people.state("W2", [("420102", "LEADER", "2015-01-01", "2015-02-01")])
    assert refusal(await people.mark("H2", "W2", "P-WORK", "90")) == (404, "item_unknown"), "of another post"
    assert refusal(await people.mark("H2", "W2", "CONDUCT", "91")) == (422, "mark_not_allowed")
    assert refusal(await people.mark("H2", "W1", "CONDUCT", "80")) == (428, "if_match_required")
    assert refusal(await people.mark("H2", "W1", "CONDUCT", "80", seen=2)) == (412, "stale")
    changed = await people.mark("H2", "W1", "CONDUCT", "80", seen=1)
    assert (changed.json()["version"], changed.json()["kind"], changed.headers["etag"]) == (2, "unit_leader", '"2"')
    assert (await people.mark("H2", "H2", "CONDUCT", "60")).json()["kind"] == "self"


async def test_marks_of_single_evaluators_are_for_themselves_the_office_and_the_auditor(people: People) -> None:
    await marked(people)
    shown: dict[str, Any] = {}
    for who in ("W1", "H2", "L2", "PO1", "A1", "DPO", "BO", "H3"):
        rows = (await people.by(who).get(people.at("/marks"))).json()["items"]
        shown[who] = [(one["person"], one["item"], one["mark"]) for one in rows if one["evaluator"] != person_id(who)]
    assert shown["W1"] == [("W1", "CONDUCT", "100")], "their own mark alone, not those about them"
    assert shown["H2"] == [("W1", "CONDUCT", "90"), ("W1", "P-WORK", "85.5")]
    assert shown["L2"] == [("W1", "CONDUCT", "100")]
    assert len(shown["PO1"]) == len(shown["A1"]) == len(shown["DPO"]) == 5
    assert shown["BO"] == shown["H3"] == []


async def test_the_office_does_not_see_who_marked_themself(people: People) -> None:
    await opened(people)
    await people.marked("H2", "DPO", "CONDUCT", "60")
    assert (await people.by("DPO").get(people.at("/marks"))).json()["items"] == []
    assert len((await people.city.office.get(people.at("/marks"))).json()["items"]) == 1


async def test_who_is_recused_from_a_person_marks_them_no_more(people: People) -> None:
    await marked(people)
    body = {"person": "W1", "reason": "近亲属"}
    gone = await people.by("W2").post(people.at("/recusals"), json=body)
    assert [(one["item"], one["mark"], one["version"]) for one in gone.json()["items"]] == [("CONDUCT", None, 2)]
    assert refusal(await people.mark("W2", "W1", "CONDUCT", "90", seen=2)) == (409, "recused")
    assert refusal(await people.by("W2").post(people.at("/recusals"), json=body)) == (409, "recused")
    assert refusal(await people.by("W1").post(people.at("/recusals"), json=body)) == (403, "not_an_evaluator")
    assert (await people.by("H2").post(people.at("/recusals"), json={**body, "person": "W3"})).status_code == 200
    assert refusal(await people.mark("H2", "W3", "P-WORK", "90", seen=1)) == (409, "recused")
    assert (await people.step("closing")).status_code == 200
    assert (await people.step("publication", {})).status_code == 200
    conduct = (await people.result("W1"))["dimensions"][1]
    assert [(one["kind"], one["marks"]) for one in conduct["parts"]] == [("unit_leader", 1), ("peer", 1), ("self", 1)]
    assert (await people.result("W3"))["state"] == "not_assessed"


async def test_evaluators_are_told_whom_they_mark(people: People) -> None:
    await people.open(panel=["X1"])
    await people.marked("H2", "W1", "CONDUCT", "90")
    leads = (await people.by("H2").get(people.at("/tasks"))).json()["items"]
    assert [one["person"] for one in leads] == WHO
    own, first = (next(one for one in leads if one["person"] == code)["items"] for code in ("H2", "W1"))
    assert [(one["item"], one["kind"]) for one in own] == [("CONDUCT", "self")]
    assert [(one["item"], one["mark"], one["version"]) for one in first] == [
        ("CONDUCT", "90", 1), ("P-WORK", None, None),
    ]  # fmt: skip
    peers = (await people.by("W1").get(people.at("/tasks"), params={"limit": 3})).json()
    assert [one["person"] for one in peers["items"]] == ["DPO", "H2", "L2"]
    rest = (await people.by("W1").get(people.at("/tasks"), params={"cursor": peers["next"]})).json()
    assert ([one["person"] for one in rest["items"]], rest["next"]) == (["W1", "W2"], None)
    assert (await people.by("X1").get(people.at("/tasks"))).json()["items"] == [], "no item is for a panel"
    assert (await people.by("H3").get(people.at("/tasks"))).json()["items"] == []


async def test_a_panel_and_the_office_mark_where_the_scheme_names_them(people: People) -> None:
    both = dimension("PANEL", "100", "marks", ("panel", "40"), ("performance_office", "60"))
    await people.publish(seen=1, dimensions=[both], indicators=[], marks_shown_from=1)
    await people.open(panel=["X1", "L3"])
    await people.marked("X1", "W1", "PANEL", "80")
    await people.marked("L3", "W1", "PANEL", "100")
    await people.marked("DPO", "W1", "PANEL", "60")
    assert refusal(await people.mark("BO", "W1", "PANEL", "60")) == (403, "not_an_evaluator")
    assert refusal(await people.mark("DPO", "DPO", "PANEL", "60")) == (403, "not_an_evaluator")
    assert (await people.by("X1").get("/v1/personal-rounds")).json()["items"][0]["round_id"] == people.round_id
    await people.step("closing")
    await people.step("publication", {})
    assert (await people.result("W1", who="W1"))["dimensions"][0]["value"] == "72"


# --- closing, publication, corrections ------------------------------------------------------------------------------


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


# --- who reads what -------------------------------------------------------------------------------------------------


async def test_people_read_their_own_leaders_their_units_the_office_all(people: People) -> None:
    await published(people)
    seen: dict[str, list[str]] = {}
    for who in ("PO1", "A1", "DPO", "H2", "W1", "L2", "H3", "BO", "X1"):
        answer = await people.by(who).get("/v1/personal-results")
        assert answer.status_code == 200, (who, answer.text)
        seen[who] = [one["person"] for one in answer.json()["items"]]
    assert seen["PO1"] == seen["A1"] == seen["DPO"] == seen["H2"] == WHO
    assert (seen["W1"], seen["L2"]) == (["W1"], ["L2"])
    assert seen["H3"] == seen["BO"] == seen["X1"] == []
    other = await people.by("W1").get(f"/v1/personal-results/{people.round_id}/W2")
    assert refusal(other) == (404, "not_found")
    machine = people.city.service.client(client="sys-collection")
    assert refusal(await machine.get("/v1/personal-results")) == (403, "forbidden")


async def test_dimensions_that_tell_single_marks_are_for_the_office_and_the_auditor(people: People) -> None:
    await published(people)
    assert [(await people.result("W1", who=who))["dimensions"] is None for who in ("W1", "H2", "PO1", "A1")] == [
        True, True, False, False,
    ]  # fmt: skip
    own = await people.result("W1", who="W1")
    assert (own["base"], own["coefficient"], own["score"]) == ("88.1", "1", "88.1")
    assert (await people.result("H2", who="H2"))["dimensions"] is not None, "no marks of others are in it"


async def test_the_chain_reads_from_unit_to_post_to_person(people: People) -> None:
    await published(people)
    at, query = "/v1/personal-units/420102", {"round": people.round_id}
    chain = (await people.by("H2").get(at, params=query)).json()
    assert (chain["unit_result"]["unit"], chain["unit_result"]["share"], chain["coefficient"]) == (
        "420102", "1700/23", "1",
    )  # fmt: skip
    posts = {one["post"]: one for one in chain["posts"]}
    assert (posts["LEADER"]["matters"], posts["STAFF"]["indicators"]) == (["M-P-COL", "M-P-LATE"], ["P-WORK"])
    assert [(one["person"], one["days"], one["score"]) for one in posts["STAFF"]["holders"]] == [
        ("DPO", 31, None), ("L2", 31, None), ("W1", 31, "88.1"), ("W2", 31, None),
    ]  # fmt: skip
    section = (await people.by("H2").get("/v1/personal-units/420102-S1", params=query)).json()
    assert section["unit_result"]["unit"] == "420102", "the section is not ranked: the district's result counts"
    mine = (await people.by("W1").get(at, params=query)).json()
    assert [one["person"] for post in mine["posts"] for one in post["holders"]] == ["W1"]
    assert refusal(await people.by("H3").get(at, params=query)) == (404, "not_found")


async def test_lists_go_on_page_by_page(people: People) -> None:
    await published(people)
    found: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await people.city.office.get("/v1/personal-results", params=query)).json()
        found += [one["person"] for one in page["items"]]
        if page["next"] is None:
            break
        query = {"limit": 3, "cursor": page["next"]}
    assert found == WHO
    assert refusal(await people.city.office.get("/v1/personal-results", params={"cursor": "x"})) == (422, "malformed")
    one = (await people.city.office.get(people.at("/marks"), params={"limit": 2})).json()
    rest = (await people.city.office.get(people.at("/marks"), params={"cursor": one["next"]})).json()
    assert len(one["items"]) + len(rest["items"]) == 5


async def test_everything_leaves_a_trail(people: People) -> None:
    await published(people)
    rows = await people.city.service.database.reads.fetch(
        "SELECT action, count(*) AS many FROM trail WHERE object_type LIKE 'personal_%' GROUP BY 1 ORDER BY 1"
    )
    assert {row["action"]: row["many"] for row in rows} == {"close": 1, "mark": 5, "open": 1, "publish": 2}
