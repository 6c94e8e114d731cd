"""Proofs: evaluated again from the inputs that the ledger kept; peers are hidden from who may not see them."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import StoredFact, governing, metrics_of
from services.scoring_svc.engine.domain import WorkingCalendar, evaluate_group
from services.scoring_svc.ledger import reading, repository
from services.scoring_svc.ledger.evaluation import Group, as_engine_reads, prepare, reads_peers
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.errors import NotFound


@dataclass(frozen=True)
class Proof:
    """A proof with what surrounds it: the cell's version in the ledger (0: provisional) and the card's version."""

    version: int
    indicator_version: int
    proof: dict[str, Any]
    note: str | None


@dataclass(frozen=True)
class Recalled:
    """What the evaluation behind a version of a cell read; without peers where its rule reads none."""

    group: Group
    salt: bytes
    note: str | None


async def recall(connection: asyncpg.Connection, indicator_id: UUID, unit_id: UUID, key: str, version: int) -> Recalled:
    """What a version of the ledger was evaluated from, or the provisional score for version 0. Raises NotFound."""
    period = parse_period(key)
    if version:
        stored = await reading.evaluation_of(connection, indicator_id, unit_id, key, version)
        if stored is None:
            raise NotFound
        card = await card_of(connection, indicator_id, stored["indicator_version"])
        inputs = msgspec.json.decode(stored["inputs"], type=dict[str, dict[str, int | str]])
        calendar = await repository.calendar_edition(connection, stored["calendar"])
        group = await as_then(connection, card, period, _only_own(card, unit_id, inputs), calendar)
        return Recalled(group, stored["salt"], stored["note"])
    versions = await copies.cards_of_indicator(connection, indicator_id)
    governs = governing(versions, period)
    if governs is None or unit_id not in governs.evaluated_unit_ids:
        raise NotFound
    group = await _as_now(connection, governs, period, None if reads_peers(governs) else (unit_id,))
    return Recalled(group, secrets.token_bytes(16), None)


async def prove(
    connection: asyncpg.Connection, indicator_id: UUID, unit_id: UUID, key: str, version: int, *, shows_peers: bool
) -> Proof:
    """The proof of a cell at a version of the ledger, or of the provisional score for version 0. Raises NotFound.

    The caller has checked that the reader may see the cell. Without `shows_peers` other units appear under pseudonyms,
    their values as keyed hashes: equal values of one evaluation can be told equal, nothing else.
    """
    recalled = await recall(connection, indicator_id, unit_id, key, version)
    return proof_of(recalled, unit_id, version, shows_peers=shows_peers)


def proof_of(recalled: Recalled, unit_id: UUID, version: int, *, shows_peers: bool) -> Proof:
    """The proof of a unit's cell, evaluated again; `prove` says what is hidden."""
    group = recalled.group
    outcome = evaluate_group(group.rule, group.facts, group.calendar)[str(unit_id)]
    proof = _with_versions(outcome.proof, group.inputs[str(unit_id)])
    if not shows_peers:
        proof = hide_peers(proof, str(unit_id), recalled.salt)
    return Proof(version, group.card.version, proof, recalled.note)


def _only_own(
    card: IndicatorPublished, unit_id: UUID, inputs: Mapping[str, Mapping[str, int | str]]
) -> Mapping[str, Mapping[str, int | str]]:
    return inputs if reads_peers(card) else {str(unit_id): inputs[str(unit_id)]}


async def card_of(connection: asyncpg.Connection, indicator_id: UUID, version: int) -> IndicatorPublished:
    """A version of a card. Raises NotFound."""
    for card in await copies.cards_of_indicator(connection, indicator_id):
        if card.version == version:
            return card
    raise NotFound


async def as_then(
    connection: asyncpg.Connection,
    card: IndicatorPublished,
    period: Period,
    inputs: Mapping[str, Mapping[str, int | str]],
    calendar: WorkingCalendar | None,
) -> Group:
    """A group as an evaluation read it: the inputs that it kept, with those versions of the facts."""
    wanted = []
    for unit, read in inputs.items():
        for name, version in read.items():
            metric = card.bindings[name].metric
            if metric is not None and isinstance(version, int) and version:
                wanted.append((metric, UUID(unit), version))
    facts = await copies.facts_as_read(connection, period.key, wanted)
    read_then = {
        unit: {
            name: value
            for name, version in read.items()
            if (value := _value(card, UUID(unit), name, version, facts)) is not None
        }
        for unit, read in inputs.items()
    }
    return Group.of_rows(card, period, read_then, inputs, calendar)


def _value(
    card: IndicatorPublished, unit: UUID, name: str, version: int | str, facts: Mapping[tuple[UUID, UUID], StoredFact]
) -> Any:
    metric = card.bindings[name].metric
    if metric is None:
        return version
    fact = facts.get((metric, unit))
    return None if fact is None else as_engine_reads(fact)


async def _as_now(
    connection: asyncpg.Connection, card: IndicatorPublished, period: Period, only: Iterable[UUID] | None
) -> Group:
    facts = await copies.newest_facts(connection, period.key, metrics_of(card))
    around = await repository.surroundings(connection, card.evaluated_unit_ids, period.last)
    return prepare(card, period, facts, around, only)


def _with_versions(node: Any, inputs: Mapping[str, int | str]) -> Any:
    """The proof with the version of the fact at every input of the unit's own."""
    if isinstance(node, list):
        return [_with_versions(part, inputs) for part in node]
    if not isinstance(node, dict):
        return node
    told = {name: _with_versions(part, inputs) for name, part in node.items()}
    version = inputs.get(node.get("name", "")) if node.get("kind") == "input" and "in" not in node else None
    return {**told, "fact": f"v{version}"} if isinstance(version, int) and version else told


def hide_peers(node: Any, own: str, salt: bytes) -> Any:
    """The proof without the names and values of other units; their order tells nothing either."""
    if isinstance(node, list):
        parts = [hide_peers(part, own, salt) for part in node]
        if any(isinstance(part, dict) and "who" in part for part in parts):
            parts.sort(key=lambda part: str(part.get("who")) if isinstance(part, dict) else "")
        return parts
    if not isinstance(node, dict):
        return node
    if "who" in node and node["who"] != own:
        hidden = {"who": f"unit-{_keyed(salt, 'who', node['who'])[:12]}"}
        kept = {name: node[name] for name in ("kind", "code") if name in node}
        value = {"value_hash": _keyed(salt, "value", str(node["value"]))} if "value" in node else {}
        return {**kept, **hidden, **value}
    return {name: hide_peers(part, own, salt) for name, part in node.items()}


def _keyed(salt: bytes, kind: str, text: str) -> str:
    return hmac.new(salt, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()
