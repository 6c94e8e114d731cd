"""Schemes and rounds over the routes: versions, who is in a round, postings from the directory."""

from typing import Any

import pytest

from tests.scoring_svc.people.scheme import (
    CODE,
    WHO,
    People,
    dimension,
    opened,
    refusal,
    scheme,
)


async def test_a_scheme_is_published_by_version_for_the_whole_bureau(people: People) -> None:
    assert refusal(await people.publish()) == (428, "if_match_required")
    assert refusal(await people.publish(seen=4)) == (412, "stale")
    assert (await people.publish(seen=1, least_days=5)).json()["version"] == 2
    wrong = await people.publish(seen=2, dimensions=[dimension("D", "90", "marks", ("self", "100"))], indicators=[])
    assert refusal(wrong) == (422, "personal_scheme_refused")
    partly = await people.by("DPO").put(f"/v1/personal-schemes/{CODE}", json=scheme(), headers={"if-match": '"2"'})
    assert refusal(partly) == (403, "outside_scope")
    shown = (await people.by("W1").get("/v1/personal-schemes")).json()["items"]
    assert [(one["code"], one["version"], one["least_days"]) for one in shown] == [(CODE, 1, 10), (CODE, 2, 5)]
    assert (await people.by("W1").get(f"/v1/personal-schemes/{CODE}/1")).json()["dimensions"] == scheme()["dimensions"]


async def test_a_round_finds_people_and_postings_in_the_directory(people: People) -> None:
    await opened(people)
    rows = (await people.city.office.get(people.at("/people"))).json()["items"]
    assert [one["person"] for one in rows] == WHO
    held = {one["person"]: [(p["unit"], p["post"], p["first"], p["until"], p["origin"]) for p in one["postings"]]
            for one in rows}  # fmt: skip
    assert held["H2"] == [("420102", "LEADER", "2015-01-01", "2015-02-01", "appointment")]
    assert held["W3"] == [("420102-S1", "STAFF", "2015-01-01", "2015-02-01", "service")]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"scheme": "NONE"}, (422, "personal_scheme_unknown")),
        ({"period": "2016-01"}, (422, "period_not_of_scheme")),
        ({"period": "2015-13"}, (422, "malformed")),
        ({"unit": "NOWHERE"}, (422, "malformed")),
        ({"panel": ["W1", "NOBODY"]}, (422, "person_unknown")),
        ({"unit": "420104"}, (422, "nobody_serves")),
        ({"who": "BO"}, (403, "outside_scope")),
        ({"who": "H2"}, (403, "forbidden")),
    ],
)
async def test_what_no_round_is_opened_for(people: People, changes: dict[str, Any], refused: tuple[int, str]) -> None:
    assert refusal(await people.open(**changes)) == refused


async def test_nobody_is_in_two_rounds_of_a_scheme_and_period(people: People) -> None:
    await opened(people)
    assert refusal(await people.open()) == (409, "round_exists")
    assert refusal(await people.open(unit="420100")) == (409, "people_in_other_round")
    assert refusal(await people.open(unit="420102-S1")) == (409, "people_in_other_round")
    assert (await people.open(unit="420103", who="BO")).status_code == 201
    assert refusal(await people.state("W1", [])) == (409, "people_in_other_round")


async def test_nobody_takes_the_people_of_another_unit_into_their_round(people: People) -> None:
    """The office of one district would decide on them, and keep the round of their own unit from being opened."""
    assert (await people.open(unit="420103", who="BO")).status_code == 201
    month = ("2015-01-01", "2015-02-01")
    for postings in ([], [("420102", "STAFF", *month)], [("420100", None, *month)]):
        assert refusal(await people.state("W1", postings)) == (422, "person_of_no_unit")
    moved = [("420103", "STAFF", "2015-01-01", "2015-01-12"), ("420102", "STAFF", "2015-01-12", "2015-02-01")]
    assert (await people.state("W2", moved)).status_code == 200, "the control: W2 held a post in 420103"
    assert (await people.state("W2", moved[1:])).status_code == 200, "whom the round has it keeps"
    assert refusal(await people.open()) == (409, "people_in_other_round")
