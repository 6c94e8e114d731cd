"""A small bureau on stage: a city with two districts, its people, one set of two indicators, and a policy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx

from shared.clock import SHANGHAI
from shared.contracts.identity import deduction_id, indicator_id, metric_id, person_id, set_id, unit_id
from shared.contracts.indicator import (
    Binding,
    CalendarPublished,
    IndicatorPublished,
    IndicatorSetPublished,
    PersonChanged,
)
from shared.contracts.scoring import CellScore, Deduction, DeductionsDigested, IndicatorDeducted, ScoresConfirmed
from shared.testing import RunningService

SET = "S"
POLICY: dict[str, Any] = {
    "name": "办法",
    "name_en": "policy",
    "effective_from": "2015-01-01",
    "tiers": [
        {
            "tier": "red",
            "name": "红色",
            "name_en": "red",
            "any_of": [{"share_at_least": "0.8"}, {"repeats_at_least": 3, "repeats_within_months": 3}],
            "measure": "interview",
            "interview": True,
            "interviewer_post": "局长",
            "respond_within_working_days": 5,
            "rectify_within_working_days": 20,
            "make_up_share": "0.5",
        },
        {
            "tier": "yellow",
            "name": "黄色",
            "name_en": "yellow",
            "any_of": [{"share_at_least": "0"}],
            "measure": "talk",
            "interview": False,
            "interviewer_post": "副局长",
            "respond_within_working_days": 10,
            "rectify_within_working_days": 30,
            "make_up_share": "0.3",
        },
    ],
}
RECORD: dict[str, Any] = {
    "talkers": ["HEAD"],
    "recorder": "OFFICE",
    "talked_to": ["LEADER-A"],
    "place": "会议室",
    "time": "2015-03-10T08:30:00+08:00",
    "points_raised": ["扣分"],
    "explanation": "说明",
    "commitments": [{"text": "三月底前完成比对", "due": "2015-03-31"}],
}


def deduction(
    unit: str, period: str, loss: str, *, version: int = 1, indicator: str = "I1", full: str = "10", **more: Any
) -> Deduction:
    indicator_ = indicator_id(SET, indicator)
    return Deduction(
        deduction_id=deduction_id(indicator_, unit_id(unit), period),
        version=version,
        indicator_id=indicator_,
        indicator_version=1,
        unit_id=unit_id(unit),
        period=period,
        full_marks=full,
        score=str(Decimal(full) - Decimal(loss)),
        loss=loss,
        clauses=[],
        inputs=[],
        responsible_unit_id=unit_id(unit),
        timing=more.pop("timing", "confirmed"),
        **more,
    )


def deducted(*deductions: Deduction) -> IndicatorDeducted:
    return IndicatorDeducted(set_id=set_id(SET), deductions=list(deductions))


def scores(period: str, *cells: tuple[str, str, str], version: int = 1) -> ScoresConfirmed:
    return ScoresConfirmed(
        set_id=set_id(SET),
        period=period,
        cells=[
            CellScore(
                indicator_id=indicator_id(SET, indicator),
                unit_id=unit_id(unit),
                version=version,
                state="scored",
                full_marks="10",
                score=str(10 - Decimal(loss)),
                loss=loss,
            )
            for indicator, unit, loss in cells
        ],
    )


def digested(period: str, *deductions: Deduction, version: int = 1) -> DeductionsDigested:
    lines = sorted(f"{one.deduction_id}:{one.version}:{one.loss}" for one in deductions)
    digest = sha256("\n".join(lines).encode()).hexdigest()
    return DeductionsDigested(set_id=set_id(SET), period=period, version=version, count=len(lines), digest=digest)


@dataclass
class Stage:
    service: RunningService
    office: httpx.AsyncClient
    head: httpx.AsyncClient
    leader: httpx.AsyncClient
    liaison: httpx.AsyncClient
    other: httpx.AsyncClient
    auditor: httpx.AsyncClient
    inspector: httpx.AsyncClient
    second: httpx.AsyncClient

    @classmethod
    async def of(cls, service: RunningService) -> "Stage":
        service.app.state.clock.set(datetime(2015, 3, 10, 9, tzinfo=SHANGHAI), by="test")
        await service.seed_units(
            [
                ("CITY", "city_bureau", None),
                ("OFF", "performance_office", "CITY"),
                ("A", "district_bureau", "CITY"),
                ("B", "district_bureau", "CITY"),
                ("A1", "tax_office", "A"),
            ]
        )
        await service.seed_person("HEAD", "CITY", "committee", scope="all")
        await service.seed_person("OFFICE", "OFF", "performance_office", scope="all")
        await service.seed_person("LEADER-A", "A", "unit_leader", scope="subtree")
        await service.seed_person("LIAISON-A", "A", "unit_liaison", scope="subtree")
        await service.seed_person("LEADER-B", "B", "unit_leader", scope="subtree")
        await service.seed_person("AUDITOR", "CITY", "auditor", scope="all")
        await service.seed_person("INSPECTOR", "CITY", "inspector", scope="all")
        await service.seed_person("SECOND", "CITY", "inspector", scope="all")
        head = PersonChanged(
            person_id=person_id("HEAD"), version=2, code="HEAD", name="局长", unit_id=unit_id("CITY"), post="局长"
        )
        await service.deliver(head)
        await service.deliver(CalendarPublished(year=2015, version=1, days=[]))
        for code, mode in (("I1", "extracted"), ("I2", "extracted"), ("C1", "inspection")):
            await service.deliver(card(code, mode))
        await service.deliver(
            IndicatorSetPublished(
                set_id=set_id(SET), version=1, code=SET, name="指标体系", year=2015, full_marks="30",
                outside_total=False, cards=3, cards_hash="", published_at=datetime(2015, 1, 1, tzinfo=UTC),
            )
        )  # fmt: skip
        people = ("OFFICE", "HEAD", "LEADER-A", "LIAISON-A", "LEADER-B", "AUDITOR", "INSPECTOR", "SECOND")
        return cls(service, *(service.client(person=person) for person in people))

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Work at another business moment."""
        clock = self.service.app.state.clock
        before = clock.now()
        clock.set(moment, by="test")
        try:
            yield
        finally:
            clock.set(before, by="test")

    async def publish_policy(self, policy: Mapping[str, Any] = POLICY, **headers: str) -> httpx.Response:
        return await self.office.put("/v1/policies/P", json=policy, headers=headers)

    async def problem(self, unit: str, period: str, indicator: str = "I1") -> dict[str, Any]:
        key = deduction_id(indicator_id(SET, indicator), unit_id(unit), period)
        found = (await self.auditor.get("/v1/problems", params={"deduction_id": str(key)})).json()["items"]
        assert len(found) == 1, found
        answer = await self.auditor.get(f"/v1/problems/{found[0]['problem_id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def interview(self, unit: str, period: str) -> dict[str, Any]:
        problem = await self.problem(unit, period)
        answer = await self.auditor.get(f"/v1/interviews/{problem['interview']['interview_id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def notice(self, interview: Mapping[str, Any], **more: Any) -> httpx.Response:
        body = {
            "reason": "扣分", "time": "2015-03-16T09:30:00+08:00", "place": "会议室", "participants": [],
            "material": "说明", **more,
        }  # fmt: skip
        return await self.office.post(
            f"/v1/interviews/{interview['interview_id']}/notice",
            json=body,
            headers={"if-match": f'"{interview["version"]}"'},
        )

    async def record(self, interview_id: str, version: int, **more: Any) -> httpx.Response:
        return await self.office.post(
            f"/v1/interviews/{interview_id}/record",
            json={**RECORD, **more},
            headers={"if-match": f'"{version}"'},
        )

    async def accept(self, shown: Mapping[str, Any]) -> httpx.Response:
        """The office accepts the plan as it was shown."""
        path = f"/v1/rectifications/{shown['rectification_id']}/acceptance"
        return await self.office.post(path, headers={"if-match": f'"{shown["version"]}"'})

    async def cured(self, problem_id: str) -> str:
        """Plan, accept, act and report the cure of a problem; returns the rectification's id."""
        plan = {
            "problem_id": problem_id,
            "plan": "整改",
            "actions": [{"action": "比对", "owner": "LIAISON-A", "due": "2015-03-20"}],
        }
        made = await self.liaison.post("/v1/rectifications", json=plan)
        assert made.status_code == 201, made.text
        path = f"/v1/rectifications/{made.json()['rectification_id']}"
        assert (await self.accept(made.json())).status_code == 200
        for action in (await self.liaison.get(path)).json()["actions"]:
            body = {"note": "清单", "hash": "a" * 64}
            assert (await self.liaison.post(f"{path}/actions/{action['no']}/completion", json=body)).status_code == 200
        reported = await self.leader.post(f"{path}/report", json={"text": "已完成"})
        assert reported.status_code == 200, reported.text
        return str(made.json()["rectification_id"])


def card(code: str, mode: str) -> IndicatorPublished:
    return IndicatorPublished(
        indicator_id=indicator_id(SET, code),
        version=1,
        set_id=set_id(SET),
        set_code=SET,
        code=code,
        name=f"指标{code}",
        level1="一",
        level2="二",
        type="regular",
        points="10",
        definition="口径",
        standard="标准",
        period_kind="month",
        evaluating_unit_id=unit_id("OFF"),
        evaluated_unit_ids=[unit_id("A"), unit_id("B")],
        fill_mode=mode,  # type: ignore[arg-type]
        filler="D",
        source_system=None,
        due_working_days=5,
        rule={},
        bindings={"x": Binding(metric=metric_id(f"M-{code}"))},
        immediate=mode == "inspection",
        effective_from=date(2015, 1, 1),
        effective_to=None,
    )
