"""Bonus requests over the routes: the chain, persons, matters that count once, caps, entries, events, the ranking."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.identity import unit_id
from shared.contracts.roles import Role, Scope
from shared.contracts.scoring import BonusAwarded
from tests.scoring_svc.bonus.awards import TABLE, Awards, opened, refusal, request, table
from tests.scoring_svc.ledger.city import SET, City, full_month

PRACTICE = {"bonus_class": "practice", "matter": "经验推广"}


@pytest_asyncio.fixture
async def awards(city: City) -> Awards:
    return await opened(city)


async def test_a_request_goes_its_way_with_who_when_and_why(awards: Awards) -> None:
    known = await awards.draft("420102", **PRACTICE)
    assert (known["state"], known["version"], known["points"]) == ("drafted", 1, "0.5")
    edited = await awards.by("L2").put(
        f"/v1/bonus-requests/{known['request_id']}",
        json=request(**PRACTICE, level="province", text="省级推广"),
        headers={"if-match": '"1"'},
    )
    known = edited.json()
    assert (known["version"], known["points"], edited.headers["etag"]) == (2, "2", '"2"')
    assert known["text"] == "省级推广"
    known = await awards.done("L2", known, "submission")
    assert refusal(await awards.approval("PO1", known)) == (409, "opinion_missing")
    known = await awards.done("E1", known, "opinion", {"supported": True, "text": "属实"})
    known = await awards.done("PO1", known, "approval", {"text": "委员会通过"})
    assert [(one["step"], one["text"]) for one in known["steps"]] == [
        ("draft", ""), ("edit", ""), ("submit", ""), ("support", "属实"), ("approve", "委员会通过"),
    ]  # fmt: skip
    assert len({one["who"] for one in known["steps"]}) == 3
    entry = known["entries"][0]
    assert (entry["unit"], entry["points"], entry["due"], entry["taken"]) == ("420102", "2", "2", {})
    (told,) = await awards.city.service.events(BonusAwarded)
    assert (told.state, told.version, told.level) == ("awarded", known["version"], "province")
    assert [(one.unit_id, one.points, one.capped) for one in told.units] == [(unit_id("420102"), "2", "0")]


async def test_every_step_is_another_persons_and_nobody_judges_their_own_unit(awards: Awards) -> None:
    asked = await awards.submitted("420102", who="PO1")
    assert refusal(await awards.approval("PO1", asked)) == (403, "second_person_needed")
    assert refusal(await awards.step("PO1", asked, "refusal", {"reason": "不"})) == (403, "second_person_needed")
    assert refusal(await awards.approval("DO", asked)) == (403, "own_units_request")
    assert refusal(await awards.approval("DPO", asked)) == (403, "own_units_request")
    assert refusal(await awards.step("DO", asked, "refusal", {"reason": "不"})) == (403, "own_units_request")
    person = await awards.city.service.seed_person("LO", "PO", "performance_office", scope="all")
    async with awards.city.service.database.transaction("seed") as uow:
        await awards.city.service._appoint(uow, str(person), "420102-S1", Role.UNIT_LEADER, Scope.OWN)
    assert refusal(await awards.approval("LO", asked)) == (403, "own_units_request"), "who leads a unit below it"
    assert (await awards.approval("PO2", asked)).status_code == 200
    joint = await awards.submitted("420103", "420102", who="L3", matter="联合", document_no="联1号")
    assert refusal(await awards.approval("DO", joint)) == (403, "own_units_request")
    assert refusal(await awards.approval("DPO", joint)) == (403, "outside_scope")
    both = await awards.submitted("420103", who="L3", **PRACTICE, document_no="练2号")
    await awards.city.service.seed_person("ED", "D-COL", "evaluating_department", "performance_office", scope="all")
    both = await awards.done("ED", both, "opinion", {"supported": False, "text": "重复"})
    assert [one["step"] for one in both["steps"]][-1] == "oppose"
    assert refusal(await awards.approval("ED", both)) == (403, "second_person_needed")


async def test_who_edited_a_draft_does_not_decide_on_it(awards: Awards) -> None:
    known = await awards.draft("420102")
    at = f"/v1/bonus-requests/{known['request_id']}"
    edited = (await awards.by("PO2").put(at, json=request(), headers={"if-match": '"1"'})).json()
    known = await awards.done("L2", edited, "submission")
    assert refusal(await awards.approval("PO2", known)) == (403, "second_person_needed")
    assert (await awards.approval("PO1", known)).status_code == 200


async def test_writing_is_for_ones_own_units_and_opinions_are_the_departments(awards: Awards) -> None:
    answer = await awards.by("L3").post("/v1/bonus-requests", json=request("420102"))
    assert refusal(answer) == (403, "outside_scope")
    known = await awards.submitted("420102")
    assert refusal(await awards.step("L2", known, "approval", {"text": ""})) == (403, "forbidden")
    assert refusal(await awards.step("L3", known, "withdrawal", {"reason": "不"})) == (404, "not_found")
    assert refusal(await awards.step("E1", known, "opinion", {"supported": True, "text": "属实"})) == (404, "not_found")
    await awards.city.service.seed_person("EL", "D-LAW", "evaluating_department", scope="all")
    assert refusal(await awards.step("EL", known, "opinion", {"supported": True, "text": "属实"})) == (
        409,
        "opinion_not_asked",
    )
    await awards.city.service.seed_person("EO", "420102", "evaluating_department")
    practice = await awards.submitted("420102", **PRACTICE, document_no="练3号")
    other = await awards.step("EO", practice, "opinion", {"supported": True, "text": "属实"})
    assert refusal(other) == (403, "outside_scope")


async def test_edits_and_steps_say_what_they_read(awards: Awards) -> None:
    known = await awards.draft("420102")
    at = f"/v1/bonus-requests/{known['request_id']}"
    assert refusal(await awards.by("L2").put(at, json=request())) == (428, "if_match_required")
    for verb, body in (("submission", None), ("withdrawal", {"reason": "不"})):
        assert refusal(await awards.by("L2").post(f"{at}/{verb}", json=body)) == (428, "if_match_required")
        assert refusal(await awards.step("L2", known, verb, body, seen=9)) == (412, "stale")
    for verb, body in (("approval", {"text": ""}), ("refusal", {"reason": "不"}), ("revocation", {"reason": "不"})):
        assert refusal(await awards.step("PO1", known, verb, body, seen=9)) == (412, "stale")
        assert refusal(await awards.step("PO1", known, verb, body)) == (409, "bonus_step_refused")
    assert refusal(await awards.by("L2").put(at, json=request(), headers={"if-match": '"2"'})) == (412, "stale")
    withdrawn = await awards.done("L2", known, "withdrawal", {"reason": "重复"})
    assert (withdrawn["state"], withdrawn["steps"][-1]["text"]) == ("withdrawn", "重复")
    assert refusal(await awards.step("L2", withdrawn, "submission")) == (409, "bonus_step_refused")


async def test_a_draft_is_made_once_by_its_key(awards: Awards) -> None:
    client = awards.by("L2")
    keyed = {"idempotency-key": "one"}
    first, second = [await client.post("/v1/bonus-requests", json=request(), headers=keyed) for _ in range(2)]
    assert first.json() == second.json()
    other = await client.post("/v1/bonus-requests", json=request(level="province"), headers=keyed)
    assert refusal(other) == (422, "idempotency_key_reused")
    assert len((await client.get("/v1/bonus-requests")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bonus_class": "other"}, "bonus_not_in_table"),
        ({"level": "county"}, "bonus_not_in_table"),
        ({"table": "NONE"}, "bonus_table_unknown"),
        ({"awarded_on": "2014-12-31"}, "bonus_table_unknown"),
        ({"awarded_on": "2015-02-11"}, "document_in_future"),
        ({"period": "2016-01"}, "period_not_of_set"),
        ({"period": "2015-13"}, "malformed"),
        ({"units": [{"unit": "420102"}, {"unit": "429999"}]}, "unit_unknown"),
        ({"units": [{"unit": "420102"}, {"unit": "D-LAW"}]}, "unit_not_evaluated"),
        ({"units": [{"unit": "420102"}, {"unit": "420102"}]}, "malformed"),
        ({"evidence": []}, "malformed"),
        ({"evidence": [{"name": "无", "sha256": "x"}]}, "malformed"),
        ({"points": "100"}, "malformed"),
        ({"matter": "\u200b"}, "malformed"),
        ({"document_no": " "}, "malformed"),
    ],
)
async def test_what_a_request_may_not_say(awards: Awards, changes: dict[str, Any], code: str) -> None:
    answer = await awards.by("L2").post("/v1/bonus-requests", json=request(**changes))
    assert refusal(answer) == (422, code)


async def test_the_set_of_a_request_is_known_and_its_unit_stands(awards: Awards) -> None:
    unknown = await awards.by("L2").post("/v1/bonus-requests", json=request(set="NONE"))
    assert refusal(unknown) == (404, "not_found")
    nowhere = await awards.by("L2").post("/v1/bonus-requests", json=request("429999"))
    assert refusal(nowhere) == (422, "unit_unknown")


async def test_the_same_matter_counts_once_across_units(awards: Awards) -> None:
    lower = await awards.approved("420102")
    again = await awards.draft("420103", who="L3", matter="自助 办税厅", document_no="另一文")
    assert refusal(await awards.step("L3", again, "submission")) == (409, "matter_already_awarded")
    assert await awards.points() == {"420102": "1"}
    higher = await awards.submitted("420103", who="L3", level="province", document_no="省2号")
    shown = await awards.by("PO1").get(f"/v1/bonus-requests/{higher['request_id']}")
    assert [(one["request_id"], one["same_matter"], one["same_document"]) for one in shown.json()["duplicates"]] == [
        (lower["request_id"], True, False)
    ]
    assert higher["duplicates"] == [], "what lies beyond the reader's reach is not shown"
    assert refusal(await awards.approval("DPO", higher))[0] in {403, 404}
    higher = await awards.done("PO2", higher, "approval", {"text": "同意"})
    assert await awards.points() == {"420102": "0", "420103": "3"}
    lower = (await awards.by("PO1").get(f"/v1/bonus-requests/{lower['request_id']}")).json()
    assert (lower["state"], lower["replaced_by"]) == ("replaced", higher["request_id"])
    first, back = lower["entries"]
    assert (back["reverses"], back["caused_by"], back["points"]) == (first["entry_id"], higher["request_id"], "-1")
    told = await awards.city.service.events(BonusAwarded)
    assert [(one.state, len(one.units)) for one in told] == [("awarded", 1), ("replaced", 0), ("awarded", 1)]
    assert [str(one) for one in told[2].replaces] == [lower["request_id"]]
    assert refusal(await awards.step("PO1", lower, "revocation", {"reason": "不"})) == (409, "bonus_step_refused")


async def test_a_lower_award_of_units_beyond_reach_is_not_taken_back(awards: Awards) -> None:
    await awards.approved("420103", who="L3")
    higher = await awards.submitted("420102", level="province", document_no="省2号")
    person = await awards.city.service.seed_person("OF", "D-LAW")
    async with awards.city.service.database.transaction("seed") as uow:
        term = (str(person), "420102", Role.PERFORMANCE_OFFICE, Scope.OWN)
        await awards.city.service._appoint(uow, *term)
    assert refusal(await awards.approval("OF", higher)) == (403, "outside_scope")
    assert await awards.points() == {"420103": "1"}


async def test_one_document_on_two_matters_is_explained(awards: Awards) -> None:
    await awards.approved("420102")
    other = await awards.submitted("420103", who="L3", matter="另一事项", document_no="武地税发[2015] 12号")
    assert refusal(await awards.approval("PO1", other)) == (409, "document_already_used")
    assert refusal(await awards.approval("PO1", other, "  ")) == (409, "document_already_used")
    answer = await awards.approval("PO1", other, "同一通报表彰两个项目")
    assert answer.json()["steps"][-1]["text"] == "同意; 同一通报表彰两个项目"
    assert await awards.points() == {"420102": "1", "420103": "1"}


async def test_each_cap_is_shown_with_what_it_took(awards: Awards) -> None:
    classes = [{**one, "cap": "2.5"} if one["code"] == "innovation" else one for one in table()["classes"]]
    answer = await awards.publish(seen=1, classes=classes, unit_cap="4", overall_cap="6", joint="each_full")
    assert answer.status_code == 200
    first = await awards.approved("420102", level="province")
    assert first["entries"][0]["taken"] == {"class": "0.5"}
    second = await awards.approved("420102", bonus_class="award", matter="先进", document_no="先1号")
    assert second["entries"][0]["taken"] == {"unit": "0.5"}
    joint = await awards.approved("420103", "420104", who="L3", bonus_class="award", matter="联合", document_no="联")
    assert {one["unit"]: one["taken"] for one in joint["entries"]} == {"420103": {}, "420104": {"overall": "2"}}
    (*_, told) = await awards.city.service.events(BonusAwarded)
    assert [(one.points, one.capped) for one in told.units] == [("2", "0"), ("0", "2")]
    revoked = await awards.done("PO1", first, "revocation", {"reason": "文件撤销"})
    assert (revoked["state"], revoked["entries"][-1]["reason"]) == ("withdrawn", "文件撤销")
    assert await awards.points() == {"420102": "1.5", "420103": "2", "420104": "0"}
    freed = await awards.approved("420102", level="province", matter="新", document_no="新1号")
    assert (freed["entries"][0]["points"], freed["entries"][0]["taken"]) == ("2.5", {"class": "0.5"})


async def test_a_joint_award_is_shared_to_the_last(awards: Awards) -> None:
    units = [{"unit": unit} for unit in ("420103", "420102", "420104")]
    joint = await awards.approved("420103", who="L3", units=units)
    shown = (await awards.by("L3").get(f"/v1/bonus-requests/{joint['request_id']}")).json()
    assert {one["unit"]: one["points"] for one in shown["entries"]} == {"420103": "0.34"}, "only one's own are shown"
    assert await awards.points() == {"420103": "0.34", "420102": "0.33", "420104": "0.33"}
    assert [one["unit"] for one in (await awards.by("L2").get("/v1/bonus-requests")).json()["items"][0]["units"]] == [
        "420103", "420102", "420104",
    ]  # fmt: skip
    assert (await awards.publish(seen=1, joint="each_full")).status_code == 200
    body = request(units=[{"unit": "420102", "weight": 2}, {"unit": "420103"}])
    assert refusal(await awards.by("L2").post("/v1/bonus-requests", json=body)) == (422, "weights_not_used")


async def test_a_closed_period_takes_no_award_and_gives_none_back(awards: Awards) -> None:
    city = awards.city
    first = await awards.approved("420102")
    await full_month(city)
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200
    higher = await awards.submitted("420102", level="province", document_no="省2号", period="2015-02")
    late = await awards.submitted("420103", who="L3", matter="迟", document_no="迟1号")
    assert (await city.step("close")).status_code == 200
    assert refusal(await awards.approval("PO1", late)) == (409, "period_closed")
    assert refusal(await awards.step("PO1", first, "revocation", {"reason": "不"})) == (409, "period_closed")
    after = await awards.done("PO1", higher, "approval", {"text": ""})
    assert after["state"] == "approved"
    rows = (await awards.by("PO1").get("/v1/unit-entries", params={"set": SET, "period": "2015"})).json()["items"]
    assert sorted((one["period"], one["points"]) for one in rows) == [
        ("2015-01", "1"), ("2015-02", "-1"), ("2015-02", "3"),
    ]  # fmt: skip


async def test_the_ranking_counts_awards(awards: Awards) -> None:
    await full_month(awards.city)
    asked = {"set": SET, "period": "2015-Q1"}
    before = (await awards.city.office.get("/v1/rankings/provisional", params=asked)).json()["units"]
    await awards.approved("420102", level="national", period="2015-Q1")
    await awards.approved("420102", level="national", period="2015-Q2", matter="以后", document_no="以后")
    after = (await awards.city.office.get("/v1/rankings/provisional", params=asked)).json()["units"]
    assert [(one["unit"], one["total"]) for one in before][-1] == ("420102", "17.00")
    assert [(one["unit"], one["total"]) for one in after][:2] == [("420102", "23.00"), ("420103", "23.00")]


async def test_lists_go_by_filters_and_cursors_within_reach(awards: Awards) -> None:
    for number in range(3):
        await awards.submitted("420102", matter=f"事{number}", document_no=f"文{number}")
    await awards.draft("420103", who="L3", **PRACTICE, level="province")
    client, found, cursor = awards.by("PO1"), [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/bonus-requests", params=query)).json()
        found += [one["matter"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == ["事0", "事1", "事2", "经验推广"]
    for query, count in (
        ({"unit": "420103"}, 1), ({"state": "submitted"}, 3), ({"bonus_class": "practice"}, 1),
        ({"level": "province"}, 1), ({"set": "NONE"}, 0), ({"period": "2015-01"}, 4),
    ):  # fmt: skip
        assert len((await client.get("/v1/bonus-requests", params=query)).json()["items"]) == count, query
    assert [one["matter"] for one in (await awards.by("E1").get("/v1/bonus-requests")).json()["items"]] == ["经验推广"]
    assert len((await awards.by("L2").get("/v1/bonus-requests")).json()["items"]) == 3
    assert refusal(await client.get("/v1/bonus-requests", params={"cursor": "x"})) == (422, "malformed")


# --- tables ---------------------------------------------------------------------------------------------------------


async def test_tables_are_versions_that_never_change(awards: Awards) -> None:
    silent = {name: value for name, value in table().items() if name != "unit_cap"}
    answer = await awards.by("PO1").put("/v1/bonus-tables/SILENT", json=silent)
    assert refusal(answer) == (422, "malformed"), "a cap is said in so many words, also that there is none"
    asked = await awards.draft("420102")
    assert refusal(await awards.publish()) == (428, "if_match_required")
    assert refusal(await awards.publish(seen=7)) == (412, "stale")
    wrong = [*table()["points"], {"bonus_class": "none", "level": "city", "points": "1"}]
    refused = await awards.publish(seen=1, points=wrong)
    assert refusal(refused) == (422, "bonus_table_inconsistent")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/points/9/bonus_class", "unknown_class")
    ]
    assert refusal(await awards.publish(seen=1, effective_to="2015-01-01")) == (422, "malformed")
    kept = await awards.submitted("420102", matter="先", document_no="先")
    doubled = [{**one, "points": "2"} if one["points"] == "1" else one for one in table()["points"]]
    answers = await asyncio.gather(*(awards.publish(seen=1, points=doubled) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    listed = (await awards.by("L2").get("/v1/bonus-tables", params={"code": TABLE, "limit": 1})).json()
    assert [one["version"] for one in listed["items"]] == [1]
    more = await awards.by("L2").get("/v1/bonus-tables", params={"cursor": listed["next"]})
    assert [one["version"] for one in more.json()["items"]] == [2]
    first = (await awards.by("L2").get(f"/v1/bonus-tables/{TABLE}/1")).json()
    assert first["points"] == table()["points"]
    assert refusal(await awards.by("L2").get(f"/v1/bonus-tables/{TABLE}/3")) == (404, "not_found")
    assert (await awards.done("L2", asked, "submission"))["points"] == "2", "priced when it is handed in"
    approved = await awards.done("PO1", kept, "approval", {"text": ""})
    assert (approved["points"], approved["table_version"]) == ("1", 1)


async def test_a_table_is_published_for_the_whole_bureau(awards: Awards) -> None:
    answer = await awards.by("DPO").put("/v1/bonus-tables/OTHER", json=table())
    assert refusal(answer) == (403, "outside_scope")
    assert refusal(await awards.by("L2").put("/v1/bonus-tables/OTHER", json=table())) == (403, "forbidden")
