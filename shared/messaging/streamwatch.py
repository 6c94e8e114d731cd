"""The producer's eye on its stream: is it still the one we sent to, and how far has every reader acknowledged?

Belongs here: noticing that the stream was lost and putting back what may not have been read. Does not belong here:
sending (relay.py). PostgreSQL is the record, the broker a transport: its whole store may vanish.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from shared.messaging import outbox, topology
from shared.messaging.link import AWAY, BrokerRefused, Link
from shared.messaging.standing import StandingConnection
from shared.messaging.tasks import set_within
from shared.observability import OUTBOX_AGE, log

_EVERY_SECONDS = 1.0
_PAGE = 5_000
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
    """The stream as the broker tells it: identity, first and last sequence, holes, and every reader's floor."""

    identity: str
    last_seq: int
    holes: int
    acked_seq: int


class StreamWatch:
    """Keeps `stream_state` and heals. `life` (the stream's identity and generation) is None while not confirmed."""

    def __init__(self, link: Link, service: str, connection: StandingConnection) -> None:
        self.stream = topology.stream_of(service)
        self.life: tuple[str, int] | None = None
        self._link = link
        self._service = service
        self._connection = connection
        self._readers = [each for each in topology.durables() if each.stream == self.stream]
        self._wanted = next(each for each in topology.streams() if each.name == self.stream)
        self._look = asyncio.Event()
        self._looked = 0.0

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
        seen = await self._see()
        if await self._note(connection, seen):
            self.life = None
            log().warning("stream was lost or shortened, sending again", stream=self.stream, identity=seen.identity)
        self.life = await self._heal(connection)

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
            acked_seq=min(floors, default=state["last_seq"]),
        )

    async def _floor(self, reader: topology.Durable, last_seq: int) -> int:
        try:
            info: dict[str, Any] = await self._link.api(f"CONSUMER.INFO.{self.stream}.{reader.service}")
        except BrokerRefused:
            return 0  # a reader that was never there has acknowledged nothing
        if not info["num_pending"] and not info["num_ack_pending"]:
            return last_seq
        floor: int = info["ack_floor"]["stream_seq"]
        return floor

    async def _note(self, connection: asyncpg.Connection, seen: _Seen) -> bool:
        """Write down what was seen; whether the stream is another one or has lost messages."""
        async with connection.transaction():
            known = await connection.fetchrow(_READ, self.stream)
            if known is None:
                await connection.execute(_FIRST, self.stream, seen.identity, seen.acked_seq, seen.last_seq, seen.holes)
                return False
            same = known["identity"] == seen.identity
            # A store that came back from a crash or a copy may have the same name but a shorter tail, or holes.
            if same and seen.last_seq >= known["last_seq"] and seen.holes <= known["holes"]:
                await connection.execute(
                    _PROGRESS, self.stream, seen.identity, seen.acked_seq, seen.last_seq, seen.holes
                )
                return False
            if known["redrive_above"] is not None:
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
