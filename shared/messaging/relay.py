"""The relay: sends what the outbox holds, and counts as sent only what the broker acknowledged.

Belongs here: claim, publish, mark, in that order, for ever. Does not belong here: the statements (outbox.py), what
happens when the stream was lost (streamwatch.py). Several relays of one service may run at once.
"""

import asyncio
import time
from uuid import uuid4

from nats.js.api import PubAck

from shared.messaging import outbox
from shared.messaging.link import AWAY, BrokerAway, Link
from shared.messaging.standing import StandingConnection
from shared.messaging.streamwatch import StreamWatch
from shared.messaging.tasks import set_within
from shared.observability import log

_BATCH = 200
_ACK_SECONDS = 3.0
_AGAIN_SECONDS = 0.2
_REFUSED_SECONDS = 5.0


class Relay:
    """Moves a service's outbox to its stream. Never raises: the broker may be away as long as it likes."""

    def __init__(
        self, link: Link, watch: StreamWatch, connection: StandingConnection, *, lease: float, poll: float
    ) -> None:
        self._link = link
        self._watch = watch
        self._connection = connection
        self._lease = lease
        self._poll = poll
        self._awake = asyncio.Event()
        self._turned = time.monotonic()

    def wake(self) -> None:
        """Say that there is something to send; called after every commit that wrote events."""
        self._awake.set()

    def deaf(self) -> list[str]:
        """Why nothing is being sent right now; empty when all is well."""
        if self._watch.life is None:
            return [f"relay: stream {self._watch.stream} not confirmed"]
        if time.monotonic() - self._turned > 2 * _ACK_SECONDS + self._poll:
            return ["relay: no turn finished lately"]
        return []

    async def run(self) -> None:
        """Send for ever; a database or broker that is away is waited for."""
        while True:
            sent_all = True
            try:
                sent_all = await self.turn()
                self._turned = time.monotonic()
            except AWAY as error:
                log().debug("relay waits", error=repr(error))
                await asyncio.sleep(_AGAIN_SECONDS)
            except Exception as error:  # noqa: BLE001 - the relay outlives everything; the rows stay
                log().warning("relay failed, trying again", error=repr(error))
                await self._connection.drop()
                await asyncio.sleep(1)
            if sent_all:
                await self._rest()

    async def turn(self) -> bool:
        """Send one batch; whether the outbox was emptied by it. Raises BrokerAway before claiming anything."""
        life = self._watch.life
        if life is None or not self._link.connected:
            raise BrokerAway
        connection, token = await self._connection.get(), uuid4()
        rows = await outbox.claim(connection, token, rows=_BATCH, lease=self._lease)
        if not rows:
            return True
        acked, refused, unanswered = await self._publish(rows)
        if acked:
            await outbox.mark_sent(connection, token, self._watch.stream, life, acked)
        if unanswered:
            await outbox.let_go(connection, token, unanswered, seconds=0)
        if refused:
            await outbox.let_go(connection, token, refused, seconds=_REFUSED_SECONDS)
        if refused or unanswered:
            self._watch.look_now()
            await asyncio.sleep(_AGAIN_SECONDS)
        return len(rows) < _BATCH and not unanswered

    async def _publish(
        self, rows: list[outbox.Unsent]
    ) -> tuple[list[tuple[outbox.Unsent, int]], list[outbox.Unsent], list[outbox.Unsent]]:
        """Publish all, then wait for the acknowledgements: (acknowledged, refused, unanswered) rows."""
        waiting: list[tuple[outbox.Unsent, asyncio.Future[PubAck]]] = []
        acked: list[tuple[outbox.Unsent, int]] = []
        refused: list[outbox.Unsent] = []
        unanswered: list[outbox.Unsent] = []
        for row in rows:
            if not self._link.connected or self._watch.life is None:
                unanswered.append(row)
                continue
            try:
                future = await self._link.jetstream.publish_async(
                    row.subject, row.envelope.encode(), headers={"Nats-Msg-Id": row.message_id}, wait_stall=_ACK_SECONDS
                )
            except BrokerAway:
                unanswered.append(row)
            except AWAY as error:
                # Too large, or no valid subject: the row's own fault, which must not hold up the others.
                refused.append(row)
                log().error("event not taken by the client", event_id=str(row.event_id), error=repr(error))
            else:
                waiting.append((row, future))
        if waiting:
            await asyncio.wait([future for _, future in waiting], timeout=_ACK_SECONDS)
        for row, future in waiting:
            if not future.done():
                future.cancel()
                unanswered.append(row)
            elif (refusal := future.exception()) is not None:
                refused.append(row)
                log().warning("event not taken by the broker", subject=row.subject, error=repr(refusal))
            else:
                acked.append((row, future.result().seq))
        return acked, refused, unanswered

    async def _rest(self) -> None:
        await set_within(self._awake, self._poll)
        self._awake.clear()
