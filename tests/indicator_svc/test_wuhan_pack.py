"""The whole pack goes through the API as a bureau would load it, is published, and says nothing new the second time."""

from typing import Any

import httpx

from shared.contracts.identity import indicator_id, unit_id
from shared.contracts.indicator import (
    AppointmentChanged,
    IndicatorPublished,
    IndicatorSetPublished,
    MetricChanged,
    PersonChanged,
    UnitChanged,
)
from tests.indicator_svc import wuhan
from tests.indicator_svc.conftest import RuleChecker, Start


async def _post(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code in {200, 201}, answer.text[:3000]
    said: dict[str, Any] = answer.json()
    return said


async def test_the_pack_is_loaded_published_and_repeated(start: Start, checker: RuleChecker) -> None:
    data = wuhan.pack()
    async with start(checker) as service:
        setup = service.client(client="setup")
        units = [wuhan.unit(one) for one in data.units]
        people = [
            {"code": one.code, "name": one.name, "unit_code": one.unit_code, "post": one.post} for one in data.people
        ]
        for _ in range(2):
            made = [
                await _post(setup, "/v1/unit-batches", units=list(reversed(units))),
                await _post(setup, "/v1/person-batches", people=people),
                await _post(setup, "/v1/appointment-batches", appointments=wuhan.appointments(data)),
                await _post(setup, "/v1/metric-batches", metrics=[wuhan.metric(one) for one in data.metrics.values()]),
            ]
            for year, days in wuhan.calendars(data):
                answer = await setup.put(f"/v1/calendars/{year}", json={"days": days})
                assert answer.status_code == 200
                assert answer.headers["etag"] == '"1"'
        assert [one["created"] for one in made] == [0, 0, 0, 0]
        assert [one["unchanged"] for one in made] == [260, len(people), len(data.appointments), len(data.metrics)]

        office = service.client(person=data.holder("performance_office", "420100"))
        for one in data.sets.values():
            await _post(office, "/v1/indicator-sets", **wuhan.indicator_set(one))
            drafted = await _post(
                office,
                f"/v1/indicator-sets/{one.code}/card-batches",
                cards=[wuhan.card(card) for card in one.indicators],
            )
            assert drafted["created"] == len(one.indicators)
            published = await _post(office, f"/v1/indicator-sets/{one.code}/publication")
            assert published["version"] == 1
            assert len(published["published"]) == published["cards"] == len(one.indicators)
            again = await _post(office, f"/v1/indicator-sets/{one.code}/publication")
            assert again["version"] == 1
            assert again["published"] == []
            assert again["cards_hash"] == published["cards_hash"]

        assert len(await service.events(UnitChanged)) == 260
        assert len(await service.events(PersonChanged)) == len(people)
        assert len(await service.events(AppointmentChanged)) == len(data.appointments)
        assert len(await service.events(MetricChanged)) == len(data.metrics)
        cards = await service.events(IndicatorPublished)
        assert len(cards) == 148 + 14
        assert {len(card.evaluated_unit_ids) for card in cards} == {17}
        sets = {one.code: one for one in await service.events(IndicatorSetPublished)}
        assert (sets["WH2015-DISTRICT"].cards, sets["WH2015-CONDUCT"].cards) == (148, 14)
        assert sets["WH2015-CONDUCT"].outside_total

        liaison = service.client(person=data.holder("unit_liaison", "420102-T03"))
        first = data.sets["WH2015-DISTRICT"].indicators[0]
        shown = await liaison.get(f"/v1/indicators/{indicator_id('WH2015-DISTRICT', first.code)}")
        assert shown.status_code == 200
        assert shown.json()["points"] == first.points
        assert str(unit_id("420102")) in shown.json()["evaluated_unit_ids"]
        listed = await liaison.get("/v1/indicators?set=WH2015-DISTRICT&fill_mode=self_reported&limit=500")
        assert len(listed.json()["items"]) == 30
        seen = await liaison.get("/v1/units")
        assert [one["code"] for one in seen.json()["items"]] == ["420102-T03"]
