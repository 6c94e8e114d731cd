"""A change that reaches back into a fenced period needs another person's approval, over the routes and the events."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.clock import SHANGHAI, Clock
from shared.contracts.identity import set_id
from shared.contracts.indicator import AppointmentChanged, UnitChanged
from shared.contracts.roles import Role, Scope
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced
from shared.testing import RunningService
from tests.indicator_svc.conftest import Start

SET, DOCUMENT = "WH2015", "武地税发〔2015〕12号"
_STEP = {"set_id": set_id(SET), "period": "2015-02", "at": datetime(2015, 3, 9, tzinfo=UTC), "by": "office"}
FENCED = PeriodFenced(**_STEP, version=1, last_chunk=3, chunks=3)
CONFIRMED, CLOSED = PeriodConfirmed(**_STEP, version=2, cells=9), PeriodClosed(**_STEP, version=3)


@pytest_asyncio.fixture
async def bureau(start: Start, clock_file: Path) -> AsyncIterator[RunningService]:
    """A city with two districts on 2015-03-10, an office of two, personnel and a leader; February is fenced."""
    Clock(clock_file).set(datetime(2015, 3, 10, 9, tzinfo=SHANGHAI), by="test")
    async with start(clock_file=clock_file) as service:
        setup = service.client(client="setup")
        tree = [("C", "city_bureau", None), *((code, "district_bureau", "C") for code in ("D1", "D2"))]
        tree.append(("T", "tax_office", "D1"))
        units = [
            {"code": code, "name": code, "kind": kind, "parent_code": parent, "effective_from": "2015-01-01"}
            for code, kind, parent in tree
        ]
        assert (await setup.post("/v1/unit-batches", json={"units": units})).status_code == 201
        for code, unit, role in (
            ("P-OFFICE", "C", Role.PERFORMANCE_OFFICE),
            ("P-HEAD", "C", Role.COMMITTEE),
            ("P-STAFF", "C", Role.PERSONNEL),
        ):
            await service.seed_person(code, unit, role, scope=Scope.ALL)
        await service.seed_person("P-DISTRICT", "D1", Role.PERFORMANCE_OFFICE, scope=Scope.SUBTREE)
        await service.seed_person("P-LEADER", "D1")
        await service.deliver(FENCED)
        yield service


async def move(who: httpx.AsyncClient, day: str, **more: Any) -> httpx.Response:
    version = (await who.get("/v1/units/T")).json()["version"]
    body = {"effective_from": day, "parent_code": "D2", **more}
    return await who.patch("/v1/units/T", json=body, headers={"if-match": f'"{version}"'})


async def approve(who: httpx.AsyncClient, **more: Any) -> httpx.Response:
    body = {"document": DOCUMENT, "unit_codes": ["T"], "since": "2015-02-10", "reason": "机构改革", **more}
    return await who.post("/v1/backdating-approvals", json=body)


async def test_a_move_into_a_fenced_period_waits_for_another_person(bureau: RunningService) -> None:
    office, head = bureau.client(person="P-OFFICE"), bureau.client(person="P-HEAD")
    known_at = (await office.get("/v1/units/T")).json()["recorded_at"]
    refused = await move(office, "2015-02-10")
    assert (refused.status_code, refused.json()["code"]) == (409, "backdated_into_fenced_period")
    assert refused.json()["periods"].endswith("2015-02")
    assert (await move(office, "2015-02-10", approval=DOCUMENT)).json()["code"] == "approval_unknown"
    # The requester's own approval is none; neither is one for another unit or a later day.
    assert (await approve(office)).status_code == 201
    own = await move(office, "2015-02-10", approval=DOCUMENT)
    assert (own.status_code, own.json()["code"]) == (403, "second_person_needed")
    for document, more in (("D2", {"unit_codes": ["D1"]}), ("D3", {"since": "2015-02-11"})):
        assert (await approve(head, document=document, **more)).status_code == 201
        other = await move(office, "2015-02-10", approval=document)
        assert (other.status_code, other.json()["code"]) == (409, "approval_does_not_cover")
    assert (await office.get("/v1/units/T?as_of=2015-02-15")).json()["path"] == "C/D1/T/"
    assert len(await bureau.events(UnitChanged)) == 4  # the four that were created, nothing since
    assert (await approve(head, document="D4")).status_code == 201
    moved = await move(office, "2015-02-10", approval="D4")
    assert (moved.status_code, moved.json()["path"]) == (200, "C/D2/T/")
    assert (await office.get("/v1/units/T?as_of=2015-02-15")).json()["path"] == "C/D2/T/"
    # What was known before about that day has not changed.
    then = await office.get("/v1/units/T", params={"as_of": "2015-02-15", "known_at": known_at})
    assert then.json()["path"] == "C/D1/T/"
    reads = bureau.database.reads
    assert await reads.fetch("SELECT DISTINCT version, approval FROM unit_recordings WHERE code = 'T' ORDER BY 1") == [
        (1, None),
        (2, "D4"),
    ]
    trail = await reads.fetchval("SELECT after FROM trail WHERE action = 'use approval' AND object_id = 'D4'")
    assert "approved_by" in trail
    # Said once more it changes nothing and needs nothing.
    assert (await move(office, "2015-02-10")).json()["version"] == 2


async def test_before_the_fence_and_after_its_last_day_nobody_is_asked(bureau: RunningService) -> None:
    office = bureau.client(person="P-OFFICE")
    assert (await move(office, "2015-03-01")).status_code == 200
    new = {"code": "N", "name": "新", "kind": "tax_office", "parent_code": "D1", "effective_from": "2015-02-28"}
    refused = await office.post(
        "/v1/unit-batches", json={"units": [{**new, "effective_from": "2015-03-01", "code": "M"}, new]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "backdated_into_fenced_period")
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/units/1/effective_from"]
    assert (await office.get("/v1/units/M")).status_code == 404
    assert (await approve(bureau.client(person="P-HEAD"), unit_codes=["N"])).status_code == 201
    made = await office.post("/v1/unit-batches", json={"units": [new], "approval": DOCUMENT})
    assert made.status_code == 201, made.text


@pytest.mark.parametrize("later", [(), (CONFIRMED,), (CONFIRMED, CLOSED)], ids=["fenced", "confirmed", "closed"])
async def test_every_later_state_of_the_period_asks_too(bureau: RunningService, later: tuple[Any, ...]) -> None:
    for event in later:
        await bureau.deliver(event)
    await bureau.deliver(FENCED)  # late again: an older version changes nothing
    states = await bureau.database.reads.fetch("SELECT state FROM period_states")
    assert [row["state"] for row in states] == [["fenced", "confirmed", "closed"][len(later)]]
    assert (await move(bureau.client(person="P-OFFICE"), "2015-02-28")).json()["code"] == "backdated_into_fenced_period"
    # The control: without the read copy of the state nobody is asked.
    async with bureau.database.transaction("test") as uow:
        await (await uow.driver()).execute("DELETE FROM period_states")
    assert (await move(bureau.client(person="P-OFFICE"), "2015-02-28")).status_code == 200


def leading(since: str, **more: Any) -> dict[str, Any]:
    row = {"person_code": "P-LEADER", "role": "unit_leader", "unit_code": "D1", "scope": "own", "effective_from": since}
    return {**row, **more}


async def test_who_was_responsible_in_a_fenced_period_is_not_changed_alone(bureau: RunningService) -> None:
    staff, head = bureau.client(person="P-STAFF"), bureau.client(person="P-HEAD")

    async def appoint(row: dict[str, Any], **more: Any) -> httpx.Response:
        return await staff.post("/v1/appointment-batches", json={"appointments": [row], **more})

    refused = await appoint(leading("2015-02-10"))
    assert (refused.status_code, refused.json()["code"]) == (409, "backdated_into_fenced_period")
    # Others than those who evaluate, answer or report change nothing about a fenced period.
    assert (await appoint(leading("2015-02-10", role="inspector"))).status_code == 201
    assert (await approve(head, unit_codes=["D1"])).status_code == 201
    made = await appoint(leading("2015-02-10"), approval=DOCUMENT)
    assert made.status_code == 201, made.text
    at = f"/v1/appointments/{made.json()['rows'][0]['id']}"

    async def end(day: str, version: int, **more: Any) -> httpx.Response:
        return await staff.patch(at, json={"effective_to": day, **more}, headers={"if-match": f'"{version}"'})

    assert (await end("2015-04-01", 1)).status_code == 200
    assert (await end("2015-02-20", 2)).json()["code"] == "backdated_into_fenced_period"
    assert (await end("2015-02-20", 2, approval=DOCUMENT)).status_code == 200
    # Ending access at once asks nobody.
    assert (await staff.post(f"{at}/revocations", json={"reason": "调离"})).status_code == 201
    recorded = await bureau.database.reads.fetch(
        "SELECT version, approval FROM appointment_recordings WHERE role = 'unit_leader' ORDER BY version"
    )
    assert [tuple(row) for row in recorded] == [(1, DOCUMENT), (2, None), (3, DOCUMENT), (4, None)]
    assert len([one for one in await bureau.events(AppointmentChanged) if one.role is Role.UNIT_LEADER]) == 4


async def test_nobody_approves_alone_for_a_district_twice_by_a_document_or_for_ever(
    bureau: RunningService, clock_file: Path
) -> None:
    office, head = bureau.client(person="P-OFFICE"), bureau.client(person="P-HEAD")
    district = await approve(bureau.client(person="P-DISTRICT"))
    assert (district.status_code, district.json()["code"]) == (403, "outside_scope")
    assert (await approve(bureau.client(person="P-STAFF"))).status_code == 403
    made = await approve(head)
    assert (made.status_code, made.json()["until"]) == (201, "2015-04-10")
    assert (await approve(office)).json()["code"] == "document_taken"
    Clock(clock_file).set(datetime(2015, 4, 11, 9, tzinfo=SHANGHAI), by="test")
    late = await move(office, "2015-02-10", approval=DOCUMENT)
    assert (late.status_code, late.json()["code"]) == (409, "approval_does_not_cover")
