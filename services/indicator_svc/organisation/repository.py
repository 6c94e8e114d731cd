"""Queries of the organisation's writes: timelines and terms as now known, recordings, and the lock that orders writers.

Reading pages stands in reading.py. What is known now is read from the directory's tables, which this service keeps for
itself with the same functions as its readers.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.indicator_svc.organisation.domain.backdating import Approval
from services.indicator_svc.organisation.domain.terms import Term
from services.indicator_svc.organisation.domain.units import Span, Timeline
from shared.clock import SHANGHAI, Clock
from shared.contracts.indicator import (
    AppointmentChanged,
    CalendarDay,
    CalendarPublished,
    PersonChanged,
    UnitChanged,
    UnitSpan,
)
from shared.contracts.roles import Role, Scope
from shared.db import UnitOfWork
from shared.directory.apply import apply_appointment, apply_calendar, apply_person, apply_unit

_INSTANT = timedelta(microseconds=1)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('organisation', 0))"
LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared(hashtextextended('organisation', 0))"
_LATEST = (
    "SELECT greatest((SELECT max(recorded_at) FROM unit_recordings), (SELECT max(recorded_at) FROM person_recordings), "
    "(SELECT max(recorded_at) FROM appointment_recordings), (SELECT max(recorded_at) FROM calendar_recordings))"
)


async def recording_moment(uow: UnitOfWork, clock: Clock) -> tuple[datetime, datetime]:
    """Become the only writer of the organisation until the commit; returns now and the moment of what it will record.

    The clock is read once nobody else writes, and the moment is later than all that is already recorded, even if the
    business clock was set back: what was known at a moment does not change afterwards.
    """
    driver = await uow.driver()
    await driver.execute(_LOCK)
    latest: datetime | None = await driver.fetchval(_LATEST)
    now = clock.now()
    return now, now if latest is None or latest < now else latest + _INSTANT


async def timelines(driver: asyncpg.Connection, unit_ids: Iterable[UUID]) -> dict[UUID, Timeline]:
    """The timelines of units as now known, by id; a unit that does not exist is absent."""
    records = await driver.fetch(
        "SELECT * FROM directory_unit_spans WHERE unit_id = ANY($1::uuid[]) ORDER BY unit_id, effective_from",
        list(unit_ids),
    )
    found: dict[UUID, list[asyncpg.Record]] = {}
    for record in records:
        found.setdefault(record["unit_id"], []).append(record)
    return {
        unit_id: Timeline(unit_id, spans[0]["code"], spans[0]["version"], tuple(_span(span) for span in spans))
        for unit_id, spans in found.items()
    }


def _span(record: Mapping[str, Any]) -> Span:
    return Span(
        record["effective_from"],
        record["effective_to"],
        record["recorded_at"],
        record["name"],
        record["kind"],
        record["parent_id"],
        record["path"],
        decoded(record["groups"]),
    )


def decoded(document: Any) -> Any:
    """A jsonb value, which the driver hands over as text unless the engine has taught it otherwise."""
    return msgspec.json.decode(document) if isinstance(document, (str, bytes)) else document


async def ids_below(driver: asyncpg.Connection, paths: Sequence[str], day: date) -> set[UUID]:
    """The units that on some day from `day` on stand below one of these paths."""
    records = await driver.fetch(
        "SELECT DISTINCT unit_id FROM directory_unit_spans u JOIN unnest($1::text[]) AS root(path) "
        "ON starts_with(u.path, root.path) AND u.path <> root.path "
        "WHERE u.effective_to IS NULL OR u.effective_to > $2",
        list(paths),
        day,
    )
    return {record["unit_id"] for record in records}


async def record_units(uow: UnitOfWork, changed: Sequence[Timeline], at: datetime, approval: str | None = None) -> None:
    """Record whole timelines, keep them as what is known now, and tell everybody; `approval` is a document."""
    driver = await uow.driver()
    rows = [
        (
            timeline.unit_id,
            timeline.version,
            span.effective_from,
            span.effective_to,
            at,
            span.recorded_at,
            uow.who,
            timeline.code,
            span.name,
            span.kind,
            span.parent_id,
            span.path,
            msgspec.json.encode(span.groups).decode(),
            approval,
        )
        for timeline in changed
        for span in timeline.spans
    ]
    await driver.executemany(
        "INSERT INTO unit_recordings (unit_id, version, effective_from, effective_to, recorded_at, span_recorded_at, "
        "recorded_by, code, name, kind, parent_id, path, groups, approval) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        rows,
    )
    for timeline in changed:
        event = unit_changed(timeline)
        await apply_unit(uow, event)
        uow.record(event, subject=timeline.code)


def unit_changed(timeline: Timeline) -> UnitChanged:
    """The event that tells a unit's whole timeline."""
    return UnitChanged(
        unit_id=timeline.unit_id,
        version=timeline.version,
        spans=[
            UnitSpan(
                effective_from=span.effective_from,
                effective_to=span.effective_to,
                recorded_at=span.recorded_at,
                code=timeline.code,
                name=span.name,
                kind=span.kind,
                parent_id=span.parent_id,
                path=span.path,
                groups=dict(span.groups),
            )
            for span in timeline.spans
        ],
    )


