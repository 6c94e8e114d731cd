"""A recompute that one process commits is begun by another one's worker: at once by a wake, else at its poll."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.testing import NOBODY_LISTENS, TestIssuer, fresh_database, running_service
from tests.scoring_svc.ledger.city import City, Submission, found_city, publish, serving
from tests.scoring_svc.recomputes.test_recomputes import ask, done, january


@asynccontextmanager
async def city_of_two(postgres: Postgres, issuer: TestIssuer, nats_url: str, poll: float) -> AsyncIterator[City]:
    """A city whose requests come to a process without a worker, beside one with a worker, on one database."""
    database = await fresh_database(postgres, "scoring_svc")
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, database=database, nats_url=nats_url, recompute_worker=False,
            **submission.settings,
        ) as asked,
        running_service(
            "scoring_svc", postgres, issuer, database=database, nats_url=nats_url, recompute_poll_seconds=poll,
            **submission.settings,
        ) as works,
    ):  # fmt: skip
        city = await found_city(asked, submission)
        await publish(city)
        await january(city)
        if nats_url != NOBODY_LISTENS:
            assert await works.app.state.bus.link.wait_connected(5)
        await asyncio.sleep(0.3)  # the worker has looked once and found nothing
        yield city
    await postgres.drop_database(database[0])


async def seconds_until_done(city: City) -> float:
    began = time.monotonic()
    assert (await done(city, await ask(city), within=8))["state"] == "done"
    return time.monotonic() - began


async def test_the_worker_of_another_process_begins_at_once(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path
) -> None:
    async with (
        await Nats.start(tmp_path / "nats") as nats,
        city_of_two(postgres, issuer, nats.url, poll=60) as city,
    ):
        assert await seconds_until_done(city) < 0.7
        assert await seconds_until_done(city) < 0.7


async def test_without_a_broker_it_begins_at_its_poll(postgres: Postgres, issuer: TestIssuer) -> None:
    """The control too: nothing but a wake makes the worker of another process begin sooner."""
    async with city_of_two(postgres, issuer, NOBODY_LISTENS, poll=2.5) as city:
        assert 1 < await seconds_until_done(city) < 4
