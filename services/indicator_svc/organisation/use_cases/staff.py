"""The verbs of people, appointments and the working-day calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.indicator_svc.batches import BatchOutcome, DuplicateRow, Refusals, RowOutcome
from services.indicator_svc.organisation import repository
from services.indicator_svc.organisation.domain import terms
from services.indicator_svc.organisation.domain.backdating import effects_of_term
from services.indicator_svc.organisation.domain.terms import Term
from services.indicator_svc.organisation.domain.units import Timeline
from services.indicator_svc.organisation.use_cases.backdating import approved
from shared.auth import Actor, Reach
from shared.clock import Clock
from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import CalendarDay, CalendarPublished, PersonChanged
from shared.contracts.roles import Role, Scope
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, NotFound, OutsideScope, Refused, Stale


class UnitUnknown(Refused):
    """There is no such unit on that day."""

    code = "unit_unknown"
    zh, en = "单位 {unit} 不存在", "There is no unit {unit}"


class PersonUnknown(Refused):
    """There is no such person."""

    code = "person_unknown"
    zh, en = "人员 {person} 不存在", "There is no person {person}"


class PersonDiffers(Refused):
    """A staff number names one person for ever."""

    code = "person_differs"
    zh, en = "工号 {person} 已存在且内容不同", "The staff number {person} exists with other content"


@dataclass(frozen=True)
class PersonRow:
    """A person to be added."""

    code: str
    name: str
    unit_code: str
    post: str


@dataclass(frozen=True)
class AppointmentRow:
    """An appointment to be made; exactly one of `person_code` and `client_id` is given."""

    person_code: str | None
    client_id: str | None
    role: Role
    unit_code: str
    scope: Scope
    effective_from: date
    effective_to: date | None


async def add_people(uow: UnitOfWork, given: Sequence[PersonRow], reach: Reach, clock: Clock) -> BatchOutcome:
    """Add people, all or none; rows that say nothing new are unchanged. Raises RowsRefused."""
    now, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    ids = [person_id(row.code) for row in given]
    units = await repository.timelines(driver, {unit_id(row.unit_code) for row in given})
    known = await repository.people(driver, ids)
    refusals = Refusals("/people")
    fresh: dict[UUID, PersonChanged] = {}
    for index, (key, row) in enumerate(zip(ids, given, strict=True)):
        unit = unit_id(row.unit_code)
        person = PersonChanged(person_id=key, version=1, code=row.code, name=row.name, unit_id=unit, post=row.post)
        if key in fresh:
            refusals.add(index, DuplicateRow(), "code")
        elif unit not in units:
            refusals.add(index, UnitUnknown(unit=row.unit_code), "unit_code")
        elif not reach.covers(unit, standing(units[unit], now.date())):
            refusals.add(index, OutsideScope(), "unit_code")
        elif key not in known:
            fresh[key] = person
        elif (known[key].name, known[key].unit_id, known[key].post) != (row.name, unit, row.post):
            refusals.add(index, PersonDiffers(person=row.code), "code")
    refusals.demand_none()
    await repository.record_people(uow, list(fresh.values()), at)
    for person in fresh.values():
        uow.trail("add", "person", person.person_id, after=person)
    rows = [
        RowOutcome(
            code=row.code,
            id=key,
            version=known[key].version if key in known else 1,
            outcome="unchanged" if key in known else "created",
        )
        for key, row in zip(ids, given, strict=True)
    ]
    return BatchOutcome(rows)


async def appoint(
    uow: UnitOfWork,
    given_rows: Sequence[AppointmentRow],
    actor: Actor,
    reach: Reach,
    clock: Clock,
    approval: str | None = None,
) -> BatchOutcome:
    """Make appointments, all or none; rows that say nothing new are unchanged.

    `approval` is the document that lets somebody have been responsible in a fenced period. Raises RowsRefused and the
    refusals of approved.
    """
    now, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    given = [_term(row, at) for row in given_rows]
    units = await repository.timelines(driver, {term.unit_id for term in given})
    people = await repository.people(driver, [person_id(row.person_code) for row in given_rows if row.person_code])
    known = await repository.terms(
        driver, ids=[term.appointment_id for term in given], liaisons_of={term.unit_id for term in given}
    )
    refusals = Refusals("/appointments")
    fresh: dict[UUID, Term] = {}
    for index, (row, term) in enumerate(zip(given_rows, given, strict=True)):
        if row.person_code and person_id(row.person_code) not in people:
            refusals.add(index, PersonUnknown(person=row.person_code), "person_code")
            continue
        with refusals.of_row(index):
            _demand_unit(units.get(term.unit_id), row.unit_code, term)
            terms.demand_sound(term, is_client=row.client_id is not None)
            terms.demand_may_appoint(term, by=actor.subject, by_operator=actor.has(Role.OPERATOR))
            _demand_reach(reach, term, standing(units[term.unit_id], now.date()))
            _note(term, known, fresh)
    refusals.demand_none()
    effects = [
        effect
        for index, term in enumerate(given)
        if term.appointment_id in fresh
        for effect in effects_of_term(None, term, f"/appointments/{index}/effective_from")
    ]
    await repository.record_terms(uow, list(fresh.values()), await approved(uow, effects, approval, now))
    for term in fresh.values():
        uow.trail("appoint", "appointment", term.appointment_id, after=repository.appointment_changed(term))
    rows = [
        RowOutcome(
            code=row.person_code or str(row.client_id),
            id=term.appointment_id,
            version=known[term.appointment_id].version if term.appointment_id in known else 1,
            outcome="created" if term.appointment_id in fresh else "unchanged",
        )
        for row, term in zip(given_rows, given, strict=True)
    ]
    return BatchOutcome(rows)


def _term(row: AppointmentRow, at: datetime) -> Term:
    subject = str(person_id(row.person_code)) if row.person_code else str(row.client_id)
    key = terms.appointment_id(subject, row.role, row.unit_code, row.effective_from)
    unit = unit_id(row.unit_code)
    return Term(key, 1, subject, row.role, unit, row.scope, row.effective_from, row.effective_to, at)


def _note(term: Term, known: Mapping[UUID, Term], fresh: dict[UUID, Term]) -> None:
    """Take a term up as new, or find it unchanged. Raises the refusal of the rule it breaks."""
    if term.appointment_id in fresh:
        raise DuplicateRow
    before = known.get(term.appointment_id)
    if before is None:
        terms.demand_one_liaison(
            term, [one for one in (*known.values(), *fresh.values()) if one.unit_id == term.unit_id]
        )
        fresh[term.appointment_id] = term
    elif before.revoked_at is not None:
        raise terms.AppointmentRevoked
    elif not terms.same_term(before, term):
        raise terms.AppointmentDiffers


def _demand_unit(unit: Timeline | None, code: str, term: Term) -> None:
    if unit is None or unit.on(term.effective_from) is None:
        raise UnitUnknown(unit=code)


def _demand_reach(reach: Reach, term: Term, path: str) -> None:
    """Nobody gives more than they reach themselves: all needs all, a subtree needs a subtree around it."""
    whole = reach.everything or any(path.startswith(root) for root in reach.subtrees)
    if term.scope is Scope.ALL and not reach.everything:
        raise OutsideScope
    if term.scope is Scope.SUBTREE and not whole:
        raise OutsideScope
    reach.demand(term.unit_id, path)


def standing(unit: Timeline, today: date) -> str:
    """The path where a unit stands today, or where it first will or last did."""
    span = unit.on(today)
    if span is None:
        span = unit.spans[0] if today < unit.spans[0].effective_from else unit.spans[-1]
    return span.path


async def move_appointment(
    uow: UnitOfWork,
    key: UUID,
    version: int,
    changes: Mapping[str, Any],
    actor: Actor,
    reach: Reach,
    clock: Clock,
    approval: str | None = None,
) -> Term:
    """Give an appointment another unit, scope or last day; `changes` may hold unit_code, scope, effective_to.

    `approval` is the document that lets the change reach back into a fenced period. Raises NotFound, Stale,
    AppointmentRevoked, OwnAppointment, RoleNotYours, OutsideScope, SecondLiaison, UnitUnknown and the refusals of
    approved.
    """
    now, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    term = await _term_within(driver, key, version, actor, reach, now.date())
    attributes = dict(changes)
    if (code := attributes.pop("unit_code", None)) is not None:
        attributes["unit_id"] = unit_id(code)
    moved = terms.move_term(term, attributes, at)
    if terms.same_term(term, moved):
        return term
    units = await repository.timelines(driver, [moved.unit_id])
    today = now.date()
    _demand_unit(units.get(moved.unit_id), str(code), replace(moved, effective_from=max(today, moved.effective_from)))
    _demand_reach(reach, moved, standing(units[moved.unit_id], today))
    terms.demand_one_liaison(moved, (await repository.terms(driver, liaisons_of=[moved.unit_id])).values())
    document = await approved(uow, effects_of_term(term, moved), approval, now)
    await repository.record_terms(uow, [moved], document)
    before, after = repository.appointment_changed(term), repository.appointment_changed(moved)
    uow.trail("move", "appointment", key, before=before, after=after)
    return moved


async def revoke_appointment(uow: UnitOfWork, key: UUID, reason: str, actor: Actor, reach: Reach, clock: Clock) -> Term:
    """End an appointment at once; it stays among the recordings. Repeating it changes nothing.

    Raises NotFound, OwnAppointment, RoleNotYours.
    """
    now, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    term = await _term_within(driver, key, None, actor, reach, now.date())
    if term.revoked_at is not None:
        return term
    revoked = terms.revoke_term(term, at)
    await repository.record_terms(uow, [revoked])
    after = {"revoked_at": at, "reason": reason}
    uow.trail("revoke", "appointment", key, before=repository.appointment_changed(term), after=after)
    return revoked


async def _term_within(
    driver: asyncpg.Connection, key: UUID, version: int | None, actor: Actor, reach: Reach, today: date
) -> Term:
    term = (await repository.terms(driver, ids=[key])).get(key)
    if term is None:
        raise NotFound
    unit = (await repository.timelines(driver, [term.unit_id])).get(term.unit_id)
    if not reach.covers(term.unit_id, "" if unit is None else standing(unit, today)):
        raise NotFound
    terms.demand_may_appoint(term, by=actor.subject, by_operator=actor.has(Role.OPERATOR))
    if version is not None and term.version != version:
        raise Stale
    return term


async def publish_calendar(
    uow: UnitOfWork, year: int, days: list[CalendarDay], seen: int | None, clock: Clock
) -> CalendarPublished:
    """Publish the days of a year that differ from Monday to Friday; the same days again change nothing.

    `seen` is the version that the caller read, None if they read none. Raises Malformed for a day of another year or
    one given twice, Stale if another version was published meanwhile.
    """
    faults = [
        Detail(f"/days/{index}/day", "duplicate_row" if one.day.year == year else "other_year")
        for index, one in enumerate(days)
        if one.day.year != year or any(one.day == other.day for other in days[:index])
    ]
    if faults:
        raise Malformed(details=faults)
    _, at = await repository.recording_moment(uow, clock)
    driver = await uow.driver()
    before = await repository.calendar(driver, year)
    days = sorted(days, key=lambda one: one.day)
    if before is not None and before.days == days:
        return before
    if (0 if before is None else before.version) != (seen or 0):
        raise Stale
    published = CalendarPublished(year=year, version=(seen or 0) + 1, days=days)
    await repository.record_calendar(uow, published, at)
    uow.trail("publish", "calendar", year, before=before, after=published)
    return published
