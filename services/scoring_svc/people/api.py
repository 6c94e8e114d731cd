"""Routes of personal schemes, of rounds with their people, of marks, closing and publication."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from services.scoring_svc.bonus.answers import after_version, onward
from services.scoring_svc.bonus.shapes import Code as NewCode
from services.scoring_svc.ledger.api import MOST_VERSIONS, Code, clock_of, period_named
from services.scoring_svc.people import marking, publishing, reading, sources, use_cases
from services.scoring_svc.people.reading import Own
from services.scoring_svc.people.round_schemas import (
    MarkIn,
    MarkOut,
    MarksOut,
    MemberOut,
    MembersOut,
    PostingsIn,
    PublicationIn,
    RecusalIn,
    ReopeningIn,
    RoundIn,
    RoundOut,
    RoundsOut,
    State,
    TaskOut,
    TasksOut,
)
from services.scoring_svc.people.schemas import PublicationOut
from services.scoring_svc.people.scheme_schemas import PersonalSchemeIn, PersonalSchemeOut, PersonalSchemesOut
from shared.auth import Actor, Reach
from shared.db import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.http import (
    Cursor,
    IfMatch,
    Limit,
    Permits,
    TransactionalRoute,
    Uow,
    after_moment,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["people"])


class _OfTheDirectory(Permits):
    """What every person holds whom the directory knows: the token of somebody who serves nowhere is not enough."""

    async def __call__(self, request: Request) -> Actor:
        """The actor. Raises Forbidden."""
        actor = await super().__call__(request)
        uow: UnitOfWork = request.state.uow
        if actor.person_id is None or not await sources.people_by_id(await uow.driver(), [actor.person_id]):
            raise Forbidden(permission=self.permission)
        return actor


Person = Annotated[Actor, Depends(_OfTheDirectory("personal.own"))]
Office = Annotated[Actor, permits("personal.run")]
StaffNumber = Annotated[str, Path(min_length=1, max_length=64)]
Version = Annotated[int, Path(ge=1, le=MOST_VERSIONS)]
_NOWHERE = Reach(everything=False, units=(), subtrees=())


def own_of(request: Request, actor: Actor, permission: str = "personal.read") -> Own:
    """The caller as a reader: what is their own, and what a permission reaches, if they hold it."""
    reach = actor.reach(permission) if actor.may(permission) else _NOWHERE
    return Own(reach, clock_of(request).today(), actor.person_id)


# --- schemes --------------------------------------------------------------------------------------------------------


@router.get("/personal-schemes")
async def list_personal_schemes(
    _: Person, uow: Uow, code: Code = None, limit: Limit = 100, cursor: Cursor = None
) -> PersonalSchemesOut:
    """All versions of personal schemes: everybody may know how they are assessed."""
    rows = await reading.schemes(await uow.driver(), code, after_version(cursor), limit + 1)
    return PersonalSchemesOut(
        items=[_scheme_out(row) for row in rows[:limit]], next=onward(rows, limit, "code", "version")
    )


@router.get("/personal-schemes/{code}/{version}")
async def read_personal_scheme(
    code: Annotated[str, Path(max_length=64)], version: Version, response: Response, _: Person, uow: Uow
) -> PersonalSchemeOut:
    """One version of a scheme; it never changes."""
    return await _scheme(response, uow, code, version)


@router.put("/personal-schemes/{code}")
async def publish_personal_scheme(
    code: NewCode, body: PersonalSchemeIn, request: Request, response: Response, actor: Office, uow: Uow
) -> PersonalSchemeOut:
    """Publish a version of a scheme for the whole bureau. If-Match is needed once the scheme exists."""
    version = await use_cases.publish_scheme(uow, actor, code, body, _seen(request), clock_of(request).now())
    return await _scheme(response, uow, code, version)


def _seen(request: Request) -> int | None:
    return if_match(request) if "if-match" in request.headers else None


async def _scheme(response: Response, uow: UnitOfWork, code: str, version: int) -> PersonalSchemeOut:
    rows = await reading.schemes(await uow.driver(), code, (code, version - 1), 1)
    if not rows or rows[0]["version"] != version:
        raise NotFound
    etag(response, version)
    return _scheme_out(rows[0])


def _scheme_out(row: Any) -> PersonalSchemeOut:
    said = {name: value for name, value in row.items() if name != "body"}
    return PersonalSchemeOut(**said, **msgspec.json.decode(row["body"]))


# --- rounds ---------------------------------------------------------------------------------------------------------


@router.get("/personal-rounds")
async def list_personal_rounds(
    request: Request,
    actor: Person,
    uow: Uow,
    scheme: Code = None,
    period: Code = None,
    state: State | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> RoundsOut:
    """Rounds that assess the caller or a unit within reach, or have the caller on their panel."""
    filters = {"scheme": scheme, "period": period, "state": state}
    own = own_of(request, actor)
    rows = await reading.rounds(await uow.driver(), own, filters, after_moment(cursor), limit + 1)
    return RoundsOut(
        items=[RoundOut.of(row) for row in rows[:limit]], next=onward(rows, limit, "opened_at", "round_id")
    )


@router.get("/personal-rounds/{round_id}")
async def read_personal_round(
    round_id: UUID, request: Request, response: Response, actor: Person, uow: Uow
) -> RoundOut:
    """One round and how far it is."""
    return await _round(request, response, uow, actor, round_id)


@router.post("/personal-rounds", status_code=201)
async def open_personal_round(body: RoundIn, request: Request, response: Response, actor: Office, uow: Uow) -> RoundOut:
    """Open a round for all who serve at or below a unit; their postings are found in the directory."""
    period = period_named(body.period, "/period")
    made = await use_cases.open_round(uow, actor, body, period, clock_of(request).now())
    response.headers["location"] = f"/v1/personal-rounds/{made.round_id}"
    return await _round(request, response, uow, actor, made.round_id)


@router.get("/personal-rounds/{round_id}/people")
async def list_people_of_round(
    round_id: UUID,
    request: Request,
    actor: Person,
    uow: Uow,
    unit: Code = None,
    person: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> MembersOut:
    """The people of a round within reach with their postings by day, and where each posting is known from."""
    filters = {"unit": unit, "person": person}
    after = decode_cursor(cursor, 1)
    own = own_of(request, actor)
    rows = await reading.members(await uow.driver(), own, round_id, filters, after, limit + 1)
    items = [MemberOut.of(row, postings=msgspec.json.decode(row["postings"])) for row in rows[:limit]]
    return MembersOut(items=items, next=encode_cursor(items[-1].person) if len(rows) > limit else None)


@router.put("/personal-rounds/{round_id}/people/{person}")
async def state_postings(
    round_id: UUID,
    person: StaffNumber,
    body: PostingsIn,
    request: Request,
    response: Response,
    actor: Office,
    uow: Uow,
    seen: IfMatch,
) -> RoundOut:
    """State the postings of a person by day where the directory does not tell them; If-Match is the round's version."""
    now = clock_of(request).now()
    known = await use_cases.hold_round(uow, actor, round_id, seen, now.date(), people=True)
    await use_cases.state_postings(uow, known, person, body, now)
    return await _round(request, response, uow, actor, round_id)


