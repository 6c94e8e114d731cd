import pytest_asyncio

from tests.scoring_svc.ledger.city import City
from tests.scoring_svc.people.scheme import People, staffed


@pytest_asyncio.fixture
async def people(city: City) -> People:
    return await staffed(city)
