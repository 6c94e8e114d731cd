"""The registry of event types: who writes each, who reads it. Streams, consumers and documents derive from it.

Belongs here: the declaration decorator and look-ups. Does not belong here: the events themselves, which stand in the
module of the service that produces them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import msgspec

SERVICES = ("indicator_svc", "submission_svc", "scoring_svc", "audit_svc")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The data of one event: always the whole new state with its version, never a difference.

    Readers are tolerant: an unknown field is ignored, so a later minor version may add optional fields.
    """


@dataclass(frozen=True)
class Declaration:
    """One event type: `name` is the CloudEvents type and the NATS subject."""

    name: str
    producer: str
    readers: tuple[str, ...]
    contract: type[Event]


_BY_NAME: dict[str, Declaration] = {}
_BY_CONTRACT: dict[type[Event], Declaration] = {}
_E = TypeVar("_E", bound=type[Event])


def event(name: str, *, producer: str, readers: tuple[str, ...]) -> Callable[[_E], _E]:
    """Declare a contract as event type `name`, for example `indicator.deducted.v1`."""

    def declare(contract: _E) -> _E:
        if name in _BY_NAME:
            raise ValueError(f"event type {name} is declared twice")
        declaration = Declaration(name, producer, readers, contract)
        _BY_NAME[name] = declaration
        _BY_CONTRACT[contract] = declaration
        return contract

    return declare


def declared() -> Mapping[str, Declaration]:
    """What has been declared so far, by name; `known.declarations` is sure to be all of it."""
    return MappingProxyType(_BY_NAME)


def declaration_of(contract: type[Event]) -> Declaration:
    """The declaration of a contract class. Raises KeyError if it was never declared."""
    return _BY_CONTRACT[contract]