@router.post("/personal-rounds/{round_id}/closing")
async def close_personal_round(
    round_id: UUID, request: Request, response: Response, actor: Office, uow: Uow, seen: IfMatch
) -> RoundOut:
    """End the marking of a round."""
    now = clock_of(request).now()
    known = await use_cases.hold_round(uow, actor, round_id, seen, now.date())
    await use_cases.close_round(uow, known, now)
    return await _round(request, response, uow, actor, round_id)


@router.post("/personal-rounds/{round_id}/reopening")
async def reopen_personal_round(
    round_id: UUID, body: ReopeningIn, request: Request, response: Response, actor: Office, uow: Uow, seen: IfMatch
) -> RoundOut:
    """Take marks again; results that are published stay until the next publication."""
    known = await use_cases.hold_round(uow, actor, round_id, seen, clock_of(request).today())
    await use_cases.reopen_round(uow, known, body.reason)
    return await _round(request, response, uow, actor, round_id)


@router.post("/personal-rounds/{round_id}/publication")
async def publish_personal_results(
    round_id: UUID, body: PublicationIn, request: Request, response: Response, actor: Office, uow: Uow, seen: IfMatch
) -> RoundOut:
    """Work out and publish the results; later versions correct earlier ones and say why."""
    now = clock_of(request).now()
    known = await use_cases.hold_round(uow, actor, round_id, seen, now.date())
    await publishing.publish_results(uow, known, body, now)
    return await _round(request, response, uow, actor, round_id)


