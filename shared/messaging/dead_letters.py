"""Dead letters: events that failed by their own fault, kept with their cause until somebody replays them.

Belongs here: the table's rows and the messages on `dlq.<service>.<type>`. Does not belong here: when an event is
given up (consumer.py), the commands (__main__.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
from nats.aio.msg import Msg

from shared.db import Database
from shared.messaging.link import Link

_LONGEST_CAUSE = 4_000
_KEEP = """
INSERT INTO dead_letters (consumer, event_id, type, stream, stream_seq, envelope, cause, tries)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (consumer, event_id) DO UPDATE SET cause = excluded.cause, tries = dead_letters.tries + excluded.tries,
    last_at = clock_timestamp(), stream_seq = excluded.stream_seq, replayed_at = NULL
RETURNING id, tries
"""
_ONE = "SELECT * FROM dead_letters WHERE id = $1"
_LIST = """
SELECT id, event_id, type, stream, cause, tries, first_at, last_at, replayed_at FROM dead_letters
WHERE replayed_at IS NULL OR $1 ORDER BY id
"""
_OPEN = "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL"
_REPLAYED = "UPDATE dead_letters SET replayed_at = clock_timestamp() WHERE id = $1"


class NoSuchDeadLetter(LookupError):
    """There is no dead letter with this number."""


@dataclass(frozen=True)
class DeadLetter:
    """An event that is given up. `body` is the envelope as it came, readable or not."""

    event_id: UUID
    type: str
    stream: str
    stream_seq: int
    body: bytes
    cause: str
    tries: int


def type_of(subject: str) -> str:
    """The event type that a subject stands for: `snapshot.audit_svc.x.y.v1` and `x.y.v1` are both `x.y.v1`."""
    return subject.split(".", 2)[2] if subject.startswith("snapshot.") else subject


def event_id_of(headers: dict[str, Any] | None, stream: str, seq: int) -> UUID:
    """The id of an event whose envelope cannot be read: from the sender's header, else derived from its place."""
    try:
        return UUID((headers or {}).get("Nats-Msg-Id", "")[:36])
    except ValueError:
        return uuid5(NAMESPACE_URL, f"nats:{stream}:{seq}")


async def put_aside(database: Database, link: Link, service: str, letter: DeadLetter) -> None:
    """Write the dead letter down, then say so on the dead-letter stream and wait for the acknowledgement.

    Raises what the database or the broker raise; the event is then delivered again and put aside once more.
    """
    async with database.transaction(f"event:{service}") as uow:
        row = await (await uow.driver()).fetchrow(
            _KEEP,
            service,
            letter.event_id,
            letter.type,
            letter.stream,
            letter.stream_seq,
            letter.body,
            letter.cause[:_LONGEST_CAUSE],
            letter.tries,
        )
    await link.jetstream.publish(
        f"dlq.{service}.{letter.type}",
        letter.body,
        headers={
            "Nats-Msg-Id": f"dead:{letter.event_id}:{row['tries']}",
            "Liandong-Dead-Letter": str(row["id"]),
            "Liandong-Cause": " ".join(letter.cause.split())[:500].encode("ascii", "backslashreplace").decode(),
            "Liandong-Tries": str(row["tries"]),
            "Liandong-Stream": letter.stream,
        },
    )


def letter_of(message: Msg, *, event_id: UUID, cause: str, tries: int) -> DeadLetter:
    """The dead letter of a delivered message."""
    place = message.metadata
    return DeadLetter(
        event_id, type_of(message.subject), place.stream, place.sequence.stream, message.data, cause, tries
    )


async def listed(connection: asyncpg.Connection, *, replayed_too: bool = False) -> list[dict[str, Any]]:
    """The dead letters, oldest first, without their envelopes."""
    return [dict(row) for row in await connection.fetch(_LIST, replayed_too)]


async def shown(connection: asyncpg.Connection, number: int) -> dict[str, Any]:
    """One dead letter with its envelope. Raises NoSuchDeadLetter."""
    row = await connection.fetchrow(_ONE, number)
    if row is None:
        raise NoSuchDeadLetter(number)
    return dict(row)


async def count_open(connection: asyncpg.Connection) -> int:
    """How many dead letters are not yet replayed."""
    return int(await connection.fetchval(_OPEN))


async def replay(connection: asyncpg.Connection, link: Link, service: str, number: int, *, at: datetime) -> None:
    """Send a dead letter's envelope again, to its own service only; the inbox still guards by the event's id.

    Raises NoSuchDeadLetter; the mark is set only after the broker's acknowledgement.
    """
    row = await shown(connection, number)
    await link.jetstream.publish(
        f"snapshot.{service}.{row['type']}",
        row["envelope"],
        headers={"Nats-Msg-Id": f"replay:{number}:{at.timestamp()}"},
    )
    await connection.execute(_REPLAYED, number)
