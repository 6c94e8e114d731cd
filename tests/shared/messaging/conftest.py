from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from tests.chaos.verdict import System


@pytest_asyncio.fixture(scope="session")
async def system(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The session's PostgreSQL, and a broker of its own that may be killed and emptied."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    directory = tmp_path_factory.mktemp("messaging")
    async with await Nats.start(directory / "nats") as nats:
        yield System(postgres, nats, directory)
    structlog.reset_defaults()
