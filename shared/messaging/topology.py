"""Streams and durable consumers, derived as data from the registry of event types.

Belongs here: what is wanted, creating what is absent, comparing what is there. Does not belong here: who is connected
(link.py), what is done with a message (consumer.py). Start-up changes nothing that exists: `apply` is a command.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.known import declarations
from shared.contracts.registry import SERVICES
from shared.messaging.link import BrokerRefused, Link
from shared.observability import log

_SECOND = 1_000_000_000  # JetStream counts in nanoseconds
ACK_WAIT_SECONDS = 6.0
MAX_DELIVER = 20
MAX_ACK_PENDING = 1024
DEAD_LETTER_STREAM = "DLQ"
ADVISORY_STREAM = "ADVISORY"
_EXHAUSTED = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"
_STREAM_NOT_FOUND = 10059
_STREAM_OFFLINE = 10194
_CONSUMER_NOT_FOUND = 10014


class TopologyDrift(Exception):
    """Streams or consumers at the broker differ from the wanted ones; `differences` names each."""

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__(
            "the broker's streams differ from the wanted ones (python -m shared.messaging topology apply): "
            + "; ".join(self.differences)
        )


@dataclass(frozen=True)
class Stream:
    """A wanted stream: the settings that must hold, in the broker's own words."""

    name: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Durable:
    """A wanted durable consumer: `service` reads `stream`."""

    stream: str
    service: str
    config: dict[str, Any]


def stream_of(service: str) -> str:
    """The stream that carries what a service says: `scoring_svc` → `SCORING`."""
    return service.removesuffix("_svc").upper()


def streams() -> list[Stream]:
    """All wanted streams: one per producer, the dead letters, and the broker's notes on exhausted deliveries."""
    found = []
    for service in SERVICES:
        types = sorted(each.name for each in declarations().values() if each.producer == service)
        if types:
            found.append(_stream(stream_of(service), [*types, *(f"snapshot.*.{name}" for name in types)], days=3))
    found.append(_stream(DEAD_LETTER_STREAM, ["dlq.>"], days=30))
    # Advisories are sent once to whoever listens; the stream keeps them for a service that is just restarting.
    found.append(_stream(ADVISORY_STREAM, [f"{_EXHAUSTED}.>"], days=3))
    return found


def durables(service: str | None = None) -> list[Durable]:
    """All wanted durable consumers, or those of one reader."""
    found = []
    for reader in SERVICES if service is None else (service,):
        for producer in SERVICES:
            types = sorted(
                each.name for each in declarations().values() if each.producer == producer and reader in each.readers
            )
            if types:
                subjects = [*types, *(f"snapshot.{reader}.{name}" for name in types)]
                found.append(_durable(stream_of(producer), reader, subjects))
        if any(each.service == reader for each in found):
            found.append(_durable(ADVISORY_STREAM, reader, [f"{_EXHAUSTED}.*.{reader}"]))
    return found


def _stream(name: str, subjects: list[str], *, days: int) -> Stream:
    return Stream(
        name,
        {
            "name": name,
            "subjects": subjects,
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "max_age": days * 86400 * _SECOND,
            "duplicate_window": 600 * _SECOND,
            "num_replicas": 1,
            "max_msgs": -1,
            "max_bytes": -1,
        },
    )


def _durable(stream: str, service: str, subjects: list[str]) -> Durable:
    return Durable(
        stream,
        service,
        {
            "durable_name": service,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            # Short, because a message sent into a dead connection waits this long; work in hand is kept alive.
            "ack_wait": int(ACK_WAIT_SECONDS * _SECOND),
            "max_deliver": MAX_DELIVER,
            "max_ack_pending": MAX_ACK_PENDING,
            "replay_policy": "instant",
            "filter_subjects": subjects,
        },
    )


def _needed(service: str) -> tuple[list[Stream], list[Durable]]:
    own = durables(service)
    names = {stream_of(service), DEAD_LETTER_STREAM, ADVISORY_STREAM, *(each.stream for each in own)}
    return [each for each in streams() if each.name in names], own


