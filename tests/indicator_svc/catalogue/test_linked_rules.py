"""Cards that read the results of others, and what of that cannot be published."""

from typing import Any

import httpx
import pytest

from services.indicator_svc.catalogue.schemas import _METRIC, _RULE
from shared.contracts.identity import indicator_id
from shared.contracts.indicator import Binding, IndicatorPublished
from shared.testing import RunningService
from tests.indicator_svc.catalogue.building import card, draft, nothing_published, publish
from tests.indicator_svc.organisation.test_units_api import errors

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
