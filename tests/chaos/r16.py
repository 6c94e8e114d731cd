"""R16: consumers never go deaf, and say so while they cannot hear.

A silent cut of the connection, a restart of the broker, a consumer deleted behind its service's back, a broker that
comes back at another of the addresses that the service was told. Control: the client with its stock settings behind the
same cut; for the address, a service that was told only the old one.
"""

import asyncio
import contextlib
import time

import nats

from deploy.local.nats import Nats
from deploy.local.ports import free_port
from tests.chaos.proxy import Cable
from tests.chaos.stations import SUBJECT, Station, messaging_database, started, until
from tests.chaos.verdict import System, Verdict, red_if

_HEARS_AGAIN_SECONDS = 5.0
_NOTICES_SECONDS = 5.0
_GIVES_UP_SECONDS = 20.0


class _Sender:
    """Deductions one after the other; each new one is waited for at the reader."""

    def __init__(self, scoring: Station, audit: Station) -> None:
        self._scoring = scoring
        self._audit = audit
        self.sent = 0

    async def send(self) -> None:
        await self._scoring.record([self.sent])
        self.sent += 1

    async def all_heard(self, within: float) -> float:
        """Seconds until the reader has everything sent so far; infinite when it does not come."""
        began = time.monotonic()

        async def heard() -> bool:
            return await self._audit.count("effects") >= self.sent

        return time.monotonic() - began if await until(heard, within=within) else float("inf")


async def _stock_client_hears(url: str, cable: Cable, sender: _Sender, cut: float) -> bool:
    """Whether a client with stock settings hears within 5 s after the cut is mended."""
    client = await nats.connect(url)
    subscription = await client.jetstream().pull_subscribe(SUBJECT, durable="stock", stream="SCORING")
    try:
        await sender.send()
        await subscription.fetch(100, timeout=2)
        cable.cut()
        await sender.send()
        await asyncio.sleep(cut)
        cable.mend()
        await sender.send()
        try:
            return bool(await subscription.fetch(1, timeout=_HEARS_AGAIN_SECONDS))
        except (nats.errors.Error, TimeoutError):
            return False
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 2)


async def _move(nats: Nats, port: int) -> None:
    """Kill the broker and start it on the same store at another port."""
    await nats.kill()
    nats.port = port
    await nats.start_again()


async def run(system: System, *, seconds: float) -> Verdict:
    """A silent cut of so many seconds (at most 30), then the rest."""
    await system.nats.wipe()  # what another scenario left there is not counted
    cut = min(seconds, 30.0)
    old, new = system.nats.port, free_port()
    here, there = system.nats.url, system.nats.url.replace(f":{old}", f":{new}")
    scoring_dsn = await messaging_database(system.postgres, "scoring_svc")
    async with Cable(old) as cable:
        through_cable = here.replace(f":{old}", f":{cable.port}")
        scoring = Station("scoring_svc", scoring_dsn, f"{here},{there}")
        audit = Station("audit_svc", await messaging_database(system.postgres, "audit_svc"), f"{through_cable},{there}")
        left_behind = Station("scoring_svc", scoring_dsn, here)
        async with started(scoring, audit, left_behind):
            sender = _Sender(scoring, audit)
            await sender.send()
            await sender.all_heard(5)

            cable.cut()
            began = time.monotonic()
            await sender.send()
            noticed = await until(lambda: bool(audit.bus.deaf()), within=_NOTICES_SECONDS)
            notice_s = time.monotonic() - began
            await asyncio.sleep(max(0.0, cut - notice_s))
            deaf_at_end = bool(audit.bus.deaf())
            cable.mend()
            await sender.send()
            after_cut = await sender.all_heard(_GIVES_UP_SECONDS)

            await system.nats.kill()
            await sender.send()
            await asyncio.sleep(1)
            await system.nats.start_again()
            after_restart = await sender.all_heard(_GIVES_UP_SECONDS)

            # Another relay may have sent what was heard: this one's own link may still be on its way back.
            await scoring.bus.link.wait_connected(_GIVES_UP_SECONDS)
            await scoring.bus.link.api("CONSUMER.DELETE.SCORING.audit_svc")
            await sender.send()
            after_delete = await sender.all_heard(_GIVES_UP_SECONDS)

            ready = await until(lambda: not audit.bus.deaf(), within=5)
            stock_hears = await _stock_client_hears(through_cable, cable, sender, min(cut, 6.0))
            await scoring.bus.link.api("CONSUMER.DELETE.SCORING.stock")
            total = await sender.all_heard(_GIVES_UP_SECONDS)

            try:
                await _move(system.nats, new)
                await sender.send()
                after_move = await sender.all_heard(_GIVES_UP_SECONDS)
                alone = left_behind.bus.connected
            finally:
                await _move(system.nats, old)
    slowest = max(after_cut, after_restart, after_delete, after_move)
    return Verdict(
        "R16",
        held=slowest <= _HEARS_AGAIN_SECONDS and noticed and deaf_at_end and ready and total < _GIVES_UP_SECONDS,
        control=red_if(not stock_hears and not alone),
        figures={
            "cut_s": cut,
            "noticed_s": round(notice_s, 2),
            "after_cut_s": round(after_cut, 2),
            "after_restart_s": round(after_restart, 2),
            "after_delete_s": round(after_delete, 2),
            "after_move_s": round(after_move, 2),
        },
    )
