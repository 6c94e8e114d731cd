"""Metrics, sets, drafts and publication over HTTP; rules are judged by the real engine over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.indicator_svc.catalogue.schemas import _CARD, _METRIC, _RULE
from shared.contracts.identity import indicator_id, set_id, unit_id
from shared.contracts.indicator import Binding, IndicatorPublished, IndicatorSetPublished, MetricChanged
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService
from tests.indicator_svc.conftest import RuleChecker, Start
from tests.indicator_svc.organisation.test_units_api import errors, load, row

UNITS = [
    row("R"),
    row("DEP", "R", kind="department"),
    row("DEP2", "R", kind="department"),
    *(row(code, "R", kind="district_bureau") for code in ("D1", "D2")),
    row("D1-T", "D1", kind="tax_office"),
]
SET = {"code": "S", "name": "体系", "year": 2015, "group": "kind:district_bureau", "full_marks": "4"}


def card(code: str, **more: Any) -> dict[str, Any]:
    return {**_CARD, "code": code, "evaluating_unit_code": "DEP", "level1": "甲", "level2": "一", **more}


@pytest_asyncio.fixture
async def service(service: RunningService) -> RunningService:
    await load(service.client(client="setup"), UNITS)
    await service.seed_person("OFFICE", "R", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
    await service.seed_person("DRAFTER", "DEP", Role.EVALUATING_DEPARTMENT)
    await service.seed_person("OTHER", "DEP2", Role.EVALUATING_DEPARTMENT)
    return service


@pytest_asyncio.fixture
async def office(service: RunningService) -> httpx.AsyncClient:
    client = service.client(person="OFFICE")
    assert (await client.post("/v1/metric-batches", json={"metrics": [_METRIC]})).status_code == 201
    assert (await client.post("/v1/indicator-sets", json=SET)).status_code == 201
    return client


async def draft(client: httpx.AsyncClient, *cards: dict[str, Any]) -> httpx.Response:
    return await client.post("/v1/indicator-sets/S/card-batches", json={"cards": list(cards)})


async def publish(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/v1/indicator-sets/S/publication")


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


async def test_a_published_metric_keeps_its_type(office: httpx.AsyncClient) -> None:
    await draft(office, card("C1"), card("C2"))
    assert (await publish(office)).status_code == 201
    retyped = {**_METRIC, "type": "days"}
    answer = await office.put(f"/v1/metrics/{_METRIC['code']}", json=retyped, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (409, "metric_in_use")


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


async def test_publishing_again_publishes_only_what_is_new(
    service: RunningService, office: httpx.AsyncClient, checker: RuleChecker
) -> None:
    await draft(office, card("C1"), card("C2"))
    first = (await publish(office)).json()
    assert [one["version"] for one in first["published"]] == [1, 1]
    changed = await office.put(
        "/v1/indicator-sets/S/cards/C2", json=card("C2", standard="改"), headers={"if-match": '"1"'}
    )
    assert changed.json()["published_version"] == 1
    shown = await office.get(f"/v1/indicators/{indicator_id('S', 'C2')}")
    assert shown.json()["standard"] == _CARD["standard"]
    second = (await publish(office)).json()
    assert [(one["code"], one["version"]) for one in second["published"]] == [("C2", 2)]
    third = (await publish(office)).json()
    assert (third["version"], third["published"], third["cards_hash"]) == (2, [], second["cards_hash"])
    assert checker.asked == [2, 1]
    shown = await office.get(f"/v1/indicators/{indicator_id('S', 'C2')}")
    assert (shown.json()["standard"], shown.headers["etag"]) == ("改", '"2"')
    cards = await service.events(IndicatorPublished)
    assert sorted((one.code, one.version) for one in cards) == [("C1", 1), ("C2", 1), ("C2", 2)]
    assert {unit for one in cards for unit in one.evaluated_unit_ids} == {unit_id("D1"), unit_id("D2")}
    sets = await service.events(IndicatorSetPublished)
    assert [(one.set_id, one.version, one.cards, one.cards_hash) for one in sets] == [
        (set_id("S"), 1, 2, first["cards_hash"]),
        (set_id("S"), 2, 2, second["cards_hash"]),
    ]
    kept = await service.database.reads.fetch("SELECT version FROM card_versions WHERE indicator_id = $1 ORDER BY 1",
                                              indicator_id("S", "C2"))  # fmt: skip
    assert [one["version"] for one in kept] == [1, 2]


async def nothing_published(service: RunningService) -> None:
    counts = await service.database.reads.fetchrow(
        "SELECT (SELECT count(*) FROM card_versions) AS cards, (SELECT count(*) FROM indicators) AS heads, "
        "(SELECT max(published_version) FROM indicator_sets) AS version"
    )
    assert dict(counts) == {"cards": 0, "heads": 0, "version": 0}
    assert await service.events(IndicatorPublished) == []
    assert await service.events(IndicatorSetPublished) == []


async def test_everything_that_keeps_a_set_back_is_named(service: RunningService, office: httpx.AsyncClient) -> None:
    empty = await publish(office)
    assert {("/cards", "CHOICE_MISSING"), ("/full_marks", "TREE_SUM")} == errors(empty)
    days = {"rate": {**_RULE["inputs"]["rate"], "type": "days"}}
    await draft(
        office,
        card("C1", rule={**_RULE, "inputs": days}),
        card("C2", evaluated_unit_codes=["D1", "NONE"], bindings={}),
        card("C3", points="1.5"),
    )
    refused = await publish(office)
    assert refused.status_code == 409
    assert refused.json()["code"] == "not_publishable"
    assert errors(refused) == {
        ("/full_marks", "TREE_SUM"),
        ("/cards/C1/bindings/rate", "BINDING_TYPE"),
        ("/cards/C2/bindings/rate", "BINDING_TYPE"),
        ("/cards/C2/evaluated_unit_codes/1", "UNIT_UNKNOWN"),
    }
    assert (await office.post("/v1/indicator-sets/NONE/publication")).status_code == 404
    await nothing_published(service)


_HALF = {
    "rule_language": 1,
    "inputs": {
        "first": {
            "label": {"zh": "首项得分", "en": "first score"},
            "type": "points",
            "allowed": "any",
            "missing": "refuse",
            "exempt": "not_scorable",
        }
    },
    "result": {
        **_RULE["result"],
        "base": "0",
        "clauses": [{"clause": "half", "points": {"kind": "product", "of": ["first", "0.5"]}}],
    },
}


def reading(code: str, other: str, **more: Any) -> dict[str, Any]:
    """A card that reads another's result."""
    return card(code, rule=_HALF, bindings={"first": {"indicator": other}}, **more)


