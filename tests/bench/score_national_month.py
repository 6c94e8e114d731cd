"""`score_national_month`: a month of the nation, 23,598 units × 148 indicators = 3,492,504 cells, as a recompute.

Product: `POST /v1/recomputes` over a month whose facts are here and whose cells are not; scoring processes take the
pieces by lease, each in one transaction, every cell with its entries and inputs in its row. One process, and two. Bare:
the facts read by COPY and the very cells put into the same table by binary COPY from a file, over one connection.
`growth`: how much slower a cell is than at a quarter of the units, beside bare's own growth. Memory: the peak of a
fresh process. One round each: a figure of minutes is good to about ±15 %.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec

from shared.contracts.identity import unit_id
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.roles import Role
from shared.testing import Dsns, RunningService, fresh_database, running_service
from tests.bench import city_year
from tests.bench.city_year import MONTHS, SET, UNITS
from tests.bench.harness import Bench, Figure
from tests.scoring_svc.ledger import wuhan
from tests.support.processes import ServiceProcess

COPIES = 171  # of each of the 138 units of a city
PERIOD = MONTHS[0]
_ID = "md5(copy || ' ' || unit_id)::uuid"


@dataclass(frozen=True)
class Size:
    """One size of the nation: seconds of each way, peak memory of a process, cells, the longest transaction."""

    cells: int
    one: float
    two: float
    bare: float
    peak: int
    longest_ms: int


async def run(bench: Bench) -> list[Figure]:
    """Measure a quarter and the whole."""
    quarter, whole = await _measure(bench, COPIES // 4), await _measure(bench, COPIES)
    said = (
        f"bare: facts out and {whole.cells} ready cells in by COPY took {whole.bare:.0f} s; product {whole.one:.0f} s, "
        f"two processes {whole.two:.0f} s; a quarter ({quarter.cells} cells) {quarter.bare:.0f} / {quarter.one:.0f} s; "
        f"the longest transaction took {whole.longest_ms} ms (load {os.getloadavg()[0]:.1f})"
    )
    bare_growth = (whole.bare / whole.cells) / (quarter.bare / quarter.cells)
    growth = (whole.one / whole.cells) / (quarter.one / quarter.cells)
    return [
        Figure("score_national_month", whole.one / whole.bare, 1.5, said, unit="of_bare", stretch=1.2),
        Figure("score_national_month_two", whole.two / whole.bare, 1.0, said, unit="of_bare"),
        Figure("score_national_month_growth", growth / bare_growth, 1.25, said, unit="of_bares_growth"),
        Figure("score_national_month_peak", whole.peak / 1_000_000, 400, said, unit="megabytes"),
    ]


async def _measure(bench: Bench, copies: int) -> Size:
    name, dsns = await fresh_database(bench.postgres, "scoring_svc")
    async with running_service(
        "scoring_svc", bench.postgres, bench.issuer, database=(name, dsns), recompute_worker=False
    ) as service:
        person = await service.seed_person("PO1", "420100", Role.PERFORMANCE_OFFICE, scope="all")
        cards = await _fill(service, bench.postgres.dsn(name), copies)
    token = bench.issuer.token(person=person)
    owner = await asyncpg.connect(bench.postgres.dsn(name))
    try:
        one, peak = await _recompute(bench, dsns, token, owner, processes=1)
        longest: int = await owner.fetchval("SELECT max(took_ms) FROM recompute_pieces")
        cells: int = await owner.fetchval("SELECT count(*) FROM cells")
        assert cells == UNITS * copies * len(cards)
        file = bench.directory / "cells.copy"
        await owner.copy_from_table("cells", output=file, format="binary")
        two, _ = await _recompute(bench, dsns, token, owner, processes=2)
        bare = await _bare(owner, file)
        file.unlink()
    finally:
        await owner.close()
    return Size(cells, one, two, bare, peak, longest)


async def _fill(service: RunningService, dsn: str, copies: int) -> list[IndicatorPublished]:
    """The city's units, groups and facts of January, each unit many times; cards that evaluate all of them."""
    codes = [f"U{number:03d}" for number in range(UNITS)]
    cards = await city_year.publish(service)
    _, rows = next(iter(city_year.facts_of_months(cards[0].evaluated_unit_ids)))
    async with service.database.transaction("bench") as uow:
        await city_year.store_facts(await uow.driver(), PERIOD, rows)
    owner = await asyncpg.connect(dsn)
    try:
        for table in ("directory_unit_spans", "facts"):
            names = [
                row["column_name"]
                for row in await owner.fetch(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = $1 "
                    "AND is_generated = 'NEVER' ORDER BY ordinal_position", table,
                )
            ]  # fmt: skip
            told = ", ".join(_ID if column == "unit_id" else column for column in names)
            city = [unit_id(code) for code in codes]
            await owner.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {told} FROM {table}, "
                "generate_series(1, $1) AS copies(copy) WHERE unit_id = ANY($2::uuid[])",
                copies,
                city,
            )
            await owner.execute(f"DELETE FROM {table} WHERE unit_id = ANY($1::uuid[])", city)
        await owner.execute("VACUUM ANALYZE")
    finally:
        await owner.close()
    many = [
        UUID(hashlib.md5(f"{copy} {unit_id(code)}".encode(), usedforsecurity=False).hexdigest())
        for copy in range(1, copies + 1)
        for code in codes
    ]
    newer = [msgspec.structs.replace(card, version=2, evaluated_unit_ids=many) for card in cards]
    async with service.database.transaction("bench") as uow:
        # As if they had come one by one before the facts.
        driver = await uow.driver()
        for card in newer:
            await driver.execute(
                "INSERT INTO card_versions (indicator_id, version, set_id, code, name, period_kind, "
                "evaluating_unit_id, effective_from, effective_to, body) SELECT indicator_id, 2, set_id, code, name, "
                "period_kind, evaluating_unit_id, effective_from, effective_to, $2 FROM card_versions "
                "WHERE indicator_id = $1",
                card.indicator_id,
                msgspec.json.encode(card).decode(),
            )
    await service.deliver(msgspec.structs.replace(wuhan.indicator_set(SET, newer), version=2), times=1)
    return newer


