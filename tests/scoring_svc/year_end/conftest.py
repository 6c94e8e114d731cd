"""A scoring_svc with a business clock of its own, because a year's end passes in it; archives are written on demand."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from services.scoring_svc.event_handlers import keep_time_by
from shared.clock import SHANGHAI
from shared.testing import TestIssuer, running_service
from tests.scoring_svc.conftest import _empty
from tests.scoring_svc.ledger.city import City, Submission, found_city, publish, serving
from tests.scoring_svc.year_end.january import everything
from tests.scoring_svc.year_end.stage import Year


@pytest_asyncio.fixture(scope="session")
async def standing_year(
    postgres: Postgres, issuer: TestIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    at = tmp_path_factory.mktemp("year_end")
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, clock_file=at / "clock.jsonl", archive_worker=False,
            archive_key_file=at / "key.json", **submission.settings,
        ) as service,
    ):  # fmt: skip
        yield City(service, submission)


@pytest_asyncio.fixture
async def bare_year(standing_year: City) -> Year:
    """Nobody and nothing but the people of the small city; it is 10 February 2015."""
    service, submission = standing_year.service, standing_year.submission
    await _empty(service.dsns.owner)
    keep_time_by(service.app.state.clock, pause=0)  # as in tests/scoring_svc
    year = Year(await found_city(service, submission))
    year.on(datetime(2015, 2, 10, 9, tzinfo=SHANGHAI))
    await service.seed_person("K1", "420100", "committee", scope="all")
    await service.seed_person("K2", "420100", "committee", scope="all")
    return year


@pytest_asyncio.fixture
async def year(bare_year: Year) -> Year:
    """January of the small city confirmed and ranked from the beginning of the year."""
    await publish(bare_year.city)
    await bare_year.january()
    return bare_year


@pytest_asyncio.fixture
async def full(bare_year: Year) -> Year:
    """January with everything that an archive must hold."""
    await everything(bare_year)
    return bare_year
