"""Who is nobody gets nothing: no token, no appointment, one that is over, one not yet begun, revoked, or moved away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.clock import SHANGHAI, Clock
from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import AppointmentChanged, CalendarPublished
from shared.contracts.roles import Role, Scope
from shared.directory.apply import apply_appointment
from shared.testing import RunningService, TestIssuer, running_service
from tests.permissions.bureau import Bureau, done
from tests.permissions.recipe import Recipe
from tests.permissions.recipes.all import RECIPES
from tests.permissions.tree import UNITS
from tests.permissions.verdicts import code_of, marked
from tests.submission_svc.bureau import card, metric, published_set, row

_WITHIN_SECONDS = 5.0


@pytest.mark.parametrize("service", ["indicator_svc", "submission_svc", "scoring_svc", "audit_svc"])
async def test_without_token_or_appointment_no_route_answers(bureau: Bureau, service: str) -> None:
    nobody = bureau.services[service].client()
    unappointed = bureau.services[service].client(person=f"P-{uuid4().hex[:8]}")
    asked = 0
    for recipe in RECIPES:
        if recipe.service == service:
            assert await _code(bureau, nobody, recipe) == "401 unauthenticated", str(recipe)
            assert await _code(bureau, unappointed, recipe) == "403 forbidden", str(recipe)
            asked += 2
    assert asked >= 30


async def _code(bureau: Bureau, client: httpx.AsyncClient, recipe: Recipe) -> str:
    ask = await recipe.ask(bureau, bureau.callers[0], recipe.objects[0])
    body: dict[str, Any] = {} if ask.body is None else {"json": ask.body}
    answer = await client.request(recipe.method, ask.path, params=dict(ask.query), headers=dict(ask.headers), **body)
    assert not marked(recipe, answer.text, UNITS)
    return code_of(answer)


async def test_an_appointment_holds_from_its_first_day_to_the_day_before_its_end(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path
) -> None:
    clock = Clock(tmp_path / "clock.jsonl")
    clock.set(datetime(2015, 2, 14, 23, 59, tzinfo=SHANGHAI), by="test")
    async with running_service("submission_svc", postgres, issuer, clock_file=tmp_path / "clock.jsonl") as service:
        await service.seed_units([("C", "city_bureau", None)])
        await service.seed_person("P", "C")
        async with service.database.transaction("seed") as uow:
            await apply_appointment(
                uow,
                AppointmentChanged(
                    appointment_id=uuid4(),
                    version=1,
                    subject=str(person_id("P")),
                    role=Role.AUDITOR,
                    unit_id=unit_id("C"),
                    scope=Scope.ALL,
                    effective_from=date(2015, 2, 15),
                    effective_to=date(2015, 2, 20),
                    recorded_at=datetime(2015, 1, 1, tzinfo=UTC),
                ),
            )
        client, seen = service.client(person="P"), []
        for day in (14, 15, 19, 20):
            clock.set(datetime(2015, 2, day, 12, tzinfo=SHANGHAI), by="test")
            await asyncio.sleep(1.1)  # what is remembered of a caller is remembered for one second
            seen.append((await client.get("/v1/facts")).status_code)
        assert seen == [403, 200, 200, 403]


@pytest_asyncio.fixture
async def pair(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path
) -> AsyncIterator[tuple[RunningService, RunningService]]:
    """indicator_svc, which appoints, and submission_svc, which hears of it over a real broker."""
    journal = tmp_path / "clock.jsonl"
    Clock(journal).set(datetime(2015, 2, 5, 9, tzinfo=SHANGHAI), by="test")
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(await Nats.start(tmp_path / "nats"))
        names = ("indicator_svc", "submission_svc")
        running = [running_service(n, postgres, issuer, clock_file=journal, nats_url=nats.url) for n in names]
        indicator, submission = [await stack.enter_async_context(one) for one in running]
        await _two_districts(indicator, submission)
        yield indicator, submission


async def _two_districts(indicator: RunningService, submission: RunningService) -> None:
    setup, since = indicator.client(client="setup"), "2015-01-01"
    tree = [("420100", "city_bureau", None), *((c, "district_bureau", "420100") for c in ("420102", "420103"))]
    tree.append(("D-REV", "department", "420100"))
    units = [
        {"code": code, "name": f"单位{code}", "kind": kind, "parent_code": parent, "effective_from": since}
        for code, kind, parent in tree
    ]
    await done(setup.post("/v1/unit-batches", json={"units": units}))
    staff = [("P-OFFICE", "420100", "performance_office", "all"), ("P-LEADER", "420102", "unit_leader", "own")]
    people = [{"code": code, "name": "人", "unit_code": unit, "post": "干部"} for code, unit, _, _ in staff]
    await done(setup.post("/v1/person-batches", json={"people": people}))
    terms = [
        {"person_code": code, "role": role, "unit_code": unit, "scope": scope, "effective_from": since}
        for code, unit, role, scope in staff
    ]
    await done(setup.post("/v1/appointment-batches", json={"appointments": terms}))
    for event in (
        CalendarPublished(year=2015, version=1, days=[]),
        metric("M-RATE", "percent", {"at_least": "0", "at_most": "100"}),
        card("C-1", ["M-RATE"], units=("420102", "420103")),
        published_set(1),
    ):
        await submission.deliver(event, times=1)
    office = submission.client(person="P-OFFICE")
    await _until(lambda: _status(office), 200)
    facts = [row(unit="420102", value="1.5"), row(unit="420103", value="2.5")]
    await done(office.post("/v1/fact-batches", json={"mode": "atomic", "rows": facts}))


async def _status(client: httpx.AsyncClient) -> int:
    return (await client.get("/v1/facts")).status_code


async def _units_read(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/v1/facts")
    return [item["unit"] for item in answer.json()["items"]] if answer.is_success else []


async def _until(look: Callable[[], Awaitable[Any]], wanted: Any, *, within: float = 30.0) -> float:
    """The seconds until it looks as wanted. Fails with what it looked like last."""
    started = time.monotonic()
    while (found := await look()) != wanted:
        assert time.monotonic() - started < within, f"still {found} after {within} s, not {wanted}"
        await asyncio.sleep(0.05)
    return time.monotonic() - started


async def test_an_appointment_moved_and_then_revoked_ends_in_the_other_service_within_five_seconds(
    pair: tuple[RunningService, RunningService],
) -> None:
    indicator, submission = pair
    setup, leader = indicator.client(client="setup"), submission.client(person="P-LEADER")
    await _until(lambda: _units_read(leader), ["420102"])
    known = (await done(setup.get("/v1/appointments", params={"person": "P-LEADER"})))["items"][0]
    at = f"/v1/appointments/{known['appointment_id']}"
    moved = await setup.patch(at, json={"unit_code": "420103"}, headers={"if-match": f'"{known["version"]}"'})
    assert moved.status_code == 200, moved.text
    # The old unit is gone and the new one is there with the same token.
    assert await _until(lambda: _units_read(leader), ["420103"], within=_WITHIN_SECONDS) < _WITHIN_SECONDS
    await done(setup.post(f"{at}/revocations", json={"reason": "调离"}))
    assert await _until(lambda: _status(leader), 403, within=_WITHIN_SECONDS) < _WITHIN_SECONDS
    # indicator_svc itself, which keeps the appointments, refuses no later.
    assert await _until(lambda: _reads_units(indicator), 403, within=_WITHIN_SECONDS) < _WITHIN_SECONDS


async def _reads_units(indicator: RunningService) -> int:
    return (await indicator.client(person="P-LEADER").get("/v1/units")).status_code
