"""Messages whose deliveries are used up: the broker only says so, and would keep them unread for ever.

Belongs here: reading its advisories and putting the message aside as a dead letter. Does not belong here: counting
the event's own failures (consumer.py). It happens when a process dies again and again in the middle of one message.
"""

import msgspec
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from shared.contracts.envelope import unseal
from shared.db import Database
from shared.messaging.dead_letters import DeadLetter, event_id_of, put_aside, type_of
from shared.messaging.link import Link
from shared.messaging.pull import Ack, Again, Answer
from shared.observability import log

_HANDLED = "SELECT true FROM inbox WHERE consumer = $1 AND event_id = $2"


class Advisory(msgspec.Struct, frozen=True):
    """What the broker says: this message of this stream was delivered so many times to this consumer."""

    stream: str
    consumer: str
    stream_seq: int
    deliveries: int


class Exhausted:
    """Reads the advisories about one service's own consumers."""

    def __init__(self, service: str, database: Database, link: Link) -> None:
        self._service = service
        self._database = database
        self._link = link

    async def receive(self, message: Msg) -> Answer:
        """Put the message that an advisory speaks of aside. Never raises but for cancellation."""
        try:
            return await self._put_aside(msgspec.json.decode(message.data, type=Advisory))
        except msgspec.DecodeError as error:
            log().error("advisory cannot be read", error=repr(error))
            return Ack()
        except Exception as error:  # noqa: BLE001 - the advisory stays with the broker until it is dealt with
            log().warning("advisory not dealt with yet", error=repr(error))
            return Again(1.0)

    async def _put_aside(self, advisory: Advisory) -> Answer:
        try:
            raw = await self._link.jetstream.get_msg(advisory.stream, advisory.stream_seq)
        except NotFoundError:
            log().error("message of an advisory is gone", stream=advisory.stream, seq=advisory.stream_seq)
            return Ack()
        body = raw.data or b""
        try:
            event_id = unseal(body).id
        except msgspec.DecodeError:
            event_id = event_id_of(raw.headers, advisory.stream, advisory.stream_seq)
        async with self._database.transaction(f"event:{self._service}") as uow:
            if await (await uow.driver()).fetchval(_HANDLED, self._service, event_id):
                return Ack()  # it was handled; only the acknowledgements were lost
        letter = DeadLetter(
            event_id,
            type_of(raw.subject or ""),
            advisory.stream,
            advisory.stream_seq,
            body,
            f"deliveries used up: {advisory.deliveries} without an answer",
            advisory.deliveries,
        )
        await put_aside(self._database, self._link, self._service, letter)
        log().error("event put aside as a dead letter", type=letter.type, event_id=str(event_id), cause=letter.cause)
        return Ack()