async def _recompute(
    bench: Bench, dsns: Dsns, token: str, owner: asyncpg.Connection, *, processes: int
) -> tuple[float, int]:
    """Seconds from the request until the last piece is done, and the peak memory of the largest process in bytes."""
    await owner.execute("TRUNCATE cells, recompute_pieces, recomputes")
    await owner.execute("CHECKPOINT")
    started = [
        ServiceProcess("scoring_svc", dsns, bench.issuer, bench.nats.url, bench.directory, recompute_poll_seconds="0.1")
        for _ in range(processes)
    ]
    try:
        for process in started:
            await process.start()
        headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex}
        began = time.perf_counter()
        async with httpx.AsyncClient(base_url=started[0].url, headers=headers, timeout=120) as http:
            body = {"set": SET, "periods": [PERIOD.key], "reason": "测量"}
            answer = await http.post("/v1/recomputes", json=body)
            assert answer.status_code == 202, answer.text
        await _until_done(owner)
        return time.perf_counter() - began, max(_peak(process.child.pid) for process in started)
    finally:
        for process in started:
            await process.stop()


async def _until_done(owner: asyncpg.Connection) -> None:
    left = "SELECT count(*) FROM recompute_pieces WHERE state <> 'done'"
    while await owner.fetchval(left):
        assert not await owner.fetchval("SELECT count(*) FROM recompute_pieces WHERE state = 'failed'")
        await asyncio.sleep(0.2)


def _peak(pid: int) -> int:
    lines: Sequence[str] = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM"))


async def _bare(owner: asyncpg.Connection, file: Path) -> float:
    await owner.execute("TRUNCATE cells")
    await owner.execute("CHECKPOINT")
    began = time.perf_counter()
    await owner.copy_from_table("facts", output=Path(os.devnull), format="binary")
    async with owner.transaction():
        await owner.copy_to_table("cells", source=file, format="binary")
    return time.perf_counter() - began
