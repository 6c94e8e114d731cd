"""Units over HTTP on a real database: batches, dated changes, two times, scope, two writers at once."""

import asyncio
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from shared.clock import SHANGHAI, Clock
from shared.contracts.identity import unit_id
from shared.contracts.indicator import UnitChanged
from shared.contracts.roles import Role, Scope
from shared.testing import RunningService
from tests.indicator_svc.conftest import Start


def row(code: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    kind = "city_bureau" if parent is None else "section"
    return {
        "code": code,
        "name": f"单位{code}",
        "kind": kind,
        "parent_code": parent,
        "effective_from": "2015-01-01",
        **more,
    }


TREE = [row("A2", "A"), row("A1", "A"), row("A", "R"), row("B", "R", groups={"location": "urban"}), row("R")]


async def load(client: httpx.AsyncClient, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Create the tree (again, which changes nothing)."""
    answer = await client.post("/v1/unit-batches", json={"units": TREE if rows is None else rows})
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def patch(client: httpx.AsyncClient, code: str, version: int, **body: Any) -> httpx.Response:
    return await client.patch(f"/v1/units/{code}", json=body, headers={"if-match": f'"{version}"'})


def codes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["items"]]


def errors(answer: httpx.Response) -> set[tuple[str, str]]:
    return {(one["pointer"], one["code"]) for one in answer.json()["errors"]}


async def test_a_batch_in_any_order_is_created_once(service: RunningService, setup: httpx.AsyncClient) -> None:
    assert (await load(setup))["created"] == 5
    again = await load(setup, list(reversed(TREE)))
    assert (again["created"], again["unchanged"]) == (0, 5)
    assert codes(await setup.get("/v1/units")) == ["R", "A", "A1", "A2", "B"]
    events = await service.events(UnitChanged)
    assert {event.unit_id: event.spans[0].path for event in events}[unit_id("A1")] == "R/A/A1/"
    assert len(events) == 5


async def test_pages_and_filters(setup: httpx.AsyncClient) -> None:
    await load(setup)
    first = await setup.get("/v1/units?limit=2")
    assert codes(first) == ["R", "A"]
    second = await setup.get(f"/v1/units?limit=2&cursor={first.json()['next']}")
    assert codes(second) == ["A1", "A2"]
    last = await setup.get(f"/v1/units?limit=2&cursor={second.json()['next']}")
    assert (codes(last), last.json()["next"]) == (["B"], None)
    assert codes(await setup.get("/v1/units?under=A")) == ["A", "A1", "A2"]
    assert codes(await setup.get("/v1/units?kind=city_bureau")) == ["R"]
    assert codes(await setup.get("/v1/units?as_of=2014-12-31")) == []
    assert (await setup.get("/v1/units?cursor=x")).status_code == 422


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("X", "NOWHERE")], ("/units/0/parent_code", "parent_unknown")),
        ([row("X", "R", effective_from="2014-06-01")], ("/units/0/parent_code", "parent_unknown")),
        ([row("X", "Y"), row("Y", "X")], ("/units/1/parent_code", "unit_cycle")),
        ([row("X", "X")], ("/units/0/parent_code", "unit_cycle")),
        ([row("A", "B")], ("/units/0/code", "unit_code_taken")),
        ([row("X", "R"), row("X", "A")], ("/units/1/code", "duplicate_row")),
    ],
)
async def test_one_bad_row_stops_the_whole_batch(
    shared_service: RunningService, rows: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    setup = shared_service.client(client="setup")
    await load(setup)
    answer = await setup.post("/v1/unit-batches", json={"units": [*rows, row("GOOD", "R")]})
    assert answer.status_code == 409
    assert answer.json()["code"] == "rows_refused"
    assert expected in errors(answer)
    assert (await setup.get("/v1/units/GOOD")).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": "a/b"}, "/units/0/code"),
        ({"name": ""}, "/units/0/name"),
        ({"name": "x\u0000"}, "/units/0/name"),
        ({"kind": "village"}, "/units/0/kind"),
        ({"effective_from": 20150101}, "/units/0/effective_from"),
        ({"effective_from": "2015-02-30"}, "/units/0/effective_from"),
        ({"colour": "red"}, "/units/0/colour"),
        ({"groups": {"Location": "urban"}}, "/units/0/groups/Location/[key]"),
    ],
)
async def test_malformed_rows_are_named(shared_service: RunningService, change: dict[str, Any], pointer: str) -> None:
    setup = shared_service.client(client="setup")
    answer = await setup.post("/v1/unit-batches", json={"units": [row("X") | change]})
    assert answer.status_code == 422
    assert pointer in {one["pointer"] for one in answer.json()["errors"]}


async def test_a_move_takes_everything_below_along(service: RunningService, setup: httpx.AsyncClient) -> None:
    await load(setup)
    moved = await patch(setup, "A", 1, effective_from="2015-07-01", parent_code="B")
    assert moved.status_code == 200, moved.text
    assert (moved.json()["path"], moved.headers["etag"]) == ("R/B/A/", '"2"')
    before = await setup.get("/v1/units/A1?as_of=2015-06-30")
    after = await setup.get("/v1/units/A1?as_of=2015-07-01")
    assert (before.json()["path"], after.json()["path"]) == ("R/A/A1/", "R/B/A/A1/")
    assert {event.unit_id for event in await service.events(UnitChanged) if event.version == 2} == {
        unit_id("A"), unit_id("A1"), unit_id("A2"),
    }  # fmt: skip
    assert codes(await setup.get("/v1/units?under=B&as_of=2015-08-01")) == ["B", "A", "A1", "A2"]


@pytest.mark.parametrize(
    ("code", "body", "status", "refusal"),
    [
        ("A", {"effective_from": "2015-07-01", "parent_code": "A1"}, 409, "unit_cycle"),
        ("A", {"effective_from": "2015-07-01", "parent_code": "A"}, 409, "unit_cycle"),
        ("A", {"effective_from": "2015-07-01", "parent_code": "NOWHERE"}, 409, "parent_unknown"),
        ("A", {"effective_from": "2014-07-01", "name": "早"}, 409, "before_unit_existed"),
        ("NOWHERE", {"effective_from": "2015-07-01", "name": "无"}, 404, "not_found"),
        ("A", {"effective_from": "2015-07-01"}, 422, "malformed"),
        ("A", {"effective_from": "2015-07-01", "parent_code": None}, 422, "malformed"),
    ],
)
async def test_refused_changes_change_nothing(
    shared_service: RunningService, code: str, body: dict[str, Any], status: int, refusal: str
) -> None:
    setup = shared_service.client(client="setup")
    await load(setup)
    answer = await patch(setup, code, 1, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, refusal)
    assert (await setup.get("/v1/units/A")).headers["etag"] == '"1"'


async def test_an_edit_says_which_version_it_saw(setup: httpx.AsyncClient) -> None:
    await load(setup)
    without = await setup.patch("/v1/units/A", json={"effective_from": "2015-07-01", "name": "甲"})
    assert (without.status_code, without.json()["code"]) == (428, "if_match_required")
    assert (await patch(setup, "A", 1, effective_from="2015-07-01", name="甲")).status_code == 200
    stale = await patch(setup, "A", 1, effective_from="2015-07-01", name="乙")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")


async def test_of_two_edits_at_once_one_is_stale(service: RunningService, setup: httpx.AsyncClient) -> None:
    await load(setup)
    answers = await asyncio.gather(
        *(patch(setup, "A", 1, effective_from="2015-07-01", name=f"甲{n}") for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert len([event for event in await service.events(UnitChanged) if event.unit_id == unit_id("A")]) == 2


async def test_two_moves_at_once_make_no_circle(setup: httpx.AsyncClient) -> None:
    await load(setup)
    answers = await asyncio.gather(
        patch(setup, "A", 1, effective_from="2015-07-01", parent_code="B"),
        patch(setup, "B", 1, effective_from="2015-07-01", parent_code="A"),
    )
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 200}
    assert [answer.status_code for answer in answers].count(200) == 1
    assert refused <= {"unit_cycle", "stale"}
    assert len(codes(await setup.get("/v1/units?as_of=2015-08-01"))) == 5


async def test_the_same_batch_twice_at_once_creates_once(service: RunningService, setup: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(load(setup), load(setup, list(reversed(TREE))))
    assert sorted(answer["created"] for answer in answers) == [0, 5]
    assert len(await service.events(UnitChanged)) == 5


async def test_units_are_seen_and_changed_within_scope(service: RunningService, setup: httpx.AsyncClient) -> None:
    await load(setup)
    await service.seed_person("LEADER", "A", Role.UNIT_LEADER, scope=Scope.SUBTREE)
    await service.seed_person("OFFICE", "A", Role.PERFORMANCE_OFFICE, scope=Scope.SUBTREE)
    leader, office = service.client(person="LEADER"), service.client(person="OFFICE")
    assert codes(await leader.get("/v1/units")) == ["A", "A1", "A2"]
    assert (await leader.get("/v1/units/B")).status_code == 404
    assert (await patch(leader, "A1", 1, effective_from="2015-07-01", name="甲")).status_code == 403
    assert (await patch(office, "A1", 1, effective_from="2015-07-01", name="甲")).status_code == 200
    assert (await patch(office, "B", 1, effective_from="2015-07-01", name="乙")).status_code == 404
    away = await patch(office, "A2", 1, effective_from="2015-07-01", parent_code="B")
    assert (away.status_code, away.json()["code"]) == (403, "outside_scope")
    outside = await office.post("/v1/unit-batches", json={"units": [row("A3", "A"), row("B1", "B")]})
    assert errors(outside) == {("/units/1", "outside_scope")}
    assert (await service.client(client="sys-x").get("/v1/units")).status_code == 403
    assert (await service.client().get("/v1/units")).status_code == 401


async def test_what_was_known_then_never_changes(start: Start, clock_file: Path) -> None:
    """After every one of many random changes, every earlier moment still tells of every day what it told before."""
    order = random.Random(11)  # noqa: S311 - a fixed sequence
    clock = Clock(clock_file)
    moment = datetime(2015, 2, 1, tzinfo=SHANGHAI)
    clock.set(moment, by="test")
    days = [date(2015, 1, 15), date(2015, 4, 15), date(2015, 8, 15), date(2016, 1, 15)]
    remembered: dict[tuple[str, date], Any] = {}
    async with start(clock_file=clock_file) as service:
        setup = service.client(client="setup")
        await load(setup)

        async def known(at: str, day: date) -> Any:
            answer = await setup.get("/v1/units", params={"as_of": str(day), "known_at": at})
            assert answer.status_code == 200, answer.text
            return [(one["path"], one["name"], one["groups"], one["recorded_at"]) for one in answer.json()["items"]]

        for number in range(8):
            moment += timedelta(days=order.randrange(1, 20))
            clock.set(moment, by="test")
            code = order.choice(["A", "A1", "A2", "B"])
            version = (await setup.get(f"/v1/units/{code}")).json()["version"]
            change: dict[str, Any] = order.choice(
                [
                    {"name": f"名{number}"},
                    {"parent_code": order.choice(["R", "A", "B"])},
                    {"groups": {"size": f"s{number}"}},
                ]
            )
            day = date(2015, 1, 1) + timedelta(days=order.randrange(300))
            answer = await patch(setup, code, version, effective_from=str(day), **change)
            assert answer.status_code in {200, 409}, answer.text
            at = clock.now().isoformat()
            for key, told in remembered.items():
                assert await known(*key) == told
            for each in days:
                remembered[at, each] = await known(at, each)
        assert len({str(told) for told in remembered.values()}) > 8
        future = await setup.get("/v1/units", params={"known_at": (moment + timedelta(days=5)).isoformat()})
        assert errors(future) == {("?known_at", "in_the_future")}


async def test_a_change_is_recorded_when_it_is_made_not_when_it_was_asked_for(
    service: RunningService, setup: httpx.AsyncClient
) -> None:
    """What waits for another writer was not known while it waited."""
    await load(setup)
    other = await asyncpg.connect(service.dsns.owner)
    try:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock(hashtextextended('organisation', 0))")
            asked = asyncio.ensure_future(patch(setup, "A1", 1, effective_from="2015-02-01", name="新名"))
            await asyncio.sleep(0.3)
            known_at = service.app.state.clock.now()
        changed = (await asked).json()
    finally:
        await other.close()
    assert datetime.fromisoformat(changed["recorded_at"]) > known_at
    told = await setup.get("/v1/units/A1", params={"as_of": "2015-03-01", "known_at": known_at.isoformat()})
    assert told.json()["name"] != "新名"
