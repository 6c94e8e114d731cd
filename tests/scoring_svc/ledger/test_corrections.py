"""Corrections of what is confirmed or closed: asked for by one person, decided by another, applied as rulings are."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from shared.contracts.scoring import DeductionsDigested, PeriodClosed
from tests.scoring_svc.ledger.city import DISTRICTS, SET, City, fact, facts
from tests.scoring_svc.ledger.test_rulings import CELL, entered_january, proof, ruling, told
from tests.scoring_svc.simulation.metrics import METRICS

VALUE: dict[str, Any] = {
    "set": SET,
    "period": "2015-01",
    "unit": "420102",
    "kind": "value",
    "indicator": "COL-01",
    "input": "errors",
    "value": "1",
    "reason": "系统重复计数",
    "document_no": "武地税绩〔2015〕7号",
    "document_on": "2015-02-09",
}
_CELL = {name: value for name, value in VALUE.items() if name not in {"input", "value"}}
EXEMPT, SCORE = {**_CELL, "kind": "exempt"}, {**_CELL, "kind": "score", "value": "9.5"}
LATE = {
    **{name: value for name, value in _CELL.items() if name != "indicator"},
    "kind": "fact", "metric": "M-ERR", "fact_version": 2,
}  # fmt: skip


@pytest.fixture
async def closed(city: City) -> City:
    """January is closed; C1 sits in the committee, PO2 in the office beside PO1."""
    await city.service.seed_person("C1", "420100", "committee", scope="all")
    await city.service.seed_person("PO2", "PO", "performance_office", scope="all")
    await city.tell(*METRICS)
    await entered_january(city, closed=True)
    return city


async def ask(city: City, body: dict[str, Any] = VALUE, who: str = "PO1") -> httpx.Response:
    return await city.person(who).post("/v1/corrections", json=body)


async def asked(city: City, body: dict[str, Any] = VALUE) -> dict[str, Any]:
    answer = await ask(city, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/corrections/{found['correction_id']}"
    return found


async def decide(
    city: City, made: dict[str, Any], verb: str = "approval", who: str = "C1", version: int | None = None
) -> httpx.Response:
    body = {"text": "同意"} if verb == "approval" else {"reason": "依据不足"}
    headers = {"if-match": f'"{version or made["version"]}"'}
    return await city.person(who).post(f"/v1/corrections/{made['correction_id']}/{verb}", json=body, headers=headers)


async def test_an_approved_value_changes_a_closed_cell_and_nothing_else(closed: City) -> None:
    before = await closed.scores()
    made = await asked(closed)
    assert (made["state"], made["asked_by"] != "", made["indicator"], made["value"]) == ("asked", True, "COL-01", "1")
    assert await closed.scores() == before, "asking changes nothing"
    answer = await decide(closed, made)
    assert (answer.status_code, answer.json()["state"], answer.headers["etag"]) == (200, "approved", '"2"')
    after = await closed.scores()
    assert {key for key in after if after[key] != before[key]} == {("COL-01", "420102")}
    assert (after["COL-01", "420102"]["score"], after["COL-01", "420102"]["version"]) == ("8.00", 2)
    last = (await told(closed))[-1]
    assert (last.version, last.loss, last.reason, last.note) == (2, "2", "correction", VALUE["reason"])
    assert [event.version for event in await closed.service.events(DeductionsDigested)] == [1, 2]
    (decision,) = (await proof(closed))["decisions"]
    assert (decision["source"], decision["id"]) == ("correction", made["correction_id"])
    assert (decision["value"], decision["replaced"]) == ("1", "2")
    actions = await closed.service.database.reads.fetch(
        "SELECT action FROM trail WHERE object_type = 'correction' AND object_id = $1 ORDER BY id",
        made["correction_id"],
    )
    assert [row["action"] for row in actions] == ["ask", "approve"]


async def test_an_exemption_and_a_fixed_score_and_a_later_one_above_an_earlier(closed: City) -> None:
    await decide(closed, await asked(closed, EXEMPT))
    assert (await closed.scores())["COL-01", "420102"]["state"] == "exempt"
    await decide(closed, await asked(closed, SCORE), who="PO2")
    cell = (await closed.scores())["COL-01", "420102"]
    assert (cell["state"], cell["score"], cell["loss"]) == ("scored", "9.5", "0.5")
    assert [(one.loss, one.reason) for one in await told(closed)] == [
        ("4", "scored"), ("0", "correction"), ("0.5", "correction"),
    ]  # fmt: skip


async def test_an_amendment_that_came_too_late_is_taken_in_by_its_version(closed: City) -> None:
    late = (fact("M-ERR", "420102", "0", 2), fact("M-ERR", "420103", "9", 2))
    await closed.tell(facts(2, *late, amendment="关账后的更正"))
    assert (await closed.scores())["COL-01", "420102"]["score"] == "6.00"
    made = await asked(closed, LATE)
    assert (made["metric"], made["fact_version"], made["indicator"]) == ("M-ERR", 2, None)
    assert (await decide(closed, made)).status_code == 200
    found = await closed.scores()
    assert [found["COL-01", unit]["score"] for unit in DISTRICTS] == ["10.00", "10.00", "10.00"]
    assert (await told(closed))[-1].loss == "0"
    answer = await ask(closed, LATE)
    assert (answer.status_code, answer.json()["code"]) == (409, "correction_changes_nothing")
    back = await asked(closed, {**LATE, "fact_version": 1})
    assert (await decide(closed, back)).status_code == 200
    assert (await closed.scores())["COL-01", "420102"]["score"] == "6.00"


async def test_rejection_needs_a_reason_and_changes_nothing(closed: City) -> None:
    before = await closed.scores()
    made = await asked(closed)
    blank = await closed.person("C1").post(
        f"/v1/corrections/{made['correction_id']}/rejection", json={"reason": " "}, headers={"if-match": '"1"'}
    )
    assert blank.status_code == 422
    answer = (await decide(closed, made, "rejection")).json()
    assert (answer["state"], answer["decision"]) == ("rejected", "依据不足")
    assert await closed.scores() == before
    assert await closed.service.database.reads.fetchval("SELECT count(*) FROM adjudications") == 0


async def test_nobody_decides_on_a_correction_of_their_own_unit(closed: City) -> None:
    """Two people of a district's own office would raise its scores between them."""
    before = await closed.scores()
    seed = closed.service.seed_person
    await seed("DPO2", "420102", "performance_office", scope="subtree")
    await seed("IN2", "420102-S1", "committee", scope="all")
    made = (await ask(closed, who="DPO")).json()
    for verb in ("approval", "rejection"):
        for own in ("DPO2", "IN2"):
            answer = await decide(closed, made, verb, who=own)
            assert (answer.status_code, answer.json()["code"]) == (403, "own_units_correction")
    assert await closed.scores() == before
    assert (await decide(closed, made, who="C1")).status_code == 200, "the control: serves above, not within"