async def ensure(link: Link, service: str) -> None:
    """Create what a service needs and is absent; refuse what is there and differs.

    Raises TopologyDrift naming every difference, BrokerRefused or a client error when the broker cannot be asked.
    """
    wanted, own = _needed(service)
    differences: list[str] = []
    for stream in wanted:
        differences += await ensure_stream(link, stream)
    for durable in own:
        differences += (await ensure_durable(link, durable))[1]
    if differences:
        raise TopologyDrift(differences)


async def ensure_stream(link: Link, stream: Stream) -> list[str]:
    """Create a stream if it is absent; returns how an existing one differs from the wanted one.

    One that the broker holds and cannot read (its description or a consumer's is damaged) serves nobody and would stay
    so for ever: it is deleted first. The outbox sends again what it held.
    """
    try:
        info = await link.api(f"STREAM.INFO.{stream.name}")
    except BrokerRefused as refused:
        if refused.code not in (_STREAM_NOT_FOUND, _STREAM_OFFLINE):
            raise
        if refused.code == _STREAM_OFFLINE:
            log().error("stream cannot be read by the broker, made anew", stream=stream.name, error=str(refused))
            await link.api(f"STREAM.DELETE.{stream.name}")
        info = await link.api(f"STREAM.CREATE.{stream.name}", stream.config)
    return _differences(f"stream {stream.name}", stream.config, info["config"])


async def ensure_durable(link: Link, durable: Durable) -> tuple[dict[str, Any], list[str]]:
    """Create a consumer (and its stream) if absent; returns the broker's description and the differences."""
    try:
        info = await link.api(f"CONSUMER.INFO.{durable.stream}.{durable.service}")
    except BrokerRefused as refused:
        if refused.code not in (_CONSUMER_NOT_FOUND, _STREAM_NOT_FOUND):
            raise
        if refused.code == _STREAM_NOT_FOUND:
            await ensure_stream(link, next(each for each in streams() if each.name == durable.stream))
        info = await _put_durable(link, durable, "create")
    name = f"consumer {durable.stream}/{durable.service}"
    return info, _differences(name, durable.config, info["config"])


async def forget_durable(link: Link, durable: Durable) -> None:
    """Delete a consumer at the broker, so that it is made anew and reads the stream from its beginning."""
    await link.api(f"CONSUMER.DELETE.{durable.stream}.{durable.service}")


async def differences_now(link: Link) -> list[str]:
    """How the broker differs from all that is wanted, absent streams and consumers included; changes nothing."""
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (f"stream {each.name}", f"STREAM.INFO.{each.name}", each.config) for each in streams()
    ]
    asked += [
        (f"consumer {each.stream}/{each.service}", f"CONSUMER.INFO.{each.stream}.{each.service}", each.config)
        for each in durables()
    ]
    found: list[str] = []
    for name, subject, wanted in asked:
        try:
            found += _differences(name, wanted, (await link.api(subject))["config"])
        except BrokerRefused as refused:
            if refused.code not in (_CONSUMER_NOT_FOUND, _STREAM_NOT_FOUND):
                raise
            found.append(f"{name}: absent")
    return found


async def apply(link: Link) -> list[str]:
    """Make every stream and consumer as wanted; returns what was changed. For the operator's command only."""
    changed: list[str] = []
    for stream in streams():
        if differences := await ensure_stream(link, stream):
            await link.api(f"STREAM.UPDATE.{stream.name}", stream.config)
            changed += differences
    for durable in durables():
        differences = (await ensure_durable(link, durable))[1]
        if differences:
            await _put_durable(link, durable, "update")
            changed += differences
    return changed


async def _put_durable(link: Link, durable: Durable, action: str) -> dict[str, Any]:
    request = {"stream_name": durable.stream, "config": durable.config, "action": action}
    return await link.api(f"CONSUMER.CREATE.{durable.stream}.{durable.service}", request)


def _differences(name: str, wanted: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {key} is {actual.get(key)!r}, wanted {value!r}"
        for key, value in wanted.items()
        if _comparable(actual.get(key)) != _comparable(value)
    ]


def _comparable(value: Any) -> Any:
    return sorted(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
