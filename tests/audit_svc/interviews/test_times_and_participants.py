"""A notice invites to what is to come, a record tells what has been; and whoever is invited exists."""

from datetime import datetime, timedelta

import pytest

from services.audit_svc.interviews.domain import NoticeTimePassed, RecordTimeToCome, demand_come, demand_to_come
from shared.clock import SHANGHAI
from tests.audit_svc.stage import Stage, deducted, deduction

NOW = datetime(2015, 3, 10, 9, 0, 30, tzinfo=SHANGHAI)


def test_the_present_is_neither_past_nor_future() -> None:
    demand_to_come(NOW, NOW)
    demand_to_come(NOW.replace(second=0), NOW)
    with pytest.raises(NoticeTimePassed):
        demand_to_come(NOW - timedelta(minutes=1), NOW)
    demand_come(NOW, NOW)
    with pytest.raises(RecordTimeToCome):
        demand_come(NOW + timedelta(seconds=1), NOW)


async def test_times_and_participants_are_checked(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    interview = await stage.interview("A", "2015-02")
    passed = await stage.notice(interview, time="2015-03-10T00:59:00Z")
    assert (passed.status_code, passed.json()["code"]) == (409, "notice_time_passed")
    for name in ("NOBODY", "A 的人", "单位"):
        unknown = await stage.notice(interview, participants=["OFFICE", name])
        assert (unknown.status_code, unknown.json()["code"]) == (422, "participant_unknown")
        assert [error["pointer"] for error in unknown.json()["errors"]] == ["/participants/1"]
        assert name in unknown.json()["texts"]["en"]
        assert name in unknown.json()["texts"]["zh-CN"]
    assert (await stage.interview("A", "2015-02"))["number"] is None
    noticed = await stage.notice(interview, participants=["OFFICE", "OFF", "单位A"])
    assert noticed.status_code == 200, noticed.text
    early = await stage.record(interview["interview_id"], noticed.json()["version"], time="2015-03-16T09:30:00+08:00")
    assert (early.status_code, early.json()["code"]) == (409, "record_time_to_come")
    assert early.json()["texts"]["zh-CN"].startswith("谈话时间 2015-03-16T09:30")
    with stage.at(datetime(2015, 3, 16, 9, 31, tzinfo=SHANGHAI)):
        held = await stage.record(interview["interview_id"], noticed.json()["version"], time="2015-03-16T01:30:00Z")
        assert held.status_code == 200, held.text