async def test_a_card_reads_the_result_of_another(service: RunningService, office: httpx.AsyncClient) -> None:
    both = {"first": {"indicator": "C1", "metric": _METRIC["code"]}}
    answer = await draft(office, {**reading("C2", "C1"), "bindings": both})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    await draft(office, card("C1"), reading("C2", "C1"))
    answer = await publish(office)
    assert answer.status_code == 201, answer.text
    cards = {event.code: event for event in await service.events(IndicatorPublished)}
    assert cards["C2"].bindings["first"] == Binding(indicator=indicator_id("S", "C1"))


@pytest.mark.parametrize(
    ("cards", "circle"),
    [
        ([reading("C1", "C1"), card("C2")], "C1 → C1"),
        ([reading("C1", "C2"), reading("C2", "C1")], "C1 → C2 → C1"),
        ([reading("C1", "C2"), reading("C2", "C3", points="1"), reading("C3", "C1", points="1")], "C1 → C2 → C3 → C1"),
    ],
)
async def test_rules_that_feed_each_other_are_not_published(
    service: RunningService, office: httpx.AsyncClient, cards: list[dict[str, Any]], circle: str
) -> None:
    await draft(office, *cards)
    refused = await publish(office)
    assert refused.json()["code"] == "not_publishable"
    found = [(one["pointer"], one["code"]) for one in refused.json()["errors"]]
    assert found == [("/cards/C1/bindings", "RULE_CYCLE")]
    assert circle in refused.json()["errors"][0]["text"]
    await nothing_published(service)


@pytest.mark.parametrize(
    "other",
    [card("C1", period_kind="quarter"), card("C9"), card("C1", rule={**_RULE, "result": {"kind": "figure"}})],
    ids=["another_kind_of_period", "no_such_card", "no_points"],
)
async def test_a_result_that_cannot_be_read_is_not_published(
    service: RunningService, office: httpx.AsyncClient, other: dict[str, Any]
) -> None:
    await draft(office, other, reading("C2", "C1"))
    refused = await publish(office)
    assert errors(refused) == {("/cards/C2/bindings/first", "BINDING_TYPE")}
    await nothing_published(service)


