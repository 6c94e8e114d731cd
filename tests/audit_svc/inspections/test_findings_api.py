import asyncio
from typing import Any

from shared.contracts.audit import FindingConfirmed
from shared.contracts.identity import metric_id, unit_id
from tests.audit_svc.stage import Stage

FINDING: dict[str, Any] = {
    "problem_type": "M-C1",
    "unit": "A",
    "period": "2015-01",
    "text": "暗访录像",
    "evidence_hash": "b" * 64,
    "occurred_at": "2015-01-21T10:12:00+08:00",
}


async def found(stage: Stage, **more: Any) -> str:
    answer = await stage.inspector.post("/v1/findings", json={**FINDING, **more})
    assert answer.status_code == 201, answer.text
    return f"/v1/findings/{answer.json()['finding_id']}"


async def test_confirmed_by_a_second_inspector_and_counted(stage: Stage) -> None:
    one, two = await found(stage), await found(stage)
    own = await stage.inspector.post(f"{one}/confirmation")
    assert (own.status_code, own.json()["code"]) == (409, "second_person_needed")
    assert (await stage.leader.get(one)).status_code == 404  # covert until confirmed
    answers = await asyncio.gather(*(stage.second.post(f"{path}/confirmation") for path in (one, two)))
    assert [answer.json()["state"] for answer in answers] == ["confirmed", "confirmed"]
    assert (await stage.leader.get(one)).json()["unit"] == "A"
    assert (await stage.other.get(one)).status_code == 404
    assert (await stage.other.get("/v1/findings")).json()["items"] == []
    assert (await stage.second.post(f"{two}/withdrawal", json={"reason": "不属实"})).status_code == 200
    events = await stage.service.events(FindingConfirmed)
    assert [(event.version, event.count) for event in events] == [(1, 1), (2, 2), (3, 1)]
    assert {event.finding_id for event in events} == {events[0].finding_id}
    assert (events[0].metric_id, events[0].unit_id) == (metric_id("M-C1"), unit_id("A"))
    again = await stage.second.post(f"{two}/confirmation")
    assert again.json()["code"] == "finding_step_refused"


async def test_an_inspector_elsewhere_does_not_see_what_is_not_confirmed_in_the_own_unit(stage: Stage) -> None:
    await stage.service.seed_person("BOTH", "A", "unit_liaison")
    await stage.service.seed_person("BOTH", "B", "inspector")
    both = stage.service.client(person="BOTH")
    path = await found(stage)
    assert (await both.get(path)).status_code == 404
    assert (await both.get("/v1/findings")).json()["items"] == []
    await stage.second.post(f"{path}/confirmation")
    assert (await both.get(path)).status_code == 200


async def test_what_nothing_counts_is_refused(stage: Stage) -> None:
    for more, code in (
        ({"problem_type": "M-I1"}, "problem_type_unknown"),
        ({"unit": "A1"}, "problem_type_unknown"),
        ({"period": "2015-Q1"}, "problem_type_unknown"),
        ({"unit": "NOWHERE"}, "malformed"),
        ({"occurred_at": "2015-02-21T10:12:00+08:00"}, "malformed"),
        ({"occurred_at": "2015-01-21T10:12:00"}, "malformed"),
        ({"evidence_hash": "x"}, "malformed"),
        ({"period": "2015-13"}, "malformed"),
    ):
        answer = await stage.inspector.post("/v1/findings", json={**FINDING, **more})
        assert answer.json()["code"] == code, (more, answer.text)
    assert (await stage.leader.post("/v1/findings", json=FINDING)).status_code == 403
    assert await stage.service.events(FindingConfirmed) == []
