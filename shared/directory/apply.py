"""Keeps a service's read copy of the directory: each object whole, by version, in any order, however often.

indicator_svc, which owns the objects, applies its own changes by the same functions in the transaction that makes them.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from shared.contracts.envelope import Envelope
from shared.contracts.indicator import AppointmentChanged, CalendarPublished, PersonChanged, UnitChanged
from shared.contracts.registry import Event
from shared.db import UnitOfWork


async def apply_unit(uow: UnitOfWork, event: UnitChanged, _: Envelope | None = None) -> None:
    """Replace the unit's timeline unless a later version is already here."""
    driver = await uow.driver()
    # Two versions handled at the same moment must not both delete and insert.
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(event.unit_id))
    known = await driver.fetchval("SELECT max(version) FROM directory_unit_spans WHERE unit_id = $1", event.unit_id)
    if known is not None and known >= event.version:
        return
    await driver.execute("DELETE FROM directory_unit_spans WHERE unit_id = $1", event.unit_id)
    await driver.executemany(
        "INSERT INTO directory_unit_spans (unit_id, effective_from, effective_to, recorded_at, version, code, name, "
        "kind, parent_id, path, groups) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        [
            (
                event.unit_id,
                span.effective_from,
                span.effective_to,
                span.recorded_at,
                event.version,
                span.code,
                span.name,
                span.kind,
                span.parent_id,
                span.path,
                msgspec.json.encode(span.groups).decode(),
            )
            for span in event.spans
        ],
    )


async def apply_person(uow: UnitOfWork, event: PersonChanged, _: Envelope | None = None) -> None:
    """Keep the person as of the highest version seen."""
    driver = await uow.driver()
    await driver.execute(
        "INSERT INTO directory_people AS known (person_id, version, code, name, unit_id, post) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (person_id) DO UPDATE SET version = excluded.version, "
        "code = excluded.code, name = excluded.name, unit_id = excluded.unit_id, post = excluded.post "
        "WHERE known.version < excluded.version",
        event.person_id,
        event.version,
        event.code,
        event.name,
        event.unit_id,
        event.post,
    )


async def apply_appointment(uow: UnitOfWork, event: AppointmentChanged, _: Envelope | None = None) -> None:
    """Keep the appointment as of the highest version seen."""
    driver = await uow.driver()
    await driver.execute(
        "INSERT INTO directory_appointments AS known (appointment_id, version, subject, role, unit_id, scope, "
        "effective_from, effective_to, recorded_at, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "ON CONFLICT (appointment_id) DO UPDATE SET version = excluded.version, subject = excluded.subject, "
        "role = excluded.role, unit_id = excluded.unit_id, scope = excluded.scope, "
        "effective_from = excluded.effective_from, effective_to = excluded.effective_to, "
        "recorded_at = excluded.recorded_at, revoked = excluded.revoked WHERE known.version < excluded.version",
        event.appointment_id,
        event.version,
        event.subject,
        event.role,
        event.unit_id,
        event.scope,
        event.effective_from,
        event.effective_to,
        event.recorded_at,
        event.revoked_at is not None,
    )


async def apply_calendar(uow: UnitOfWork, event: CalendarPublished, _: Envelope | None = None) -> None:
    """Replace the exceptions of one year unless a later version is already here."""
    driver = await uow.driver()
    newer = await driver.fetchval(
        "INSERT INTO directory_calendar_years AS known (year, version) VALUES ($1, $2) "
        "ON CONFLICT (year) DO UPDATE SET version = excluded.version WHERE known.version < excluded.version "
        "RETURNING 1",
        event.year,
        event.version,
    )
    if newer is None:
        return
    await driver.execute("DELETE FROM directory_calendar_days WHERE extract(year FROM day) = $1", event.year)
    await driver.executemany(
        "INSERT INTO directory_calendar_days (day, kind, name) VALUES ($1, $2, $3)",
        [(day.day, day.kind, day.name) for day in event.days],
    )


DIRECTORY_HANDLERS: Mapping[type[Event], Callable[[UnitOfWork, Any, Envelope], Awaitable[None]]] = {
    UnitChanged: apply_unit,
    PersonChanged: apply_person,
    AppointmentChanged: apply_appointment,
    CalendarPublished: apply_calendar,
}
