"""Routes of the organisation: units, people, appointments, calendars."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.indicator_svc.fields import BatchOut, Code, Day
from services.indicator_svc.organisation import reading, repository
from services.indicator_svc.organisation.schemas import (
    AppointmentBatch,
    AppointmentOut,
    AppointmentPage,
    AppointmentPatch,
    ApprovalIn,
    ApprovalOut,
    CalendarIn,
    CalendarOut,
    PersonBatch,
    PersonPage,
    RevocationIn,
    UnitBatch,
    UnitOut,
    UnitPage,
    UnitPatch,
)
from services.indicator_svc.organisation.use_cases import backdating, staff, units
from shared.auth import Actor
from shared.clock import Clock
from shared.contracts.identity import unit_id
from shared.contracts.indicator import CalendarDay, UnitKind
from shared.contracts.roles import Role
from shared.errors import Detail, Malformed, NotFound, OutsideScope
from shared.http import (
    Cursor,
    IfMatch,
    Limit,
    TransactionalRoute,
    Uow,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    permits,
    takes_up_to,
)
from shared.moments import Moment

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["organisation"])
_BATCH_BODY = 16_000_000
_Year = Annotated[int, Path(ge=1990, le=2200)]


def clock_of(request: Request) -> Clock:
    """The business clock of this installation."""
    clock: Clock = request.app.state.clock
    return clock


def now_of(request: Request) -> datetime:
    """The business moment of this installation."""
    return clock_of(request).now()


@router.post("/unit-batches", status_code=201)
@takes_up_to(_BATCH_BODY)
async def create_units(
    request: Request, body: UnitBatch, actor: Annotated[Actor, permits("units.write")], uow: Uow
) -> BatchOut:
    """Create units, all or none."""
    rows = [units.UnitRow(**row.model_dump()) for row in body.units]
    made = await units.create_units(uow, rows, actor.reach("units.write"), clock_of(request), body.approval)
    return BatchOut.model_validate(made)


@router.get("/units")
async def list_units(
    request: Request,
    actor: Annotated[Actor, permits("units.read")],
    uow: Uow,
    kind: UnitKind | None = None,
    under: Annotated[Code | None, Query(description="Only this unit and those below it")] = None,
    as_of: Annotated[Day | None, Query(description="The day of the tree; today if not given")] = None,
    known_at: Annotated[Moment | None, Query(description="As it was known at this moment")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> UnitPage:
    """Units within your scope, in the order of their paths."""
    now = now_of(request)
    (after,) = decode_cursor(cursor, 1) or ("",)
    found = await units.unit_page(
        uow,
        actor.reach("units.read"),
        now=now,
        as_of=as_of or now.date(),
        known_at=known_at,
        kind=kind,
        under=under,
        after=after,
        limit=limit + 1,
    )
    return UnitPage(**_page(found, limit, "path"))


@router.get("/units/{code}")
async def show_unit(
    request: Request,
    response: Response,
    code: Code,
    actor: Annotated[Actor, permits("units.read")],
    uow: Uow,
    as_of: Annotated[Day | None, Query(description="The day; today if not given")] = None,
    known_at: Annotated[Moment | None, Query(description="As it was known at this moment")] = None,
) -> UnitOut:
    """A unit on a day."""
    now = now_of(request)
    day = as_of or now.date()
    reach = actor.reach("units.read")
    found = await units.unit_page(uow, reach, now=now, as_of=day, known_at=known_at, code=code, limit=1)
    if not found:
        raise NotFound
    etag(response, found[0]["version"])
    return UnitOut(**found[0])


@router.patch("/units/{code}")
async def change_unit(
    request: Request,
    response: Response,
    code: Code,
    body: UnitPatch,
    version: IfMatch,
    actor: Annotated[Actor, permits("units.write")],
    uow: Uow,
) -> UnitOut:
    """Rename, move or regroup a unit from a day on; earlier days stay as they are."""
    changes = body.model_dump(include=body.model_fields_set - {"effective_from", "approval"})
    reach, clock = actor.reach("units.write"), clock_of(request)
    changed = await units.change_unit(uow, code, version, body.effective_from, changes, reach, clock, body.approval)
    etag(response, changed.version)
    span = changed.on(body.effective_from)
    if span is None:
        raise NotFound
    return UnitOut(
        unit_id=unit_id(code),
        version=changed.version,
        code=code,
        name=span.name,
        kind=span.kind,
        parent_id=span.parent_id,
        path=span.path,
        groups=dict(span.groups),
        effective_from=span.effective_from,
        effective_to=span.effective_to,
        recorded_at=span.recorded_at,
    )


@router.post("/person-batches", status_code=201)
@takes_up_to(_BATCH_BODY)
async def add_people(
    request: Request, body: PersonBatch, actor: Annotated[Actor, permits("people.write")], uow: Uow
) -> BatchOut:
    """Add people, all or none."""
    rows = [staff.PersonRow(**row.model_dump()) for row in body.people]
    return BatchOut.model_validate(await staff.add_people(uow, rows, actor.reach("people.write"), clock_of(request)))


@router.get("/people")
async def list_people(
    request: Request,
    actor: Annotated[Actor, permits("people.read")],
    uow: Uow,
    role: Role | None = None,
    unit: Annotated[Code | None, Query(description="Where they serve; with `role`: where they hold it")] = None,
    code: Code | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PersonPage:
    """People whose unit lies within your scope, with the roles they hold today."""
    (after,) = decode_cursor(cursor, 1) or ("",)
    found = await reading.people_page(
        await uow.driver(),
        actor.reach("people.read"),
        today=now_of(request).date(),
        role=role,
        unit=unit,
        code=code,
        after=after,
        limit=limit + 1,
    )
    return PersonPage(**_page(found, limit, "code"))


@router.post("/appointment-batches", status_code=201)
@takes_up_to(_BATCH_BODY)
async def appoint(
    request: Request, body: AppointmentBatch, actor: Annotated[Actor, permits("appointments.write")], uow: Uow
) -> BatchOut:
    """Make appointments, all or none. A unit has exactly one liaison at a time."""
    rows = [staff.AppointmentRow(**row.model_dump()) for row in body.appointments]
    reach = actor.reach("appointments.write")
    made = await staff.appoint(uow, rows, actor, reach, clock_of(request), body.approval)
    return BatchOut.model_validate(made)


@router.get("/appointments")
async def list_appointments(
    request: Request,
    actor: Annotated[Actor, permits("appointments.read")],
    uow: Uow,
    person: Annotated[Code | None, Query(description="Staff number")] = None,
    client: Code | None = None,
    role: Role | None = None,
    unit: Code | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> AppointmentPage:
    """Appointments over units within your scope, ended and revoked ones too."""
    (after,) = decode_cursor(cursor, 1) or (None,)
    found = await reading.appointments_page(
        await uow.driver(),
        actor.reach("appointments.read"),
        today=now_of(request).date(),
        person=person,
        client=client,
        role=role,
        unit=unit,
        after=None if after is None else _uuid(after),
        limit=limit + 1,
    )
    return AppointmentPage(**_page(found, limit, "appointment_id"))


@router.patch("/appointments/{appointment_id}")
async def move_appointment(
    request: Request,
    response: Response,
    appointment_id: UUID,
    body: AppointmentPatch,
    version: IfMatch,
    actor: Annotated[Actor, permits("appointments.write")],
    uow: Uow,
) -> AppointmentOut:
    """Give an appointment another unit, scope or last day."""
    changes = body.model_dump(include=body.model_fields_set - {"approval"})
    reach, clock = actor.reach("appointments.write"), clock_of(request)
    term = await staff.move_appointment(uow, appointment_id, version, changes, actor, reach, clock, body.approval)
    etag(response, term.version)
    return await _appointment(uow, actor, appointment_id, now_of(request))


@router.post("/appointments/{appointment_id}/revocations", status_code=201)
async def revoke_appointment(
    request: Request,
    appointment_id: UUID,
    body: RevocationIn,
    actor: Annotated[Actor, permits("appointments.write")],
    uow: Uow,
) -> AppointmentOut:
    """End an appointment at once, in every service within seconds, whatever tokens are still good."""
    reach, clock = actor.reach("appointments.write"), clock_of(request)
    await staff.revoke_appointment(uow, appointment_id, body.reason, actor, reach, clock)
    return await _appointment(uow, actor, appointment_id, now_of(request))


async def _appointment(uow: Uow, actor: Actor, key: UUID, now: datetime) -> AppointmentOut:
    reach = actor.reach("appointments.write")
    found = await reading.appointments_page(
        await uow.driver(), reach, today=now.date(), appointment_id=str(key), limit=1
    )
    if not found:
        raise NotFound
    return AppointmentOut(**found[0])


@router.post("/backdating-approvals", status_code=201)
async def approve_backdating(
    request: Request, body: ApprovalIn, actor: Annotated[Actor, permits("backdating.approve")], uow: Uow
) -> ApprovalOut:
    """Approve, by a document, that somebody else changes units or their appointments back into fenced periods."""
    made = await backdating.approve_backdating(
        uow, actor, body.document, body.unit_codes, body.since, body.reason, clock_of(request)
    )
    return ApprovalOut.model_validate(made)


@router.put("/calendars/{year}")
async def publish_calendar(
    request: Request,
    response: Response,
    year: _Year,
    body: CalendarIn,
    actor: Annotated[Actor, permits("calendars.write")],
    uow: Uow,
) -> CalendarOut:
    """Publish the working-day calendar of a year. Replacing one that differs needs If-Match."""
    if not actor.reach("calendars.write").everything:
        raise OutsideScope
    seen = if_match(request) if "if-match" in request.headers else None
    days = [CalendarDay(day=one.day, kind=one.kind, name=one.name) for one in body.days]
    published = await staff.publish_calendar(uow, year, days, seen, clock_of(request))
    etag(response, published.version)
    return _calendar(published)


@router.get("/calendars/{year}")
async def show_calendar(
    response: Response, year: _Year, _: Annotated[Actor, permits("calendars.read")], uow: Uow
) -> CalendarOut:
    """The days of a year that differ from Monday to Friday."""
    found = await repository.calendar(await uow.driver(), year)
    if found is None:
        raise NotFound
    etag(response, found.version)
    return _calendar(found)


def _calendar(published: Any) -> CalendarOut:
    return CalendarOut.model_validate(
        {
            "year": published.year,
            "version": published.version,
            "days": [{"day": one.day, "kind": one.kind, "name": one.name} for one in published.days],
        }
    )


def _page(found: list[dict[str, Any]], limit: int, key: str) -> dict[str, Any]:
    """One row more than asked for was read: whether there is a next page."""
    more = len(found) > limit
    return {"items": found[:limit], "next": encode_cursor(found[limit - 1][key]) if more else None}


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise Malformed(details=[Detail("?cursor", "malformed")]) from error
