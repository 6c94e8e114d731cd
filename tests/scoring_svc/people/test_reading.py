"""Who reads which results, the chain from units to people, pages, the trail."""

from typing import Any

from tests.scoring_svc.people.scheme import (
    WHO,
    People,
    published,
    refusal,
)


async def test_people_read_their_own_leaders_their_units_the_office_all(people: People) -> None:
    await published(people)
    seen: dict[str, list[str]] = {}
    for who in ("PO1", "A1", "DPO", "H2", "W1", "L2", "H3", "BO", "X1"):
        answer = await people.by(who).get("/v1/personal-results")
        assert answer.status_code == 200, (who, answer.text)
        seen[who] = [one["person"] for one in answer.json()["items"]]
    assert seen["PO1"] == seen["A1"] == seen["DPO"] == seen["H2"] == WHO
    assert (seen["W1"], seen["L2"]) == (["W1"], ["L2"])
    assert seen["H3"] == seen["BO"] == seen["X1"] == []
    other = await people.by("W1").get(f"/v1/personal-results/{people.round_id}/W2")
    assert refusal(other) == (404, "not_found")
    machine = people.city.service.client(client="sys-collection")
    assert refusal(await machine.get("/v1/personal-results")) == (403, "forbidden")


async def test_dimensions_that_tell_single_marks_are_for_the_office_and_the_auditor(people: People) -> None:
    await published(people)
    assert [(await people.result("W1", who=who))["dimensions"] is None for who in ("W1", "H2", "PO1", "A1")] == [
        True, True, False, False,
    ]  # fmt: skip
    own = await people.result("W1", who="W1")
    assert (own["base"], own["coefficient"], own["score"]) == ("88.1", "1", "88.1")
    assert (await people.result("H2", who="H2"))["dimensions"] is not None, "no marks of others are in it"


async def test_the_chain_reads_from_unit_to_post_to_person(people: People) -> None:
    await published(people)
    at, query = "/v1/personal-units/420102", {"round": people.round_id}
    chain = (await people.by("H2").get(at, params=query)).json()
    assert (chain["unit_result"]["unit"], chain["unit_result"]["share"], chain["coefficient"]) == (
        "420102", "1700/23", "1",
    )  # fmt: skip
    posts = {one["post"]: one for one in chain["posts"]}
    assert (posts["LEADER"]["matters"], posts["STAFF"]["indicators"]) == (["M-P-COL", "M-P-LATE"], ["P-WORK"])
    assert [(one["person"], one["days"], one["score"]) for one in posts["STAFF"]["holders"]] == [
        ("DPO", 31, None), ("L2", 31, None), ("W1", 31, "88.1"), ("W2", 31, None),
    ]  # fmt: skip
    section = (await people.by("H2").get("/v1/personal-units/420102-S1", params=query)).json()
    assert section["unit_result"]["unit"] == "420102", "the section is not ranked: the district's result counts"
    mine = (await people.by("W1").get(at, params=query)).json()
    assert [one["person"] for post in mine["posts"] for one in post["holders"]] == ["W1"]
    assert refusal(await people.by("H3").get(at, params=query)) == (404, "not_found")


async def test_lists_go_on_page_by_page(people: People) -> None:
    await published(people)
    found: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await people.city.office.get("/v1/personal-results", params=query)).json()
        found += [one["person"] for one in page["items"]]
        if page["next"] is None:
            break
        query = {"limit": 3, "cursor": page["next"]}
    assert found == WHO
    assert refusal(await people.city.office.get("/v1/personal-results", params={"cursor": "x"})) == (422, "malformed")
    one = (await people.city.office.get(people.at("/marks"), params={"limit": 2})).json()
    rest = (await people.city.office.get(people.at("/marks"), params={"cursor": one["next"]})).json()
    assert len(one["items"]) + len(rest["items"]) == 5


async def test_everything_leaves_a_trail(people: People) -> None:
    await published(people)
    rows = await people.city.service.database.reads.fetch(
        "SELECT action, count(*) AS many FROM trail WHERE object_type LIKE 'personal_%' GROUP BY 1 ORDER BY 1"
    )
    assert {row["action"]: row["many"] for row in rows} == {"close": 1, "mark": 5, "open": 1, "publish": 2}