async def test_the_engine_that_scores_judges_the_rules(service: RunningService, office: httpx.AsyncClient) -> None:
    broken = {**_RULE, "result": {**_RULE["result"], "floor": "9"}}
    unfinished = {name: value for name, value in _RULE.items() if name != "result"}
    await draft(
        office, card("C1", rule={**broken, "result": {**broken["result"], "base": "x"}}), card("C2", rule=unfinished)
    )
    refused = await publish(office)
    assert refused.json()["code"] == "not_publishable", refused.text
    pointers = {pointer for pointer, _ in errors(refused)}
    assert any(pointer.startswith("/cards/C1/rule/result") for pointer in pointers)
    assert any(pointer.startswith("/cards/C2/rule") for pointer in pointers)
    await nothing_published(service)


async def test_without_the_engine_nothing_is_published(
    service: RunningService, office: httpx.AsyncClient, checker: RuleChecker
) -> None:
    await draft(office, card("C1"), card("C2"))
    checker.down = True
    refused = await publish(office)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "retry-after" in refused.headers
    await nothing_published(service)
    checker.down = False
    assert (await publish(office)).status_code == 201


async def test_no_address_of_the_engine_is_said_plainly(start: Start) -> None:
    async with start(None, scoring_url=None) as service:
        setup = service.client(client="setup")
        await load(setup, UNITS)
        await service.seed_person("OFFICE", "R", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
        office = service.client(person="OFFICE")
        await office.post("/v1/metric-batches", json={"metrics": [_METRIC]})
        await office.post("/v1/indicator-sets", json=SET)
        await draft(office, card("C1"), card("C2"))
        assert (await publish(office)).status_code == 503
        await nothing_published(service)


async def test_a_draft_that_moves_during_the_check_stops_the_publication(
    service: RunningService, office: httpx.AsyncClient, checker: RuleChecker
) -> None:
    await draft(office, card("C1"), card("C2"))
    editor = service.client(person="DRAFTER")

    async def edit() -> None:
        checker.before_answer = None
        edited = await editor.put(
            "/v1/indicator-sets/S/cards/C1", json=card("C1", name="趁检查时改"), headers={"if-match": '"1"'}
        )
        assert edited.status_code == 200

    checker.before_answer = edit
    refused = await publish(office)
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_moved")
    await nothing_published(service)
    assert (await publish(office)).status_code == 201


async def test_a_metric_that_is_retyped_during_the_check_stops_the_publication(
    service: RunningService, office: httpx.AsyncClient, checker: RuleChecker
) -> None:
    await draft(office, card("C1"), card("C2"))
    editor = service.client(person="OFFICE")

    async def retype() -> None:
        checker.before_answer = None
        path = f"/v1/metrics/{_METRIC['code']}"
        changed = {**_METRIC, "type": "category", "allowed": [{"id": "a", "zh": "甲", "en": "a"}], "unit": None}
        answer = await editor.put(path, json=changed, headers={"if-match": '"1"'})
        assert answer.status_code == 200, answer.text

    checker.before_answer = retype
    refused = await publish(office)
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_moved")
    await nothing_published(service)


async def test_every_unit_that_a_set_names_must_exist(service: RunningService, office: httpx.AsyncClient) -> None:
    named = {**SET, "code": "N", "full_marks": "2", "evaluated_unit_codes": ["D1", "D-TYPO"]}
    del named["group"]
    assert (await office.post("/v1/indicator-sets", json=named)).status_code == 201
    await office.post("/v1/indicator-sets/N/card-batches", json={"cards": [card("C1")]})
    refused = await office.post("/v1/indicator-sets/N/publication")
    assert refused.status_code == 409, refused.text
    assert errors(refused) == {("/evaluated_unit_codes/1", "UNIT_UNKNOWN")}
    await nothing_published(service)


@pytest.mark.usefixtures("office")
async def test_a_card_evaluates_no_unit_beyond_the_publishers_reach(service: RunningService) -> None:
    await service.seed_person("DISTRICT-OFFICE", "D1", Role.PERFORMANCE_OFFICE, scope=Scope.SUBTREE)
    district = service.client(person="DISTRICT-OFFICE")
    named = {**SET, "code": "N", "full_marks": "2", "evaluated_unit_codes": ["D1-T"]}
    del named["group"]
    assert (await district.post("/v1/indicator-sets", json=named)).status_code == 201
    beyond = card("C1", evaluating_unit_code="D1", evaluated_unit_codes=["D1-T", "D2"])
    drafted = await district.post("/v1/indicator-sets/N/card-batches", json={"cards": [beyond]})
    assert drafted.status_code == 201, drafted.text
    refused = await district.post("/v1/indicator-sets/N/publication")
    assert (refused.status_code, refused.json()["code"]) == (403, "outside_scope")
    await nothing_published(service)


async def test_two_publications_at_once_publish_once(service: RunningService, office: httpx.AsyncClient) -> None:
    await draft(office, card("C1"), card("C2"))
    answers = await asyncio.gather(*(publish(office) for _ in range(3)))
    assert 201 in {answer.status_code for answer in answers}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(await service.events(IndicatorPublished)) == 2
    assert len(await service.events(IndicatorSetPublished)) == 1


@pytest.mark.parametrize(
    ("unit", "role", "scope", "sees"),
    [
        ("D1", Role.UNIT_LIAISON, Scope.OWN, ["C1", "C2"]),
        ("D1-T", Role.UNIT_LEADER, Scope.OWN, ["C1", "C2"]),
        ("D2", Role.UNIT_LIAISON, Scope.OWN, ["C1"]),
        ("DEP", Role.EVALUATING_DEPARTMENT, Scope.OWN, ["C1"]),
        ("DEP2", Role.EVALUATING_DEPARTMENT, Scope.OWN, ["C2"]),
        ("R", Role.COMMITTEE, Scope.SUBTREE, ["C1", "C2"]),
        ("D2", Role.AUDITOR, Scope.ALL, ["C1", "C2"]),
        ("X", Role.UNIT_LIAISON, Scope.SUBTREE, []),
    ],
)
async def test_cards_are_read_by_whom_they_concern(
    seen: RunningService, unit: str, role: Role, scope: Scope, sees: list[str]
) -> None:
    person = await seen.seed_person(f"{unit}-{role}-{scope}", unit, role, scope=scope)
    reader = seen.client(person=person)
    listed = await reader.get("/v1/indicators")
    assert [one["code"] for one in listed.json()["items"]] == sees
    for code in ("C1", "C2"):
        answer = await reader.get(f"/v1/indicators/{indicator_id('S', code)}")
        assert answer.status_code == (200 if code in sees else 404)
    sets = await reader.get("/v1/indicator-sets")
    assert [one["code"] for one in sets.json()["items"]] == (["S"] if sees else [])


@pytest_asyncio.fixture(scope="module")
async def seen(start: Start, checker: RuleChecker) -> AsyncIterator[RunningService]:
    """C1 concerns both districts; C2, of another department, only the first one."""
    checker.down, checker.before_answer = False, None
    async with start(checker) as running:
        await load(running.client(client="setup"), [*UNITS, row("X", "R")])
        await running.seed_person("OFFICE", "R", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
        office = running.client(person="OFFICE")
        await office.post("/v1/metric-batches", json={"metrics": [_METRIC]})
        await office.post("/v1/indicator-sets", json=SET)
        await draft(office, card("C1"), card("C2", evaluating_unit_code="DEP2", evaluated_unit_codes=["D1"]))
        assert (await publish(office)).status_code == 201
        yield running


async def test_lists_are_filtered_and_paged(seen: RunningService) -> None:
    office = seen.client(person="OFFICE")
    filters = {"evaluating_unit=DEP2": ["C2"], "level1=甲": ["C1", "C2"], "set=NONE": [], "fill_mode=review": []}
    for query, expected in filters.items():
        found = await office.get(f"/v1/indicators?{query}")
        assert [one["code"] for one in found.json()["items"]] == expected
    first = (await office.get("/v1/indicators?limit=1")).json()
    second = (await office.get(f"/v1/indicators?limit=1&cursor={first['next']}")).json()
    assert [one["code"] for one in (*first["items"], *second["items"])] == ["C1", "C2"]
    assert second["next"] is None


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
