"""`deduction_to_problem`: from the commit of a deduction in scoring_svc to the problem that audit_svc committed.

Both run as processes with their relay and consumers, over NATS with every message synchronised. Deductions go through
the ledger's own statements and outbox, one event each, 50 a second; the moment of the commit is taken in the scoring
process, the problem is watched for from outside, so the figure is up to one look (about 2 ms) worse than the truth.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx
import msgspec
from fastapi import APIRouter, FastAPI, Request

from services.scoring_svc.ledger.copying import copy_rows
from services.scoring_svc.ledger.entering import tell_deductions
from services.scoring_svc.ledger.rows import (
    DEDUCTION_VERSIONS,
    DEDUCTIONS,
    Occasion,
    deduction_row,
    deduction_version_row,
)
from services.scoring_svc.main import create_app as create_service
from shared.auth import Actor
from shared.contracts.identity import deduction_id, indicator_id, set_id, unit_id
from shared.contracts.scoring import ClauseLoss, Deduction, InputVersion
from shared.http import TransactionalRoute, computes, permits
from shared.testing import fresh_database
from tests.bench.harness import Bench, Figure, percentile
from tests.support.processes import ServiceProcess

SET, PERIOD = "BENCH", "2015-06"
RATE = 50  # deductions a second
WARM, MEASURED = 100, 750
BULK_ROWS = 10_000


def deduction(number: int) -> Deduction:
    """The n-th deduction of the measurement: 17 units, as many indicators as it takes."""
    indicator, unit = indicator_id(SET, f"C{number // 17:04d}"), unit_id(f"4201{number % 17:02d}")
    return Deduction(
        deduction_id=deduction_id(indicator, unit, PERIOD),
        version=1,
        indicator_id=indicator,
        indicator_version=1,
        unit_id=unit,
        period=PERIOD,
        full_marks="10",
        score="6.00",
        loss="4",
        clauses=[ClauseLoss(clause="base", points="10"), ClauseLoss(clause="errors", points="-4")],
        inputs=[InputVersion(name="errors", version=1)],
        responsible_unit_id=unit,
        timing="immediate",
    )


def create_app() -> FastAPI:
    """scoring_svc with one more route, which records deductions at a pace and says when each was committed."""
    router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["bench"])

    @router.post("/paced-deductions")
    @computes
    async def record(
        first: int, count: int, request: Request, _: Annotated[Actor, permits("periods.read")]
    ) -> dict[str, float]:
        database = request.app.state.database
        committed: dict[str, float] = {}
        begun = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            one = deduction(first + number)
            async with database.transaction("bench") as uow:
                driver, body, now = await uow.driver(), msgspec.json.encode(one), datetime.now(UTC)
                occasion = Occasion("immediate", "scored", "bench", now)
                await copy_rows(driver, "deductions", DEDUCTIONS, deduction_row(one, body, set_id(SET), now))
                version = deduction_version_row(one, body, occasion)
                await copy_rows(driver, "deduction_versions", DEDUCTION_VERSIONS, version)
                tell_deductions(uow, set_id(SET), [one])
                uow.trail("deduct", "deduction", one.deduction_id, after={"loss": one.loss})
            committed[str(one.deduction_id)] = time.time()
        return committed

    app = create_service()
    app.include_router(router)
    return app


@dataclass
class Parts:
    """The running parts of one measurement."""

    scoring: ServiceProcess
    audit_database: str
    token: str


async def run(bench: Bench) -> list[Figure]:
    """Measure it quiet, then while a bulk job writes."""
    _, dsns = await fresh_database(bench.postgres, "scoring_svc")
    scoring = ServiceProcess("scoring_svc", dsns, bench.issuer, bench.nats.url, bench.directory)
    scoring.application = "tests.bench.deduction_to_problem:create_app"
    bench.stack.push_async_callback(scoring.stop)
    await bench.service("audit_svc")
    await scoring.start(ready=True)
    parts = Parts(scoring, bench.dsns["audit_svc"].app, bench.issuer.token(client="peer"))
    await _measure(parts, 0, WARM)
    quiet = await _measure(parts, WARM, MEASURED)
    _, bulk = await fresh_database(bench.postgres, "submission_svc")
    async with _bulk_job(bulk.owner) as written:
        await _measure(parts, WARM + MEASURED, WARM)
        loaded = await _measure(parts, 2 * WARM + MEASURED, MEASURED)
    how = f"{len(quiet)} deductions at {RATE}/s, a transaction, event and problem each; no bare, the bar is in ms"
    job = f"{how}; meanwhile {written[0]} rows were upserted, {BULK_ROWS} a transaction"
    return [
        Figure("deduction_to_problem_p50", percentile(quiet, 0.5), 20, how, unit="ms"),
        Figure("deduction_to_problem_p99", percentile(quiet, 0.99), 80, how, unit="ms"),
        Figure("deduction_to_problem_bulk_p50", percentile(loaded, 0.5), 20, job, unit="ms"),
        Figure("deduction_to_problem_bulk_p99", percentile(loaded, 0.99), 80, job, unit="ms"),
    ]


async def _measure(parts: Parts, first: int, count: int) -> list[float]:
    """Milliseconds from commit to commit of each deduction."""
    watching = asyncio.ensure_future(_watch(parts.audit_database, first, count))
    async with httpx.AsyncClient(timeout=count / RATE + 60) as http:
        answer = await http.post(
            f"{parts.scoring.url}/v1/paced-deductions",
            params={"first": first, "count": count},
            headers={"authorization": f"Bearer {parts.token}"},
        )
    answer.raise_for_status()
    committed: dict[str, float] = answer.json()
    seen = await asyncio.wait_for(watching, 60)
    return [(seen[identity] - at) * 1_000 for identity, at in committed.items()]


async def _watch(database: str, first: int, count: int) -> dict[str, float]:
    """When each problem could first be read, by the id of its deduction."""
    awaited: dict[UUID, None] = dict.fromkeys(deduction(first + number).deduction_id for number in range(count))
    seen: dict[str, float] = {}
    driver = await asyncpg.connect(database)
    try:
        while awaited:
            next_ones = [identity for identity, _ in zip(awaited, range(RATE // 2), strict=False)]
            rows = await driver.fetch(
                "SELECT deduction_id FROM problems WHERE deduction_id = ANY($1::uuid[])", next_ones
            )
            now = time.time()
            for row in rows:
                del awaited[row["deduction_id"]]
                seen[str(row["deduction_id"])] = now
            await asyncio.sleep(0.002)
    finally:
        await driver.close()
    return seen


_BULK = """
INSERT INTO bulk SELECT $1, n / 100, n % 100, 1, $2 FROM generate_series(1, $3::int) AS rows(n)
ON CONFLICT (period, metric, unit) DO UPDATE SET version = bulk.version + 1, value = excluded.value
"""


@contextlib.asynccontextmanager
async def _bulk_job(owner_database: str) -> AsyncIterator[list[int]]:
    """Batches of facts upserted one after the other, a transaction each, made in the server."""
    driver = await asyncpg.connect(owner_database)
    await driver.execute(
        "CREATE TABLE bulk (period text, metric int, unit int, version int, value text, "
        "PRIMARY KEY (period, metric, unit))"
    )
    written = [0]

    async def write() -> None:
        while True:
            await driver.execute(_BULK, PERIOD, str(written[0]), BULK_ROWS)
            written[0] += BULK_ROWS
            await asyncio.sleep(0.05)

    task = asyncio.ensure_future(write())
    try:
        yield written
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await driver.close()
