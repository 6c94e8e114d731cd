"""Proofs: evaluated again from the inputs that the ledger kept; peers are hidden from who may not see them."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import Facts, governing, metrics_of, results_of
from services.scoring_svc.engine.domain import WorkingCalendar, evaluate_group
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger import reading, repository
from services.scoring_svc.ledger.adjudication import (
    Adjudication,
    Standing,
    adjudicated,
    counting,
    is_mark,
    mark_of,
    proof_with,
    references,
    refused_score,
    whole,
)
from services.scoring_svc.ledger.evaluation import Group, as_engine_reads, prepare, reads_peers, result_as_read
from services.scoring_svc.ledger.gathering import results_read
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.errors import NotFound


@dataclass(frozen=True)
class Proof:
    """A proof with what surrounds it: the cell's version in the ledger (0: provisional) and the card's version.

    `decided`: the rulings and corrections that it reads, each with what it replaced.
    """

    version: int
    indicator_version: int
    proof: dict[str, Any]
    note: str | None
    decided: Sequence[tuple[Adjudication, Any]] = ()


@dataclass(frozen=True)
class Recalled:
    """What the evaluation behind a version of a cell read; without peers where its rule reads none.

    `decided`: what was laid down for the cell; `before`: its facts without that.
    """

    group: Group
    salt: bytes
    note: str | None
    decided: Sequence[Adjudication] = ()
    before: Mapping[str, Any] = field(default_factory=dict)


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
        standing = await decided_then(connection, group)
        return _recalled(group, standing, unit_id, stored["salt"], stored["note"])
    versions = await copies.cards_of_indicator(connection, indicator_id)
    governs = governing(versions, period)
    if governs is None or unit_id not in governs.evaluated_unit_ids:
        raise NotFound
    group = await _as_now(connection, governs, period, None if reads_peers(governs) else (unit_id,))
    standing = await decisions.standing(connection, key, [indicator_id])
    return _recalled(group, standing, unit_id, secrets.token_bytes(16), None)


def _recalled(group: Group, standing: Standing, unit_id: UUID, salt: bytes, note: str | None) -> Recalled:
    read = counting(standing.get((group.card.indicator_id, unit_id), ())).values()
    before = group.facts[str(unit_id)]
    return Recalled(adjudicated(group, standing), salt, note, tuple(read), before)


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
    inputs = group.inputs[str(unit_id)]
    decided = [one for one in recalled.decided if inputs.get(one.mark) == one.reference]
    # What stands in the ledger was possible, or entered before there were bounds.
    refused = version == 0 and refused_score(group.rule, decided)
    proof = proof_with(whole(decided), _with_versions(outcome.proof, inputs), refused=refused)
    if not shows_peers:
        proof = hide_peers(proof, str(unit_id), recalled.salt)
    replaced = [(one, recalled.before.get(one.input) if one.input else outcome.result) for one in decided]
    return Proof(version, group.card.version, proof, recalled.note, replaced)


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


async def decided_then(connection: asyncpg.Connection, group: Group) -> Standing:
    """The rulings and corrections that an evaluation read, as its inputs name them."""
    read = [
        (group.card.indicator_id, UUID(unit), text)
        for unit, named in group.inputs.items()
        for text in references(named).values()
    ]
    return await decisions.as_read(connection, group.period.key, read) if read else {}


async def as_then(
    connection: asyncpg.Connection,
    card: IndicatorPublished,
    period: Period,
    inputs: Mapping[str, Mapping[str, int | str]],
    calendar: WorkingCalendar | None,
) -> Group:
    """A group as an evaluation read it: the inputs that it kept, with those versions of the facts, undecided."""
    wanted = []
    for unit, read in inputs.items():
        for name, version in read.items():
            metric = None if is_mark(name) else card.bindings[name].metric
            if metric is not None and isinstance(version, int) and version:
                wanted.append((metric, UUID(unit), version))
    facts = await copies.facts_as_read(connection, period.key, wanted)
    read_then = {
        unit: {
            name: value
            for name, version in read.items()
            if not is_mark(name) and (value := _value(card, UUID(unit), name, version, facts)) is not None
        }
        for unit, read in inputs.items()
    }
    return Group.of_rows(card, period, read_then, inputs, calendar)


def _value(card: IndicatorPublished, unit: UUID, name: str, version: int | str, facts: Facts) -> Any:
    metric = card.bindings[name].metric
    if card.bindings[name].indicator is not None:
        return result_as_read(str(version))
    if metric is None:
        return version
    fact = facts.get(metric, {}).get(unit)
    return None if fact is None else as_engine_reads(fact)


async def _as_now(
    connection: asyncpg.Connection, card: IndicatorPublished, period: Period, only: Iterable[UUID] | None
) -> Group:
    facts = await copies.newest_facts(connection, period.key, metrics_of(card))
    around = await repository.surroundings(connection, card.evaluated_unit_ids, period.last)
    results = await results_read(connection, period.key, results_of(card))
    return prepare(card, period, facts, around, only, results)


def _with_versions(node: Any, inputs: Mapping[str, int | str]) -> Any:
    """The proof with the version of the fact at every input of the unit's own."""
    if isinstance(node, list):
        return [_with_versions(part, inputs) for part in node]
    if not isinstance(node, dict):
        return node
    told = {name: _with_versions(part, inputs) for name, part in node.items()}
    if node.get("kind") != "input" or "in" in node:
        return told
    version, decision = inputs.get(node["name"]), inputs.get(mark_of(node["name"]))
    if decision:
        told["decision"] = decision
    if isinstance(version, int) and version:
        told["replaces" if decision else "fact"] = f"v{version}"
    return told


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
