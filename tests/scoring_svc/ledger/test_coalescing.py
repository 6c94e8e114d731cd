"""Groups of units that see each other: scored at once, then once in a pause, and in the end as all facts say."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from deploy.local.postgres import Postgres
from services.scoring_svc.ledger.coalescing import GroupScorer
from shared.testing import TestIssuer, running_service
from tests.scoring_svc.ledger.city import (
    COL2,
    DISTRICTS,
    SET,
    City,
    Submission,
    fact,
    facts,
    found_city,
    publish,
    serving,
)

PAUSE = 0.4
_TURNS = "SELECT waits FROM group_turns WHERE period = '2015-01' AND indicator_id = $1"


@pytest_asyncio.fixture
async def pausing(postgres: Postgres, issuer: TestIssuer) -> AsyncIterator[City]:
    """A city whose process lets groups wait, for so long that nobody scores them but who is told to."""
    async with (
        serving(Submission(issuer)) as submission,
        running_service("scoring_svc", postgres, issuer, group_pause_seconds=60, **submission.settings) as service,
    ):
        city = await found_city(service, submission)
        await publish(city)
        yield city


def growth(chunk: int, version: int, *values: str) -> Any:
    return facts(
        chunk, *(fact("M-GROWTH", unit, value, version) for unit, value in zip(DISTRICTS, values, strict=False))
    )


async def places(city: City) -> list[str | None]:
    scores = await city.scores()
    return [scores[COL2.code, unit]["score"] if (COL2.code, unit) in scores else None for unit in DISTRICTS]


def scorer(city: City) -> GroupScorer:
    return GroupScorer(city.service.database, city.service.app.state.clock, PAUSE)


async def test_the_first_fact_is_scored_at_once_and_the_next_ones_together(pausing: City) -> None:
    await pausing.tell(growth(1, 1, "9", "5", "1"), times=1)
    assert await places(pausing) == ["10.00", "8.00", "6.00"]
    for version in range(2, 7):
        await pausing.tell(growth(version, version, str(version), "5", "7"), times=1)
    # The control: nothing was scored for them, and the mark says so.
    assert await places(pausing) == ["10.00", "8.00", "6.00"]
    assert await pausing.service.database.reads.fetchval(_TURNS, COL2.indicator_id) is True
    assert not await scorer(pausing).turn()  # the pause is not over
    await asyncio.sleep(PAUSE)
    assert await scorer(pausing).turn()
    assert await places(pausing) == ["8.00", "6.00", "10.00"]
    assert await pausing.service.database.reads.fetchval(_TURNS, COL2.indicator_id) is False
    await asyncio.sleep(PAUSE)
    assert not await scorer(pausing).turn()


async def test_what_waits_is_in_a_confirmation_and_amendments_never_wait(pausing: City) -> None:
    errors = [fact("M-ERR", unit, "0") for unit in DISTRICTS]
    sent = [fact("M-SENT", unit, "2015-02-05") for unit in DISTRICTS]
    await pausing.tell(growth(1, 1, "9", "5", "1"), facts(2, *errors), facts(3, *sent), times=1)
    await pausing.tell(growth(4, 2, "0", "5", "1"), times=1)
    assert await places(pausing) == ["10.00", "8.00", "6.00"]
    await pausing.fence(4, 4)
    assert (await pausing.step("confirm", body={})).status_code == 200
    assert await places(pausing) == ["6.00", "10.00", "8.00"]
    amended = facts(5, fact("M-GROWTH", DISTRICTS[0], "20", 3), amendment="更正")
    await pausing.tell(amended, times=1)
    assert await places(pausing) == ["10.00", "8.00", "6.00"]
    await asyncio.sleep(PAUSE)
    await scorer(pausing).turn()  # the mark from before the confirmation: a confirmed period is left alone
    assert await places(pausing) == ["10.00", "8.00", "6.00"]


async def test_many_at_once_and_a_process_that_looks_now_and_then_end_as_all_facts_say(pausing: City) -> None:
    waiting = GroupScorer(pausing.service.database, pausing.service.app.state.clock, 0.05)
    task = asyncio.ensure_future(waiting.run())
    events = [
        facts(10 + number, fact("M-GROWTH", DISTRICTS[number % 3], f"{number * 7 % 31}", 1 + number))
        for number in range(60)
    ]
    await asyncio.gather(*(pausing.service.deliver(event, times=1) for event in events))
    await asyncio.sleep(0.5)
    task.cancel()
    before = await places(pausing)
    answer = await pausing.office.post("/v1/recomputes", json={"set": SET, "periods": ["2015-01"], "reason": "核对"})
    async with asyncio.timeout(10):
        while (told := (await pausing.office.get(answer.headers["location"])).json())["state"] != "done":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert told["changed"] == 0
    assert await places(pausing) == before != [None, None, None]
