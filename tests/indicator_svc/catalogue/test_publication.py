"""Publication over HTTP; rules are judged by the real engine over a real socket."""

import asyncio

import httpx
import pytest

from services.indicator_svc.catalogue.schemas import _CARD, _METRIC, _RULE
from shared.contracts.identity import indicator_id, set_id, unit_id
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService
from tests.indicator_svc.catalogue.building import SET, UNITS, card, draft, nothing_published, publish
from tests.indicator_svc.conftest import RuleChecker, Start
from tests.indicator_svc.organisation.test_units_api import errors, load


async def test_a_published_metric_keeps_its_type(office: httpx.AsyncClient) -> None:
    await draft(office, card("C1"), card("C2"))
    assert (await publish(office)).status_code == 201
    retyped = {**_METRIC, "type": "days"}
    answer = await office.put(f"/v1/metrics/{_METRIC['code']}", json=retyped, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (409, "metric_in_use")


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
