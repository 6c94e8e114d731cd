"""Who left the post after the talk is succeeded: the record stands, and the successor signs for who talked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from itertools import count
from typing import Any, Literal
from uuid import uuid5

import httpx

from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import AppointmentChanged, PersonChanged
from shared.contracts.roles import Role, Scope
from tests.audit_svc.interviews.test_interviews_api import held
from tests.audit_svc.stage import Stage, deducted, deduction

_VERSIONS = count(10)  # the directory lives as long as the session


async def term(stage: Stage, code: str, unit: str, role: str, *, revoked: bool) -> None:
    """End an appointment that was seeded, or let it stand again."""
    subject, now = str(person_id(code)), datetime(2015, 1, 1, tzinfo=UTC)
    await stage.service.deliver(
        AppointmentChanged(
            appointment_id=uuid5(unit_id(unit), f"{subject}/{role}"), version=next(_VERSIONS), subject=subject,
            role=Role(role), unit_id=unit_id(unit), scope=Scope.ALL if role == "committee" else Scope.SUBTREE,
            effective_from=date(2000, 1, 1), effective_to=None, recorded_at=now, revoked_at=now if revoked else None,
        )
    )  # fmt: skip
    # What a caller holds is remembered for some seconds; the tests do not wait for it.
    stage.service.app.state.authenticator._actors.clear()


async def post(stage: Stage, code: str, name: str) -> None:
    """Give a person of the city bureau a post."""
    person = {"person_id": person_id(code), "code": code, "name": "人员", "unit_id": unit_id("CITY"), "post": name}
    await stage.service.deliver(PersonChanged(**person, version=next(_VERSIONS)))


@asynccontextmanager
async def recalled(stage: Stage, how: Literal["term", "post"] = "term") -> AsyncIterator[httpx.AsyncClient]:
    """The head is recalled, or moves to another post; NEXT has taken over. Afterwards all is as before."""
    await stage.service.seed_person("NEXT", "CITY", "committee", scope="all")
    await post(stage, "NEXT", "局长")
    if how == "term":
        await term(stage, "HEAD", "CITY", "committee", revoked=True)
    else:
        await post(stage, "HEAD", "调研员")
    try:
        yield stage.service.client(person="NEXT")
    finally:
        await post(stage, "NEXT", "干部")
        await post(stage, "HEAD", "局长")
        await term(stage, "HEAD", "CITY", "committee", revoked=False)


async def succeed(stage: Stage, interview_id: str, person: str = "NEXT", **more: Any) -> httpx.Response:
    """The office names a successor on what it reads now."""
    path = f"/v1/interviews/{interview_id}"
    version = more.pop("version", None) or (await stage.office.get(path)).json()["version"]
    body = {"side": "interviewer", "person": person, "reason": "调离", **more}
    return await stage.office.post(f"{path}/successions", json=body, headers={"if-match": f'"{version}"'})


async def test_the_successor_signs_for_who_talked_and_the_record_shows_both(stage: Stage) -> None:
    interview = await held(stage)
    path = f"/v1/interviews/{interview['id']}"
    sign = {"side": "interviewer", "content_hash": interview["hash"]}
    await stage.leader.post(f"{path}/signatures", json={**sign, "side": "interviewee"})
    before = (await stage.office.get(path)).json()
    async with recalled(stage) as following:
        assert (await stage.head.post(f"{path}/signatures", json=sign)).status_code == 403
        unnamed = await following.post(f"{path}/signatures", json=sign)
        assert unnamed.json()["code"] == "not_the_named_person"
        body = {"side": "interviewer", "person": "NEXT", "reason": "原局长调离"}
        unread = await stage.office.post(f"{path}/successions", json=body)
        assert (unread.status_code, unread.json()["code"]) == (428, "if_match_required")
        named = await succeed(stage, interview["id"], reason="原局长调离")
        assert named.status_code == 200, named.text
        assert (named.json()["state"], named.json()["signed"]) == ("held", ["interviewee"])
        assert named.json()["content_hash"] == interview["hash"]
        both = await following.post(f"{path}/signatures", json=sign)
        assert (both.json()["state"], both.json()["signed"]) == ("signed", ["interviewee", "interviewer"])
    shown = (await stage.office.get(path)).json()
    assert (shown["interviewer"], shown["interviewee"]) == ("HEAD", "LEADER-A")
    assert (shown["records"], shown["notice"]) == (before["records"], before["notice"])
    signed = {one["side"]: (one["person"], one["signed_for"]) for one in shown["signatures"]}
    assert signed == {"interviewee": ("LEADER-A", None), "interviewer": ("NEXT", "HEAD")}
    assert before["signatures"][0] in shown["signatures"]
    made = shown["successions"]
    assert [(one["side"], one["predecessor"], one["person"], one["reason"]) for one in made] == [
        ("interviewer", "HEAD", "NEXT", "原局长调离")
    ]
    assert (made[0]["named_by"], made[0]["version"]) == (str(person_id("OFFICE")), before["version"] + 1)
    problem = await stage.problem("A", "2015-02")
    told = {one["what"]: one["detail"] for one in problem["timeline"]}
    assert told["interview_succeeded"]["person_id"] == str(person_id("NEXT"))
    assert told["interview_signed"]["signed_for"] == str(person_id("HEAD"))
    trailed = await stage.service.database.reads.fetchval(
        "SELECT count(*) FROM trail WHERE action = 'interview_succeeded' AND object_id = $1", interview["id"]
    )
    assert trailed == 1


async def test_who_is_still_in_post_or_has_signed_is_not_replaced(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    planned = await stage.interview("A", "2015-02")
    early = await succeed(stage, planned["interview_id"], "AUDITOR")
    assert (early.status_code, early.json()["code"]) == (409, "interview_step_refused")
    interview = await held(stage)
    unknown = await succeed(stage, interview["id"], "NOBODY")
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/person")
    in_post = await succeed(stage, interview["id"], "AUDITOR")
    assert (in_post.status_code, in_post.json()["code"]) == (409, "still_in_post")
    path = f"/v1/interviews/{interview['id']}/signatures"
    first = await stage.head.post(path, json={"side": "interviewer", "content_hash": interview["hash"]})
    assert first.json().get("signed") == ["interviewer"], first.text
    async with recalled(stage):
        signed = await succeed(stage, interview["id"])
        assert (signed.status_code, signed.json()["code"]) == (409, "already_signed")


async def test_only_the_holder_of_the_post_who_may_sign_succeeds(stage: Stage) -> None:
    interview = await held(stage)
    async with recalled(stage, "post"):
        for other in ("AUDITOR", "LEADER-A", "HEAD"):
            refused = await succeed(stage, interview["id"], other)
            assert (refused.status_code, refused.json()["code"]) == (409, "successor_not_entitled")
        await term(stage, "NEXT", "CITY", "committee", revoked=True)
        powerless = await succeed(stage, interview["id"])
        assert powerless.json()["code"] == "successor_not_entitled"
        await term(stage, "NEXT", "CITY", "committee", revoked=False)
        assert (await succeed(stage, interview["id"])).status_code == 200
        forbidden = await stage.leader.post(
            f"/v1/interviews/{interview['id']}/successions",
            json={"side": "interviewer", "person": "NEXT", "reason": "x"},
            headers={"if-match": '"1"'},
        )
        assert forbidden.status_code == 403


async def test_two_who_name_at_once_do_not_overwrite_each_other(stage: Stage) -> None:
    interview = await held(stage)
    async with recalled(stage):
        version = (await stage.office.get(f"/v1/interviews/{interview['id']}")).json()["version"]
        answers = await asyncio.gather(*(succeed(stage, interview["id"], version=version) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        again = await succeed(stage, interview["id"])
        assert (again.status_code, again.json()["code"]) == (409, "still_in_post")
    shown = (await stage.office.get(f"/v1/interviews/{interview['id']}")).json()
    assert len(shown["successions"]) == 1


async def test_events_and_edits_after_it_leave_the_succession(stage: Stage) -> None:
    interview = await held(stage)
    path = f"/v1/interviews/{interview['id']}"
    async with recalled(stage) as following:
        await succeed(stage, interview["id"])
        # Neither the next version of the loss, nor the same again, nor a late word about the predecessor names anybody.
        await stage.service.deliver(deducted(deduction("A", "2015-02", "9.5", version=2)))
        await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
        await term(stage, "HEAD", "CITY", "committee", revoked=False)
        sign = {"side": "interviewer", "content_hash": interview["hash"]}
        late = await stage.head.post(f"{path}/signatures", json=sign)
        assert late.json()["code"] == "not_the_named_person"
        partial = {"side": "interviewee", "reason": "有异议", "witness": "NEXT"}
        assert (await stage.office.post(f"{path}/refusals", json=partial)).json()["code"] == "witness_takes_part"
        version = (await stage.office.get(path)).json()["version"]
        absent = await stage.record(interview["id"], version, talkers=["NEXT"])
        assert absent.json()["code"] == "named_person_absent"
        recording = await stage.record(interview["id"], version, recorder="NEXT")
        assert recording.json()["code"] == "recorder_takes_part"
        edited = (await stage.record(interview["id"], version, explanation="更正")).json()
        fresh = {"side": "interviewer", "content_hash": edited["content_hash"]}
        assert (await following.post(f"{path}/signatures", json=fresh)).json()["signed"] == ["interviewer"]
        after = await stage.leader.post(f"{path}/signatures", json={**fresh, "side": "interviewee"})
        assert after.json()["state"] == "signed"


async def test_who_recorded_the_talk_does_not_sign_it(stage: Stage) -> None:
    await stage.service.seed_person("NEXT", "CITY")
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    interview = await stage.interview("A", "2015-02")
    version = (await stage.notice(interview)).json()["version"]
    await stage.record(interview["interview_id"], version, recorder="NEXT")
    async with recalled(stage):
        refused = await succeed(stage, interview["interview_id"])
        assert (refused.status_code, refused.json()["code"]) == (409, "recorder_takes_part")


async def test_a_new_leader_signs_for_the_unit_and_its_commitments_become_actions(stage: Stage) -> None:
    interview = await held(stage)
    problem = await stage.problem("A", "2015-02")
    action = {"action": "一", "owner": "LIAISON-A", "due": "2015-03-20"}
    plan = {"problem_id": problem["problem_id"], "plan": "整改", "actions": [action]}
    made = (await stage.liaison.post("/v1/rectifications", json=plan)).json()
    path = f"/v1/interviews/{interview['id']}/signatures"
    sign = {"side": "interviewer", "content_hash": interview["hash"]}
    await stage.head.post(path, json=sign)
    in_post = await succeed(stage, interview["id"], "LIAISON-A", side="interviewee")
    assert in_post.json()["code"] == "still_in_post"
    await stage.service.seed_person("LEADER-2", "A", "unit_leader", scope="subtree")
    await term(stage, "LEADER-2", "A", "unit_leader", revoked=False)
    await term(stage, "LEADER-A", "A", "unit_leader", revoked=True)
    try:
        named = await succeed(stage, interview["id"], "LEADER-2", side="interviewee")
        assert named.status_code == 200, named.text
        second = stage.service.client(person="LEADER-2")
        both = await second.post(path, json={**sign, "side": "interviewee"})
        assert both.json()["state"] == "signed"
        shown = (await second.get(f"/v1/rectifications/{made['rectification_id']}")).json()
        assert [one["source"] for one in shown["actions"]] == ["plan", "commitment"]
    finally:
        await term(stage, "LEADER-A", "A", "unit_leader", revoked=False)
        await term(stage, "LEADER-2", "A", "unit_leader", revoked=True)
