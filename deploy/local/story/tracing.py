"""Following a cause across services: the trace id in every trail, and the events' ids from outbox to inbox.

What belongs here: reading trails over HTTP as the auditor does, and the operator's look into outbox and inbox, which
no HTTP interface shows. What does not: what the events mean.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from deploy.local.story.world import World, until

_TRACE_PARTS = 4
_EVENTS = """
SELECT event_id, type, published_seq, published_at IS NOT NULL AS published, envelope FROM outbox
WHERE type = $1 AND strpos(envelope, $2) > 0 ORDER BY created_at, id
"""


@dataclass(frozen=True)
class Delivered:
    """An event about an object: where it was published, and whether the reader has handled it."""

    event_id: str
    type: str
    producer: str
    reader: str
    sequence: int | None
    trace_id: str
    handled: bool


async def trace_id_of(world: World, service: str, action: str, object_type: str, object_id: str) -> str:
    """The trace id under which a change last stands in a service's trail; empty when there is none.

    Without an object's id the last change of that kind is meant.
    """
    query = {"object_type": object_type, **({"object_id": object_id} if object_id else {})}
    rows = await world.cast("auditor").every(service, "/v1/trail", **query)
    traces = [row["trace"] for row in rows if row["action"] == action and row["outcome"] == "done"]
    return _trace_id(traces[-1]) if traces else ""


async def claim_one_trace(world: World, what: str, places: Sequence[tuple[str, str, str, str]]) -> None:
    """Claims that changes (service, action, object type, object id) in several services stand under one trace id."""
    found: list[tuple[str, str, str]] = []

    async def look() -> tuple[bool, object]:
        found[:] = [(place[0], place[1], await trace_id_of(world, *place)) for place in places]
        return all(trace for _, _, trace in found), found

    await until(f"the trail of {what}", look, seconds=10)
    way = " → ".join(f"{service}_svc {action}" for service, action, _ in found)
    world.claims.claim(f"one trace id through {what}: {way}", len({trace for *_, trace in found}) == 1, found)
    world.screen.quote(f"trace {found[0][2]}")


async def tell_events(world: World, ways: Sequence[tuple[str, str, str, str]]) -> None:
    """Claims that each event (type, producer, reader, id it is about) was published once and handled by its reader."""
    delivered = [event for way in ways for event in await _delivered(world, *way)]
    world.screen.table(
        "Events about it, from outbox to inbox",
        ("event", "from → to", "event id"),
        [(one.type, f"{one.producer} → {one.reader}", one.event_id) for one in delivered],
    )
    world.claims.claim(
        f"{len(ways)} of {len(ways)} left the outbox once, and the reader has handled it",
        [one.type for one in delivered] == [way[0] for way in ways] and all(one.handled for one in delivered),
        delivered,
    )


async def _delivered(world: World, kind: str, producer: str, reader: str, about: str) -> list[Delivered]:
    rows = await _read(world, f"{producer}_svc", _EVENTS, kind, about)
    handled = await _read(
        world,
        f"{reader}_svc",
        "SELECT event_id FROM inbox WHERE event_id = ANY($1::uuid[])",
        [row["event_id"] for row in rows],
    )
    known = {row["event_id"] for row in handled}
    return [
        Delivered(
            event_id=str(row["event_id"]),
            type=row["type"],
            producer=producer,
            reader=reader,
            sequence=row["published_seq"],
            trace_id=_trace_id(json.loads(row["envelope"]).get("traceparent", "")),
            handled=row["published"] and row["event_id"] in known,
        )
        for row in rows
    ]


async def _read(world: World, service: str, statement: str, *parameters: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(world.environment_of(service)["LIANDONG_DATABASE_URL"])
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *parameters)
        return rows
    finally:
        await connection.close()


def _trace_id(trace: str | None) -> str:
    """The trace id of a traceparent, or the text itself when it is a bare id."""
    parts = (trace or "").split("-")
    return parts[1] if len(parts) == _TRACE_PARTS else (trace or "")
