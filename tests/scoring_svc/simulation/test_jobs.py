"""Large simulations are jobs: taken by lease, progress visible, taken up again when their taker dies, written once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.worker import SIMULATIONS, simulating
from shared.leased import Worker
from shared.testing import NOBODY_LISTENS, TestIssuer, fresh_database, running_service
from tests.scoring_svc.ledger.city import NOON, SET, City, Submission, found_city, publish, serving
from tests.scoring_svc.simulation.build import constants, found, january, simulate
from tests.support.processes import ServiceProcess

VARIANTS = ([constants("-1")], [{"kind": "remove", "indicator": "COL-02"}], [constants("-1.5")])


@pytest_asyncio.fixture
async def idle(postgres: Postgres, issuer: TestIssuer) -> AsyncIterator[City]:
    """A city in which everything is a job and nobody takes any but who is told to."""
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, simulation_cells_at_once=0, simulation_worker=False,
            **submission.settings,
        ) as service,
    ):  # fmt: skip
        city = await found_city(service, submission)
        await publish(city)
        await january(city)
        yield city


def worker_of(city: City, lease: float = 5.0) -> Worker:
    return simulating(city.service.database, city.service.app.state.clock, lease, poll=0.05)


async def state_of(city: City, made: dict[str, Any]) -> dict[str, Any]:
    answer = await city.office.get(f"/v1/simulations/{made['simulation_id']}")
    shown: dict[str, Any] = answer.json()
    return shown


async def until(city: City, made: dict[str, Any], *states: str, within: float = 20) -> None:
    """Wait until a simulation is in one of these states, at most so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while (await state_of(city, made))["state"] not in states:  # noqa: ASYNC110 - it is written by others
                await asyncio.sleep(0.02)


async def test_a_job_waits_is_shown_and_gives_what_it_gives_at_once(idle: City) -> None:
    made = await simulate(idle, *VARIANTS)
    assert (made["state"], made["progress"]) == ("waiting", {"done": 0, "total": 3})
    assert made["variants"][0]["kendall"] is None
    early = await idle.office.get(f"/v1/simulations/{made['simulation_id']}/variants/1")
    assert (early.status_code, early.json()["code"]) == (409, "simulation_not_done")
    assert await worker_of(idle).turn()
    assert not await worker_of(idle).turn()
    done = await state_of(idle, made)
    assert (done["state"], done["progress"], done["code"]) == ("done", {"done": 3, "total": 3}, None)
    idle.service.app.state.settings.simulation_cells_at_once = 3_000
    at_once = await simulate(idle, *VARIANTS)
    assert at_once["state"] == "done"
    for number in range(1, len(VARIANTS) + 1):
        assert await found(idle, made, number) == await found(idle, at_once, number)


async def test_of_many_workers_one_takes_a_simulation(idle: City) -> None:
    made = [await simulate(idle, [constants("-1")]) for _ in range(3)]
    turns = await asyncio.gather(*(worker_of(idle).turn() for _ in range(6)))
    assert sorted(turns) == [False] * 3 + [True] * 3
    assert {(await state_of(idle, one))["state"] for one in made} == {"done"}
    rows = await idle.service.database.reads.fetchval("SELECT count(*) FROM simulation_results")
    assert rows == 3


async def test_who_fell_silent_is_replaced_and_writes_nothing_any_more(idle: City) -> None:
    made = await simulate(idle, [constants("-1")])
    reads = idle.service.database.reads
    silent = await SIMULATIONS.claim(reads, uuid4(), lease=0.2)
    assert silent is not None
    assert await SIMULATIONS.beat(reads, silent, 1, 2, lease=0.2)
    shown = await state_of(idle, made)
    assert (shown["state"], shown["progress"]) == ("running", {"done": 1, "total": 2})
    # The control: while the lease holds nobody takes it.
    assert not await worker_of(idle).turn()
    await asyncio.sleep(0.3)
    assert await worker_of(idle).turn()
    assert (await state_of(idle, made))["state"] == "done"
    before = await repository.results_of(reads, UUID(made["simulation_id"]))
    assert not await SIMULATIONS.beat(reads, silent, 1, 2, 60)
    async with idle.service.database.transaction("test") as uow:
        assert not await SIMULATIONS.finish(await uow.driver(), silent, "failed", "late", NOON)
    assert await repository.results_of(reads, UUID(made["simulation_id"])) == before
    assert (await state_of(idle, made))["state"] == "done"


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "control: kept"])
async def test_a_worker_that_lost_its_lease_stops(idle: City, *, lost: bool) -> None:
    made = await simulate(idle, [constants("-1")])
    owner = await asyncpg.connect(idle.service.dsns.owner)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE cells IN ACCESS EXCLUSIVE MODE")  # the work waits for as long as we like
            task = asyncio.ensure_future(worker_of(idle, lease=0.3).turn())
            await until(idle, made, "running")
            if lost:
                statement = "UPDATE simulations SET claim_token = gen_random_uuid()"
                await idle.service.database.reads.execute(statement)
            done, _ = await asyncio.wait({task}, timeout=1)
            assert bool(done) is lost
    finally:
        await owner.close()
    assert await task
    assert (await state_of(idle, made))["state"] == ("running" if lost else "done")
    assert await idle.service.database.reads.fetchval("SELECT count(*) FROM simulation_results") == (0 if lost else 1)


