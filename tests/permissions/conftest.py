"""One bureau for the whole directory: it is founded once, and what the tests do to it they do in the order of files."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from shared.testing import TestIssuer
from tests.permissions.bureau import Bureau
from tests.permissions.founding import founded
from tests.permissions.tree import SMALL


@pytest_asyncio.fixture(scope="package")
async def bureau(
    postgres: Postgres, issuer: TestIssuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bureau]:
    async with founded(postgres, issuer, tmp_path_factory.mktemp("bureau"), SMALL) as made:
        yield made
