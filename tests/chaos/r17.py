"""R17: one bad message stops nothing else.

One per cent of the events cannot be handled, one more cannot even be read. They end as dead letters with their
cause, the others keep their pace, and a replay after the fix brings them in. Control: a consumer that waits for a bad
message before it takes the next.
"""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg

from shared.contracts.scoring import IndicatorDeducted
from shared.messaging import dead_letters
from shared.messaging.pull import Again
from tests.chaos.stations import SUBJECT, Station, messaging_database, percentile, settled, started, until
from tests.chaos.verdict import System, Verdict, red_if

_DELAYS = (0.1, 0.2, 0.4, 0.8)
_PACE_SECONDS = 0.008
# So many seconds bring 20,000 events.
FULL_SECONDS = 400.0


async def _refuse_poison(event: IndicatorDeducted) -> None:
    if event.deductions[0].note:
        raise ValueError("毒 poison: this clause is not known")


async def _load(scoring: Station, audit: Station, size: int, poison: int) -> float:
    """Record `size` healthy events at an even pace, with poison among them; returns the healthy p99 in seconds."""
    every = size // poison if poison else size + 1
    audit.delays.clear()
    first = int(uuid4().int % 10**9) * 10**6
    for number in range(size):
        await scoring.record([first + number])
        if poison and number % every == every // 2:
            await scoring.record([first + size + number], note="poison")
        await asyncio.sleep(_PACE_SECONDS)
    await until(lambda: len(audit.delays) >= size, within=30)
    return percentile(audit.delays, 0.99) if len(audit.delays) >= size else float("inf")


def _wait_for_each(audit: Station) -> None:
    """The control: one hand, and it holds a failed message until it may be tried again."""
    failed = audit.bus._consumer._failed

    async def in_place(*arguments: Any) -> Any:
        answer = await failed(*arguments)
        if isinstance(answer, Again):
            await asyncio.sleep(answer.seconds)
        return answer

    audit.bus._consumer._failed = in_place  # type: ignore[method-assign]
    one = asyncio.Semaphore(1)
    for pull in audit.bus._pulls:
        pull._hands = one


async def run(system: System, *, seconds: float) -> Verdict:
    """Seconds x 50 events with poison among them, and a quarter as many before without."""
    await system.nats.wipe()  # what another scenario left there is not counted
    size = max(100, int(seconds * 50))
    poison = max(2, size // 100)
    audit_dsn = await messaging_database(system.postgres, "audit_svc")
    scoring = Station("scoring_svc", await messaging_database(system.postgres, "scoring_svc"), system.nats.url)
    audit = Station("audit_svc", audit_dsn, system.nats.url, retry_delays=_DELAYS)
    async with started(scoring, audit):
        audit.before = _refuse_poison
        await _load(scoring, audit, 20, 0)
        healthy = await _load(scoring, audit, max(100, size // 4), 0)
        poisoned = await _load(scoring, audit, size, poison)
        await scoring.bus.link.jetstream.publish(SUBJECT, b"{not readable", headers={"Nats-Msg-Id": str(uuid4())})
        await until(lambda: _has_letters(audit, poison + 1), within=30)
        letters = await audit.fetch("SELECT cause, tries FROM dead_letters")
        stream = await audit.bus.link.api("STREAM.INFO.DLQ")

        audit.before = None
        connection = await asyncpg.connect(audit_dsn)
        effects = await audit.count("effects")
        for letter in await dead_letters.listed(connection):
            if "poison" in letter["cause"]:
                await dead_letters.replay(connection, audit.bus.link, "audit_svc", letter["id"], at=letter["last_at"])
        await connection.close()
        replayed = await settled(audit, effects + poison, within=20)

        audit.before = _refuse_poison
        _wait_for_each(audit)
        control = await _load(scoring, audit, 100, 2)
    named = [
        each for each in letters if each["tries"] <= 5 and ("poison" in each["cause"] or "Decode" in each["cause"])
    ]
    ratio = poisoned / healthy
    return Verdict(
        "R17",
        # A p99 of a few milliseconds jitters by itself on a busy machine; below 50 ms nobody was held up.
        held=len(named) == len(letters) == poison + 1
        and stream["state"]["messages"] >= poison + 1
        and (ratio <= 1.5 or poisoned < 0.05)
        and replayed,
        control=red_if(control > 1.5 * healthy and control > 0.05),
        figures={
            "poison": poison + 1,
            "dead_letters": len(named),
            "of": size,
            "healthy_p99_ms": round(healthy * 1000, 1),
            "with_poison_p99_ms": round(poisoned * 1000, 1),
            "control_p99_ms": round(control * 1000, 1),
            "replayed": replayed,
        },
    )


async def _has_letters(audit: Station, wanted: int) -> bool:
    return await audit.count("dead_letters") >= wanted
