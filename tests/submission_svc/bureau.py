"""A small bureau for tests of submission_svc: units, people, metrics, cards and a source system, told by events."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx

from shared.contracts.identity import indicator_id, metric_id, set_id, unit_id
from shared.contracts.indicator import (
    Binding,
    CalendarPublished,
    IndicatorPublished,
    IndicatorSetPublished,
    MetricChanged,
)
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService

SET = "WH-TEST"
DISTRICTS = ("420102", "420103", "420104")
CLIENT = "sys-test"
LABEL = {"zh": "数", "en": "figure"}
FIELDS = {
    "revenue": {"label": LABEL, "type": "amount", "unit": LABEL, "allowed": {"at_least": "0"}},
    "level": {"label": LABEL, "type": "category", "allowed": [{"id": "a", "zh": "甲", "en": "a"}]},
}
# code, type, allowed, period kind, fill mode
METRICS: tuple[tuple[str, str, Any, str, str], ...] = (
    ("M-RATE", "percent", {"at_least": "0", "at_most": "100"}, "month", "extracted"),
    ("M-COUNT", "count", {"at_least": "0"}, "month", "extracted"),
    ("M-MARKS", "marks", ["0", "5", "10"], "month", "extracted"),
    ("M-DATE", "date", None, "month", "extracted"),
    ("M-CLASS", "category", [{"id": "good", "zh": "好", "en": "good"}], "month", "extracted"),
    ("M-RECORDS", "records", None, "month", "extracted"),
    ("M-GROWTH", "percent", "any", "quarter", "extracted"),
    ("M-SELF", "number", "any", "month", "self_reported"),
)


def metric(
    code: str, kind: str, allowed: Any, *, version: int = 1, supplied_by: Sequence[str] = (CLIENT,)
) -> MetricChanged:
    return MetricChanged(
        metric_id=metric_id(code),
        version=version,
        code=code,
        name=LABEL,
        type=kind,
        unit=LABEL,
        allowed=allowed,
        fields=FIELDS if kind == "records" else None,
        supplied_by=list(supplied_by),
    )


def card(
    code: str,
    metrics: Iterable[str],
    *,
    set_code: str = SET,
    kind: Any = "month",
    fill_mode: Any = "extracted",
    version: int = 1,
    units: Sequence[str] = DISTRICTS,
    due: int = 7,
    since: date = date(2015, 1, 1),
    until: date | None = None,
    department: str = "D-REV",
) -> IndicatorPublished:
    return IndicatorPublished(
        indicator_id=indicator_id(set_code, code),
        version=version,
        set_id=set_id(set_code),
        set_code=set_code,
        code=code,
        name=f"指标{code}",
        level1="甲",
        level2="乙",
        type="regular",
        points="10",
        definition="口径",
        standard="标准",
        period_kind=kind,
        evaluating_unit_id=unit_id(department),
        evaluated_unit_ids=[unit_id(unit) for unit in units],
        fill_mode=fill_mode,
        filler="district" if fill_mode == "self_reported" else department,
        source_system=None if fill_mode == "self_reported" else CLIENT,
        due_working_days=due,
        rule={},
        bindings={f"input_{place}": Binding(metric=metric_id(name)) for place, name in enumerate(metrics)},
        immediate=False,
        effective_from=since,
        effective_to=until,
    )


def published_set(cards: int, *, set_code: str = SET, version: int = 1) -> IndicatorSetPublished:
    return IndicatorSetPublished(
        set_id=set_id(set_code),
        version=version,
        code=set_code,
        name="测试体系",
        year=2015,
        full_marks="100",
        outside_total=False,
        cards=cards,
        cards_hash="",
        published_at=datetime(2015, 1, 5, tzinfo=UTC),
    )


class Bureau:
    """The service with its people: whoever calls is one of these clients."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.office = service.client(person="P-OFFICE")
        self.department = service.client(person="P-DEPARTMENT")
        self.successor = service.client(person="P-OTHER-DEPARTMENT")
        self.liaison = service.client(person="P-LIAISON")
        self.neighbour = service.client(person="P-NEIGHBOUR")
        self.feed = service.client(client=CLIENT)
        self.scoring = service.client(client="peer")

    async def post(self, rows: Sequence[Any], *, by: httpx.AsyncClient | None = None, **frame: Any) -> httpx.Response:
        body = {"mode": "partial", "rows": list(rows), **frame}
        return await (by or self.feed).post("/v1/fact-batches", json=body)

    async def fact(self, period: str, code: str, unit: str) -> dict[str, Any] | None:
        answer = await self.office.get(f"/v1/facts/{period}/{code}/{unit}")
        return answer.json() if answer.status_code == 200 else None


def row(
    code: str = "M-RATE", unit: str = "420102", period: str = "2015-01", value: Any = "99.5", **more: Any
) -> dict[str, Any]:
    return {"metric": code, "unit": unit, "period": period, **({"value": value} if value is not None else {}), **more}


async def found_bureau(service: RunningService) -> Bureau:
    """Units, people, metrics, one set with a card per metric, a registered source system."""
    districts = [(code, "district_bureau", "420100") for code in DISTRICTS]
    await service.seed_units(
        [
            ("420100", "city_bureau", None),
            ("D-REV", "department", "420100"),
            ("D-LAW", "department", "420100"),
            *districts,
        ]
    )
    await service.seed_person("P-OFFICE", "420100", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
    await service.seed_person("P-DEPARTMENT", "D-REV", Role.EVALUATING_DEPARTMENT)
    await service.seed_person("P-OTHER-DEPARTMENT", "D-LAW", Role.EVALUATING_DEPARTMENT)
    await service.seed_person("P-LIAISON", "420102", Role.UNIT_LIAISON, scope=Scope.SUBTREE)
    await service.seed_person("P-NEIGHBOUR", "420103", Role.UNIT_LIAISON, scope=Scope.SUBTREE)
    await service.seed_client(CLIENT, "420100", Role.SOURCE_SYSTEM)
    await service.seed_client("sys-stranger", "420100", Role.SOURCE_SYSTEM)
    for year in (2015, 2016):
        await service.deliver(CalendarPublished(year=year, version=1, days=[]), times=1)
    for code, kind, allowed, _, _ in METRICS:
        await service.deliver(metric(code, kind, allowed), times=1)
    for code, _, _, kind, fill_mode in METRICS:
        await service.deliver(card(f"C-{code}", [code], kind=kind, fill_mode=fill_mode), times=1)
    await service.deliver(published_set(len(METRICS)), times=1)
    registered = await service.client(client="setup").post(
        "/v1/source-systems",
        json={
            "client_id": CLIENT,
            "name": "测试系统",
            "metric_codes": [code for code, *_ in METRICS if code not in {"M-SELF", "M-MARKS"}],
        },
    )
    assert registered.status_code == 201, registered.text
    return Bureau(service)


def codes(answer: httpx.Response) -> dict[str, str]:
    """The code of each bad row by its pointer."""
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


def unit(code: str) -> UUID:
    return unit_id(code)
