from uuid import UUID, uuid4

import msgspec

from services.audit_svc.problems.domain import problem_id_of
from shared.contracts.audit import MakeupVerified
from shared.contracts.scoring import PointsRegained
from tests.audit_svc.stage import Stage, deducted, deduction, scores


async def opened(stage: Stage, loss: str = "9") -> str:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", loss)))
    return str((await stage.problem("A", "2015-02"))["problem_id"])


def regained(event: MakeupVerified) -> PointsRegained:
    return PointsRegained(
        entry_id=uuid4(), problem_id=event.problem_id, deduction_id=event.deduction_id, unit_id=event.unit_id,
        period=event.verified_in, points=event.points,
    )  # fmt: skip


async def test_cured_verified_by_the_next_figure_and_struck_off(stage: Stage) -> None:
    problem_id = await opened(stage, "1.25")
    await stage.cured(problem_id)
    assert (await stage.problem("A", "2015-02"))["state"] == "reported"
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["verified_in"], problem["makeup_points"]) == ("verified", "2015-03", "0.38")
    events = await stage.service.events(MakeupVerified)
    assert [(event.points, str(event.problem_id)) for event in events] == [("0.38", problem_id)]
    await stage.service.deliver(regained(events[0]))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["regained"]) == ("struck_off", "0.38")
    case = (await stage.auditor.get(f"/v1/cases/{problem['case_id']}")).json()
    assert (case["state"], case["closed_on"]) == ("closed", "2015-03-10")
    await stage.service.deliver(deducted(deduction("A", "2015-04", "1")))
    second = await stage.problem("A", "2015-04")
    assert second["case_id"] != problem["case_id"]


async def test_a_figure_that_comes_before_the_report_is_kept(stage: Stage) -> None:
    problem_id = await opened(stage)
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    assert (await stage.problem("A", "2015-02"))["state"] == "open"
    await stage.cured(problem_id)
    assert (await stage.problem("A", "2015-02"))["state"] == "verified"
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0"), version=2))
    assert len(await stage.service.events(MakeupVerified)) == 1


