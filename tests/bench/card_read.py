"""`card_read`: one published card over HTTP against an empty route behind the same middleware, token and permission.

Both are routes of the same process on the same connection, in random order. The reader is a liaison of a tax office, so
the card's audience of 18 units is searched for one above the reader's own.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from services.indicator_svc.catalogue.repository import CardVersion, add_set, save_publication
from services.indicator_svc.main import create_app as create_service
from shared.auth import Actor
from shared.contracts.identity import indicator_id, set_id, unit_id
from shared.contracts.roles import Role
from shared.http import TransactionalRoute, permits
from shared.testing import RunningService, fresh_database, running_service
from tests.bench.harness import Bench, Figure, interleave
from tests.support.processes import ServiceProcess

SET = "BENCH"
CARDS = 2_000
DISTRICTS = 17
ROUNDS = 800
EMPTY = "/v1/empty-route"


def create_app() -> FastAPI:
    """The service with one more route, which answers `{}` and nothing else."""
    router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["bench"])

    @router.get("/empty-route")
    async def empty(request: Request, actor: Annotated[Actor, permits("indicators.read")]) -> Response:  # noqa: ARG001
        return Response("{}", media_type="application/json")

    app = create_service()
    app.include_router(router)
    return app


class Connection:
    """One kept-alive HTTP/1.1 connection that sends ready bytes: the client must not be what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader, self._writer, self._token = reader, writer, token

    def request(self, path: str) -> bytes:
        """The bytes of a GET."""
        return f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self._token}\r\n\r\n".encode()

    async def get(self, request: bytes) -> bytes:
        """The body of the answer, which must be 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length.partition(b":")[2]))


async def run(bench: Bench) -> list[Figure]:
    """Measure it."""
    name, dsns = await fresh_database(bench.postgres, "indicator_svc")
    async with running_service("indicator_svc", bench.postgres, bench.issuer, database=(name, dsns)) as service:
        await _fill(service)
        person = await service.seed_person("READER", "D00-T1", Role.UNIT_LIAISON)
    process = ServiceProcess("indicator_svc", dsns, bench.issuer, bench.nats.url, bench.directory)
    process.application = "tests.bench.card_read:create_app"
    bench.stack.push_async_callback(process.stop)
    await process.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    connection = Connection(reader, writer, bench.issuer.token(person=person))
    empty = connection.request(EMPTY)
    cards = [connection.request(f"/v1/indicators/{indicator_id(SET, f'C{n:04d}')}") for n in range(CARDS)]
    body = await connection.get(cards[0])
    assert msgspec.json.decode(body)["code"] == "C0000"
    times = await interleave(
        {
            "bare": lambda _: connection.get(empty),
            "product": lambda number: connection.get(cards[number * 37 % CARDS]),
        },
        rounds=ROUNDS,
    )
    writer.close()
    bare = (
        f"bare: the empty guarded route answered {1 / times['bare']:.0f}/s on one connection, "
        f"a card of {len(body)} bytes {1 / times['product']:.0f}/s ({CARDS} cards, {ROUNDS} rounds, one statement each)"
    )
    return [Figure("card_read", times["bare"] / times["product"], 0.55, bare, stretch=0.71)]


async def _fill(service: RunningService) -> None:
    districts = [f"D{n:02d}" for n in range(DISTRICTS)]
    units: list[tuple[str, str, str | None]] = [("CITY", "city_bureau", None), ("DEP", "department", "CITY")]
    units += [(code, "district_bureau", "CITY") for code in districts]
    units += [(f"{code}-T{n}", "tax_office", code) for code in districts for n in range(7)]
    await service.seed_units(units)
    owner: dict[str, Any] = {
        "set_id": set_id(SET), "code": SET, "name": "测量", "year": 2015, "evaluated_units": {}, "full_marks": "4000",
        "outside_total": False, "levels": [],
    }  # fmt: skip
    versions = [_version(f"C{n:04d}", [unit_id(code) for code in districts]) for n in range(CARDS)]
    async with service.database.transaction("bench") as uow:
        driver = await uow.driver()
        await add_set(driver, owner)
        await save_publication(driver, owner["set_id"], 1, versions, at=datetime.now(UTC), by="bench")
        await driver.execute("ANALYZE")


def _version(code: str, evaluated: list[UUID]) -> CardVersion:
    step = {
        "kind": "step", "of": "rate", "from": "5", "direction": "above", "per": "1", "gives": "-0.1", "mode": "whole",
    }  # fmt: skip
    rate = {
        "label": {"zh": "漏管率", "en": "unregistered-taxpayer rate"}, "type": "percent", "missing": "refuse",
        "allowed": {"at_least": "0", "at_most": "100"}, "exempt": "refuse",
    }  # fmt: skip
    result = {"kind": "points", "base": "2", "clauses": [{"clause": "above_tolerance", "points": step}]}
    card = {
        "indicator_id": str(indicator_id(SET, code)), "version": 1, "set_id": str(set_id(SET)), "set_code": SET,
        "code": code, "name": "漏征漏管户清理", "level1": "税收征管", "level2": "税源管理", "type": "regular",
        "points": "2",
        "definition": "漏管率＝漏管户数÷应管户数×100%，以征管系统月末数据为准。", "period_kind": "month",
        "standard": "漏管率高于5%的，每1个百分点扣0.1分，扣完为止。", "evaluating_unit_id": str(unit_id("DEP")),
        "evaluated_unit_ids": [str(one) for one in evaluated], "fill_mode": "extracted", "filler": "DEP",
        "source_system": "sys", "due_working_days": 7, "immediate": False, "effective_from": "2015-01-01",
        "effective_to": None, "bindings": {"rate": {"metric": str(unit_id("M"))}},
        "rule": {"rule_language": 1, "inputs": {"rate": rate}, "result": result},
    }  # fmt: skip
    return CardVersion(card, msgspec.json.encode(card).decode())