async def test_what_cannot_be_simulated_any_more_fails_with_its_code(idle: City) -> None:
    made = await simulate(idle, [constants("-1")])
    await idle.service.database.reads.execute(
        "UPDATE simulations SET variants = replace(variants, 'COL-01', 'NO-01')"
    )  # fmt: skip
    assert await worker_of(idle).turn()
    shown = await state_of(idle, made)
    assert (shown["state"], shown["code"]) == ("failed", "variant_refused")


async def test_what_breaks_is_tried_three_times(idle: City) -> None:
    made = await simulate(idle, [constants("-1")])
    reads = idle.service.database.reads
    await reads.execute("UPDATE simulations SET variants = '{'")
    for _ in range(3):
        assert await worker_of(idle).turn()
        await reads.execute("UPDATE simulations SET claimed_until = NULL")
    row = await reads.fetchrow("SELECT state, code, tries FROM simulations")
    assert tuple(row) == ("failed", "internal_error", 3)
    assert made["state"] == "waiting"


async def test_what_ends_every_process_that_takes_it_fails_and_lets_the_next_one_through(idle: City) -> None:
    poison, behind = await simulate(idle, [constants("-1")]), await simulate(idle, [constants("-1.5")])
    reads = idle.service.database.reads
    for _ in range(5):  # each taker dies without a word
        taken = await SIMULATIONS.claim(reads, uuid4(), lease=0)
        assert taken is not None
        assert str(taken.job_id) == poison["simulation_id"]
    assert await worker_of(idle).turn()
    shown = await state_of(idle, poison)
    assert (shown["state"], shown["code"]) == ("failed", "takers_fell_silent")
    assert await worker_of(idle).turn()
    assert (await state_of(idle, behind))["state"] == "done"


async def test_who_is_shut_down_gives_the_job_back_and_it_is_no_try(idle: City) -> None:
    made = await simulate(idle, [constants("-1")])
    owner = await asyncpg.connect(idle.service.dsns.owner)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE cells IN ACCESS EXCLUSIVE MODE")
            task = asyncio.ensure_future(worker_of(idle, lease=3_600).turn())
            await until(idle, made, "running")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    finally:
        await owner.close()
    row = await idle.service.database.reads.fetchrow("SELECT tries, claim_token, claimed_until FROM simulations")
    assert tuple(row) == (0, None, None)
    assert await worker_of(idle).turn(), "nobody waits for the lease of an hour"
    assert (await state_of(idle, made))["state"] == "done"


@pytest.mark.parametrize("taken_up", [True, False], ids=["lease of a second", "control: lease of an hour"])
async def test_a_killed_process_is_replaced_by_another(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path, *, taken_up: bool
) -> None:
    """kill -9 in the middle: the next process begins anew and finds what an undisturbed run finds."""
    name, dsns = await fresh_database(postgres, "scoring_svc")
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, database=(name, dsns), simulation_worker=False, **submission.settings
        ) as service,
    ):
        city = await found_city(service, submission)
        await publish(city)
        await january(city)
        many = [[constants(f"-{number}.5")] for number in range(1, 21)]
        undisturbed = await simulate(city, *many)
        service.app.state.settings.simulation_cells_at_once = 0
        made = await simulate(city, *many)
        lease = "1" if taken_up else "3600"
        settings = {"simulation_lease_seconds": lease, "simulation_poll_seconds": "0.1"}
        # What the first process would go on with waits for this lock, so that it is killed before the end for certain.
        owner = await asyncpg.connect(dsns.owner)
        async with owner.transaction():
            await owner.execute("LOCK TABLE simulation_results IN EXCLUSIVE MODE")
            first = ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings)
            await first.start()
            await until(city, made, "running")
            await first.kill()
        await owner.close()
        second = ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings)
        await second.start()
        try:
            await until(city, made, "done", "failed", within=20 if taken_up else 2)
        finally:
            await second.stop()
        shown = await state_of(city, made)
        assert shown["state"] == ("done" if taken_up else "running")
        if taken_up:
            for number in (1, len(many)):
                assert await found(city, made, number) == await found(city, undisturbed, number)
        listed = (await city.office.get("/v1/simulations", params={"set": SET})).json()["items"]
        assert len(listed) == 2
