"""The statements on the outbox: claim, mark as sent, let go, put back.

Belongs here: SQL on the relay's own connection. Does not belong here: publishing (relay.py), when to put back
(streamwatch.py). Claims, never a cursor: a transaction that commits late has a lower id than one already seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

_CLAIM = """
WITH picked AS (
    SELECT created_at, id FROM outbox
    WHERE published_at IS NULL AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    ORDER BY created_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE outbox SET claimed_until = clock_timestamp() + $2, claim_token = $3
FROM picked WHERE outbox.created_at = picked.created_at AND outbox.id = picked.id
RETURNING outbox.created_at, outbox.id, outbox.event_id, outbox.nats_subject, outbox.envelope, outbox.drive
"""

# The lock on the stream's row makes this wait for a change of identity that is being noted, and then match nothing:
# an acknowledgement of a stream that is gone must not count as sent. The last sequence is noted with it, so that a
# tail that is lost later is missed whenever it was sent.
_MARK = """
WITH state AS (
    UPDATE stream_state SET last_seq = greatest(last_seq, (SELECT max(seq) FROM unnest($5::bigint[]) AS seq))
    WHERE stream = $1 AND identity = $2 AND generation = $7 RETURNING generation
)
UPDATE outbox SET published_at = clock_timestamp(), published_seq = acked.seq,
    published_generation = state.generation, claimed_until = NULL, claim_token = NULL
FROM state, unnest($3::timestamptz[], $4::bigint[], $5::bigint[]) AS acked (created_at, id, seq)
WHERE outbox.created_at = acked.created_at AND outbox.id = acked.id AND outbox.claim_token = $6
"""

_LET_GO = """
UPDATE outbox SET claimed_until = clock_timestamp() + $3, claim_token = NULL
FROM unnest($1::timestamptz[], $2::bigint[]) AS failed (created_at, id)
WHERE outbox.created_at = failed.created_at AND outbox.id = failed.id AND outbox.claim_token = $4
"""

_OLDEST = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
FROM outbox WHERE published_at IS NULL
"""

_PUT_BACK = """
WITH page AS (
    SELECT created_at, id, published_at, published_seq, published_generation FROM outbox
    WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3
), lost AS (
    UPDATE outbox SET published_at = NULL, published_seq = NULL, published_generation = NULL, claimed_until = NULL
    FROM page WHERE outbox.created_at = page.created_at AND outbox.id = page.id AND (
        (page.published_generation = $4 AND page.published_seq > $5)
        OR (page.published_generation = $4 - 1 AND page.published_at > $6::timestamptz - interval '10 seconds')
    )
    RETURNING 1
)
SELECT (SELECT count(*) FROM lost) AS lost, page.created_at, page.id
FROM page ORDER BY page.created_at DESC, page.id DESC LIMIT 1
"""

# Newest first: what a broker lost at a restart is mostly what was sent last.
_PUT_BACK_BETWEEN = """
WITH page AS (
    SELECT created_at, id, published_seq, published_generation FROM outbox
    WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3
), again AS (
    UPDATE outbox SET published_at = NULL, published_seq = NULL, published_generation = NULL, claimed_until = NULL,
        drive = drive + 1
    FROM page WHERE outbox.created_at = page.created_at AND outbox.id = page.id AND page.published_generation = $4
        AND EXISTS (SELECT FROM unnest($5::bigint[], $6::bigint[]) AS span (first, last)
                    WHERE page.published_seq BETWEEN span.first AND span.last)
    RETURNING 1
)
SELECT (SELECT count(*) FROM again) AS again, page.created_at, page.id
FROM page ORDER BY page.created_at, page.id LIMIT 1
"""

# What is recorded while this runs is not sent again, so that it ends however busy the service is.
_AGAIN_PAGE = """
WITH page AS (
    SELECT created_at, id,
           published_at IS NOT NULL AND nats_subject = type AND ($5::text IS NULL OR type = $5) AS wanted
    FROM outbox WHERE (created_at, id) > ($1, $2) AND created_at BETWEEN $1 AND $4
    ORDER BY created_at, id LIMIT $3
), again AS ({again})
SELECT (SELECT count(*) FROM again) AS again, page.created_at, page.id
FROM page ORDER BY page.created_at DESC, page.id DESC LIMIT 1
"""

_SEND_AGAIN = _AGAIN_PAGE.format(
    again="""
    UPDATE outbox SET published_at = NULL, published_seq = NULL, published_generation = NULL, drive = drive + 1
    FROM page WHERE page.wanted AND outbox.created_at = page.created_at AND outbox.id = page.id
    RETURNING 1
"""
)

_SEND_AGAIN_TO = _AGAIN_PAGE.replace("published_at IS NOT NULL AND ", "type = ANY ($7) AND ").format(
    again="""
    INSERT INTO outbox (event_id, type, nats_subject, envelope, drive)
    SELECT event_id, type, 'snapshot.' || $6 || '.' || type, envelope, extract(epoch FROM clock_timestamp())::bigint
    FROM page JOIN outbox USING (created_at, id) WHERE page.wanted ORDER BY created_at, id
    RETURNING 1
"""
)

AGAIN_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Unsent:
    """A claimed row. `message_id` is what the broker recognises a repeated sending by."""

    created_at: datetime
    row_id: int
    event_id: UUID
    subject: str
    envelope: str
    drive: int

    @property
    def message_id(self) -> str:
        """The event's id; a sending again on purpose has its own, so that it is not taken for a repetition."""
        return f"{self.event_id}.{self.subject}.{self.drive}" if self.drive else str(self.event_id)


async def claim(connection: asyncpg.Connection, token: UUID, *, rows: int, lease: float) -> list[Unsent]:
    """Take up to `rows` unsent rows, oldest first, for `lease` seconds."""
    found = await connection.fetch(_CLAIM, rows, timedelta(seconds=lease), token)
    return sorted((Unsent(*row) for row in found), key=lambda row: (row.created_at, row.row_id))


async def mark_sent(
    connection: asyncpg.Connection,
    token: UUID,
    stream: str,
    life: tuple[str, int],
    acked: Sequence[tuple[Unsent, int]],
) -> None:
    """Note rows as sent with the broker's sequences, where they are still ours and the stream is still that one.

    `life` is the stream's identity and generation as known before the sending.
    """
    await connection.execute(
        _MARK,
        stream,
        life[0],
        [row.created_at for row, _ in acked],
        [row.row_id for row, _ in acked],
        [seq for _, seq in acked],
        token,
        life[1],
    )


async def let_go(connection: asyncpg.Connection, token: UUID, failed: Sequence[Unsent], *, seconds: float) -> None:
    """Give rows back that the broker did not take; they are free again after so many seconds."""
    await connection.execute(
        _LET_GO,
        [row.created_at for row in failed],
        [row.row_id for row in failed],
        timedelta(seconds=seconds),
        token,
    )


async def oldest_unsent(connection: asyncpg.Connection) -> float:
    """The age in seconds of the oldest row not yet sent; 0 when all are."""
    return float(await connection.fetchval(_OLDEST))


async def put_back(
    connection: asyncpg.Connection,
    after: tuple[datetime, int],
    *,
    rows: int,
    generation: int,
    above: int,
    since: datetime,
) -> tuple[int, tuple[datetime, int] | None]:
    """Put one page of rows back for sending: those of the lost `generation` above a sequence.

    `since` is when that generation began: what was sent just before it may already have gone into it, under the
    older number. Returns how many were put back and where to go on, None at the end.
    """
    page = await connection.fetchrow(_PUT_BACK, *after, rows, generation, above, since)
    return (page["lost"], (page["created_at"], page["id"])) if page else (0, None)


async def put_back_between(
    connection: asyncpg.Connection, spans: Sequence[tuple[int, int]], *, rows: int, generation: int
) -> int:
    """Put back what was sent in this generation under the sequences of these spans (first, last), page by page.

    Each goes out under a new message id, since the broker may still know the old one. Returns how many.
    """
    wanted, total = sum(last - first + 1 for first, last in spans), 0
    position: tuple[datetime, int] = (await connection.fetchval("SELECT now() + interval '1 day'"), 0)
    bounds = [first for first, _ in spans], [last for _, last in spans]
    while total < wanted and (
        page := await connection.fetchrow(_PUT_BACK_BETWEEN, *position, rows, generation, *bounds)
    ):
        total += page["again"]
        position = (page["created_at"], page["id"])
    return total


async def send_again(connection: asyncpg.Connection, since: datetime, event_type: str | None) -> int:
    """Send everything recorded since then once more, to all readers; what a reader has handled it passes over.

    Page by page, each its own transaction: however much it is, no statement is long, and whoever ends it midway may
    call it again.
    """
    return await _page_by_page(connection, _SEND_AGAIN, since, event_type)


async def send_again_to(
    connection: asyncpg.Connection, since: datetime, event_type: str | None, reader: str, readable: Sequence[str]
) -> int:
    """Send everything recorded since then once more to one reader, page by page; `readable` are the types it reads."""
    return await _page_by_page(connection, _SEND_AGAIN_TO, since, event_type, reader, list(readable))


async def _page_by_page(
    connection: asyncpg.Connection, statement: str, since: datetime, event_type: str | None, *more: object
) -> int:
    until: datetime = await connection.fetchval("SELECT clock_timestamp()")
    # Identities start at 1: the position before the first row of that moment.
    position: tuple[datetime, int] = (since, 0)
    total = 0
    while page := await connection.fetchrow(statement, *position, AGAIN_PAGE, until, event_type, *more):
        total += page["again"]
        position = (page["created_at"], page["id"])
    return total