async def test_a_figure_that_still_loses_does_not_verify(stage: Stage) -> None:
    problem_id = await opened(stage)
    await stage.cured(problem_id)
    await stage.service.deliver(scores("2015-03", ("I1", "A", "2")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["verifications"][0]["outcome"]) == ("reported", "not_cured")
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0"), version=2))
    problem = await stage.problem("A", "2015-02")
    assert [one["outcome"] for one in problem["verifications"]] == ["not_cured", "cured"]
    assert problem["state"] == "verified"


async def test_an_earlier_or_foreign_figure_proves_nothing(stage: Stage) -> None:
    await stage.cured(await opened(stage))
    await stage.service.deliver(scores("2015-01", ("I1", "A", "0")))
    await stage.service.deliver(scores("2015-03", ("I1", "B", "0"), ("I2", "A", "0")))
    await stage.service.deliver(scores("2015-Q2", ("I1", "A", "0")))
    assert (await stage.problem("A", "2015-02"))["state"] == "reported"
    assert await stage.service.events(MakeupVerified) == []


async def test_the_gates(stage: Stage) -> None:
    problem_id = await opened(stage)
    plan = {
        "problem_id": problem_id,
        "plan": "整改",
        "actions": [
            {"action": "一", "owner": "LIAISON-A", "due": "2015-03-20"},
            {"action": "二", "owner": "LIAISON-A", "due": "2015-03-10"},
        ],
    }
    assert (await stage.other.post("/v1/rectifications", json=plan)).status_code == 404
    assert (await stage.office.post("/v1/rectifications", json=plan)).status_code == 403
    made = (await stage.liaison.post("/v1/rectifications", json=plan)).json()
    path = f"/v1/rectifications/{made['rectification_id']}"
    assert [action["overdue"] for action in made["actions"]] == [False, False]
    evidence = {"note": "清单", "hash": "a" * 64}
    early = await stage.liaison.post(f"{path}/actions/1/completion", json=evidence)
    assert early.json()["code"] == "plan_not_accepted"
    forbidden = await stage.leader.post(f"{path}/acceptance", headers={"if-match": '"1"'})
    assert forbidden.status_code == 403
    assert (await stage.liaison.post("/v1/rectifications", json=plan)).status_code == 428
    revised = await stage.liaison.post(
        "/v1/rectifications", json={**plan, "actions": plan["actions"][:1]}, headers={"if-match": '"1"'}
    )
    assert [action["state"] for action in revised.json()["actions"]] == ["dropped", "dropped", "open"]
    accepted = (await stage.accept(revised.json())).json()
    assert accepted["state"] == "rectifying"
    assert (await stage.accept(accepted)).json()["code"] == "problem_step_refused"
    open_still = await stage.leader.post(f"{path}/report", json={"text": "完成"})
    assert (open_still.status_code, open_still.json()["code"]) == (409, "actions_not_ended")
    earlier = await stage.office.post(f"{path}/extension", json={"until": "2015-03-19", "reason": "x"})
    assert earlier.json()["code"] == "extension_not_later"
    extended = await stage.office.post(f"{path}/extension", json={"until": "2015-04-30", "reason": "数据晚到"})
    assert (extended.json()["state"], extended.json()["extensions"]) == ("extended", 1)
    assert (await stage.liaison.post(f"{path}/actions/3/completion", json=evidence)).status_code == 200
    twice = await stage.liaison.post(f"{path}/actions/3/completion", json=evidence)
    assert twice.json()["code"] == "action_already_ended"
    reported = await stage.leader.post(f"{path}/report", json={"text": "完成"})
    assert reported.json()["state"] == "reported"
    unread = await stage.office.post(f"{path}/return", json={"reason": "证据不足"})
    assert (unread.status_code, unread.json()["code"]) == (428, "if_match_required")
    seen = {"if-match": extended.headers["etag"]}
    assert (await stage.office.post(f"{path}/return", json={"reason": "证据不足"}, headers=seen)).status_code == 412
    seen = {"if-match": reported.headers["etag"]}
    returned = await stage.office.post(f"{path}/return", json={"reason": "证据不足"}, headers=seen)
    assert (returned.json()["state"], returned.json()["returns"]) == ("returned", 1)
    again = await stage.leader.post(f"{path}/report", json={"text": "已补充"})
    assert again.json()["state"] == "reported"
    listed = (await stage.leader.get("/v1/rectifications", params={"state": "reported"})).json()["items"]
    assert [one["problem_id"] for one in listed] == [problem_id]
    assert (await stage.other.get("/v1/rectifications")).json()["items"] == []


async def test_a_plan_that_was_replaced_meanwhile_is_not_accepted(stage: Stage) -> None:
    problem_id = await opened(stage)
    action = {"action": "一", "owner": "LIAISON-A", "due": "2015-03-20"}
    plan = {"problem_id": problem_id, "plan": "逐户比对", "actions": [action]}
    read = (await stage.liaison.post("/v1/rectifications", json=plan)).json()
    unread = await stage.office.post(f"/v1/rectifications/{read['rectification_id']}/acceptance")
    assert (unread.status_code, unread.json()["code"]) == (428, "if_match_required")
    worse = {**plan, "plan": "年底再说", "actions": [{**action, "due": "2015-04-07"}]}
    replaced = (await stage.liaison.post("/v1/rectifications", json=worse, headers={"if-match": '"1"'})).json()
    stale = await stage.accept(read)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    shown = (await stage.office.get(f"/v1/rectifications/{read['rectification_id']}")).json()
    assert (shown["state"], shown["plan"], shown["accepted_by"]) == ("planned", "年底再说", None)
    assert (await stage.accept(replaced)).json()["state"] == "rectifying"


async def test_an_extended_cure_is_due_on_its_new_day(stage: Stage) -> None:
    problem_id = await opened(stage)
    plan = {
        "problem_id": problem_id,
        "plan": "整改",
        "actions": [{"action": "一", "owner": "LIAISON-A", "due": "2015-03-20"}],
    }
    made = (await stage.liaison.post("/v1/rectifications", json=plan)).json()
    path = f"/v1/rectifications/{made['rectification_id']}"
    assert (await stage.accept(made)).status_code == 200
    assert (await stage.problem("A", "2015-02"))["rectify_by"] == "2015-04-07"
    answer = await stage.office.post(f"{path}/extension", json={"until": "2015-06-30", "reason": "数据晚到"})
    assert answer.status_code == 200, answer.text
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["rectify_by"]) == ("extended", "2015-06-30")


async def test_signed_commitments_become_actions_whichever_comes_first(stage: Stage) -> None:
    problem_id = await opened(stage)
    plan = {
        "problem_id": problem_id,
        "plan": "整改",
        "actions": [{"action": "一", "owner": "LIAISON-A", "due": "2015-03-20"}],
    }
    made = (await stage.liaison.post("/v1/rectifications", json=plan)).json()
    interview = await stage.interview("A", "2015-02")
    version = (await stage.notice(interview)).json()["version"]
    recorded = (await stage.record(interview["interview_id"], version)).json()
    sign = {"side": "interviewer", "content_hash": recorded["content_hash"]}
    path = f"/v1/interviews/{interview['interview_id']}/signatures"
    await stage.head.post(path, json=sign)
    await stage.leader.post(path, json={**sign, "side": "interviewee"})
    shown = (await stage.leader.get(f"/v1/rectifications/{made['rectification_id']}")).json()
    assert [(one["source"], one["owner"]) for one in shown["actions"]] == [
        ("plan", "LIAISON-A"),
        ("commitment", "LEADER-A"),
    ]
    replaced = await stage.liaison.post("/v1/rectifications", json=plan, headers={"if-match": f'"{shown["version"]}"'})
    standing = [one["source"] for one in replaced.json()["actions"] if one["state"] == "open"]
    assert sorted(standing) == ["commitment", "plan"]


