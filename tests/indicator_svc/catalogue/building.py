"""A small city, a set and its cards, as the tests of the catalogue draft and publish them."""

from typing import Any

import httpx

from services.indicator_svc.catalogue.schemas import _CARD
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished
from shared.testing import RunningService
from tests.indicator_svc.organisation.test_units_api import row

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


async def draft(client: httpx.AsyncClient, *cards: dict[str, Any]) -> httpx.Response:
    return await client.post("/v1/indicator-sets/S/card-batches", json={"cards": list(cards)})


async def publish(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/v1/indicator-sets/S/publication")


async def nothing_published(service: RunningService) -> None:
    counts = await service.database.reads.fetchrow(
        "SELECT (SELECT count(*) FROM card_versions) AS cards, (SELECT count(*) FROM indicators) AS heads, "
        "(SELECT max(published_version) FROM indicator_sets) AS version"
    )
    assert dict(counts) == {"cards": 0, "heads": 0, "version": 0}
    assert await service.events(IndicatorPublished) == []
    assert await service.events(IndicatorSetPublished) == []
