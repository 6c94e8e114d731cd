"""What readers see: pages, filters, scope, deductions, the balance; and the snapshot that re-drives it all."""

from typing import Any

import pytest

from services.scoring_svc.snapshot import send_snapshot
from shared.contracts.envelope import data_of, unseal
from shared.contracts.scoring import IndicatorDeducted, ScoresConfirmed
from shared.snapshot import ReaderUnknown
from tests.scoring_svc.ledger.city import COL1, SET, City, fact, facts, full_month, unit_of

JANUARY = {"set": SET, "period": "2015-01"}


async def seen(city: City, person: str, path: str = "/v1/scores", **more: Any) -> list[dict[str, Any]]:
    answer = await city.person(person).get(path, params={**JANUARY, **more})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_readers_see_what_they_reach(city: City) -> None:
    await full_month(city)
    assert {row["unit"] for row in await seen(city, "L2")} == {"420102"}
    assert {row["unit"] for row in await seen(city, "DPO")} == {"420102"}
    assert await seen(city, "S2") == []
    assert {row["indicator"] for row in await seen(city, "E1")} == {"COL-01", "COL-02"}
    assert len(await seen(city, "E1")) == 6
    assert len(await seen(city, "A1")) == 9
    assert await seen(city, "L2", unit="420103") == []
    mine = f"/v1/scores/{COL1.indicator_id}/{unit_of('420102')}/2015-01"
    assert (await city.person("L2").get(mine)).status_code == 200
    assert (await city.person("L3").get(mine)).status_code == 404
    assert (await city.service.client(client="setup").get(mine)).status_code == 403


async def test_pages_meet_without_gap_or_overlap(city: City) -> None:
    await full_month(city)
    keys, cursor = [], None
    for _ in range(5):
        more = {"cursor": cursor} if cursor else {}
        page = (await city.office.get("/v1/scores", params={**JANUARY, "limit": 2, **more})).json()
        keys += [(row["indicator"], row["unit_id"]) for row in page["items"]]
        cursor = page["next"]
    assert cursor is None
    assert keys == sorted(set(keys))
    assert len(keys) == 9
    assert len(await seen(city, "PO1", indicator="COL-02")) == 3
    for foreign in ("x", "WyJhIl0", "WyJhIiwiYiJd"):
        answer = await city.office.get("/v1/scores", params={**JANUARY, "cursor": foreign})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?cursor")


async def test_deductions_and_the_balance(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    await city.step("confirm", body={})
    told = await seen(city, "PO1", "/v1/deductions")
    assert sorted((row["indicator"], row["unit"], row["deduction"]["loss"]) for row in told) == [
        ("COL-01", "420102", "4"),
        ("COL-02", "420102", "2"),
        ("COL-02", "420104", "4"),
        ("COL-03", "420104", "0.5"),
    ]
    assert {row["unit"] for row in await seen(city, "L2", "/v1/deductions")} == {"420102"}
    page = (await city.office.get("/v1/deductions", params={**JANUARY, "limit": 3})).json()
    rest = (await city.office.get("/v1/deductions", params={**JANUARY, "limit": 3, "cursor": page["next"]})).json()
    assert len(page["items"] + rest["items"]) == 4
    balance = (await city.office.get("/v1/points-balance", params={"set": SET, "period": "2015-Q1"})).json()
    assert (balance["lost"], balance["won_back"], balance["open"]) == ("10.5", "0", "10.5")
    assert [(row["unit"], row["deductions"], row["lost"]) for row in balance["items"]] == [
        ("420102", 2, "6"),
        ("420104", 2, "4.5"),
    ]
    own = (await city.person("L2").get("/v1/points-balance", params=JANUARY)).json()
    assert own["lost"] == "6"


async def test_a_snapshot_sends_what_stands_to_one_reader(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    await city.step("confirm", body={})
    await city.tell(facts(2, fact("M-ERR", "420102", "1", 2), amendment="更正"))
    await send_snapshot(city.service.database, "audit_svc")
    rows = await city.service.database.reads.fetch(
        "SELECT envelope, nats_subject FROM outbox WHERE nats_subject LIKE 'snapshot.%' ORDER BY id"
    )
    assert {row["nats_subject"].split(".")[1] for row in rows} == {"audit_svc"}
    sent = [data_of(unseal(row["envelope"].encode())) for row in rows]
    cells = [cell for event in sent if isinstance(event, ScoresConfirmed) for cell in event.cells]
    deductions = [one for event in sent if isinstance(event, IndicatorDeducted) for one in event.deductions]
    assert len(cells) == 9
    assert {one.indicator_id: one.version for one in deductions if one.version > 1} == {COL1.indicator_id: 2}
    with pytest.raises(ReaderUnknown):
        await send_snapshot(city.service.database, "nobody_svc")
