"""R3: the broker's whole store may be destroyed under load; everything is delivered all the same.

The reader is away, events lie in the broker acknowledged, then the store is deleted while more are being recorded.
A second store is not deleted but loses its tail, as a copy of yesterday would; in others bits are flipped while the
broker is down, in the messages or in everything else (positions of readers, indexes, descriptions), after a kill and
after an orderly stop: only after a kill does the broker read its blocks, so that after a stop nothing tells of the
damage. Controls: the producer's watch over its stream is blind, for the deleted store and for flipped bits.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local.nats import Nats
from tests.chaos.stations import Station, messaging_database, percentile, settled, started, until
from tests.chaos.verdict import System, Verdict, red_if

_DELIVERED_SECONDS = 120.0
_FLIPS = 10
_DAMAGES = ("messages stopped", "messages killed", "state stopped", "state killed")


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
            scoring.bus._watch._put_back = _sees_nothing  # type: ignore[method-assign]
            scoring.bus._watch._is_damaged = _sees_nothing  # type: ignore[method-assign]
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
        match loss.split():
            case ["tail"]:
                await system.nats.kill()
                await asyncio.to_thread(shutil.rmtree, store)
                await asyncio.to_thread(shutil.move, copy, store)
                await system.nats.start_again()
            case ["store"]:
                await system.nats.wipe()
            case [what, how]:
                await _damage(system.nats, lambda file: (file.suffix == ".blk") == (what == "messages"), how)
        again = Station("audit_svc", audit.settings.database_url.get_secret_value(), system.nats.url)
        began = time.monotonic()
        async with started(again):
            await asyncio.sleep(1.0)
            load.stop()
            await loading
            await settled(again, load.number, within=4 if blind else _DELIVERED_SECONDS)
            took = time.monotonic() - began
            rows = await again.fetch("SELECT count(*) AS n, count(DISTINCT deduction_id) AS d FROM effects")
    await system.nats.wipe()
    return load.number - rows[0]["d"], rows[0]["n"] - rows[0]["d"], took, load


async def _sees_nothing(*_: object, **__: object) -> bool:
    return False


async def _damage(nats: Nats, chosen: Callable[[Path], bool], how: str) -> None:
    """Stop or kill the broker, flip bits in every chosen file of its streams, and start it on what is left."""
    await (nats.kill() if how == "killed" else nats.stop())
    await asyncio.to_thread(_flip_bits, nats.directory / "store", chosen)
    await nats.start_again()


def _flip_bits(store: Path, chosen: Callable[[Path], bool]) -> None:
    for file in store.rglob("*"):
        if file.is_file() and chosen(file) and (content := bytearray(file.read_bytes())):
            # A few in a short file: one that is nothing but noise is noticed by everybody.
            for _ in range(min(_FLIPS, 1 + len(content) // 50)):
                content[random.randrange(len(content))] ^= 1 << random.randrange(8)  # noqa: S311 - no secret
            file.write_bytes(content)


async def run(system: System, *, seconds: float) -> Verdict:
    """About seconds x 300 events in the broker each time; from 10 s on every damage is done twice."""
    await system.nats.wipe()  # what another scenario left there is not counted
    size = max(200, int(seconds * 300))
    losses = ["store", "tail", *(2 * _DAMAGES if seconds >= 10 else (_DAMAGES[0], _DAMAGES[-1]))]
    found = {f"{loss} {number}": await _round(system, size, loss, blind=False) for number, loss in enumerate(losses)}
    control = await _round(system, 200, "store", blind=True)
    control_flips = await _round(system, 200, "messages stopped", blind=True)
    rounds = found.values()
    broken = [
        name for name, (missing, twice, took, load) in found.items()
        if missing or twice or load.failed or took >= _DELIVERED_SECONDS
    ]  # fmt: skip
    return Verdict(
        "R3",
        held=not broken,
        control=red_if(control[0] > 0 and control_flips[0] > 0),
        figures={
            "lost": sum(each[0] for each in rounds),
            "duplicate": sum(each[1] for each in rounds),
            "of": sum(each[3].number for each in rounds),
            "rounds": len(found),
            **({"broken": broken} if broken else {}),
            "delivered_s": round(max(each[2] for each in rounds), 1),
            "failed_writes": sum(each[3].failed for each in rounds),
            "write_p99_ms": round(max(percentile(each[3].times, 0.99) for each in rounds) * 1000, 1),
            "control_lost": control[0],
            "control_flips_lost": control_flips[0],
        },
    )
