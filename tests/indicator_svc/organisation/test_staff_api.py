"""People, appointments and calendars over HTTP: one liaison per unit, moving, revoking, who may see whom."""

import asyncio
from typing import Any

import httpx
import pytest_asyncio

from shared.contracts.identity import person_id
from shared.contracts.indicator import AppointmentChanged, CalendarPublished, PersonChanged
from shared.testing import RunningService
from tests.indicator_svc.conftest import forget_grants
from tests.indicator_svc.organisation.test_units_api import codes, errors, load


def person(code: str, unit: str) -> dict[str, Any]:
    return {"code": code, "name": f"人员{code}", "unit_code": unit, "post": "干部"}


def appointment(code: str, role: str, unit: str, scope: str = "own", **more: Any) -> dict[str, Any]:
    subject = "client_id" if code.startswith("sys-") else "person_code"
    return {subject: code, "role": role, "unit_code": unit, "scope": scope, "effective_from": "2015-01-01", **more}


async def appoint(client: httpx.AsyncClient, *rows: dict[str, Any]) -> httpx.Response:
    return await client.post("/v1/appointment-batches", json={"appointments": list(rows)})


async def only(client: httpx.AsyncClient, **filters: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = (await client.get("/v1/appointments", params=filters)).json()["items"]
    assert len(found) == 1
    return found[0]


@pytest_asyncio.fixture
async def staffed(setup: httpx.AsyncClient) -> httpx.AsyncClient:
    await load(setup)
    rows = [person("PA", "A"), person("PA1", "A1"), person("PB", "B"), person("PERS", "R"), person("LEAD", "A")]
    answer = await setup.post("/v1/person-batches", json={"people": rows})
    assert answer.status_code == 201, answer.text
    made = await appoint(
        setup,
        appointment("PA", "unit_liaison", "A"),
        appointment("PERS", "personnel", "R", "all"),
        appointment("LEAD", "unit_leader", "A", "subtree"),
        appointment("sys-x", "source_system", "R", "all"),
    )
    assert made.json()["created"] == 4, made.text
    return setup


async def test_people_are_added_once_and_all_or_none(service: RunningService, staffed: httpx.AsyncClient) -> None:
    again = await staffed.post("/v1/person-batches", json={"people": [person("PA", "A")]})
    assert (again.json()["created"], again.json()["unchanged"]) == (0, 1)
    bad = [person("NEW", "B"), person("X", "NOWHERE"), person("PA", "B"), person("NEW", "B")]
    refused = await staffed.post("/v1/person-batches", json={"people": bad})
    assert errors(refused) == {
        ("/people/1/unit_code", "unit_unknown"),
        ("/people/2/code", "person_differs"),
        ("/people/3/code", "duplicate_row"),
    }
    assert codes(await staffed.get("/v1/people?code=NEW")) == []
    assert len(await service.events(PersonChanged)) == 5


async def test_people_are_seen_within_scope_with_their_roles(
    service: RunningService, staffed: httpx.AsyncClient
) -> None:
    liaison, leader = service.client(person="PA"), service.client(person="LEAD")
    assert codes(await liaison.get("/v1/people")) == ["LEAD", "PA"]
    assert codes(await leader.get("/v1/people")) == ["LEAD", "PA", "PA1"]
    assert codes(await service.client(person="PERS").get("/v1/people")) == ["LEAD", "PA", "PA1", "PB", "PERS"]
    assert codes(await leader.get("/v1/people?unit=B")) == []
    found = (await staffed.get("/v1/people?role=unit_liaison&unit=A")).json()["items"]
    assert [(one["person_id"], one["roles"]) for one in found] == [(str(person_id("PA")), ["unit_liaison"])]
    assert (await service.client(client="sys-x").get("/v1/people")).status_code == 403


async def test_a_unit_has_one_liaison_at_a_time(service: RunningService, staffed: httpx.AsyncClient) -> None:
    second = await appoint(staffed, appointment("LEAD", "unit_liaison", "A", effective_from="2015-06-01"))
    assert (second.status_code, errors(second)) == (409, {("/appointments/0", "second_liaison")})
    two = await appoint(staffed, appointment("PA1", "unit_liaison", "A1"), appointment("PB", "unit_liaison", "A1"))
    assert errors(two) == {("/appointments/1", "second_liaison")}
    at_once = await asyncio.gather(
        *(appoint(staffed, appointment(code, "unit_liaison", "B")) for code in ("PB", "PA1", "LEAD"))
    )
    assert sorted(answer.status_code for answer in at_once) == [201, 409, 409]
    first = await only(staffed, person="PA")
    ended = await staffed.patch(
        f"/v1/appointments/{first['appointment_id']}", json={"effective_to": "2015-06-01"}, headers={"if-match": '"1"'}
    )
    assert ended.status_code == 200, ended.text
    follows = await appoint(staffed, appointment("LEAD", "unit_liaison", "A", effective_from="2015-06-01"))
    assert follows.status_code == 201
    back = await staffed.patch(
        f"/v1/appointments/{first['appointment_id']}", json={"effective_to": None}, headers={"if-match": '"2"'}
    )
    assert (back.status_code, back.json()["code"]) == (409, "second_liaison")
    versions = [
        event.version for event in await service.events(AppointmentChanged) if event.subject == str(person_id("PA"))
    ]
    assert versions == [1, 2]


async def test_rows_that_break_a_rule_are_named(staffed: httpx.AsyncClient) -> None:
    refused = await appoint(
        staffed,
        appointment("PB", "inspector", "B"),
        appointment("NOBODY", "inspector", "B"),
        appointment("PB", "inspector", "NOWHERE"),
        appointment("PB", "source_system", "B"),
        appointment("sys-x", "unit_liaison", "B"),
        appointment("PB", "committee", "B", effective_to="2015-01-01"),
        appointment("PA", "unit_liaison", "A", "subtree"),
    )
    assert errors(refused) == {
        ("/appointments/1/person_code", "person_unknown"),
        ("/appointments/2", "unit_unknown"),
        ("/appointments/3", "role_of_machines"),
        ("/appointments/4", "role_of_machines"),
        ("/appointments/5", "appointment_dates_crossed"),
        ("/appointments/6", "appointment_differs"),
    }
    assert codes_of(await staffed.get("/v1/appointments?role=inspector")) == []
    both = await appoint(staffed, {**appointment("PB", "inspector", "B"), "client_id": "sys-x"})
    assert both.status_code == 422


def codes_of(answer: httpx.Response) -> list[str]:
    return [one["person_code"] or one["client_id"] for one in answer.json()["items"]]


async def test_a_revoked_appointment_ends_at_once_and_is_not_given_again(
    service: RunningService, staffed: httpx.AsyncClient
) -> None:
    liaison = service.client(person="PA")
    assert (await liaison.get("/v1/units")).status_code == 200
    key = (await only(staffed, person="PA"))["appointment_id"]
    for _ in range(2):
        ended = await staffed.post(f"/v1/appointments/{key}/revocations", json={"reason": "调离"})
        assert (ended.status_code, ended.json()["revoked"], ended.json()["version"]) == (201, True, 2)
    forget_grants(service)
    assert (await liaison.get("/v1/units")).status_code == 403
    again = await appoint(staffed, appointment("PA", "unit_liaison", "A"))
    assert errors(again) == {("/appointments/0", "appointment_revoked")}
    moved = await staffed.patch(f"/v1/appointments/{key}", json={"scope": "subtree"}, headers={"if-match": '"2"'})
    assert (moved.status_code, moved.json()["code"]) == (409, "appointment_revoked")
    assert (await appoint(staffed, appointment("LEAD", "unit_liaison", "A"))).status_code == 201
    events = [event for event in await service.events(AppointmentChanged) if str(event.appointment_id) == key]
    assert [event.revoked_at is None for event in events] == [True, False]


async def test_a_moved_appointment_reaches_the_new_unit(service: RunningService, staffed: httpx.AsyncClient) -> None:
    key = (await only(staffed, person="PA"))["appointment_id"]
    without = await staffed.patch(f"/v1/appointments/{key}", json={"unit_code": "B"})
    assert without.status_code == 428
    moved = await staffed.patch(
        f"/v1/appointments/{key}", json={"unit_code": "B", "scope": "subtree"}, headers={"if-match": '"1"'}
    )
    assert (moved.json()["unit_code"], moved.headers["etag"]) == ("B", '"2"')
    stale = await staffed.patch(f"/v1/appointments/{key}", json={"unit_code": "A1"}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    forget_grants(service)
    assert codes(await service.client(person="PA").get("/v1/units")) == ["B"]


async def test_nobody_gives_more_than_they_reach(service: RunningService, staffed: httpx.AsyncClient) -> None:
    assert (await appoint(staffed, appointment("PB", "performance_office", "A", "subtree"))).status_code == 201
    office, personnel = service.client(person="PB"), service.client(person="PERS")
    assert (await appoint(office, appointment("PA1", "inspector", "A1"))).status_code == 201
    refused = await appoint(
        office,
        appointment("PA1", "inspector", "B"),
        appointment("PA1", "committee", "A", "all"),
        appointment("PB", "committee", "A"),
        appointment("PA1", "auditor", "A"),
    )
    assert errors(refused) == {
        ("/appointments/0", "outside_scope"),
        ("/appointments/1", "outside_scope"),
        ("/appointments/2", "own_appointment"),
        ("/appointments/3", "role_not_yours"),
    }
    assert errors(await appoint(personnel, appointment("PA1", "operator", "R", "all"))) == {
        ("/appointments/0", "role_not_yours")
    }
    key = (await only(staffed, person="PERS"))["appointment_id"]
    own = await personnel.post(f"/v1/appointments/{key}/revocations", json={"reason": "x"})
    assert (own.status_code, own.json()["code"]) == (403, "own_appointment")
    assert codes_of(await office.get("/v1/appointments?client=sys-x")) == []


async def test_a_calendar_is_published_and_replaced_by_who_read_it(
    service: RunningService, staffed: httpx.AsyncClient
) -> None:
    days = [
        {"day": "2015-01-04", "kind": "working", "name": "调休"},
        {"day": "2015-01-01", "kind": "closed", "name": "元旦"},
    ]
    for body in (days, days[::-1]):
        made = await staffed.put("/v1/calendars/2015", json={"days": body})
        assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    changed = {"days": days[:1]}
    blind = await staffed.put("/v1/calendars/2015", json=changed)
    assert blind.status_code == 412
    replaced = await staffed.put("/v1/calendars/2015", json=changed, headers={"if-match": '"1"'})
    assert replaced.headers["etag"] == '"2"'
    shown = await service.client(client="sys-x").get("/v1/calendars/2015")
    assert [one["day"] for one in shown.json()["days"]] == ["2015-01-04"]
    bad = {"days": [days[0], days[0], {**days[0], "day": "2016-01-04"}]}
    refused = await staffed.put("/v1/calendars/2015", json=bad, headers={"if-match": '"2"'})
    assert errors(refused) == {("/days/1/day", "duplicate_row"), ("/days/2/day", "other_year")}
    assert (await staffed.get("/v1/calendars/2016")).status_code == 404
    assert [event.version for event in await service.events(CalendarPublished)] == [1, 2]
