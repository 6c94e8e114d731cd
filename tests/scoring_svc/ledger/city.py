"""A small city for the tests of scoring: three districts, two departments, cards of every sort, facts by hand."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI, Response

from deploy.local.ports import free_port
from shared.contracts.identity import indicator_id, metric_id, set_id, unit_id
from shared.contracts.indicator import (
    Binding,
    CalendarPublished,
    IndicatorPublished,
    IndicatorSetPublished,
    UnitChanged,
    UnitSpan,
)
from shared.contracts.submission import Amendment, Fact, FactsRecorded
from shared.testing import RunningService, TestIssuer

SET, CONDUCT = "WH-T", "WH-C"
DISTRICTS = ("420102", "420103", "420104")
UNITS = [
    ("420100", "city_bureau", None),
    ("PO", "performance_office", "420100"),
    ("D-COL", "department", "420100"),
    ("D-LAW", "department", "420100"),
    *((code, "district_bureau", "420100") for code in DISTRICTS),
    ("420102-PO", "section", "420102"),
    ("420102-S1", "section", "420102"),
]
NOON = datetime(2015, 2, 3, 12, tzinfo=UTC)


def count_input(*, missing: Any = "refuse", exempt: Any = "refuse") -> dict[str, Any]:
    return {
        "label": {"zh": "差错", "en": "errors"},
        "type": "count",
        "unit": {"zh": "件", "en": "case"},
        "allowed": {"at_least": "0"},
        "missing": missing,
        "exempt": exempt,
    }


def points(base: str, clauses: Sequence[tuple[str, Any]], *, floor: str = "0", ceiling: str = "none") -> dict[str, Any]:
    return {
        "kind": "points",
        "base": base,
        "clauses": [{"clause": name, "points": value} for name, value in clauses],
        "floor": floor,
        "ceiling": ceiling,
        "rounding": {"mode": "half_up", "places": 2},
    }


def per_error(base: str, gives: str, **states: Any) -> dict[str, Any]:
    step = {
        "kind": "step", "of": "errors", "from": "0", "direction": "above", "per": "1", "gives": gives, "mode": "whole",
    }  # fmt: skip
    return {
        "rule_language": 1,
        "inputs": {"errors": count_input(**states)},
        "result": points(base, [("errors", step)]),
    }


GROWTH = {
    "label": {"zh": "收入增速", "en": "revenue growth"},
    "type": "percent",
    "allowed": "any",
    "missing": "not_scorable",
    "exempt": "not_scorable",
}
RANKED = {
    "rule_language": 1,
    "inputs": {"growth": GROWTH},
    "result": points(
        "0",
        [
            (
                "place",
                {
                    "kind": "rank", "of": "growth", "within": "all", "only": "all", "best": "highest",
                    "ties": "competition", "if_unranked": {"as_if": "0"},
                    "gives": {"kind": "table", "of": "place", "rows": [
                        {"equal": "1", "gives": "10"}, {"equal": "2", "gives": "8"}, {"at_least": "3", "gives": "6"},
                    ]},
                },
            )
        ],
    ),
}  # fmt: skip
_IN_CLASS = {
    "label": {"zh": "类别", "en": "class"},
    "type": "category",
    "allowed": [
        {"id": "urban", "zh": "甲", "en": "A"},
        {"id": "rural", "zh": "乙", "en": "B"},
    ],
    "missing": "refuse",
    "exempt": "refuse",
}
RANKED_IN_CLASS: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(RANKED))
RANKED_IN_CLASS["inputs"]["class"] = _IN_CLASS
RANKED_IN_CLASS["result"]["clauses"][0]["points"]["within"] = "class"
LATE = {
    "rule_language": 1,
    "inputs": {
        "due": {"label": {"zh": "期限", "en": "due date"}, "type": "date", "missing": "refuse", "exempt": "refuse"},
        "sent": {"label": {"zh": "上报日", "en": "date sent"}, "type": "date", "missing": "refuse", "exempt": "refuse"},
    },
    "result": points(
        "3",
        [
            (
                "late",
                {
                    "kind": "step",
                    "of": {"kind": "days_between", "from": "due", "to": "sent", "in": "working_days"},
                    "from": "0", "direction": "above", "per": "1", "gives": "-0.5", "mode": "whole",
                },
            )
        ],
    ),
}  # fmt: skip


def card(
    code: str,
    rule: dict[str, Any],
    bindings: Mapping[str, Binding],
    *,
    set_code: str = SET,
    marks: str = "10",
    kind: Any = "month",
    immediate: bool = False,
    version: int = 1,
    department: str = "D-COL",
) -> IndicatorPublished:
    return IndicatorPublished(
        indicator_id=indicator_id(set_code, code),
        version=version,
        set_id=set_id(set_code),
        set_code=set_code,
        code=code,
        name=f"指标{code}",
        level1="税收征管",
        level2="税源管理",
        type="regular",
        points=marks,
        definition="口径",
        standard="标准",
        period_kind=kind,
        evaluating_unit_id=unit_id(department),
        evaluated_unit_ids=[unit_id(unit) for unit in DISTRICTS],
        fill_mode="extracted",
        filler=department,
        source_system="sys-collection",
        due_working_days=5,
        rule=rule,
        bindings=dict(bindings),
        immediate=immediate,
        effective_from=date(2015, 1, 1),
        effective_to=None,
    )


def metric(code: str) -> Binding:
    return Binding(metric=metric_id(code))


COL1 = card("COL-01", per_error("10", "-2"), {"errors": metric("M-ERR")})
COL2 = card("COL-02", RANKED, {"growth": metric("M-GROWTH")})
COL3 = card(
    "COL-03",
    LATE,
    {"due": Binding(calendar="due"), "sent": metric("M-SENT")},
    marks="3",
    department="D-LAW",
)
QUARTER = card("COL-04", per_error("5", "-1"), {"errors": metric("M-QERR")}, marks="5", kind="quarter")
FINDING = card(
    "CON-01",
    per_error("2", "-1", missing={"as_if": "0"}),
    {"errors": metric("M-COND")},
    set_code=CONDUCT,
    marks="2",
    immediate=True,
    department="D-LAW",
)
CALENDAR = CalendarPublished(year=2015, version=1, days=[])


def published(code: str, cards: Sequence[IndicatorPublished], version: int = 1) -> IndicatorSetPublished:
    lines = "\n".join(sorted(f"{one.indicator_id}:{one.version}" for one in cards))
    return IndicatorSetPublished(
        set_id=set_id(code),
        version=version,
        code=code,
        name="体系",
        year=2015,
        full_marks="28",
        outside_total=code == CONDUCT,
        cards=len(cards),
        cards_hash=hashlib.sha256(lines.encode()).hexdigest(),
        published_at=NOON,
    )


def fact(
    code: str, unit: str, value: Any, version: int = 1, *, state: Any = "present", reason: str | None = None
) -> Fact:
    return Fact(
        metric_id=metric_id(code),
        unit_id=unit_id(unit),
        version=version,
        state=state,
        value=value,
        reason=reason,
    )


def facts(chunk: int, *items: Fact, period: str = "2015-01", amendment: str | None = None) -> FactsRecorded:
    told = Amendment(reason=amendment, approved_by="PO1") if amendment else None
    return FactsRecorded(
        batch_id=uuid4(), chunk_no=chunk, period=period, provenance="feed", received_at=NOON, facts=list(items),
        amendment=told,
    )  # fmt: skip


def in_class(code: str, name: str, version: int = 2) -> UnitChanged:
    """A district as it always was, in a class of its peers."""
    span = UnitSpan(
        effective_from=date(2015, 1, 1), effective_to=None, recorded_at=NOON, code=code, name=f"单位{code}",
        kind="district_bureau", parent_id=unit_id("420100"), path=f"420100/{code}/", groups={"class": name},
    )  # fmt: skip
    return UnitChanged(unit_id=unit_id(code), version=version, spans=[span])


@dataclass
class Submission:
    """submission_svc's answer to the fence and the issuer's to client credentials, on loopback over real HTTP."""

    issuer: TestIssuer
    port: int = field(default_factory=free_port)
    last_chunk: int = 0
    chunks: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/token")
        async def token() -> dict[str, Any]:
            return {"access_token": self.issuer.token(client="scoring_svc"), "expires_in": 3_600}

        @app.post("/v1/fences")
        async def fence(body: dict[str, Any]) -> Response:
            if self.down:
                return Response("{}", 503)
            self.asked.append(body)
            text = f'{{"last_chunk": {self.last_chunk}, "chunks": {self.chunks}}}'
            return Response(text, 200, media_type="application/json")

        return app

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        credentials = {"client_id": "scoring_svc", "client_secret": "s"}
        return {"submission_url": self.url, "token_url": f"{self.url}/token", **credentials}


@asynccontextmanager
async def serving(submission: Submission) -> AsyncIterator[Submission]:
    config = uvicorn.Config(submission.app(), host="127.0.0.1", port=submission.port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag, no event
        await asyncio.sleep(0.01)
    try:
        yield submission
    finally:
        server.should_exit = True
        await task


@dataclass
class City:
    """The running service with its people: PO1 runs periods, L2 is the liaison of 420102, A1 audits."""

    service: RunningService
    submission: Submission

    @property
    def office(self) -> httpx.AsyncClient:
        return self.service.client(person="PO1")

    def person(self, code: str) -> httpx.AsyncClient:
        return self.service.client(person=code)

    async def tell(self, *events: Any, times: int = 2) -> None:
        for event in events:
            await self.service.deliver(event, times=times)

    async def scores(self, period: str = "2015-01", code: str = SET) -> dict[tuple[str, str], dict[str, Any]]:
        answer = await self.office.get("/v1/scores", params={"set": code, "period": period, "limit": 500})
        assert answer.status_code == 200, answer.text
        return {(row["indicator"], row["unit"]): row for row in answer.json()["items"]}

    async def step(self, verb: str, period: str = "2015-01", code: str = SET, body: Any = None) -> httpx.Response:
        return await self.office.post(f"/v1/period-states/{code}/{period}/{verb}", json=body)

    async def fence(self, last_chunk: int, chunks: int, period: str = "2015-01", code: str = SET) -> None:
        self.submission.last_chunk, self.submission.chunks = last_chunk, chunks
        answer = await self.step("fence", period, code)
        assert answer.status_code == 200, answer.text


async def found_city(service: RunningService, submission: Submission) -> City:
    await service.seed_units(UNITS)
    await service.seed_person("PO1", "PO", "performance_office", scope="all")
    await service.seed_person("DPO", "420102", "performance_office", scope="subtree")
    await service.seed_person("L2", "420102", "unit_liaison", scope="own")
    await service.seed_person("L3", "420103", "unit_liaison", scope="own")
    await service.seed_person("S2", "420102-S1", "unit_liaison", scope="own")
    await service.seed_person("E1", "D-COL", "evaluating_department", scope="subtree")
    await service.seed_person("A1", "420100", "auditor", scope="all")
    await service.seed_person("X1", "D-LAW", "unit_liaison", scope="own")
    return City(service, submission)


async def full_month(city: City, period: str = "2015-01", chunk: int = 1) -> None:
    """Facts for every cell of January: 420102 loses 4 on COL-01 and 2 on COL-02, 420104 half a point for lateness."""
    await city.tell(
        facts(
            chunk,
            fact("M-ERR", "420102", "2"),
            fact("M-ERR", "420103", "0"),
            fact("M-ERR", "420104", "0"),
            fact("M-GROWTH", "420102", "7.5"),
            fact("M-GROWTH", "420103", "9"),
            fact("M-GROWTH", "420104", "5"),
            fact("M-SENT", "420102", "2015-02-05"),
            fact("M-SENT", "420103", "2015-02-06"),
            fact("M-SENT", "420104", "2015-02-09"),
            period=period,
        )
    )


CARDS = (COL1, COL2, COL3, QUARTER)


async def publish(city: City) -> None:
    await city.tell(CALENDAR, published(SET, CARDS), *CARDS, published(CONDUCT, [FINDING]), FINDING)


def unit_of(code: str) -> UUID:
    return unit_id(code)