@router.get("/personal-rounds/{round_id}/publications/{version}")
async def read_publication(
    round_id: UUID, version: Version, request: Request, actor: Person, uow: Uow
) -> PublicationOut:
    """A publication, and whose result it changed of people within reach."""
    driver, own = await uow.driver(), own_of(request, actor)
    row = await reading.publication(driver, own, round_id, version)
    return PublicationOut.of(row, changes=[dict(one) for one in await reading.changes(driver, own, round_id, version)])


async def _round(request: Request, response: Response, uow: UnitOfWork, actor: Actor, round_id: UUID) -> RoundOut:
    row = await reading.one_round(await uow.driver(), own_of(request, actor), round_id)
    etag(response, row["version"])
    return RoundOut.of(row)


# --- marks ----------------------------------------------------------------------------------------------------------


@router.get("/personal-rounds/{round_id}/tasks")
async def list_tasks(
    round_id: UUID, request: Request, actor: Person, uow: Uow, limit: Limit = 100, cursor: Cursor = None
) -> TasksOut:
    """Whom the caller marks in a round, in which items and as what; with the marks given so far."""
    after = decode_cursor(cursor, 1)
    found = await marking.tasks(await uow.driver(), actor, round_id, clock_of(request).today())
    rows = [one for one in found if after is None or one["person"] > after[0]]
    items = [TaskOut(**one) for one in rows[:limit]]
    return TasksOut(items=items, next=encode_cursor(items[-1].person) if len(rows) > limit else None)


@router.put("/personal-rounds/{round_id}/marks/{person}/{item}")
async def give_mark(
    round_id: UUID,
    person: StaffNumber,
    item: Annotated[str, Path(min_length=1, max_length=64)],
    body: MarkIn,
    request: Request,
    response: Response,
    actor: Person,
    uow: Uow,
) -> MarkOut:
    """Give a mark, or change it with If-Match; one mark for each evaluator, person and item."""
    now, seen = clock_of(request).now(), _seen(request)
    made = await marking.give_mark(uow, actor, round_id, (person, item), (body.mark, body.text), seen, now)
    etag(response, made.version)
    known = (await sources.people_by_code(await uow.driver(), [person]))[person]
    return MarkOut(
        person=person, person_name=known.name, item=item, evaluator=uow.who, kind=made.kind, version=made.version,
        mark=body.mark, text=body.text, at=now,
    )  # fmt: skip


@router.post("/personal-rounds/{round_id}/recusals")
async def recuse(round_id: UUID, body: RecusalIn, request: Request, actor: Person, uow: Uow) -> MarksOut:
    """Withdraw from marking a person, in all items and for good."""
    await marking.recuse(uow, actor, round_id, body.person, body.reason, clock_of(request).now())
    mine = Own(_NOWHERE, clock_of(request).today(), actor.person_id)
    return _marks(await reading.marks(await uow.driver(), mine, round_id, body.person, None, 1_000), 1_000)


@router.get("/personal-rounds/{round_id}/marks")
async def list_marks(
    round_id: UUID,
    request: Request,
    actor: Person,
    uow: Uow,
    person: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> MarksOut:
    """The marks that the caller gave; to the office and the auditor those of all evaluators within their reach."""
    own = own_of(request, actor, "personal_marks.read")
    after = decode_cursor(cursor, 3)
    return _marks(await reading.marks(await uow.driver(), own, round_id, person, after, limit + 1), limit)


def _marks(rows: Any, limit: int) -> MarksOut:
    items = [MarkOut.of(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return MarksOut(items=items, next=encode_cursor(last.person, last.item, last.evaluator) if last else None)
