"""R5: exactly one effect per deduction, under duplicates, disorder and a broker that dies right after its answers.

Two guards: the inbox, and the business key. Each is taken away alone; the control takes both.
"""

import asyncio
import random
from functools import partial
from typing import Any
from uuid import UUID

from deploy.local.nats import Nats
from shared.messaging import outbox
from shared.messaging.link import AWAY
from tests.chaos.stations import SUBJECT, Station, as_owner, messaging_database, settled, started, until
from tests.chaos.verdict import System, Verdict, red_if

_REPEATED = 0.3
_DRAW = "SELECT event_id, envelope FROM outbox WHERE event_id <> ALL ($1) ORDER BY random() LIMIT $2"
_NO_INBOX = "ALTER TABLE inbox DROP CONSTRAINT pk_inbox"
_NO_KEY = "DROP INDEX effects_once"
_GUARDS = {"both": (), "key_only": (_NO_INBOX,), "inbox_only": (_NO_KEY,), "none": (_NO_INBOX, _NO_KEY)}


async def _round(system: System, size: int, kills: int, without: tuple[str, ...]) -> tuple[int, int]:
    """(missing, duplicate) effects of `size` deductions."""
    reader_dsn = await messaging_database(system.postgres, "audit_svc")
    for statement in without:
        await as_owner(system.postgres, reader_dsn, statement)
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    workers = [Station("audit_svc", reader_dsn, system.nats.url) for _ in range(2)]
    async with started(scoring, *workers):
        numbers = list(range(size))
        random.shuffle(numbers)
        recording = asyncio.create_task(_record(scoring, numbers))
        async with asyncio.TaskGroup() as group:
            group.create_task(_kill_after_answers(system.nats, scoring, kills))
            group.create_task(_repeat(scoring, recording, times=int(size * _REPEATED)))
            await recording
        await settled(workers[0], size, within=60 + size / 100)
        await asyncio.sleep(0.3)
        total = await workers[0].count("effects")
        distinct = (await workers[0].fetch("SELECT count(DISTINCT deduction_id) AS n FROM effects"))[0]["n"]
    await system.nats.wipe()
    return size - distinct, total - distinct


async def _record(scoring: Station, numbers: list[int]) -> None:
    for start in range(0, len(numbers), 20):
        await scoring.record(numbers[start : start + 20])
        await asyncio.sleep(0.01)


async def _kill_after_answers(nats: Nats, scoring: Station, times: int) -> None:
    """Kill the broker in the moment when it has acknowledged a batch and the relay has not yet noted that."""
    relay = scoring.bus._relay
    publish = relay._publish
    armed = False

    async def and_kill(rows: list[outbox.Unsent]) -> Any:
        nonlocal armed
        found = await publish(rows)
        if armed and found[0]:
            armed = False
            await nats.kill()
        return found

    relay._publish = and_kill  # type: ignore[method-assign]
    for _ in range(times):
        await asyncio.sleep(random.uniform(0.2, 0.6))  # noqa: S311 - when to break something is no secret
        armed = True
        if await until(lambda: nats.child.returncode is not None, within=1):
            await nats.start_again()
            continue
        # All is sent: what dies now is the delivery.
        armed = False
        await nats.kill()
        await nats.start_again()


async def _repeat(scoring: Station, recording: asyncio.Task[None], *, times: int) -> None:
    """Send what was recorded once more, out of order, so that the broker cannot recognise it.

    Half of it while the rest is still being recorded and the broker is killed, some even before its first sending.
    """
    drawn: list[UUID] = []
    while len(drawn) < times:
        wanted = times - len(drawn) if recording.done() else max(0, min(100, times // 2 - len(drawn)))
        for row in await scoring.fetch(_DRAW, drawn, wanted):
            drawn.append(row["event_id"])
            assert await until(partial(_sent_again, scoring, row["event_id"], row["envelope"].encode()), within=60)
        await asyncio.sleep(0.05)


async def _sent_again(scoring: Station, event_id: UUID, envelope: bytes) -> bool:
    """One try, under an id of the repetition's own; False when the broker was away or died before its answer."""
    try:
        await scoring.bus.link.wait_connected(10)
        await scoring.bus.link.jetstream.publish(
            SUBJECT, envelope, timeout=2, headers={"Nats-Msg-Id": f"again:{event_id}"}
        )
    except AWAY:
        return False
    return True


async def run(system: System, *, seconds: float) -> Verdict:
    """Four times seconds x 334 deductions: 20,000 each time with 60."""
    size, kills = max(200, int(seconds * 334)), max(1, int(seconds / 6))
    found = {name: await _round(system, size, kills, without) for name, without in _GUARDS.items()}
    guarded = [value for name, value in found.items() if name != "none"]
    return Verdict(
        "R5",
        held=all(value == (0, 0) for value in guarded),
        control=red_if(found["none"][1] > min(100, size // 20)),
        figures={
            "lost": sum(missing for missing, _ in guarded),
            "duplicate": sum(duplicate for _, duplicate in guarded),
            "of": size * len(guarded),
            "repeated": int(size * _REPEATED) * len(guarded),
            "kills": kills * len(found),
            "control_duplicates": found["none"][1],
        },
    )
