"""Marks over the routes: who marks whom and with what, recusals, tasks, who sees single marks."""

from typing import Any

from shared.contracts.identity import person_id
from tests.scoring_svc.people.scheme import (
    WHO,
    People,
    dimension,
    marked,
    opened,
    refusal,
)


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
