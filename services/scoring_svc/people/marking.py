"""Marks and recusals. A round is held FOR SHARE by who marks and alone by who changes it: no mark after the closing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.scoring_svc.ledger.domain import plain
from services.scoring_svc.people import repository, sources
from services.scoring_svc.people.domain.roster import NotAnEvaluator, Posting, Relation, kind_of
from services.scoring_svc.people.domain.scheme import EvaluatorKind, ItemUnknown, PersonalScheme
from services.scoring_svc.people.repository import Mark, Round
from services.scoring_svc.people.use_cases import RoundNotOpen, covers, scheme_of
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.errors import Refused, Stale, VersionRequired


class Recused(Refused):
    """Who is recused from a person does not mark them."""

    code = "recused"
    zh, en = "您已回避对该人员的评价", "You are recused from marking this person"


@dataclass(frozen=True)
class Evaluating:
    """An evaluator in a round: the scheme, and how to tell their relation to a person."""

    actor: Actor
    known: Round
    scheme: PersonalScheme
    own_units: frozenset[UUID]

    def relation(self, person: UUID, units: Sequence[UUID], places: Sequence[tuple[UUID, str]]) -> Relation:
        """How the evaluator stands to a person with postings in units, `places` where those stand today."""
        return Relation(
            same_person=self.actor.person_id == person,
            leads=covers(self.actor, "personal.lead", places),
            shares_unit=not self.own_units.isdisjoint(units),
            on_panel=self.actor.person_id in self.known.panel,
            in_office=covers(self.actor, "personal.run", places),
        )

    def items(self, relation: Relation, postings: Sequence[Posting]) -> Mapping[str, EvaluatorKind]:
        """What the evaluator marks of a person in that relation and with these postings, and as what."""
        found: dict[str, EvaluatorKind] = {}
        for item in self.scheme.items_of({one.post for one in postings}):
            try:
                found[item] = kind_of(relation, self.scheme.evaluators_of(item))
            except NotAnEvaluator:
                continue
        return found


async def evaluating(driver: asyncpg.Connection, actor: Actor, round_id: UUID, hold: str = "FOR SHARE") -> Evaluating:
    """The caller as an evaluator in a round. Raises NotAnEvaluator for a round that is not there."""
    known = await repository.find_round(driver, round_id, hold)
    if known is None:
        raise NotAnEvaluator
    scheme, _ = await scheme_of(driver, known)
    own = await repository.members_of(driver, round_id, actor.person_id)
    units = {posting.unit_id for postings, _ in own.values() for posting in postings} if actor.person_id else set()
    return Evaluating(actor, known, scheme, frozenset(units))


async def _related(
    driver: asyncpg.Connection, one: Evaluating, person_code: str, today: date
) -> tuple[UUID, Relation, Sequence[Posting]]:
    """The person, the evaluator's relation to them, their postings. Raises NotAnEvaluator for who is not in it."""
    people = await sources.people_by_code(driver, [person_code])
    if person_code not in people:
        raise NotAnEvaluator
    person = people[person_code].person_id
    members = await repository.members_of(driver, one.known.round_id, person)
    if person not in members:
        raise NotAnEvaluator
    postings = members[person][0]
    units = [posting.unit_id for posting in postings]
    return person, one.relation(person, units, await sources.places_now(driver, units, today)), postings


async def give_mark(
    uow: UnitOfWork,
    actor: Actor,
    round_id: UUID,
    target: tuple[str, str],
    said: tuple[str, str],
    seen: int | None,
    now: datetime,
) -> Mark:
    """Give or change a mark. `target`: staff number and item; `said`: mark and text.

    Raises NotAnEvaluator, ItemUnknown, RoundNotOpen, MarkNotAllowed, VersionRequired, Stale, Recused.
    """
    driver = await uow.driver()
    one = await evaluating(driver, actor, round_id)
    person, relation, postings = await _related(driver, one, target[0], now.date())
    kind = kind_of(relation, one.scheme.evaluators_of(target[1]))
    if target[1] not in one.items(relation, postings):
        raise ItemUnknown(item=target[1])
    if one.known.state != "open":
        raise RoundNotOpen
    known = await repository.marks_between(driver, round_id, person, uow.who)
    if any(mark.mark is None for mark in known.values()):
        raise Recused
    before = known.get(target[1])
    if before and seen is None:
        raise VersionRequired
    if (before.version if before else 0) != (seen or 0):
        raise Stale
    made = Mark((seen or 0) + 1, kind, one.scheme.mark(said[0]))
    if not await repository.put_mark(driver, (round_id, person, target[1], uow.who), made, said[1], now):
        raise Stale
    trailed = {"person": target[0], "item": target[1]}
    uow.trail(
        "mark",
        "personal_round",
        round_id,
        before={**trailed, "mark": str(before.mark)} if before else None,
        after={**trailed, "mark": str(made.mark), "kind": kind, "text": said[1]},
    )
    return made


async def recuse(uow: UnitOfWork, actor: Actor, round_id: UUID, person_code: str, reason: str, now: datetime) -> None:
    """Take the caller out of marking a person, in all items and for good; marks given before no longer count.

    Raises NotAnEvaluator, RoundNotOpen, Recused.
    """
    driver = await uow.driver()
    one = await evaluating(driver, actor, round_id)
    person, relation, postings = await _related(driver, one, person_code, now.date())
    known = await repository.marks_between(driver, round_id, person, uow.who)
    items = {**{item: mark.kind for item, mark in known.items()}, **one.items(relation, postings)}
    if not items or relation.same_person:
        raise NotAnEvaluator
    if one.known.state != "open":
        raise RoundNotOpen
    if any(mark.mark is None for mark in known.values()):
        raise Recused
    for item, kind in sorted(items.items()):
        version = known[item].version + 1 if item in known else 1
        gone = Mark(version, kind, None)
        if not await repository.put_mark(driver, (round_id, person, item, uow.who), gone, reason, now):
            raise Stale
    before = {item: str(mark.mark) for item, mark in known.items()}
    uow.trail(
        "recuse", "personal_round", round_id, before={"marks": before}, after={"person": person_code, "reason": reason}
    )


async def tasks(driver: asyncpg.Connection, actor: Actor, round_id: UUID, today: date) -> list[dict[str, Any]]:
    """Whom the caller marks in a round, by staff number; nobody, if there is no such round."""
    try:
        one = await evaluating(driver, actor, round_id, hold="")
    except NotAnEvaluator:
        return []
    members = {person: found for person, (found, _) in (await repository.members_of(driver, round_id)).items()}
    units = sorted({posting.unit_id for found in members.values() for posting in found})
    places = dict(await sources.places_now(driver, units, today))
    given = await repository.marks_by(driver, round_id, actor.subject)
    people = await sources.people_by_id(driver, list(members))
    found = []
    for person in sorted(people, key=lambda known: known.code):
        postings = members[person.person_id]
        held = [posting.unit_id for posting in postings]
        relation = one.relation(person.person_id, held, [(unit, places[unit]) for unit in held if unit in places])
        if items := one.items(relation, postings):
            told = [
                {"item": item, "kind": kind, **_given(given.get((person.person_id, item)))}
                for item, kind in items.items()
            ]
            found.append({"person": person.code, "person_name": person.name, "items": told})
    return found


def _given(mark: Mark | None) -> dict[str, Any]:
    if mark is None:
        return {"mark": None, "version": None}
    return {"mark": None if mark.mark is None else plain(mark.mark), "version": mark.version}