async def people(driver: asyncpg.Connection, person_ids: Iterable[UUID]) -> dict[UUID, PersonChanged]:
    """People as now known, by id."""
    records = await driver.fetch(
        "SELECT person_id, version, code, name, unit_id, post FROM directory_people WHERE person_id = ANY($1::uuid[])",
        list(person_ids),
    )
    return {record["person_id"]: PersonChanged(**dict(record)) for record in records}


async def record_people(uow: UnitOfWork, changed: Sequence[PersonChanged], at: datetime) -> None:
    """Record people, keep them as what is known now, and tell everybody."""
    driver = await uow.driver()
    await driver.executemany(
        "INSERT INTO person_recordings (person_id, version, recorded_at, recorded_by, code, name, unit_id, post) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [(one.person_id, one.version, at, uow.who, one.code, one.name, one.unit_id, one.post) for one in changed],
    )
    for person in changed:
        await apply_person(uow, person)
        uow.record(person)


async def terms(
    driver: asyncpg.Connection, *, ids: Iterable[UUID] = (), liaisons_of: Iterable[UUID] = ()
) -> dict[UUID, Term]:
    """Appointments as now known: by their ids, and all of liaisons of these units."""
    records = await driver.fetch(
        "SELECT * FROM directory_appointments WHERE appointment_id = ANY($1::uuid[]) "
        "OR (role = 'unit_liaison' AND unit_id = ANY($2::uuid[]))",
        list(ids),
        list(liaisons_of),
    )
    return {
        record["appointment_id"]: Term(
            record["appointment_id"],
            record["version"],
            record["subject"],
            Role(record["role"]),
            record["unit_id"],
            Scope(record["scope"]),
            record["effective_from"],
            record["effective_to"],
            record["recorded_at"],
            # The directory keeps whether, the recordings when; a revocation is the last recording of a term.
            record["recorded_at"] if record["revoked"] else None,
        )
        for record in records
    }


async def record_terms(uow: UnitOfWork, changed: Sequence[Term], approval: str | None = None) -> None:
    """Record appointments, keep them as what is known now, and tell everybody; `approval` is a document."""
    driver = await uow.driver()
    await driver.executemany(
        "INSERT INTO appointment_recordings (appointment_id, version, recorded_at, recorded_by, subject, role, "
        "unit_id, scope, effective_from, effective_to, revoked_at, approval) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [
            (
                term.appointment_id,
                term.version,
                term.recorded_at,
                uow.who,
                term.subject,
                term.role,
                term.unit_id,
                term.scope,
                term.effective_from,
                term.effective_to,
                term.revoked_at,
                approval,
            )
            for term in changed
        ],
    )
    for term in changed:
        event = appointment_changed(term)
        await apply_appointment(uow, event)
        uow.record(event)


def appointment_changed(term: Term) -> AppointmentChanged:
    """The event that tells an appointment."""
    return AppointmentChanged(
        appointment_id=term.appointment_id,
        version=term.version,
        subject=term.subject,
        role=term.role,
        unit_id=term.unit_id,
        scope=term.scope,
        effective_from=term.effective_from,
        effective_to=term.effective_to,
        recorded_at=term.recorded_at,
        revoked_at=term.revoked_at,
    )


async def add_approval(driver: asyncpg.Connection, approval: Approval) -> bool:
    """Write an approval of backdated changes; False if its document is taken."""
    done = await driver.fetchval(
        "INSERT INTO backdating_approvals (document, unit_ids, since, reason, approved_by, approved_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1",
        approval.document,
        sorted(approval.unit_ids),
        approval.since,
        approval.reason,
        approval.approved_by,
        approval.approved_at,
    )
    return done is not None


async def approval(driver: asyncpg.Connection, document: str) -> Approval | None:
    """The approval that bears a document's number, with its moment in local time."""
    record = await driver.fetchrow("SELECT * FROM backdating_approvals WHERE document = $1", document)
    if record is None:
        return None
    row = dict(record)
    units, at = frozenset(row["unit_ids"]), row["approved_at"].astimezone(SHANGHAI)
    return Approval(**{**row, "unit_ids": units, "approved_at": at})


async def calendar(driver: asyncpg.Connection | asyncpg.Pool, year: int) -> CalendarPublished | None:
    """The newest calendar of a year, or None if none was published."""
    record = await driver.fetchrow(
        "SELECT version, days FROM calendar_recordings WHERE year = $1 ORDER BY version DESC LIMIT 1", year
    )
    if record is None:
        return None
    days = msgspec.convert(decoded(record["days"]), list[CalendarDay])
    return CalendarPublished(year=year, version=record["version"], days=days)


async def record_calendar(uow: UnitOfWork, published: CalendarPublished, at: datetime) -> None:
    """Record a year's calendar, keep it as what is known now, and tell everybody."""
    driver = await uow.driver()
    await driver.execute(
        "INSERT INTO calendar_recordings (year, version, recorded_at, recorded_by, days) VALUES ($1, $2, $3, $4, $5)",
        published.year,
        published.version,
        at,
        uow.who,
        msgspec.json.encode(published.days).decode(),
    )
    await apply_calendar(uow, published)
    uow.record(published, subject=str(published.year))
