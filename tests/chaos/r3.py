"""R3: the broker's whole store may be destroyed under load; everything is delivered all the same.

The reader is away, events lie in the broker acknowledged, then the store is deleted while more are being recorded.
A second store is not deleted but loses its tail, as a copy of yesterday would. Control: the producer's watch over
its stream is blind.
"""

import asyncio
import shutil
import time

from tests.chaos.stations import Station, messaging_database, percentile, settled, started, until
from tests.chaos.verdict import System, Verdict, red_if


async def _all_sent(station: Station) -> bool:
    return not (await station.fetch("SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1"))


class _Load:
    """Writes as requests do, one transaction after the other, and counts those that failed."""

    def __init__(self, station: Station, first: int) -> None:
        self.times: list[float] = []
        self.failed = 0
        self.number = first
        self._station = station
        self._going = True

    async def run(self) -> None:
        while self._going:
            began = time.monotonic()
            try:
                await self._station.record([self.number])
            except Exception:  # noqa: BLE001 - counted
                self.failed += 1
            self.number += 1
            self.times.append(time.monotonic() - began)
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._going = False


async def _round(system: System, size: int, loss: str, *, blind: bool) -> tuple[int, int, float, _Load]:
    """(missing, duplicate, seconds to deliver, load) after the broker lost what the reader had not read."""
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), system.nats.url)
    store, copy = system.nats.directory / "store", system.directory / "copy-of-store"
    async with started(scoring, audit):
        if blind:
            scoring.bus._watch._note = _sees_nothing  # type: ignore[method-assign]
        await scoring.record(range(50))
        await settled(audit, 50, within=10)
        await audit.stop()
        if loss == "tail":
            await system.nats.stop()
            await asyncio.to_thread(shutil.copytree, store, copy)
            await system.nats.start_again()
            await until(lambda: not scoring.bus.deaf(), within=10)
        for start in range(50, size, 50):
            await scoring.record(range(start, min(size, start + 50)))
        await until(lambda: _all_sent(scoring), within=30 + size / 500)
        load = _Load(scoring, size)
        loading = asyncio.create_task(load.run())
        await asyncio.sleep(1.2)
        if loss == "tail":
            await system.nats.kill()
            await asyncio.to_thread(shutil.rmtree, store)
            await asyncio.to_thread(shutil.move, copy, store)
            await system.nats.start_again()
        else:
            await system.nats.wipe()
        again = Station("audit_svc", audit.settings.database_url.get_secret_value(), system.nats.url)
        began = time.monotonic()
        async with started(again):
            await asyncio.sleep(1.0)
            load.stop()
            await loading
            await settled(again, load.number, within=4 if blind else 120)
            took = time.monotonic() - began
            rows = await again.fetch("SELECT count(*) AS n, count(DISTINCT deduction_id) AS d FROM effects")
    await system.nats.wipe()
    return load.number - rows[0]["d"], rows[0]["n"] - rows[0]["d"], took, load


async def _sees_nothing(*_: object) -> bool:
    return False


async def run(system: System, *, seconds: float) -> Verdict:
    """About seconds x 300 events in the broker when it is destroyed."""
    size = max(200, int(seconds * 300))
    found = [await _round(system, size, loss, blind=False) for loss in ("store", "tail")]
    control = await _round(system, 200, "store", blind=True)
    return Verdict(
        "R3",
        held=all(not missing and not twice and not load.failed and took < 120 for missing, twice, took, load in found),
        control=red_if(control[0] > 0),
        figures={
            "lost": sum(each[0] for each in found),
            "duplicate": sum(each[1] for each in found),
            "of": sum(each[3].number for each in found),
            "delivered_s": round(max(each[2] for each in found), 1),
            "failed_writes": sum(each[3].failed for each in found),
            "write_p99_ms": round(max(percentile(each[3].times, 0.99) for each in found) * 1000, 1),
            "control_lost": control[0],
        },
    )
