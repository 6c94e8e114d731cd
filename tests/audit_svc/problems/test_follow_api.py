import asyncio
import itertools
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.http import encode_cursor
from tests.audit_svc.stage import POLICY, SET, Stage, deducted, deduction, digested, scores


async def test_one_problem_per_deduction_that_follows_its_versions(stage: Stage) -> None:
    assert (await stage.publish_policy()).status_code == 200
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["tier"], problem["loss"]) == ("open", "red", "9")
    assert problem["interview"]["state"] == "planned"
    assert problem["respond_by"] == "2015-03-17"
    await stage.service.deliver(
        deducted(deduction("A", "2015-02", "0", version=2, reason="fact_amended", note="系统重复取数"))
    )
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["reason"], problem["note"]) == ("lifted", "fact_amended", "系统重复取数")
    assert problem["interview"]["state"] == "withdrawn"
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    assert (await stage.problem("A", "2015-02"))["state"] == "lifted"
    await stage.service.deliver(deducted(deduction("A", "2015-02", "8", version=3, reason="correction")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["interview"]["state"], len(problem["versions"])) == ("open", "planned", 3)
    whats = [one["what"] for one in problem["timeline"]]
    assert whats.count("opened") == 1
    assert {"lifted", "reopened", "interview_withdrawn"} <= set(whats)


async def final_state(stage: Stage) -> Any:
    rows = await stage.service.database.reads.fetch(
        "SELECT p.deduction_id, p.deduction_version, p.loss, p.state, p.tier, p.case_id, i.state AS interview, "
        "c.tier AS case_tier, c.repeats FROM problems p LEFT JOIN cases c USING (case_id) "
        "LEFT JOIN interviews i USING (case_id) ORDER BY 1"
    )
    return [tuple(row) for row in rows]


async def test_the_order_of_events_does_not_matter(stage: Stage) -> None:
    events = [
        deducted(deduction("A", "2015-01", "1")),
        deducted(deduction("A", "2015-02", "2")),
        deducted(deduction("A", "2015-03", "3")),
        deducted(deduction("A", "2015-02", "4", version=2)),
    ]
    seen = set()
    tables = "problems, problem_versions, cases, interviews, timeline, policies"
    for number, order in enumerate(itertools.permutations([*events, None])):
        if number % 5:
            continue
        async with asyncio.timeout(20):
            owner = await _owner(stage)
            await owner.execute(f"TRUNCATE {tables}")
            await owner.close()
            for event in order:
                if event is None:
                    assert (await stage.publish_policy()).status_code == 200
                else:
                    await stage.service.deliver(event, times=1)
        seen.add(str(await final_state(stage)))
    assert len(seen) == 1, seen
    assert seen.pop().count("'red'") == 4  # the third in a quarter is red, and with it the case of all three


async def _owner(stage: Stage) -> Any:
    import asyncpg  # noqa: PLC0415

    return await asyncpg.connect(stage.service.dsns.owner)


async def test_without_a_policy_a_deduction_is_recorded_and_judged_later(stage: Stage) -> None:
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9"), deduction("B", "2015-02", "1")))
    assert (await stage.problem("A", "2015-02"))["tier"] == "unassigned"
    first = await stage.publish_policy()
    assert first.json() == {"code": "P", "version": 1}
    assert (await stage.problem("A", "2015-02"))["tier"] == "red"
    assert (await stage.problem("B", "2015-02"))["tier"] == "yellow"
    assert (await stage.publish_policy()).status_code == 428
    assert (await stage.publish_policy(**{"if-match": '"7"'})).status_code == 412
    milder = {**POLICY, "tiers": POLICY["tiers"][1:]}
    assert (await stage.publish_policy(milder, **{"if-match": '"1"'})).json()["version"] == 2
    problem = await stage.problem("A", "2015-02")
    assert (problem["tier"], problem["interview"]["state"]) == ("yellow", "withdrawn")


async def test_a_version_for_later_leaves_earlier_problems_as_they_were_judged(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    later = {**POLICY, "effective_from": "2015-07-01"}
    answer = await stage.publish_policy(later, **{"if-match": '"1"'})
    assert answer.json()["version"] == 2, answer.text
    problem = await stage.problem("A", "2015-02")
    assert (problem["tier"], problem["policy_version"]) == ("red", 1)
    assert problem["interview"]["state"] == "planned"


async def test_a_bad_policy_is_refused_with_a_pointer(stage: Stage) -> None:
    bad = {**POLICY, "tiers": [{**POLICY["tiers"][0], "make_up_share": 0.5}]}
    answer = await stage.publish_policy(bad)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/tiers/0/make_up_share")
    forbidden = await stage.leader.put("/v1/policies/P", json=POLICY)
    assert forbidden.status_code == 403


async def test_each_sees_only_their_own_units(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9"), deduction("B", "2015-02", "9")))
    own = (await stage.leader.get("/v1/problems")).json()["items"]
    assert [one["unit"] for one in own] == ["A"]
    assert [one["unit"] for one in (await stage.other.get("/v1/cases")).json()["items"]] == ["B"]
    foreign = await stage.other.get(f"/v1/problems/{own[0]['problem_id']}")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    assert len((await stage.office.get("/v1/problems")).json()["items"]) == 2
    page = (await stage.office.get("/v1/problems", params={"limit": 1})).json()
    rest = (await stage.office.get("/v1/problems", params={"limit": 1, "cursor": page["next"]})).json()
    assert {page["items"][0]["unit"], rest["items"][0]["unit"]} == {"A", "B"}
    assert rest["next"] is None
    assert (await stage.office.get("/v1/cases", params={"cursor": "x"})).status_code == 422


async def test_a_service_learns_what_became_of_deductions_and_nothing_else(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9"), deduction("B", "2015-02", "9")))
    problems = {one["deduction_id"]: one for one in (await stage.office.get("/v1/problems")).json()["items"]}
    peer, told = stage.service.client(client="peer"), {"set": SET, "period": "2015-02", "limit": 1}
    first = (await peer.get("/v1/problem-register", params=told)).json()
    second = (await peer.get("/v1/problem-register", params={**told, "cursor": first["next"]})).json()
    assert second["next"] is None
    rows = first["items"] + second["items"]
    names = ("deduction_id", "problem_id", "state", "overdue")
    assert {one["deduction_id"]: one for one in rows} == {
        key: {name: problem[name] for name in names} for key, problem in problems.items()
    }
    other = await peer.get("/v1/problem-register", params={**told, "period": "2015-03"})
    assert other.json() == {"items": [], "next": None}
    refused = await stage.office.get("/v1/problem-register", params=told)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("path", ["problems", "cases", "interviews", "rectifications", "findings"])
async def test_a_forged_cursor_is_malformed(stage: Stage, path: str) -> None:
    for key in (("2015-01-01", "no id"), ("no day\0", str(UUID(int=1)))):
        answer = await stage.auditor.get(f"/v1/{path}", params={"cursor": encode_cursor(*key)})
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), answer.text


async def test_text_that_cannot_be_kept_is_malformed(stage: Stage) -> None:
    policy = {**POLICY, "name": "办法\0"}
    answer = await stage.publish_policy(policy)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


async def test_a_dropped_event_is_named_as_a_gap(stage: Stage) -> None:
    one, two = deduction("A", "2015-02", "9"), deduction("B", "2015-02", "1.5")
    await stage.service.deliver(scores("2015-02", ("I1", "A", "9"), ("I1", "B", "1.5"), ("I2", "A", "0")))
    await stage.service.deliver(digested("2015-02", one, two))
    await stage.service.deliver(deducted(one))
    path, params = "/v1/reconciliation", {"set": "S", "period": "2015-02"}
    found = (await stage.office.get(path, params=params)).json()
    assert (found["in_step"], found["deductions"], found["problems"]) == (False, 2, 1)
    gap = found["gaps"][0]
    assert len(found["gaps"]) == 1
    assert (gap["side"], gap["unit"], gap["indicator"], gap["deduction_id"]) == (
        "problem_missing", "B", "I1", str(two.deduction_id),
    )  # fmt: skip
    await stage.service.deliver(deducted(two))
    found = (await stage.office.get(path, params=params)).json()
    assert (found["in_step"], found["gaps"]) == (True, [])
    await stage.service.deliver(deducted(deduction("A", "2015-02", "8", version=2)))
    found = (await stage.office.get(path, params=params)).json()
    assert [gap["side"] for gap in found["gaps"]] == ["problem_behind"]
    assert (await stage.leader.get(path, params=params)).status_code == 403


async def test_conflicting_deliveries_at_once_leave_one_problem_and_one_interview(stage: Stage) -> None:
    await stage.publish_policy()
    events = [
        deducted(deduction("A", period, "9", version=version), deduction("B", period, "9", version=version))
        for version in (1, 2, 3)
        for period in ("2015-01", "2015-02")
    ]
    await asyncio.gather(*(stage.service.deliver(event) for event in events))
    state = await final_state(stage)
    assert len(state) == 4
    assert {row[1] for row in state} == {3}
    interviews = await stage.service.database.reads.fetchval("SELECT count(*) FROM interviews")
    assert interviews == 2


async def test_cause_analysis_needs_the_version_that_was_read(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    problem = await stage.problem("A", "2015-02")
    path = f"/v1/problems/{problem['problem_id']}/cause-analysis"
    body = {"causes": [{"kind": "process", "text": "未比对"}], "text": "未及时比对"}
    assert (await stage.liaison.post(path, json=body)).status_code == 428
    seen = {"if-match": f'"{problem["version"]}"'}
    answers = await asyncio.gather(*(stage.liaison.post(path, json=body, headers=seen) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]
    assert (await stage.other.post(path, json=body, headers=seen)).status_code == 404
    assert (await stage.problem("A", "2015-02"))["cause"]["text"] == "未及时比对"


@pytest.mark.parametrize("limit", [200])
async def test_a_chunk_of_200_is_quick(stage: Stage, limit: int) -> None:
    await stage.publish_policy()
    chunk = deducted(
        *(deduction("A", f"2015-{m:02d}", "9", indicator=f"X{i}") for m in (1, 2) for i in range(limit // 2))
    )
    started = asyncio.get_running_loop().time()
    await stage.service.deliver(chunk, times=1)
    took = asyncio.get_running_loop().time() - started
    count = await stage.service.database.reads.fetchval("SELECT count(*) FROM problems")
    assert count == limit
    assert took < 3, f"{took:.3f} s"


async def test_the_policy_of_the_pack_is_accepted_as_it_stands(stage: Stage) -> None:
    pack = json.loads((Path(__file__).parents[3] / "deploy/local/wuhan2015/policy.json").read_text("utf-8"))
    answer = await stage.office.put(f"/v1/policies/{pack['code']}", json=pack)
    assert answer.status_code == 200, answer.text
    await stage.service.deliver(deducted(deduction("A", "2015-02", "8.64", full="9")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["tier"], problem["policy"], problem["interview"]["interviewer_post"]) == (
        "red", pack["code"], "局长",
    )  # fmt: skip
    shown = await stage.leader.get(f"/v1/policies/{pack['code']}")
    assert (shown.json()["version"], shown.headers["etag"]) == (1, '"1"')
    assert [tier["tier"] for tier in shown.json()["tiers"]] == ["red", "orange", "yellow"]
