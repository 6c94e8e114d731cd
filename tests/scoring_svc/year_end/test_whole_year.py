"""The Wuhan pack lived: all of 2015 from the first fact to the archive, and the end of the year before."""

import asyncio
import json
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

import msgspec

from deploy.local.wuhan2015.context import context_facts, default_context, with_context
from deploy.local.wuhan2015.generate_facts import facts
from deploy.local.wuhan2015.year_before import SET as SET_BEFORE
from deploy.local.wuhan2015.year_before import with_year_before
from services.scoring_svc.year_end import format as form
from shared.clock import SHANGHAI
from shared.contracts.identity import metric_id
from shared.contracts.indicator import MetricChanged
from shared.contracts.periods import Period, parse_period, periods_of_year
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import City
from tests.scoring_svc.recomputes.test_recomputes import ask, done
from tests.scoring_svc.year_end.january import key_of_city
from tests.scoring_svc.year_end.stage import SAID, Year
from tests.scoring_svc.year_end.tampering import STRANGER, bad, changed, first_line, members_of, verified
from tests.scoring_svc.year_end.test_tampering import score_off_by_one

SET = "WH2015-DISTRICT"
PACK = with_context(with_year_before(wuhan.PACK))
REVENUE = default_context().metric


def lived(year: int) -> list[Period]:
    """The periods in which the pack has cards, as they end: a month before its quarter, that before its half-year."""
    periods = [period for period in periods_of_year(year) if period.kind != "year"]
    return sorted(periods, key=lambda one: (one.last, -one.first.toordinal()))


async def founded(year: Year, *sets: str) -> None:
    """The pack's units and cards; the small city's units are there, so the pack's are a later version."""
    units = [msgspec.structs.replace(unit, version=2) for unit in wuhan.units(PACK)]
    metric = MetricChanged(
        metric_id=metric_id(REVENUE.code), version=1, code=REVENUE.code, name={"zh": REVENUE.name, "en": ""},
        type=REVENUE.type, unit={"zh": REVENUE.unit, "en": REVENUE.unit_en}, allowed=REVENUE.allowed, fields=None,
        supplied_by=[REVENUE.supplied_by],
    )  # fmt: skip
    await year.city.tell(*units, *wuhan.calendars(), metric, times=1)
    for code in sets:
        cards = wuhan.cards(code, PACK)
        await year.city.tell(wuhan.indicator_set(code, cards, PACK), *cards, times=1)
    for person, role in (("PO1", "performance_office"), ("K1", "committee")):
        await year.city.service.seed_person(person, "420100", role, scope="all")


async def confirmed(year: Year, code: str, periods: Iterable[Period]) -> int:
    """Live through periods: their facts come, and they are confirmed a week later. How many cells that gave."""
    cells = 0
    for period in periods:
        chunks = list(wuhan.chunks(period.key, facts(period.key)))
        await year.city.tell(*chunks, times=1)
        year.on(datetime.combine(period.last, time(9), SHANGHAI) + timedelta(days=8))
        await year.city.fence(len(chunks), len(chunks), period.key, code)
        answer = await year.city.step("confirm", period.key, code, {})
        assert answer.status_code == 200, answer.text
        cells += answer.json()["cells"]
    return cells


async def get(city: City, path: str, **query: Any) -> Any:
    answer = await city.office.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_year_from_the_first_fact_to_the_archive(bare_year: Year) -> None:
    year, city, periods = bare_year, bare_year.city, lived(2015)
    await founded(year, SET)
    cells = await confirmed(year, SET, periods)
    assert cells == (12 * 104 + 4 * 36 + 2 * 8) * 17 == 23_936
    ranking = await city.office.post("/v1/rankings", json={"set": SET, "period": "2015-12-YTD"})
    assert ranking.status_code == 201, ranking.text
    assert {row["place"] for row in ranking.json()["units"]} >= {1, 2, 3}

    recompute = await done(city, await ask(city, *(period.key for period in periods), code=SET), within=60)
    assert [recompute[name] for name in ("state", "cells", "changed", "differences")] == ["done", cells, 0, 0]

    drafted = await year.draft(set=SET, ranking_id=ranking.json()["ranking_id"])
    assert drafted.status_code == 201, drafted.text
    year.on(datetime(2016, 1, 11, 9, tzinfo=SHANGHAI))
    await year.done("approval", who="K1")
    await year.done("notice", {**SAID, "first_day": "2016-01-11", "working_days": 3})
    year.on(datetime(2016, 1, 14, 9, tzinfo=SHANGHAI))
    await year.done("finalisation")
    archive = await year.archived()
    assert bad(await asyncio.to_thread(verified, archive, key_of_city(year))) == {}
    assert json.loads(members_of(archive)[form.MANIFEST])["counts"]["cells"] == cells
    spoilt = changed(archive, form.EVALUATIONS, first_line(score_off_by_one), signed_anew=True)
    assert "cells" in bad(await asyncio.to_thread(verified, spoilt, STRANGER)), "one of 23,936 scores is wrong"


async def test_the_year_before_is_read_for_pre_heat_and_growth(bare_year: Year) -> None:
    year, city = bare_year, bare_year.city
    await founded(year, SET_BEFORE, SET)
    ended = [parse_period(key) for key in ("2014-12", "2014-Q4", "2014-H2")]
    for month in range(1, 7):
        for key in (f"2014-{month:02d}", f"2015-{month:02d}"):
            await city.tell(*wuhan.chunks(key, context_facts(key), first=100), times=1)
    assert await confirmed(year, SET_BEFORE, ended) == 148 * 17
    assert await confirmed(year, SET, [parse_period("2015-01")]) == 104 * 17
    sets = await city.service.database.reads.fetch(
        "SELECT DISTINCT k.body::json->>'set_code' AS code, left(c.period, 4) AS year FROM cells c "
        "JOIN card_versions k ON k.indicator_id = c.indicator_id AND k.version = c.indicator_version ORDER BY 1"
    )
    assert [tuple(row) for row in sets] == [(SET_BEFORE, "2014"), (SET, "2015")], "each year under its own cards"

    preheat = await get(city, f"/v1/preheats/{SET_BEFORE}")
    assert (len(preheat["indicators"]), preheat["periods"]) == (148, ["2014-H2", "2014-Q4", "2014-12"])
    assert any(one["discriminates"] for one in preheat["indicators"])
    for unit in ("420102", "4201D4"):
        cards = [
            await get(city, f"/v1/score-cards/{unit}", set=code, period=period)
            for code, period in ((SET_BEFORE, "2014-12"), (SET, "2015-01"))
        ]
        assert all(card["confirmed"] for card in cards)

    answer = await city.office.put(f"/v1/context-metrics/{SET}", json={"metrics": [REVENUE.code]})
    assert answer.status_code == 200, answer.text
    shown = await get(city, "/v1/context-figures", set=SET, period="2015-06-YTD")
    (total,) = shown["total"]
    # The published figures: 69.209 bn yuan to the end of June, 9.6 % more than a year before.
    assert (total["value"], total["growth"], total["unit"]["zh"]) == ("6920900", "9.6", "万元")
    growths = {one["figures"][0]["growth"] for one in shown["items"]}
    assert len(shown["items"]) == 17
    assert len(growths) > 5
