"""Context figures of the pack through the four services: asked for by a card, sent by the source, beside the scores."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deploy.local.postgres import Postgres
from deploy.local.story.refusing import source_body
from deploy.local.story.setting_up import card_body, metric_body, set_body
from deploy.local.wuhan2015.context import context_facts, default_context, with_context
from deploy.local.wuhan2015.generate_facts import default_pack
from deploy.local.wuhan2015.records import IndicatorSet
from deploy.local.wuhan2015.year_before import with_year_before
from shared.testing import TestIssuer
from tests.permissions.bureau import Bureau, done, four_services

PACK = with_context(with_year_before(default_pack()))
CONTEXT, SOURCE, SET = default_context().metric, "sys-revenue", "WH2015-DISTRICT"
OFFICE = PACK.story["cast"]["performance_office"]
UNITS = [unit for unit in PACK.units if unit.kind in ("city_bureau", "department", "district_bureau")]
WORLD: Any = SimpleNamespace(pack=PACK)


def small(one: IndicatorSet) -> IndicatorSet:
    """The set with its first monthly card alone."""
    card = next(card for card in one.indicators if card.period_kind == "month")
    level = {"name": card.level1, "points": card.points, "level2": [{"name": card.level2, "points": card.points}]}
    return replace(one, points=card.points, levels=(level,), indicators=(card,))


async def founded(bureau: Bureau) -> None:
    """Units, people, metrics, the sets of the test and the source system, over the routes that take them."""
    setup = bureau.ask("indicator_svc", "setup")
    units = [
        {
            "code": unit.code, "name": unit.name, "kind": unit.kind, "parent_code": unit.parent_code or None,
            "groups": dict(unit.groups), "effective_from": unit.effective_from.isoformat(),
        }
        for unit in UNITS
    ]  # fmt: skip
    await done(setup.post("/v1/unit-batches", json={"units": units}))
    person = {"code": OFFICE, "name": "人员", "unit_code": "420100", "post": "主任"}
    await done(setup.post("/v1/person-batches", json={"people": [person]}))
    terms = [
        {"person_code": OFFICE, "role": "performance_office"},
        {"client_id": SOURCE, "role": "source_system"},
    ]
    place = {"unit_code": "420100", "scope": "all", "effective_from": "2014-01-01"}
    await done(setup.post("/v1/appointment-batches", json={"appointments": [{**term, **place} for term in terms]}))
    for year in (2014, 2015, 2016):
        await done(setup.put(f"/v1/calendars/{year}", json={"days": []}))
    sets = [small(PACK.sets[SET]), PACK.sets["WH2014-CONTEXT"], PACK.sets["WH2015-CONTEXT"]]
    codes = {code for one in sets for card in one.indicators for code in card.metrics}
    metrics = [metric_body(PACK.metrics[code]) for code in sorted(codes)]
    await done(setup.post("/v1/metric-batches", json={"metrics": metrics}))
    await bureau.tell()
    office = bureau.ask("indicator_svc", OFFICE)
    for one in sets:
        await done(office.post("/v1/indicator-sets", json=set_body(WORLD, one)))
        cards = {"cards": [card_body(card) for card in one.indicators]}
        await done(office.post(f"/v1/indicator-sets/{one.code}/card-batches", json=cards))
        await done(office.post(f"/v1/indicator-sets/{one.code}/publication"))
    await bureau.tell()
    system = next(one for one in PACK.source_systems if one.client_id == SOURCE)
    known = replace(system, metrics=(CONTEXT.code,))
    await done(bureau.ask("submission_svc", "setup").post("/v1/source-systems", json=source_body(WORLD, known)))
    return sets


async def test_revenue_is_collected_and_stands_beside_the_scores(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path
) -> None:
    async with four_services(postgres, issuer, tmp_path) as bureau:
        await founded(bureau)
        feed = bureau.ask("submission_svc", SOURCE)
        sums = {}
        for period in ("2014-01", "2015-01"):
            rows = [row.wire() for row in context_facts(period, PACK)]
            receipt = await done(feed.post("/v1/fact-batches", json={"mode": "atomic", "rows": rows}))
            assert (receipt["created"], receipt["rejected"]) == (17, 0)
            sums[period] = sum(Decimal(row["value"]) for row in rows)
        await bureau.tell()
        office = bureau.ask("scoring_svc", OFFICE)
        await done(office.put(f"/v1/context-metrics/{SET}", json={"metrics": [CONTEXT.code]}))
        found = await done(office.get("/v1/context-figures", params={"set": SET, "period": "2015-01"}))
        (total,) = found["total"]
        assert (Decimal(total["value"]), Decimal(total["year_before"])) == (sums["2015-01"], sums["2014-01"])
        growth = (sums["2015-01"] / sums["2014-01"] - 1) * 100
        assert abs(Decimal(total["growth"]) - growth) <= Decimal("0.05")
        assert total["unit"] == {"zh": "万元", "en": "ten thousand yuan"}
        assert [one["unit"] for one in found["items"]] == sorted(unit.code for unit in PACK.districts)
        cells = await done(office.get("/v1/scores", params={"set": "WH2015-CONTEXT", "period": "2015-01"}))
        assert {(cell["score"], cell["loss"]) for cell in cells["items"]} == {("0.00", "0")}, "it gives no points"
