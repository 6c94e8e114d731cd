"""The year's end over HTTP: who takes which step, what holds it up, what is kept, two at once."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.scoring_svc.ledger.city import SET
from tests.scoring_svc.year_end.stage import AFTER, APPEAL, LAST, NOTICE, SAID, Year, code_of

REFUSED = {"outcome": "refused", **SAID}


async def test_a_year_goes_its_way_and_every_step_is_kept(year: Year) -> None:
    await year.noticed()
    assert (year.shown["notice_first"], year.shown["notice_last"]) == ("2015-02-10", "2015-02-12")
    assert [one["code"] for one in year.shown["holdups"]] == ["notice_running"]
    year.on(LAST)
    held = await year.step("finalisation")
    assert code_of(held) == (409, "final_held_up")
    assert held.json()["holdups"] == [{"code": "notice_running", "text": "2015-02-12"}]
    year.on(AFTER)
    final = await year.done("finalisation")
    assert (final["state"], final["holdups"]) == ("final", None)
    steps = [(one["step"], one["version"], one["document"]) for one in final["steps"]]
    assert steps == [(step, number, SAID["document"]) for number, step in enumerate(
        ("draft", "approve", "notice", "finalise"), start=1
    )]  # fmt: skip
    assert final["steps"][2]["details"] == {"first_day": "2015-02-10", "working_days": 3, "last_day": "2015-02-12"}
    listed = (await year.city.person("L2").get("/v1/year-results", params={"set": SET})).json()
    assert [(one["state"], one["year"], one["period"]) for one in listed["items"]] == [("final", 2015, "2015-01-YTD")]
    trail = await year.city.service.database.reads.fetch(
        "SELECT action FROM trail WHERE object_type = 'year_result' AND outcome = 'done' ORDER BY at, id"
    )
    assert [row["action"] for row in trail] == ["draft", "approve", "notice", "finalise"]


async def test_drafting_needs_the_newest_ranking_of_the_year_once(year: Year) -> None:
    other = await year.city.office.post("/v1/rankings", json={"set": SET, "period": "2015-01"})
    assert code_of(await year.draft(ranking_id=other.json()["ranking_id"])) == (422, "ranking_not_of_year")
    assert code_of(await year.draft(ranking_id=str(uuid4()))) == (422, "ranking_not_of_year")
    await year.amend("1")
    await year.rank(reason="更正")
    assert code_of(await year.draft()) == (409, "ranking_not_newest")
    newest = await year.ranking_id(2)
    assert (await year.draft(ranking_id=newest)).status_code == 201
    assert code_of(await year.draft(ranking_id=newest)) == (409, "year_result_exists")


async def test_only_who_has_the_whole_set_in_charge(year: Year) -> None:
    assert code_of(await year.draft(who="DPO")) == (403, "outside_scope")
    assert code_of(await year.draft(who="K1")) == (403, "forbidden")
    await year.draft()
    assert code_of(await year.step("approval")) == (403, "forbidden")
    await year.city.service.seed_person("K3", "420102", "committee", scope="subtree")
    assert code_of(await year.step("approval", who="K3")) == (403, "outside_scope")


async def test_nobody_approves_what_they_drafted(year: Year) -> None:
    await year.city.service.seed_person("BOTH", "420100", "committee", "performance_office", scope="all")
    await year.draft(who="BOTH")
    assert code_of(await year.step("approval", who="BOTH")) == (403, "own_decision")
    assert (await year.step("approval", who="K1")).status_code == 200


async def test_of_two_approvals_at_once_one_wins(year: Year) -> None:
    await year.draft()
    seen = year.shown["version"]
    answers = await asyncio.gather(*(year.step("approval", who=who, seen=seen) for who in ("K1", "K2")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert code_of(next(one for one in answers if one.status_code == 412)) == (412, "stale")
    assert [one["step"] for one in (await year.read())["steps"]] == ["draft", "approve"]


async def test_a_step_repeated_with_its_key_is_taken_once(year: Year) -> None:
    await year.draft()
    headers = {"if-match": '"1"', "idempotency-key": "once"}
    answers = [await year.city.person("K1").post(f"{year.at}/approval", json=SAID, headers=headers) for _ in "12"]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotent-replay"] == "true"
    assert code_of(await year.city.person("K1").post(f"{year.at}/approval", json=SAID)) == (428, "if_match_required")


async def test_a_notice_needs_its_days_and_a_calendar(year: Year) -> None:
    await year.draft()
    assert code_of(await year.step("notice", NOTICE)) == (409, "year_step_refused")
    await year.done("approval", who="K1")
    without = {name: value for name, value in NOTICE.items() if name != "working_days"}
    assert code_of(await year.step("notice", without)) == (422, "malformed")
    assert code_of(await year.step("notice", {**NOTICE, "first_day": "2015-02-09"})) == (422, "notice_backdated")
    assert code_of(await year.step("notice", {**NOTICE, "first_day": "2015-12-31"})) == (409, "calendar_unknown")


async def test_an_appeal_holds_the_result_until_somebody_else_decides(year: Year) -> None:
    await year.city.service.seed_person("FILER", "420100", "committee", scope="all")
    await year.noticed()
    assert code_of(await year.step("appeals", {**APPEAL, "filed_on": "2015-02-09"})) == (422, "outside_notice")
    assert code_of(await year.step("appeals", {**APPEAL, "filed_on": "2015-02-11"})) == (422, "outside_notice")
    assert code_of(await year.step("appeals", {**APPEAL, "unit": "PO"})) == (422, "unit_not_of_set")
    assert code_of(await year.step("appeals", {**APPEAL, "filed_by": "NOBODY"})) == (422, "person_unknown")
    await year.done("appeals", {**APPEAL, "filed_by": "FILER"})
    year.on(AFTER)
    held = await year.step("finalisation")
    assert held.json()["holdups"] == [{"code": "appeals_open", "text": "1"}]
    # One approved what the appeal is against, the other filed it.
    for own in ("K1", "FILER"):
        assert code_of(await year.step("appeals/1/decision", REFUSED, own)) == (403, "own_decision")
    assert code_of(await year.step("appeals/2/decision", REFUSED, "K2")) == (404, "not_found")
    wrong = {**REFUSED, "ranking_id": await year.ranking_id()}
    assert code_of(await year.step("appeals/1/decision", wrong, "K2")) == (422, "ranking_of_appeal")
    await year.done("appeals/1/decision", REFUSED, "K2")
    assert code_of(await year.step("appeals/1/decision", REFUSED, "K2")) == (409, "appeal_decided")
    assert (await year.done("finalisation"))["state"] == "final"


async def test_who_entered_an_appeal_or_serves_in_its_unit_does_not_decide(year: Year) -> None:
    await year.city.service.seed_person("BOTH", "420100", "committee", "performance_office", scope="all")
    await year.city.service.seed_person("IN2", "420102-S1", "committee", scope="all")
    await year.noticed()
    await year.done("appeals", APPEAL, "BOTH")
    for own in ("BOTH", "IN2"):
        assert code_of(await year.step("appeals/1/decision", REFUSED, own)) == (403, "own_decision")
    assert (await year.step("appeals/1/decision", REFUSED, "K2")).status_code == 200


async def test_what_is_said_of_one_unit_is_not_told_to_another(year: Year) -> None:
    await year.noticed()
    await year.done("appeals", APPEAL)
    await year.done("appeals/1/decision", {**REFUSED, "reason": "该单位缓缴税款已经扣除"}, "K2")
    year.on(AFTER)
    await year.done("finalisation")
    use = {"unit": "420102", "kind": "sanction", "text": "通报批评"}
    await year.done("uses", {"uses": [use], **SAID, "reason": "该单位虚报数据"})
    await year.done("uses/1/withdrawal", {**SAID, "reason": "该单位申辩成立"})
    for who, told in (("PO1", True), ("A1", True), ("L2", False), ("L3", False), ("DPO", False), ("E1", False)):
        steps = (await year.city.person(who).get(year.at)).json()["steps"]
        assert [one["step"] for one in steps][-3:] == ["finalise", "use", "withdraw_use"]
        assert all(one["reason"] for one in steps if one["step"] in {"draft", "approve", "notice", "finalise"})
        said = [one["reason"] for one in steps if one["reason"].startswith("该单位")]
        assert len(said) == (3 if told else 0), (who, said)
    appeals = (await year.city.person("L2").get(f"{year.at}/appeals")).json()["items"]
    assert [one["reason"] for one in appeals] == ["该单位缓缴税款已经扣除"]


async def test_an_upheld_appeal_leads_to_a_newer_ranking_and_a_new_notice(year: Year) -> None:
    await year.noticed()
    await year.done("appeals", APPEAL)
    await year.done("appeals", {**APPEAL, "unit": "420103", "matter": "另一事项"})
    upheld: dict[str, Any] = {"outcome": "upheld", **SAID}
    assert code_of(await year.step("appeals/1/decision", upheld, "K2")) == (422, "ranking_of_appeal")
    old = {**upheld, "ranking_id": await year.ranking_id(1)}
    assert code_of(await year.step("appeals/1/decision", old, "K2")) == (409, "ranking_not_newer")
    await year.amend("0")
    newer = {**upheld, "ranking_id": await year.rank(reason="申诉成立")}
    assert code_of(await year.step("appeals/1/decision", old, "K2")) == (409, "ranking_not_newest")
    shown = await year.done("appeals/1/decision", newer, "K2")
    assert (shown["state"], shown["ranking_version"], shown["notice_last"]) == ("approved", 2, None)
    # The other appeal is answered by the same version; it stays as it is approved.
    shown = await year.done("appeals/2/decision", newer, "K2")
    assert (shown["state"], shown["ranking_version"]) == ("approved", 2)
    await year.done("notice", NOTICE)
    year.on(AFTER)
    assert (await year.done("finalisation"))["state"] == "final"
    mine = (await year.city.person("L2").get(f"{year.at}/appeals")).json()["items"]
    assert [(one["unit"], one["outcome"], one["ranking_version"], one["followed_by"]) for one in mine] == [
        ("420102", "upheld", 1, 2)
    ]


async def test_what_changes_under_a_notice_holds_it_up_until_it_is_revised(year: Year) -> None:
    await year.noticed()
    year.on(AFTER)
    await year.amend("1")
    held = await year.step("finalisation")
    assert held.json()["holdups"] == [{"code": "ranking_outdated", "text": "1"}]
    newer = await year.rank(reason="数据更正")
    held = await year.step("finalisation")
    assert held.json()["holdups"] == [{"code": "ranking_superseded", "text": "1 < 2"}]
    revised = await year.done("revision", {"ranking_id": newer, **SAID})
    assert (revised["state"], revised["approved_by"], revised["ranking_version"]) == ("drafted", None, 2)
    assert (await year.done("approval", who="K1"))["state"] == "approved"


async def test_results_are_used_when_they_are_final(year: Year) -> None:
    uses = {"uses": [
        {"unit": "420103", "kind": "honour", "text": "先进单位"},
        {"unit": "420102", "kind": "training", "text": "培训"},
    ], **SAID}  # fmt: skip
    await year.noticed()
    assert code_of(await year.step("uses", uses)) == (409, "year_step_refused")
    year.on(AFTER)
    await year.done("finalisation")
    unknown = {**uses, "uses": [{**uses["uses"][0], "unit": "NO"}]}  # type: ignore[dict-item]
    assert code_of(await year.step("uses", unknown)) == (422, "unit_not_of_set")
    await year.done("uses", uses)
    await year.done("uses/2/withdrawal")
    assert code_of(await year.step("uses/2/withdrawal")) == (404, "use_unknown")
    assert code_of(await year.step("uses/3/withdrawal")) == (404, "use_unknown")
    all_ = (await year.city.office.get(f"{year.at}/uses", params={"limit": 2})).json()
    rest = (await year.city.office.get(f"{year.at}/uses", params={"cursor": all_["next"]})).json()
    rows = [(one["number"], one["unit"], one["kind"], one["withdraws"]) for one in all_["items"] + rest["items"]]
    assert rows == [(1, "420103", "honour", None), (2, "420102", "training", None), (3, "420102", "training", 2)]
    own = (await year.city.person("L3").get(f"{year.at}/uses")).json()["items"]
    assert [one["unit"] for one in own] == ["420103"]
    assert code_of(await year.step("revision", {"ranking_id": await year.ranking_id(), **SAID})) == (
        409, "year_step_refused",
    )  # fmt: skip
