import asyncio

from tests.audit_svc.stage import POLICY, Stage, deducted, deduction


async def held(stage: Stage) -> dict[str, str]:
    """An interview that was noticed and recorded; returns its id and the hash of the record."""
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    interview = await stage.interview("A", "2015-02")
    noticed = await stage.notice(interview)
    assert noticed.status_code == 200, noticed.text
    recorded = await stage.record(interview["interview_id"], noticed.json()["version"])
    assert recorded.status_code == 200, recorded.text
    return {
        "id": interview["interview_id"],
        "hash": recorded.json()["content_hash"],
        "number": noticed.json()["number"],
    }


async def test_from_the_notice_to_both_signatures(stage: Stage) -> None:
    interview = await held(stage)
    assert interview["number"] == "2015-Q1-001"
    path = f"/v1/interviews/{interview['id']}/signatures"
    sign = {"side": "interviewer", "content_hash": interview["hash"]}
    wrong = await stage.leader.post(path, json=sign)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "not_the_named_person")
    assert (await stage.head.post(path, json=sign)).json()["state"] == "held"
    again = await stage.head.post(path, json=sign)
    assert (again.status_code, again.json()["code"]) == (409, "already_signed")
    both = await stage.leader.post(path, json={**sign, "side": "interviewee"})
    assert (both.json()["state"], both.json()["signed"]) == ("signed", ["interviewee", "interviewer"])
    assert (await stage.problem("A", "2015-02"))["interview"]["state"] == "signed"
    assert (await stage.office.post(path, json=sign)).status_code == 403
    assert (await stage.other.post(path, json=sign)).status_code == 404


async def test_a_later_edit_needs_both_signatures_again(stage: Stage) -> None:
    interview = await held(stage)
    path = f"/v1/interviews/{interview['id']}"
    sign = {"side": "interviewer", "content_hash": interview["hash"]}
    await stage.head.post(f"{path}/signatures", json=sign)
    await stage.leader.post(f"{path}/signatures", json={**sign, "side": "interviewee"})
    version = (await stage.office.get(path)).json()["version"]
    assert (await stage.record(interview["id"], version - 1)).status_code == 412
    edited = (await stage.record(interview["id"], version, explanation="补充说明")).json()
    assert (edited["state"], edited["signed"], edited["record_version"]) == ("held", [], 2)
    stale = await stage.leader.post(f"{path}/signatures", json={**sign, "side": "interviewee"})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_signature")
    fresh = {"side": "interviewee", "content_hash": edited["content_hash"]}
    assert (await stage.leader.post(f"{path}/signatures", json=fresh)).json()["signed"] == ["interviewee"]
    shown = (await stage.leader.get(path)).json()
    assert (len(shown["records"]), len(shown["signatures"]), shown["record"]["record_version"]) == (2, 3, 2)


