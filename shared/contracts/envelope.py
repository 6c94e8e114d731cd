"""The wire: CloudEvents 1.0, structured JSON. One function writes an envelope, one reads it."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from shared.contracts.known import declarations
from shared.contracts.registry import Event, declaration_of


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attributes of CloudEvents 1.0 and the W3C trace extension; `data` is still undecoded."""

    id: UUID
    source: str
    type: str
    time: datetime
    data: msgspec.Raw
    subject: str = ""
    traceparent: str = ""
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    dataschema: str = ""


class UnknownEventType(ValueError):
    """The envelope names a type that no contract declares."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def seal(data: Event, *, at: datetime, traceparent: str, subject: str = "") -> tuple[UUID, str, bytes]:
    """Wrap an event: returns its new id, its type, and the bytes of the envelope. `at` carries an offset."""
    declared = declaration_of(type(data))
    event_id = uuid4()
    wire: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": f"/liandong/{declared.producer}",
        "type": declared.name,
        "time": at,
        "datacontenttype": "application/json",
        "dataschema": f"urn:liandong:event:{declared.name}",
    }
    if subject:
        wire["subject"] = subject
    if traceparent:
        wire["traceparent"] = traceparent
    wire["data"] = data
    return event_id, declared.name, _encoder.encode(wire)


def unseal(body: bytes) -> Envelope:
    """Read the attributes of an envelope. Raises msgspec.DecodeError or ValidationError on a malformed one."""
    return _decoder.decode(body)


def data_of(envelope: Envelope) -> Event:
    """Decode the data of an envelope by its type. Raises UnknownEventType or msgspec.ValidationError."""
    declared = declarations().get(envelope.type)
    if declared is None:
        raise UnknownEventType(envelope.type)
    return msgspec.json.decode(envelope.data, type=declared.contract)