async def test_lifted_while_at_work_and_lost_again(stage: Stage) -> None:
    problem_id = await opened(stage)
    await stage.cured(problem_id)
    await stage.service.deliver(deducted(deduction("A", "2015-02", "0", version=2, reason="ruling", note="申诉成立")))
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["note"]) == ("lifted", "申诉成立")
    assert await stage.service.events(MakeupVerified) == []
    await stage.service.deliver(deducted(deduction("A", "2015-02", "5", version=3)))
    problem = await stage.problem("A", "2015-02")
    assert problem["state"] == "open"
    old = await stage.accept(problem["rectification"])
    assert (old.status_code, old.json()["code"]) == (409, "plan_already_accepted")
    assert (await stage.problem("A", "2015-02"))["state"] == "open"


async def test_a_cure_that_won_nothing_back_is_not_the_make_up_of_a_larger_loss(stage: Stage) -> None:
    problem_id = await opened(stage, "0.01")
    await stage.cured(problem_id)
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["makeup_points"]) == ("struck_off", "0.00")
    await stage.service.deliver(deducted(deduction("A", "2015-02", "4", version=2)))
    known = (await stage.problem("A", "2015-02"))["rectification"]
    plan = {
        "problem_id": problem_id,
        "plan": "再整改",
        "actions": [{"action": "一", "owner": "LIAISON-A", "due": "2015-03-20"}],
    }
    planned = await stage.liaison.post("/v1/rectifications", json=plan, headers={"if-match": f'"{known["version"]}"'})
    assert planned.status_code == 201, planned.text
    path = f"/v1/rectifications/{known['rectification_id']}"
    assert (await stage.accept(planned.json())).status_code == 200
    no = next(one["no"] for one in planned.json()["actions"] if one["state"] == "open")
    await stage.liaison.post(f"{path}/actions/{no}/completion", json={"note": "清单", "hash": "0" * 64})
    await stage.liaison.post(f"{path}/report", json={"text": "完成"})
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], problem["makeup_points"]) == ("verified", "1.20")
    assert [event.points for event in await stage.service.events(MakeupVerified)] == ["1.20"]


async def test_points_that_come_before_their_problem_are_taken_up_with_it(stage: Stage) -> None:
    lost = deduction("A", "2015-02", "9")
    event = PointsRegained(
        entry_id=uuid4(), problem_id=problem_id_of(lost.deduction_id), deduction_id=lost.deduction_id,
        unit_id=lost.unit_id, period="2015-03", points="4.5",
    )  # fmt: skip
    await stage.service.deliver(event)
    problem_id = await opened(stage)
    assert (await stage.problem("A", "2015-02"))["regained"] == "4.5"
    await stage.service.deliver(event)
    await stage.cured(problem_id)
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    assert (await stage.problem("A", "2015-02"))["state"] == "struck_off"
    assert await stage.service.events(MakeupVerified) == []


async def test_points_that_were_taken_back_are_known_by_version_in_any_order(stage: Stage) -> None:
    await stage.cured(await opened(stage))
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    first = regained((await stage.service.events(MakeupVerified))[0])
    less = msgspec.structs.replace(first, points="1", version=2)
    nothing = msgspec.structs.replace(first, points="0", version=3)
    for event, points in ((less, "1"), (first, "1"), (nothing, "0"), (less, "0")):
        await stage.service.deliver(event, times=2)
        problem = await stage.problem("A", "2015-02")
        assert (problem["state"], problem["regained"]) == ("struck_off", points)
    assert UUID(problem["entry_id"]) == first.entry_id
    assert [one["what"] for one in problem["timeline"]].count("struck_off") == 1
    lost = deduction("B", "2015-02", "9")
    early = PointsRegained(
        entry_id=uuid4(), problem_id=problem_id_of(lost.deduction_id), deduction_id=lost.deduction_id,
        unit_id=lost.unit_id, period="2015-02", points="0.5", version=2,
    )  # fmt: skip
    await stage.service.deliver(early)
    await stage.service.deliver(msgspec.structs.replace(early, points="4.5", version=1))
    await stage.service.deliver(deducted(lost))
    assert (await stage.problem("B", "2015-02"))["regained"] == "0.5"


async def test_points_regained_twice_change_nothing(stage: Stage) -> None:
    await stage.cured(await opened(stage))
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    event = regained((await stage.service.events(MakeupVerified))[0])
    await stage.service.deliver(event, times=3)
    problem = await stage.problem("A", "2015-02")
    assert (problem["state"], UUID(problem["entry_id"])) == ("struck_off", event.entry_id)
    assert [one["what"] for one in problem["timeline"]].count("struck_off") == 1