async def test_who_asked_does_not_decide_and_others_need_the_permission(closed: City) -> None:
    made = await asked(closed)
    for verb in ("approval", "rejection"):
        answer = await decide(closed, made, verb, who="PO1")
        assert (answer.status_code, answer.json()["code"]) == (403, "second_person_needed")
        for person, code in (("L2", "forbidden"), ("E1", "forbidden"), ("A1", "forbidden")):
            assert (await decide(closed, made, verb, who=person)).json()["code"] == code
    assert (await ask(closed, who="C1")).json()["code"] == "forbidden"
    assert (await ask(closed, who="DPO")).status_code == 201
    assert (await ask(closed, {**VALUE, "unit": "420103"}, who="DPO")).json()["code"] == "outside_scope"
    elsewhere = await asked(closed, {**EXEMPT, "unit": "420103"})
    assert (await decide(closed, elsewhere, who="DPO")).json()["code"] == "outside_scope"


async def test_two_decisions_at_once_are_one(closed: City) -> None:
    made = await asked(closed)
    answers = await asyncio.gather(
        decide(closed, made), decide(closed, made, who="PO2"), decide(closed, made, "rejection", who="PO2")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert {answer.json().get("code") for answer in answers if answer.status_code == 409} == {"correction_decided"}
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert ((await closed.scores())["COL-01", "420102"]["score"] == "8.00") is (won["state"] == "approved")
    assert (await decide(closed, made, version=2)).json()["code"] == "correction_decided"


async def test_two_corrections_of_one_cell_at_once_and_the_loser_hears_of_the_other(closed: City) -> None:
    """The one decided last counts: whoever waited behind a later decision must not hear that the cell has no result."""
    codes = []
    for number in range(12):
        bodies = [{**VALUE, "value": str(errors)} for errors in (0, number + 3)]
        made = [await asked(closed, body) for body in bodies]
        answers = await asyncio.gather(*map(decide, (closed, closed), made, ("approval",) * 2, ("C1", "PO2")))
        codes += [answer.json()["code"] for answer in answers if answer.status_code == 409]
        won = [answer.json() for answer in answers if answer.status_code == 200]
        last = max(won, key=lambda one: str(one["decided_at"]))
        (decision,) = (await proof(closed))["decisions"]
        assert decision["id"] == last["correction_id"]
        for lost in (one for one, answer in zip(made, answers, strict=True) if answer.status_code == 409):
            assert (await decide(closed, lost)).status_code == 200, "it is still open, and counts once looked at again"
    assert set(codes) <= {"correction_overtaken"}


async def test_a_correction_behind_a_later_decision_is_told_so(closed: City) -> None:
    """The same without a race: a ruling bears a later moment than the approval."""
    await closed.tell(ruling("score", "7", day=20))
    answer = await decide(closed, await asked(closed, SCORE))
    assert (answer.status_code, answer.json()["code"]) == (409, "correction_overtaken")
    assert (await closed.scores())["COL-01", "420102"]["score"] == "7"
    assert (await decide(closed, await asked(closed))).status_code == 200, "an input is another matter than the whole"


async def test_a_decision_is_on_what_was_read_and_repeats_give_the_same_answer(closed: City) -> None:
    key = {"idempotency-key": "ask-1"}
    first, again = [await closed.office.post("/v1/corrections", json=VALUE, headers=key) for _ in range(2)]
    assert first.json() == again.json()
    made = first.json()
    assert (await decide(closed, made, version=7)).status_code == 412
    path = f"/v1/corrections/{made['correction_id']}/approval"
    assert (await closed.person("C1").post(path, json={})).status_code == 428


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"period": "2015-02"}, 409, "period_not_confirmed_yet"),
        ({"period": "2015-13"}, 422, "malformed"),
        ({"set": "NOPE"}, 404, "not_found"),
        ({"unit": "420199"}, 422, "cell_unknown"),
        ({"unit": "420102-S1"}, 422, "cell_unknown"),
        ({"indicator": "COL-04"}, 422, "cell_unknown"),
        ({"indicator": "NOPE"}, 422, "cell_unknown"),
        ({"input": "nothing"}, 422, "correction_value_refused"),
        ({"value": "1.5"}, 422, "correction_value_refused"),
        ({"value": "one"}, 422, "correction_value_refused"),
        ({"value": None}, 422, "malformed"),
        ({"kind": "exempt"}, 422, "malformed"),
        ({"kind": "score"}, 422, "malformed"),
        ({"kind": "gone"}, 422, "malformed"),
        ({"reason": " \n"}, 422, "malformed"),
        ({"document_no": ""}, 422, "malformed"),
        ({"document_on": "2015-02-11"}, 422, "document_in_future"),
        ({"more": 1}, 422, "malformed"),
    ],
)
async def test_bad_requests_bear_their_codes(closed: City, change: dict[str, Any], status: int, code: str) -> None:
    answer = await ask(closed, {**VALUE, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize(
    ("value", "status"),
    [("0", 201), ("0.00", 201), ("10", 201), ("10.00", 201), ("7.25", 201)]
    + [(bad, 422) for bad in ("9999", "10.01", "-0.01", "-1", "7.255", "7.000", "100000000000000000000")],
)
async def test_a_score_is_fixed_within_what_the_rule_may_give(closed: City, value: str, status: int) -> None:
    answer = await ask(closed, {**SCORE, "value": value})
    assert answer.status_code == status
    if status == 422:
        problem = answer.json()
        assert (problem["code"], problem["score"]) == ("score_not_possible", value)
        assert f"核定得分 {value} 不是" in problem["texts"]["zh-CN"]
        assert problem["texts"]["en"].endswith("it gives 0 to 10, with at most 2 decimal places")


async def test_a_score_asked_for_before_there_were_bounds_is_refused_at_approval(closed: City) -> None:
    made = await asked(closed, SCORE)
    owner = await asyncpg.connect(closed.service.dsns.owner)
    await owner.execute("UPDATE corrections SET value = '\"9999\"'")
    await owner.close()
    answer = await decide(closed, made)
    assert (answer.status_code, answer.json()["code"]) == (422, "score_not_possible")
    assert (await closed.scores())["COL-01", "420102"]["score"] == "6.00"


async def test_bad_scores_and_facts_bear_their_codes(closed: City) -> None:
    bad = [
        ({**SCORE, "value": "much"}, 422, "adjudication_unreadable"),
        ({**LATE, "metric": "M-NOPE"}, 422, "fact_unknown"),
        ({**LATE, "fact_version": 9}, 422, "fact_unknown"),
    ]
    for body, status, code in bad:
        answer = await ask(closed, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    await closed.tell(facts(2, fact("M-ERR", "420102", None, 2, state="missing"), amendment="误报"))
    answer = await decide(closed, await asked(closed, LATE))
    assert (answer.status_code, answer.json()["code"]) == (409, "correction_without_result")
    assert (await closed.scores())["COL-01", "420102"]["version"] == 1


async def test_lists_show_units_within_reach_page_by_page(closed: City) -> None:
    for unit in (*DISTRICTS, "420102"):
        await asked(closed, {**EXEMPT, "unit": unit})
    first = (await closed.office.get("/v1/corrections", params={"set": SET, "limit": 3})).json()
    rest = (await closed.office.get("/v1/corrections", params={"set": SET, "cursor": first["next"]})).json()
    assert [item["unit"] for item in (*first["items"], *rest["items"])] == [*DISTRICTS, "420102"]
    assert rest["next"] is None
    mine = (await closed.person("L2").get("/v1/corrections")).json()["items"]
    assert [item["unit"] for item in mine] == ["420102", "420102"]
    other = next(item for item in first["items"] if item["unit"] == "420103")
    assert (await closed.person("L2").get(f"/v1/corrections/{other['correction_id']}")).status_code == 404
    for query, count in (({"state": "approved"}, 0), ({"unit": "420104"}, 1), ({"period": "2015-02"}, 0)):
        assert len((await closed.office.get("/v1/corrections", params=query)).json()["items"]) == count
    assert (await closed.office.get("/v1/corrections", params={"cursor": "x"})).status_code == 422


async def test_a_confirmed_period_takes_corrections_too_and_a_ruling_stands_beside(city: City) -> None:
    await city.service.seed_person("C1", "420100", "committee", scope="all")
    await entered_january(city)
    assert (await decide(city, await asked(city))).status_code == 200
    await city.tell(ruling("score", "7"), facts(2, fact("M-ERR", "420102", "5", 2), amendment="更正"))
    assert (await city.scores())["COL-01", "420102"]["score"] == "7", "a score stands above a value"
    await city.tell(ruling("score", "7", version=2, state="withdrawn"))
    assert (await city.scores())["COL-01", "420102"]["score"] == "8.00", "the correction stands again"
    entries = (await city.office.get(f"/v1/scores/{CELL}")).json()["entries"]
    assert {entry["kind"] for entry in entries} == {"base", "clause", "ruling"}


async def test_a_period_is_closed_once_whoever_tries_at_the_same_moment(city: City) -> None:
    await entered_january(city)
    answers = await asyncio.gather(*(city.step("close") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"period_closed"}
    assert len(await city.service.events(PeriodClosed)) == 1


async def test_peers_follow_a_correction(closed: City) -> None:
    growth = {**VALUE, "indicator": "COL-02", "input": "growth", "value": "9.5"}
    assert (await decide(closed, await asked(closed, growth))).status_code == 200
    found = await closed.scores()
    assert [found["COL-02", unit]["score"] for unit in DISTRICTS] == ["10.00", "8.00", "6.00"]
