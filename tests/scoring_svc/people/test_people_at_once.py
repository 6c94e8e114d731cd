"""Two at once: one wins with a code for the other; what the lock keeps, shown by taking it away."""

import asyncio
from typing import Any

import pytest

from services.scoring_svc.people import repository
from tests.scoring_svc.people.scheme import People, refusal


async def count(people: People, statement: str) -> int:
    found: int = await people.city.service.database.reads.fetchval(statement)
    return found


async def test_one_of_two_closings_wins(people: People) -> None:
    await people.open()
    answers = await asyncio.gather(*(people.step("closing", seen=1, who=who) for who in ("PO1", "PO2")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_one_of_two_publications_wins(people: People) -> None:
    await people.open()
    await people.marked("H2", "W1", "CONDUCT", "90")
    await people.step("closing")
    answers = await asyncio.gather(*(people.step("publication", {}, seen=2, who=who) for who in ("PO1", "PO2")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert await count(people, "SELECT count(*) FROM personal_publications") == 1


async def test_one_of_two_marks_of_an_evaluator_wins(people: People) -> None:
    await people.open()
    first = await asyncio.gather(*(people.mark("H2", "W1", "CONDUCT", mark) for mark in ("90", "80")))
    assert sorted(answer.status_code for answer in first) in ([200, 412], [200, 428])
    again = await asyncio.gather(*(people.mark("H2", "W1", "CONDUCT", mark, seen=1) for mark in ("60", "0")))
    assert sorted(answer.status_code for answer in again) == [200, 412]
    assert await count(people, "SELECT count(*) FROM personal_marks") == 1


async def test_two_first_marks_that_saw_none_leave_one(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    await people.open()
    both, real = asyncio.Barrier(2), repository.marks_between

    async def read_together(*places: Any) -> Any:
        found = await real(*places)
        await both.wait()
        return found

    monkeypatch.setattr(repository, "marks_between", read_together)
    answers = await asyncio.gather(*(people.mark("H2", "W1", "CONDUCT", mark) for mark in ("90", "80")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert await count(people, "SELECT count(*) FROM personal_marks") == 1


async def test_no_mark_comes_in_after_the_closing(people: People) -> None:
    await people.open()
    marks = [people.mark("H2", code, "CONDUCT", "90") for code in ("W1", "W2", "W3", "L2", "S2")]
    closing, *answers = await asyncio.gather(people.step("closing", seen=1), *marks)
    assert closing.status_code == 200
    assert {refusal(answer) for answer in answers if not answer.is_success} <= {(409, "round_not_open")}
    late = "SELECT count(*) FROM personal_marks k JOIN personal_rounds r USING (round_id) WHERE k.at > r.closed_at"
    counted = sum(answer.is_success for answer in answers)
    assert (await count(people, "SELECT count(*) FROM personal_marks"), await count(people, late) <= counted) == (
        counted,
        True,
    )


async def test_of_two_rounds_with_the_same_people_one_is_opened(people: People) -> None:
    answers = await asyncio.gather(people.open("420102"), people.open("420102-S1"))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    twice = "SELECT count(*) FROM (SELECT 1 FROM personal_members GROUP BY person_id HAVING count(*) > 1) more"
    assert await count(people, twice) == 0


async def test_nobody_is_stated_into_a_round_while_another_opens_with_them(people: People) -> None:
    await people.open("420103")
    held = [("420103", "STAFF", "2015-01-01", "2015-01-12")]
    stated, opened = await asyncio.gather(people.state("W1", held, seen=1), People(people.city).open("420102"))
    assert sorted([stated.status_code, opened.status_code]) in ([200, 409], [201, 409])
    twice = "SELECT count(*) FROM (SELECT 1 FROM personal_members GROUP BY person_id HAVING count(*) > 1) more"
    assert await count(people, twice) == 0


async def test_without_the_lock_people_come_into_two_rounds(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    both, real = asyncio.Barrier(2), repository.people_elsewhere

    async def nothing(*_: Any) -> None:
        """Hold nothing."""

    async def read_together(*places: Any) -> Any:
        found = await real(*places)
        await both.wait()
        return found

    monkeypatch.setattr(repository, "hold_people", nothing)
    monkeypatch.setattr(repository, "people_elsewhere", read_together)
    answers = await asyncio.gather(people.open("420102"), people.open("420102-S1"))
    assert [answer.status_code for answer in answers] == [201, 201]


async def test_a_request_sent_twice_opens_one_round(people: People) -> None:
    body = {"scheme": "T-PERSONAL", "period": "2015-01", "unit": "420102", "panel": []}
    key = {"idempotency-key": "one"}
    office = people.city.office
    answers = [await office.post("/v1/personal-rounds", json=body, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert await count(people, "SELECT count(*) FROM personal_rounds") == 1
