"""Collecting: source systems post their facts in batches, liaisons report their own, in the order of the calendar.

What belongs here: who sends what and when, and what the receipts say. What does not: what is refused on purpose
(refusing.py) and what follows from the facts (confirming.py).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from deploy.local.story.expectation import Sent, cards_of
from deploy.local.story.screen import counted
from deploy.local.story.world import Caller, World, at_once
from deploy.local.wuhan2015.context import context_facts, default_context
from deploy.local.wuhan2015.generate_facts import FactRow, due_date, facts
from deploy.local.wuhan2015.loader import Pack

_BATCHES = "/v1/fact-batches"


@dataclass(frozen=True)
class Wave:
    """Rows that reach the server at one moment."""

    moment: datetime
    rows: tuple[FactRow, ...]
    late: bool


def waves_of(pack: Pack, periods: Sequence[str]) -> list[Wave]:
    """The generated facts of periods that are collected together: those in time at once, the late ones day by day.

    Rows that the story withholds as missing are left out.
    """
    withheld = {(cell["metric"], cell["unit"], cell["period"]) for cell in pack.story["missing"]}
    rows = [
        row
        for period in periods
        for row in (*facts(period, pack), *_beside(period, pack))
        if (row.metric, row.unit, row.period) not in withheld
    ]
    in_time = [row for row in rows if not is_late(pack, row)]
    late: dict[Any, list[FactRow]] = defaultdict(list)
    for row in rows:
        if is_late(pack, row):
            late[row.received_at.date()].append(row)
    return [
        Wave(max(row.received_at for row in in_time), tuple(in_time), late=False),
        *(Wave(max(row.received_at for row in day), tuple(day), late=True) for _, day in sorted(late.items())),
    ]


def _beside(period: str, pack: Pack) -> tuple[FactRow, ...]:
    """The figures that stand beside the scores of a period, if the pack has them."""
    return context_facts(period, pack) if default_context().metric.code in pack.metrics else ()


def is_late(pack: Pack, row: FactRow) -> bool:
    """Whether a row reaches the server after the day on which it is due."""
    return row.received_at.date() > due_date(pack, row.metric, row.period)


async def collect(world: World, periods: Sequence[str], sent: Sent) -> None:
    """Let all facts of these periods come in, moving the clock from wave to wave; claims that all were taken."""
    waves = waves_of(world.pack, periods)
    keys = {(row.metric, row.unit, row.period) for wave in waves for row in wave.rows}
    taken = len(keys & set(sent.values))
    for wave in waves:
        world.until_day(wave.moment)
        with world.screen.working(f"{wave.moment:%Y-%m-%d}: {counted(len(wave.rows), 'fact')} arriving"):
            rows = [row for row in wave.rows if (row.metric, row.unit, row.period) not in sent.values]
            taken += await send(world, rows, sent)
    rows = [row for wave in waves for row in wave.rows]
    senders = {row.submitted_by for row in rows}
    machines = {system.client_id for system in world.pack.source_systems} & senders
    late = sum(len(wave.rows) for wave in waves if wave.late)
    world.claims.equal(
        f"{' and '.join(periods)}: {counted(len(rows), 'fact')} recorded, from "
        f"{counted(len(machines), 'system')} and {counted(len(senders - machines), 'liaison')}; {late} of them late",
        taken,
        len(rows),
    )


async def send(world: World, rows: Iterable[FactRow], sent: Sent) -> int:
    """Every sender posts its rows as one batch, all senders at the same time; the number of rows created."""
    by_sender: dict[str, list[FactRow]] = defaultdict(list)
    office: str = world.pack.story["cast"]["performance_office"]
    for row in rows:
        # An exemption is not a source's to take: the office grants it.
        by_sender[office if row.state == "exempt" else row.submitted_by].append(row)

    async def post(sender: str, own: list[FactRow]) -> int:
        receipt = await post_batch(caller_of(world, sender), [row.wire() for row in own])
        for row in own:
            sent.add(row.wire())
        return int(receipt["created"])

    return sum(await at_once([partial(post, sender, own) for sender, own in by_sender.items()]))


async def post_batch(caller: Caller, rows: Sequence[Mapping[str, Any]], *, mode: str = "partial") -> Any:
    """Post a batch and give its receipt."""
    return await caller.post("submission", _BATCHES, {"mode": mode, "rows": list(rows)})


def caller_of(world: World, sender: str) -> Caller:
    """A sender of the pack: a source system by client id, or a liaison by staff number."""
    if sender in {system.client_id for system in world.pack.source_systems}:
        return world.machine(sender)
    return world.person(sender)


async def claim_completeness(world: World, set_code: str, period: str) -> None:
    """What is there and what came in time, district by district, against the pack's own plan of arrivals."""
    answered = await world.office.get("submission", "/v1/completeness", set=set_code, period=period)
    read = {metric for card in cards_of(world.pack, set_code, period) for metric in card.metrics}
    rows = [row for wave in waves_of(world.pack, [period]) for row in wave.rows if row.metric in read]
    there = Counter(row.unit for row in rows if row.state != "missing")
    in_time = Counter(row.unit for row in rows if row.state != "missing" and not is_late(world.pack, row))
    expected = {
        district.code: (len(read), there[district.code], in_time[district.code]) for district in world.pack.districts
    }
    found = {one["unit"]: (one["expected"], one["actual"], one["on_time"]) for one in answered["items"]}
    world.screen.table(
        f"Completeness of {period} (first five)",
        ("单位", ">asked", ">there", ">in time", ">%"),
        [
            (one["unit_name"], one["expected"], one["actual"], one["on_time"], one["rate"])
            for one in answered["items"][:5]
        ],
    )
    total = [sum(counts[place] for counts in expected.values()) for place in range(3)]
    world.claims.equal(
        f"of {total[0]:,} facts asked for {period}, {total[1]:,} are there and {total[2]:,} came in time, "
        "as planned for every district",
        found,
        expected,
    )


async def supply_missing(world: World, periods: Sequence[str], sent: Sent) -> int:
    """What was withheld and is supplied after a reminder comes in now; how many facts."""
    supplied = [cell for cell in world.pack.story["missing"] if cell["period"] in periods and "supplied_at" in cell]
    for cell in supplied:
        world.until_day(datetime.fromisoformat(cell["supplied_at"]))
        key = (cell["metric"], cell["unit"])
        rows = [row for row in facts(cell["period"], world.pack) if (row.metric, row.unit) == key]
        await send(world, rows, sent)
        world.screen.say(
            f"Missing until {world.clock.today()}: {world.pack.metrics[cell['metric']].name}, "
            f"{world.unit_name(cell['unit'])} - supplied after the reminder."
        )
    return len(supplied)
