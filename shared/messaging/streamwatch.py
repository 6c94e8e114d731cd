"""The producer's eye on its stream: is it still the one we sent to, and how far has every reader acknowledged?

Belongs here: noticing that the stream was lost, shortened or damaged, and putting back what may not have been read.
Does not belong here: sending (relay.py). PostgreSQL is the record, the broker a transport: its whole store may vanish,
and what a broker says after a start about messages and readers is believed only where it was known before.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from shared.messaging import outbox, readback, topology
from shared.messaging.link import AWAY, BrokerRefused, Link
from shared.messaging.standing import StandingConnection
from shared.messaging.tasks import set_within
from shared.observability import OUTBOX_AGE, log

_EVERY_SECONDS = 1.0
_PAGE = 5_000
_TRIES = 3
_BEGINNING = (datetime(2000, 1, 1, tzinfo=UTC), 0)

_READ = "SELECT * FROM stream_state WHERE stream = $1 FOR UPDATE"
_FIRST = """
INSERT INTO stream_state (stream, identity, generation, acked_seq, last_seq, holes) VALUES ($1, $2, 1, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
_PROGRESS = """
UPDATE stream_state SET acked_seq = greatest(acked_seq, $3), last_seq = greatest(last_seq, $4), holes = $5
WHERE stream = $1 AND identity = $2
"""
_CHANGED = """
UPDATE stream_state SET identity = $2, generation = generation + 1, redrive_above = acked_seq,
    redrive_since = changed_at, acked_seq = 0, last_seq = $3, holes = $4, changed_at = clock_timestamp()
WHERE stream = $1
"""
_HEALED = """
UPDATE stream_state SET redrive_above = NULL, redrive_since = NULL
WHERE stream = $1 AND generation = $2 AND redrive_above = $3
"""


@dataclass(frozen=True)
class _Seen:
    """The stream as the broker tells it; the lowest floor of its readers, the highest number given to any of them."""

    identity: str
    last_seq: int
    holes: int
    acked_seq: int
    given_seq: int


class StreamWatch:
    """Keeps `stream_state` and heals."""

    def __init__(self, link: Link, service: str, connection: StandingConnection) -> None:
        self.stream = topology.stream_of(service)
        self._life: tuple[str, int] | None = None
        self._epoch = 0
        # The broker's process whose words about its store were checked; before that, the one whose readers' positions
        # were, and up to which sequence: should reading back fail, nothing is sent a third time.
        self._checked = ""
        self._positions: tuple[str, int] = ("", 0)
        self._unanswered = 0
        self._link = link
        self._service = service
        self._connection = connection
        self._readers = [each for each in topology.durables() if each.stream == self.stream]
        self._wanted = next(each for each in topology.streams() if each.name == self.stream)
        self._look = asyncio.Event()
        self._looked = 0.0
        link.on_change.append(self._look.set)

    @property
    def life(self) -> tuple[str, int] | None:
        """The stream's identity and generation; None until it was seen on this connection.

        What is sent before that would take the numbers of messages that the broker lost meanwhile.
        """
        return self._life if self._epoch == self._link.epoch else None

    def look_now(self) -> None:
        """Look at once instead of within the second; the relay says so when the broker refuses."""
        self._look.set()

    def deaf(self) -> list[str]:
        """Why a lost stream would not be noticed right now; empty when all is well."""
        late = time.monotonic() - self._looked > 5 * _EVERY_SECONDS
        return [f"stream {self.stream} was not seen for 5 s"] if late else []

    async def run(self) -> None:
        """Look for ever; a database or broker that is away is waited for."""
        while True:
            try:
                await self.look()
                self._looked = time.monotonic()
            except AWAY as error:
                log().debug("stream watch waits", error=repr(error))
            except Exception as error:  # noqa: BLE001 - the watch outlives everything
                log().warning("stream watch failed, trying again", stream=self.stream, error=repr(error))
                await self._connection.drop()
            await set_within(self._look, _EVERY_SECONDS)
            self._look.clear()

    async def look(self) -> None:
        """Look once: note progress, or put back what a lost stream may not have delivered."""
        connection = await self._connection.get()
        OUTBOX_AGE.labels(self._service).set(await outbox.oldest_unsent(connection))
        epoch, server = self._link.epoch, self._link.server
        # Before the broker is asked: what is sent and noted meanwhile would make its answer look too short.
        known = await connection.fetchrow("SELECT * FROM stream_state WHERE stream = $1", self.stream)
        seen = await self._see()
        doubted = server != self._checked and known is not None and known["identity"] == seen.identity
        if doubted and self._positions[0] != server:
            # A reader's position in a damaged store may be past what it ever acknowledged.
            await self._put_back(connection, (known["acked_seq"] + 1, seen.given_seq), known["generation"])
            self._positions = server, max(known["acked_seq"], seen.given_seq)
        acked = known["acked_seq"] if doubted else seen.acked_seq
        changed = await self._note(connection, seen, known, acked=acked)
        if changed:
            self._life = None
            log().warning("stream was lost or shortened, sending again", stream=self.stream, identity=seen.identity)
        self._life, self._epoch = await self._heal(connection), epoch
        if doubted and not changed and await self._is_damaged(seen):
            await self._give_up(seen)
            return
        self._checked, self._unanswered = server, 0

    async def _give_up(self, seen: _Seen) -> None:
        """Delete a damaged stream, since a reader may be stuck in it: the next look finds another and sends again.

        Unless another process of the service has made it anew meanwhile: then only the look was out of date.
        """
        self._life = None
        self._look.set()
        if (await self._link.api(f"STREAM.INFO.{self.stream}"))["created"] == seen.identity:
            log().error("stream is damaged, made anew", stream=self.stream)
            await self._link.api(f"STREAM.DELETE.{self.stream}")

    async def _is_damaged(self, seen: _Seen) -> bool:
        """Whether messages that readers still wait for cannot be read, or the broker does not answer for them."""
        try:
            return not await readback.is_readable(self._link, self.stream, above=self._positions[1], last=seen.last_seq)
        except AWAY:
            # It answers for everything else: what it cannot tell three times it will not tell.
            self._unanswered += self._link.connected
            if self._unanswered < _TRIES:
                raise
            return True

    async def _put_back(self, connection: asyncpg.Connection, span: tuple[int, int], generation: int) -> None:
        """Send again what the broker holds under these sequences (first, last)."""
        total = await outbox.put_back_between(connection, *span, rows=_PAGE, generation=generation)
        if total:
            log().warning("sending again after the broker's start", stream=self.stream, events=total, span=span)

    async def _see(self) -> _Seen:
        differences = await topology.ensure_stream(self._link, self._wanted)
        if differences:
            raise topology.TopologyDrift(differences)
        info = await self._link.api(f"STREAM.INFO.{self.stream}")
        state = info["state"]
        # The consumers are asked after the stream: one that has nothing pending has read up to that last sequence.
        floors = [await self._floor(reader, state["last_seq"]) for reader in self._readers]
        return _Seen(
            # A stream whose consumers could be asked is that stream; its creation is its name over its lives.
            identity=info["created"],
            last_seq=state["last_seq"],
            holes=state.get("num_deleted", 0),
            acked_seq=min((acked for acked, _ in floors), default=state["last_seq"]),
            given_seq=max((given for _, given in floors), default=0),
        )

    async def _floor(self, reader: topology.Durable, last_seq: int) -> tuple[int, int]:
        """Up to which sequence a reader has acknowledged everything, and up to which it was given messages."""
        try:
            info: dict[str, Any] = await self._link.api(f"CONSUMER.INFO.{self.stream}.{reader.service}")
        except BrokerRefused:
            return 0, 0  # a reader that was never there has acknowledged nothing
        given: int = info["delivered"]["stream_seq"]
        floor: int = info["ack_floor"]["stream_seq"]
        return (floor if info["num_pending"] or info["num_ack_pending"] else last_seq), given

    async def _note(
        self, connection: asyncpg.Connection, seen: _Seen, known: asyncpg.Record | None, *, acked: int
    ) -> bool:
        """Write down what was seen; whether the stream is another one or has lost messages since `known`."""
        async with connection.transaction():
            now = await connection.fetchrow(_READ, self.stream)
            if now is None:
                await connection.execute(_FIRST, self.stream, seen.identity, acked, seen.last_seq, seen.holes)
                return False
            if known is None or now["generation"] != known["generation"]:
                return False  # another process of the service noted it first
            same = known["identity"] == seen.identity
            # A store that came back from a crash or a copy may have the same name but a shorter tail, or holes.
            if same and seen.last_seq >= known["last_seq"] and seen.holes <= known["holes"]:
                await connection.execute(_PROGRESS, self.stream, seen.identity, acked, seen.last_seq, seen.holes)
                return False
            if now["redrive_above"] is not None:
                return False  # the earlier loss is put back first; the next look sees this one again
            await connection.execute(_CHANGED, self.stream, seen.identity, seen.last_seq, seen.holes)
            return True

    async def _heal(self, connection: asyncpg.Connection) -> tuple[str, int]:
        """Put back, page by page, what the lost generation may not have delivered; also after a crash midway."""
        state = await connection.fetchrow("SELECT * FROM stream_state WHERE stream = $1", self.stream)
        life: tuple[str, int] = (state["identity"], state["generation"])
        if state["redrive_above"] is None:
            return life
        position: tuple[datetime, int] | None = _BEGINNING
        total = 0
        while position is not None:
            lost, position = await outbox.put_back(
                connection,
                position,
                rows=_PAGE,
                generation=life[1] - 1,
                above=state["redrive_above"],
                since=state["redrive_since"],
            )
            total += lost
        await connection.execute(_HEALED, self.stream, life[1], state["redrive_above"])
        log().warning("put back for sending", stream=self.stream, events=total)
        return life
