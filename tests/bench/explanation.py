"""`explanation`: one cell of the Wuhan pack explained over HTTP, confirmed and provisional alike, in milliseconds.

A month of the pack is confirmed and the next one left open; cells are drawn evenly over all its rules, those that read
peers too. Every answer is evaluated again from the stored inputs: nothing of it is kept between two requests.
"""

import asyncio
import os
import random
import time

import msgspec

from deploy.local.wuhan2015.generate_facts import facts
from shared.contracts.roles import Role
from shared.testing import RunningService, fresh_database, running_service
from tests.bench.card_read import Connection
from tests.bench.harness import Bench, Figure, percentile
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import Submission, serving
from tests.support.processes import ServiceProcess

SET, CONFIRMED, OPEN = "WH2015-DISTRICT", "2015-01", "2015-02"
ASKED = 600


async def run(bench: Bench) -> list[Figure]:
    """Measure it."""
    name, dsns = await fresh_database(bench.postgres, "scoring_svc")
    async with (
        serving(Submission(bench.issuer)) as submission,
        running_service(
            "scoring_svc", bench.postgres, bench.issuer, database=(name, dsns), **submission.settings
        ) as service,
    ):
        cells = await _fill(service, submission)
        person = await service.seed_person("READER", "420100", Role.AUDITOR, scope="all")
    process = ServiceProcess("scoring_svc", dsns, bench.issuer, bench.nats.url, bench.directory)
    bench.stack.push_async_callback(process.stop)
    await process.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    connection = Connection(reader, writer, bench.issuer.token(person=person))
    drawn = random.Random(11).sample(cells, ASKED)  # noqa: S311 - which cells, not a secret
    taken, sizes = [], []
    for number, cell in enumerate(drawn):
        request = connection.request(f"/v1/explanations/{cell}")
        started = time.perf_counter()
        body = await connection.get(request)
        if number >= ASKED // 6:  # the first ones parse rules and prepare statements
            taken.append((time.perf_counter() - started) * 1_000)
            sizes.append(len(body))
        assert msgspec.json.decode(body)["cell"] == cell
    writer.close()
    bare = (
        f"{len(taken)} cells of {len(cells)} (17 districts, confirmed and open), answers of "
        f"{sum(sizes) // len(sizes)} bytes; p90 {percentile(taken, 0.9):.1f} ms, p99 {percentile(taken, 0.99):.1f} ms "
        f"(load {os.getloadavg()[0]:.1f})"
    )
    return [Figure("explanation", percentile(taken, 0.5), 20, bare, unit="ms")]


async def _fill(service: RunningService, submission: Submission) -> list[str]:
    """The pack's units and cards, two months of its facts, the first one confirmed; the ids of all cells."""
    cards = wuhan.cards(SET)
    chunks = {month: list(wuhan.chunks(month, facts(month))) for month in (CONFIRMED, OPEN)}
    for event in (*wuhan.units(), *wuhan.calendars(), wuhan.indicator_set(SET, cards), *cards):
        await service.deliver(event)
    for months in chunks.values():
        for chunk in months:
            await service.deliver(chunk)
    await service.seed_person("PO1", "420100", Role.PERFORMANCE_OFFICE, scope="all")
    submission.last_chunk = submission.chunks = len(chunks[CONFIRMED])
    office = service.client(person="PO1")
    for verb, body in (("fence", None), ("confirm", {})):
        answer = await office.post(f"/v1/period-states/{SET}/{CONFIRMED}/{verb}", json=body)
        assert answer.status_code == 200, answer.text
    rows = await service.database.reads.fetch("SELECT indicator_id, unit_id, period FROM cells ORDER BY 1, 2, 3")
    return [f"{row['indicator_id']}:{row['unit_id']}:{row['period']}" for row in rows]
