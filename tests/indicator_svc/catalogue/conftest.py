"""A service with the small city, its office, and one service whose set is only read."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from services.indicator_svc.catalogue.schemas import _METRIC
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService
from tests.indicator_svc.catalogue.building import SET, UNITS, card, draft, publish
from tests.indicator_svc.conftest import RuleChecker, Start
from tests.indicator_svc.organisation.test_units_api import load, row


@pytest_asyncio.fixture
async def service(service: RunningService) -> RunningService:
    await load(service.client(client="setup"), UNITS)
    await service.seed_person("OFFICE", "R", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
    await service.seed_person("DRAFTER", "DEP", Role.EVALUATING_DEPARTMENT)
    await service.seed_person("OTHER", "DEP2", Role.EVALUATING_DEPARTMENT)
    return service


@pytest_asyncio.fixture
async def office(service: RunningService) -> httpx.AsyncClient:
    client = service.client(person="OFFICE")
    assert (await client.post("/v1/metric-batches", json={"metrics": [_METRIC]})).status_code == 201
    assert (await client.post("/v1/indicator-sets", json=SET)).status_code == 201
    return client


@pytest_asyncio.fixture(scope="module")
async def seen(start: Start, checker: RuleChecker) -> AsyncIterator[RunningService]:
    """C1 concerns both districts; C2, of another department, only the first one."""
    checker.down, checker.before_answer = False, None
    async with start(checker) as running:
        await load(running.client(client="setup"), [*UNITS, row("X", "R")])
        await running.seed_person("OFFICE", "R", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
        office = running.client(person="OFFICE")
        await office.post("/v1/metric-batches", json={"metrics": [_METRIC]})
        await office.post("/v1/indicator-sets", json=SET)
        await draft(office, card("C1"), card("C2", evaluating_unit_code="DEP2", evaluated_unit_codes=["D1"]))
        assert (await publish(office)).status_code == 201
        yield running
