from uuid import UUID

from shared.contracts.scoring import RankingPublished
from shared.http import encode_cursor
from tests.scoring_svc.ledger.city import COL1, DISTRICTS, SET, City, fact, facts, full_month, published, unit_of

Q1 = {"set": SET, "period": "2015-Q1"}


async def confirm_quarter(city: City) -> None:
    for number, month in enumerate(("2015-01", "2015-02", "2015-03"), start=1):
        await full_month(city, month, number)
        await city.fence(number, 1, month)
        assert (await city.step("confirm", month, body={})).status_code == 200
    await city.tell(facts(4, *(fact("M-QERR", unit, "0") for unit in DISTRICTS), period="2015-Q1"))
    await city.fence(4, 1, "2015-Q1")
    assert (await city.step("confirm", "2015-Q1", body={})).status_code == 200


async def test_the_provisional_ranking_follows_the_facts_within_reach(city: City) -> None:
    await full_month(city)
    ranking = (await city.office.get("/v1/rankings/provisional", params=Q1)).json()
    assert [(row["unit"], row["place"], row["total"]) for row in ranking["units"]] == [
        ("420103", 1, "23.00"),
        ("420104", 2, "18.50"),
        ("420102", 3, "17.00"),
    ]
    assert ranking["policy"]["blend"] == "mean_of_periods"
    mine = (await city.person("L2").get("/v1/rankings/provisional", params=Q1)).json()
    assert [(row["unit"], row["place"]) for row in mine["units"]] == [("420102", 3)]
    assert mine["ranked"] == 3


async def test_a_ranking_is_published_over_confirmed_periods_only(city: City) -> None:
    await full_month(city)
    answer = await city.office.post("/v1/rankings", json=Q1)
    assert (answer.status_code, answer.json()["code"]) == (409, "ranking_not_ready")
    assert answer.json()["periods"] == "2015-01, 2015-02, 2015-03, 2015-Q1"
    for person, code in (("L2", "forbidden"), ("DPO", "outside_scope")):
        assert (await city.person(person).post("/v1/rankings", json=Q1)).json()["code"] == code


async def test_a_published_ranking_never_changes_and_a_new_version_follows(city: City) -> None:
    await confirm_quarter(city)
    first = await city.office.post("/v1/rankings", json=Q1)
    assert first.status_code == 201, first.text
    await city.tell(facts(5, fact("M-ERR", "420102", "0", 2), amendment="更正"))
    second = (await city.office.post("/v1/rankings", json={**Q1, "reason": "复核更正"})).json()
    kept = await city.person("L3").get(first.headers["location"])
    assert kept.json() == first.json()
    assert "immutable" in kept.headers["cache-control"]
    assert [row["total"] for row in first.json()["units"]] == ["28.00", "23.83", "22.00"]
    assert {row["unit"]: row["total"] for row in second["units"]}["420102"] == "23.33"
    january = {row["unit"]: row for row in second["units"]}["420102"]
    assert (january["indicators"], january["full_marks"]) == (4, "28.00")
    versions = (await city.person("S2").get("/v1/rankings", params={"set": SET})).json()["items"]
    assert [row["version"] for row in versions] == [1, 2]
    beyond = {"set": SET, "cursor": encode_cursor("2015-Q1", 2**31)}
    assert (await city.office.get("/v1/rankings", params=beyond)).status_code == 422
    told = await city.service.events(RankingPublished)
    assert [(event.version, event.period, len(event.units)) for event in told] == [(1, "2015-Q1", 3), (2, "2015-Q1", 3)]
    assert [event.reason for event in told] == [None, "复核更正"]


async def test_a_published_ranking_is_for_the_party_only(bare_city: City) -> None:
    await bare_city.tell(published(SET, [COL1]), COL1)
    await bare_city.tell(facts(1, *(fact("M-ERR", unit, "1") for unit in DISTRICTS)))
    await bare_city.fence(1, 1)
    assert (await bare_city.step("confirm", body={})).status_code == 200
    made = await bare_city.office.post("/v1/rankings", json={"set": SET, "period": "2015-01"})
    assert [row["place"] for row in made.json()["units"]] == [1, 1, 1]
    where = made.headers["location"]
    assert {unit_of(code) for code in DISTRICTS} == {UUID(row["unit_id"]) for row in made.json()["units"]}
    for person, status in (("L2", 200), ("S2", 200), ("E1", 200), ("A1", 200), ("X1", 404)):
        assert (await bare_city.person(person).get(where)).status_code == status
    assert (await bare_city.person("X1").get("/v1/rankings", params={"set": SET})).json()["items"] == []
