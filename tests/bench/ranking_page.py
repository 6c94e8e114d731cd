"""`ranking_page`: a published ranking of 138 units against an empty route behind the same middleware and permission.

Both are routes of the same process on the same connection, in random order. The page comes out of memory; the token,
the permission and the reader's scope are checked at every request. Two readers: a tax office's liaison who sees the
totals of all (the party of the ranking), and one under a policy that shows everybody their own rows only, whose page is
put together from the rows within reach.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from services.scoring_svc.main import create_app as create_service
from shared.auth import Actor
from shared.contracts.identity import indicator_id, set_id, unit_id
from shared.contracts.roles import Role
from shared.contracts.scoring import RankingPublished
from shared.http import TransactionalRoute, permits
from shared.testing import RunningService, fresh_database, running_service
from tests.bench.card_read import Connection
from tests.bench.harness import Bench, Figure, interleave
from tests.scoring_svc.ledger.city import NOON, card, metric, per_error, published
from tests.support.processes import ServiceProcess

SET = "BENCH"
DISTRICTS, OFFICES = 17, 121
CARDS = 20
ROUNDS = 1_500
EMPTY = "/v1/empty-route"


def create_app() -> FastAPI:
    """The service with one more route, which answers `{}`."""
    router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["bench"])

    @router.get("/empty-route")
    async def empty(request: Request, actor: Annotated[Actor, permits("rankings.read")]) -> Response:  # noqa: ARG001
        return Response("{}", media_type="application/json")

    app = create_service()
    app.include_router(router)
    return app


async def run(bench: Bench) -> list[Figure]:
    """Measure it."""
    name, dsns = await fresh_database(bench.postgres, "scoring_svc")
    async with running_service("scoring_svc", bench.postgres, bench.issuer, database=(name, dsns)) as service:
        pages = await _fill(service)
        person = await service.seed_person("READER", "O000", Role.UNIT_LIAISON)
    process = ServiceProcess("scoring_svc", dsns, bench.issuer, bench.nats.url, bench.directory)
    process.application = "tests.bench.ranking_page:create_app"
    bench.stack.push_async_callback(process.stop)
    await process.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    connection = Connection(reader, writer, bench.issuer.token(person=person))
    asked = {way: connection.request(f"/v1/rankings/{key}") for way, key in pages.items()}
    asked["bare"] = connection.request(EMPTY)
    bodies = {way: await connection.get(request) for way, request in asked.items()}
    rows = {way: len(msgspec.json.decode(bodies[way])["units"]) for way in pages}
    assert rows == {"totals": DISTRICTS + OFFICES, "own_rows": 1}, rows
    ways: dict[str, Callable[[int], Awaitable[object]]] = {}
    for way, request in asked.items():
        ways[way] = partial(_again, connection, request)
    times = await interleave(ways, rounds=ROUNDS)
    writer.close()
    rates = {way: f"{1 / taken:.0f}/s" for way, taken in times.items()}
    load = os.getloadavg()[0]
    bare = (
        f"bare: the empty guarded route answered {rates['bare']} on one connection, a page of {rows['totals']} units "
        f"({len(bodies['totals'])} bytes) {rates['totals']}, own rows only {rates['own_rows']} "
        f"({ROUNDS} rounds, load {load:.1f})"
    )
    figures = (("ranking_page", "totals"), ("ranking_page_own_rows", "own_rows"))
    return [Figure(figure, times["bare"] / times[way], 0.9, bare, stretch=1.0) for figure, way in figures]


async def _again(connection: Connection, request: bytes, _: int) -> object:
    return await connection.get(request)


async def _fill(service: RunningService) -> dict[str, UUID]:
    """A city of 138 evaluated units, two months confirmed and published: shown in full, and row by row."""
    districts = [f"D{n:02d}" for n in range(DISTRICTS)]
    offices = [f"O{n:03d}" for n in range(OFFICES)]
    units: list[tuple[str, str, str | None]] = [("CITY", "city_bureau", None), ("D-COL", "department", "CITY")]
    units += [(code, "district_bureau", "CITY") for code in districts]
    units += [(code, "tax_office", districts[n % DISTRICTS]) for n, code in enumerate(offices)]
    await service.seed_units(units)
    await service.seed_person("PO", "CITY", Role.PERFORMANCE_OFFICE, scope="all")
    evaluated = [unit_id(code) for code in (*districts, *offices)]
    cards = [
        msgspec.structs.replace(
            card(f"C{n:02d}", per_error("10", "-1"), {"errors": metric(f"M{n}")}, set_code=SET),
            evaluated_unit_ids=evaluated,
        )
        for n in range(CARDS)
    ]
    for event in (published(SET, cards), *cards):
        await service.deliver(event)
    months = ("2015-01", "2015-02")
    async with service.database.transaction("bench") as uow:
        driver = await uow.driver()
        for month in months:
            await driver.execute(
                "INSERT INTO period_states (set_id, period, state, version) VALUES ($1, $2, 'confirmed', 3)",
                set_id(SET),
                month,
            )
        columns = (
            "period", "indicator_id", "unit_id", "set_id", "standing", "version", "entered_version", "state",
            "full_marks", "score", "loss", "entries", "inputs", "indicator_version", "rule_hash", "at",
        )  # fmt: skip
        rows = [
            (
                month, indicator_id(SET, one.code), unit, set_id(SET), "confirmed", 1, 1, "scored", Decimal(10),
                Decimal(10 - (place * 7 + number) % 5), Decimal((place * 7 + number) % 5), "[]", "{}", 1, "", NOON,
            )
            for month in months
            for number, one in enumerate(cards)
            for place, unit in enumerate(evaluated)
        ]  # fmt: skip
        await driver.copy_records_to_table("cells", records=rows, columns=columns)
    office = service.client(person="PO")
    made = {}
    for shows, month in zip(("totals", "own_rows"), months, strict=True):
        rules = {
            "set": SET, "ties": "competition", "spread": "0", "groups": ["kind"], "shows": shows, "grading": None,
            "blend": {"how": "mean", "in_part": "full"}, "blends": [], "ranks": "all_evaluated",
        }  # fmt: skip
        assert (await office.post("/v1/ranking-policies", json=rules)).status_code == 201
        answer = await office.post("/v1/rankings", json={"set": SET, "period": month})
        assert answer.status_code == 201, answer.text
        made[shows] = UUID(answer.json()["ranking_id"])
    assert len(await service.events(RankingPublished)) == len(made)
    return made
