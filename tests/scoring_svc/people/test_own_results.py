"""Nobody of the office decides on the result that assesses themself; on those of others they do.

That they do not mark themself either is shown where the scheme names the office: test_marks.py.
"""

from typing import Any

import httpx
import pytest_asyncio

from tests.scoring_svc.ledger.city import City
from tests.scoring_svc.people.scheme import People, amended, refusal, staffed

MONTH = ("2015-01-01", "2015-02-01")


@pytest_asyncio.fixture
async def people(city: City) -> People:
    """The round of 420102, of whose office DPO is: assessed in it, and able to run it."""
    people = await staffed(city)
    assert (await people.open(who="DPO")).status_code == 201
    await people.marked("H2", "DPO", "CONDUCT", "60")
    await people.marked("H2", "W1", "CONDUCT", "90")
    return people


async def stated(people: People, who: str, person: str) -> httpx.Response:
    version = (await people.city.office.get(people.at())).json()["version"]
    posting = {"unit": "420102", "post": "LEADER", "first": MONTH[0], "until": MONTH[1]}
    return await people.by(who).put(
        people.at(f"/people/{person}"),
        json={"postings": [posting], "reason": "调任"},
        headers={"if-match": f'"{version}"'},
    )


def capped(*people: str) -> dict[str, Any]:
    caps = [{"person": person, "not_above": "basic", "reason": "通报批评"} for person in people]
    return {"reason": "更正", "caps": caps}


async def test_nobody_states_their_own_postings(people: People) -> None:
    assert refusal(await stated(people, "DPO", "DPO")) == (403, "own_personal_result")
    assert (await stated(people, "DPO", "W1")).status_code == 200
    assert (await stated(people, "PO1", "DPO")).status_code == 200


async def test_who_is_assessed_does_not_close_and_publish_alone(people: People) -> None:
    assert (await people.step("closing", who="DPO")).status_code == 200
    assert refusal(await people.step("publication", {}, who="DPO")) == (403, "second_person_needed")
    assert (await people.step("publication", {})).status_code == 200
    await amended(people.city)
    assert refusal(await people.step("publication", capped("W1"), who="DPO")) == (403, "second_person_needed")


async def test_who_is_assessed_publishes_what_another_closed_but_never_their_own_cap(people: People) -> None:
    assert (await people.step("closing", who="PO1")).status_code == 200
    assert refusal(await people.step("publication", capped("DPO"), who="DPO")) == (403, "own_personal_result")
    assert (await people.step("publication", capped("W1"), who="DPO")).status_code == 200
    assert (await people.step("publication", capped("W1", "DPO"), who="PO1")).status_code == 200
    for lifted in (capped("W1"), capped()):
        assert refusal(await people.step("publication", lifted, who="DPO")) == (403, "own_personal_result")
    assert (await people.step("publication", capped("DPO"), who="DPO")).status_code == 200, "another one's cap"
    assert (await people.result("DPO"))["caps"] == [{"not_above": "basic", "reason": "通报批评"}]


async def test_who_is_not_assessed_in_a_round_runs_it_alone(people: People) -> None:
    assert (await people.open(unit="420103", who="PO1")).status_code == 201
    assert (await people.step("closing", who="PO1")).status_code == 200
    assert (await people.step("publication", {}, who="PO1")).status_code == 200