async def test_a_refusal_to_sign_is_recorded(stage: Stage) -> None:
    interview = await held(stage)
    path = f"/v1/interviews/{interview['id']}"
    body = {"side": "interviewee", "reason": "有异议", "witness": "OFFICE"}
    assert (await stage.leader.post(f"{path}/refusals", json=body)).status_code == 403
    unknown = await stage.office.post(f"{path}/refusals", json={**body, "witness": "NOBODY"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/witness")
    partial = await stage.office.post(f"{path}/refusals", json={**body, "witness": "HEAD"})
    assert (partial.status_code, partial.json()["code"]) == (409, "witness_takes_part")
    refused = await stage.office.post(f"{path}/refusals", json=body)
    assert refused.json()["state"] == "refused_to_sign"
    sign = {"side": "interviewer", "content_hash": interview["hash"]}
    assert (await stage.head.post(f"{path}/signatures", json=sign)).json()["state"] == "refused_to_sign"
    assert (await stage.leader.post(f"{path}/signatures", json={**sign, "side": "interviewee"})).json()[
        "state"
    ] == "signed"


async def test_serial_numbers_have_neither_gaps_nor_twins(stage: Stage) -> None:
    await stage.publish_policy()
    chunk = [deduction("A", "2015-02", "9", indicator=f"X{number}") for number in range(12)]
    await stage.service.deliver(deducted(*chunk))
    interviews = (await stage.office.get("/v1/interviews")).json()["items"]
    refused = [stage.notice(one, interviewer="LEADER-B") for one in interviews]
    good = [stage.notice(one) for one in interviews for _ in range(2)]
    answers = await asyncio.gather(*refused, *good)
    codes = [answer.json()["code"] for answer in answers[:12] if answer.status_code != 200]
    assert set(codes) <= {"interviewer_not_entitled", "stale"}
    assert sum(answer.status_code == 200 for answer in answers) == 12
    numbers = sorted(one["number"] for one in (await stage.office.get("/v1/interviews")).json()["items"])
    assert numbers == [f"2015-Q1-{number:03d}" for number in range(1, 13)]


async def test_who_takes_part_is_checked(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    interview = await stage.interview("A", "2015-02")
    wrong = await stage.notice(interview, interviewee="LEADER-B")
    assert wrong.json()["code"] == "interviewee_not_leader"
    early = await stage.record(interview["interview_id"], interview["version"])
    assert early.json()["code"] == "interview_step_refused"
    version = (await stage.notice(interview)).json()["version"]
    absent = await stage.record(interview["interview_id"], version, talkers=["AUDITOR"])
    assert absent.json()["code"] == "named_person_absent"
    partial = await stage.record(interview["interview_id"], version, recorder="HEAD")
    assert partial.json()["code"] == "recorder_takes_part"
    unknown = await stage.record(interview["interview_id"], version, talked_to=["LEADER-A", "NOBODY"])
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/talked_to/1")


async def test_a_withdrawn_interview_cannot_be_held(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    interview = await stage.interview("A", "2015-02")
    noticed = (await stage.notice(interview)).json()
    lifted = deduction("A", "2015-02", "0", version=2, reason="fact_amended", note="复核")
    await stage.service.deliver(deducted(lifted))
    withdrawn = await stage.interview("A", "2015-02")
    assert (withdrawn["state"], withdrawn["reason"]) == ("withdrawn", "复核")
    refused = await stage.record(interview["interview_id"], noticed["version"])
    assert refused.status_code == 412
    refused = await stage.record(interview["interview_id"], withdrawn["version"])
    assert refused.json()["code"] == "interview_step_refused"
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9", version=3)))
    again = await stage.interview("A", "2015-02")
    assert (again["state"], again["number"]) == ("planned", noticed["number"])
    assert (await stage.notice(again, place="另一会议室")).json()["number"] == noticed["number"]


async def test_a_loss_after_the_talk_calls_for_another_one(stage: Stage) -> None:
    interview = await held(stage)
    path = f"/v1/interviews/{interview['id']}"
    for side, caller in (("interviewer", stage.head), ("interviewee", stage.leader)):
        await caller.post(f"{path}/signatures", json={"side": side, "content_hash": interview["hash"]})
    march = deduction("A", "2015-03", "9")
    for _ in range(2):
        await stage.service.deliver(deducted(march))
    first, second = (
        (await stage.problem("A", "2015-02"))["interview"],
        (await stage.problem("A", "2015-03"))["interview"],
    )
    assert (first["interview_id"], first["no"], first["state"]) == (interview["id"], 1, "signed")
    assert (second["no"], second["state"], second["number"]) == (2, "planned", None)
    case = (await stage.problem("A", "2015-03"))["case_id"]
    listed = (await stage.office.get("/v1/interviews", params={"case_id": case})).json()["items"]
    assert sorted(one["no"] for one in listed) == [1, 2]
    noticed = await stage.notice(second)
    assert noticed.json()["number"] == "2015-Q1-002"
    lifted = deduction("A", "2015-03", "0", version=2, reason="fact_amended", note="复核")
    await stage.service.deliver(deducted(lifted))
    listed = (await stage.office.get("/v1/interviews", params={"case_id": case})).json()["items"]
    assert {one["no"]: one["state"] for one in listed} == {1: "signed", 2: "withdrawn"}


async def test_the_record_of_a_closed_case_stands(stage: Stage) -> None:
    interview = await held(stage)
    path = f"/v1/interviews/{interview['id']}"
    for side, caller in (("interviewer", stage.head), ("interviewee", stage.leader)):
        await caller.post(f"{path}/signatures", json={"side": side, "content_hash": interview["hash"]})
    await stage.service.deliver(deducted(deduction("A", "2015-02", "0", version=2, reason="ruling")))
    case = (await stage.problem("A", "2015-02"))["case_id"]
    assert (await stage.auditor.get(f"/v1/cases/{case}")).json()["state"] == "closed"
    version = (await stage.office.get(path)).json()["version"]
    edited = await stage.record(interview["id"], version, explanation="补充说明")
    assert (edited.status_code, edited.json()["code"]) == (409, "case_closed")


async def test_a_graver_loss_before_the_talk_needs_a_new_notice(stage: Stage) -> None:
    orange = {
        **POLICY["tiers"][0],
        "tier": "orange",
        "any_of": [{"share_at_least": "0.4"}],
        "interviewer_post": "副局长",
    }
    await stage.publish_policy({**POLICY, "tiers": [POLICY["tiers"][0], orange, POLICY["tiers"][1]]})
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    await stage.service.deliver(deducted(deduction("A", "2015-02", "5", version=2)))
    planned = await stage.interview("A", "2015-02")
    assert (planned["state"], planned["interviewer_post"]) == ("planned", "副局长")
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9", version=3)))
    noticed = await stage.notice(await stage.interview("A", "2015-02"))
    assert noticed.status_code == 200, noticed.text
    await stage.service.deliver(deducted(deduction("A", "2015-02", "5", version=4)))
    again = await stage.interview("A", "2015-02")
    assert (again["state"], again["interviewer_post"], again["number"]) == ("planned", "副局长", "2015-Q1-001")
    refused = await stage.record(again["interview_id"], again["version"])
    assert refused.json()["code"] == "interview_step_refused"
