"""Metrics, sets and drafts over HTTP: who makes and changes what, and what is refused at once."""

import asyncio
from typing import Any

import httpx
import pytest

from services.indicator_svc.catalogue.schemas import _METRIC
from shared.contracts.indicator import MetricChanged
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService
from tests.indicator_svc.catalogue.building import SET, card, draft, publish
from tests.indicator_svc.organisation.test_units_api import errors


async def test_metrics_are_added_once_and_changed_by_who_read_them(
    service: RunningService, office: httpx.AsyncClient
) -> None:
    again = await office.post("/v1/metric-batches", json={"metrics": [_METRIC]})
    assert again.json()["unchanged"] == 1
    path, code = f"/v1/metrics/{_METRIC['code']}", _METRIC["code"]
    other = await office.post("/v1/metric-batches", json={"metrics": [{**_METRIC, "type": "days"}]})
    assert errors(other) == {("/metrics/0/code", "metric_exists")}
    changed = {**_METRIC, "name": {"zh": "漏管户率", "en": "rate"}}
    assert (await office.put(path, json=changed)).status_code == 428
    assert (await office.put(path, json=changed, headers={"if-match": '"1"'})).headers["etag"] == '"2"'
    assert (await office.put(path, json=changed, headers={"if-match": '"1"'})).status_code == 412
    assert (await office.get(path)).json()["name"]["zh"] == "漏管户率"
    events = await service.events(MetricChanged)
    assert [(event.code, event.version) for event in events] == [(code, 1), (code, 2)]
    malformed = await office.post("/v1/metric-batches", json={"metrics": [{**_METRIC, "allowed": None, "code": "M2"}]})
    assert (malformed.status_code, errors(malformed)) == (422, {("/metrics/0/allowed", "CHOICE_MISSING")})
    drafter = service.client(person="DRAFTER")
    assert (await drafter.post("/v1/metric-batches", json={"metrics": [_METRIC]})).status_code == 403
    assert (await drafter.get("/v1/metrics?type=percent")).json()["items"][0]["code"] == code


async def test_departments_draft_the_cards_they_will_evaluate(
    service: RunningService, office: httpx.AsyncClient
) -> None:
    drafter, other = service.client(person="DRAFTER"), service.client(person="OTHER")
    assert (await draft(drafter, card("C1"))).status_code == 201
    assert (await draft(drafter, card("C1"))).json()["unchanged"] == 1
    refused = await draft(drafter, card("C2", evaluating_unit_code="DEP2"), card("C3", evaluating_unit_code="NONE"))
    assert errors(refused) == {
        ("/cards/0/evaluating_unit_code", "outside_scope"),
        ("/cards/1/evaluating_unit_code", "unit_unknown"),
    }
    path = "/v1/indicator-sets/S/cards/C1"
    assert (await other.get(path)).status_code == 404
    seen = await drafter.get(path)
    assert (seen.headers["etag"], seen.json()["published_version"]) == ('"1"', 0)
    given_away = await drafter.put(path, json=card("C1", evaluating_unit_code="DEP2"), headers={"if-match": '"1"'})
    assert given_away.status_code == 403
    edits = await asyncio.gather(
        *(client.put(path, json=card("C1", name=f"名{n}"), headers={"if-match": '"1"'})
          for n, client in enumerate((drafter, office, drafter)))
    )  # fmt: skip
    assert sorted(edit.status_code for edit in edits) == [200, 412, 412]
    assert (await office.put(path, json=card("C9"), headers={"if-match": '"2"'})).status_code == 422
    assert (await other.put(path, json=card("C1"), headers={"if-match": '"2"'})).status_code == 404
    assert (await publish(drafter)).status_code == 403
    assert [one["code"] for one in (await drafter.get("/v1/indicator-sets")).json()["items"]] == ["S"]
    assert (await other.get("/v1/indicator-sets/S")).status_code == 404


async def test_a_set_is_made_once_and_within_reach(service: RunningService, office: httpx.AsyncClient) -> None:
    again = await office.post("/v1/indicator-sets", json=SET)
    assert (again.status_code, again.json()["cards"]) == (200, 0)
    other = await office.post("/v1/indicator-sets", json={**SET, "full_marks": "5"})
    assert (other.status_code, other.json()["code"]) == (409, "indicator_set_exists")
    await service.seed_person("D1OFFICE", "D1", Role.PERFORMANCE_OFFICE, scope=Scope.SUBTREE)
    district = service.client(person="D1OFFICE")
    assert (await district.post("/v1/indicator-sets", json={**SET, "code": "S2"})).status_code == 403
    own = {name: value for name, value in SET.items() if name != "group"} | {"code": "S2"}
    made = await district.post("/v1/indicator-sets", json={**own, "evaluated_unit_codes": ["D1-T"]})
    assert made.status_code == 201, made.text
    foreign = await district.post("/v1/indicator-sets", json={**own, "code": "S3", "evaluated_unit_codes": ["D2"]})
    assert foreign.status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"points": "-1"}, {"points": 2}, {"points": "1e2"}, {"due_working_days": "7"}, {"immediate": "yes"},
        {"source_system": None}, {"bindings": {"rate": {}}}, {"bindings": {"rate": {"metric": "M", "calendar": "due"}}},
        {"rule": "x"}, {"rule": {"a": "\u0000"}}, {"period_kind": "week"}, {"name": "x" * 1_000},
        {"effective_from": "2015-02-01", "effective_to": "2015-01-01"},
    ],
)  # fmt: skip
async def test_malformed_cards_are_refused(seen: RunningService, change: dict[str, Any]) -> None:
    answer = await draft(seen.client(person="OFFICE"), card("BAD") | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert all(one["pointer"].startswith("/cards/0") for one in answer.json()["errors"])
