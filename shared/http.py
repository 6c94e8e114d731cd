"""HTTP as every service speaks it: one request = one transaction, problem documents, idempotency keys, entity tags.

A route on `TransactionalRoute` names its permission in its signature, or the program does not start:

    @router.post("/v1/things", status_code=201)
    async def add_thing(body: ThingIn, actor: Annotated[Actor, permits("things.write")], uow: Uow) -> ThingOut: ...
"""

import base64
import binascii
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args, get_type_hints
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.types import Message

from shared.auth import Actor
from shared.db import Database, UnitOfWork
from shared.errors import (
    Detail,
    Forbidden,
    Malformed,
    Refused,
    Stale,
    TooLarge,
    VersionRequired,
)
from shared.idempotency import once
from shared.json_body import read_json
from shared.moments import Moment
from shared.observability import log

ORDINARY_BODY = 1_000_000
_LONGEST_TRAILED = 500
_MOST_NAMED = 100
_TAG = re.compile(r'(?:W/)?"?([0-9]{1,10})"?')
_MOST_VERSIONS = 2**31 - 1  # what the columns hold
_moment: TypeAdapter[datetime] = TypeAdapter(Moment)
_F = TypeVar("_F", bound=Callable[..., Any])


class Permits:
    """The dependency that gives a route its actor; the route class has already checked the permission.

    Like every dependency here it is `async`, though it waits for nothing: FastAPI sends the others through a thread.
    """

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        """The actor whose permission the route class has checked."""
        actor: Actor = request.state.actor
        return actor


def permits(permission: str) -> Any:
    """Mark a route's actor with the permission it needs, inside Annotated."""
    return Depends(Permits(permission))


async def _unit_of_work(request: Request) -> UnitOfWork:
    uow: UnitOfWork = request.state.uow
    return uow


Uow = Annotated[UnitOfWork, Depends(_unit_of_work)]


def computes(endpoint: _F) -> _F:
    """Mark a POST that only computes an answer and changes nothing: it needs no Idempotency-Key."""
    endpoint.computes = True  # type: ignore[attr-defined]
    return endpoint


def takes_up_to(size: int) -> Callable[[_F], _F]:
    """Let a route read bodies of up to so many bytes."""

    def mark(endpoint: _F) -> _F:
        endpoint.takes_up_to = size  # type: ignore[attr-defined]
        return endpoint

    return mark


class _StrictRequest(Request):
    """A request whose JSON means one thing only."""

    async def json(self) -> Any:
        """The body as JSON. Raises json.JSONDecodeError or Malformed."""
        return read_json(await self.body())


def _limited(request: Request, limit: int) -> Request:
    """The request with a body of at most `limit` bytes, whether its length was said or not. Raises TooLarge."""
    said = request.headers.get("content-length", "0")
    if not said.isdigit() or int(said) > limit:
        raise TooLarge(limit=limit)
    receive, read = request.receive, 0

    async def count() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise TooLarge(limit=limit)
        return message

    return _StrictRequest(request.scope, count)


def permission_of(endpoint: Callable[..., Any]) -> str:
    """The permission that a route's signature names. Raises TypeError if it names none."""
    for hint in get_type_hints(endpoint, include_extras=True).values():
        for mark in get_args(hint)[1:]:
            dependency = getattr(mark, "dependency", None)
            if isinstance(dependency, Permits):
                return dependency.permission
    raise TypeError(f"the route {endpoint.__module__}.{endpoint.__qualname__} names no permission in its signature")


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters that a route declares, also through what it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for one in dependant.dependencies:
        yield from _query_names(one)


def _demand_known(request: Request, names: frozenset[str]) -> None:
    """Raise Malformed for a query parameter that is not declared: a misspelt filter would show everything."""
    unknown = sorted(set(request.query_params) - names)[:_MOST_NAMED]
    if unknown:
        text = "This route has no such parameter"
        raise Malformed(details=[Detail(f"?{name}", "parameter_unknown", text) for name in unknown])


class TransactionalRoute(APIRoute):
    """A route that authenticates, checks its permission, runs in one transaction, and commits before it answers.

    A query parameter that its signature does not name is refused. An endpoint marked by `takes_up_to` reads larger
    bodies than the ordinary 1 MB.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.permission = permission_of(endpoint)
        if options.get("max_body_size") is not None:
            raise TypeError(f"{path}: say takes_up_to, which answers with a problem document")
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler: identity and permission before the body is read, the commit before the answer."""
        answer = super().get_route_handler()
        permission = permission_of(self.endpoint)
        keyed = not getattr(self.endpoint, "computes", False)
        limit: int = getattr(self.endpoint, "takes_up_to", ORDINARY_BODY)
        names = frozenset(_query_names(self.dependant))

        async def handle(request: Request) -> Response:
            actor: Actor = await request.app.state.authenticator.actor(request.headers.get("authorization"))
            request = _limited(request, limit)
            request.state.actor = actor
            database: Database = request.app.state.database
            changes = request.method not in {"GET", "HEAD"}
            try:
                if not actor.may(permission):
                    raise Forbidden(permission=permission)
                _demand_known(request, names)
                async with database.transaction(actor.subject) as uow:
                    request.state.uow = uow
                    if request.method == "POST" and keyed:
                        return await once(request, actor, uow, answer)
                    return await answer(request)
            except (Refused, RequestValidationError, HTTPException) as error:
                # FastAPI turns whatever stops the reading of a body into a plain 400 with the refusal as its cause.
                said = isinstance(error, HTTPException) and isinstance(error.__cause__, Refused)
                refusal = error.__cause__ if said and error.__cause__ else error
                if changes:
                    await _trail_refusal(database, actor, request, refusal)
                if refusal is error:
                    raise
                raise refusal from None

        return handle


async def _trail_refusal(database: Database, actor: Actor, request: Request, refusal: BaseException) -> None:
    """A refusal leaves a trail too, in a transaction of its own since the request's was rolled back."""
    code = refusal.code if isinstance(refusal, Refused) else "malformed"
    try:
        async with database.transaction(actor.subject) as uow:
            uow.trail(
                f"{request.method} {request.scope['route'].path}",
                "request",
                # No text of PostgreSQL holds U+0000, and a hostile path is no reason for a long row or none.
                request.scope["path"].replace("\0", "\N{SYMBOL FOR NULL}")[:_LONGEST_TRAILED],
                outcome=f"refused:{code}",
            )
    except Exception as error:  # noqa: BLE001 - the refusal itself must still be answered
        log().error("a refusal could not be put into the trail", code=code, error=str(error))


def if_match(request: Request) -> int:
    """The version in If-Match. Raises VersionRequired without one and Stale for one that is no version."""
    tag = request.headers.get("if-match")
    if tag is None:
        raise VersionRequired
    found = _TAG.fullmatch(tag.strip())
    if found is None or int(found[1]) > _MOST_VERSIONS:
        raise Stale
    return int(found[1])


async def version_read(request: Request) -> int:
    """`if_match` as a dependency of a route."""
    return if_match(request)


IfMatch = Annotated[int, Depends(version_read)]


def etag(response: Response, version: int) -> None:
    """Set the entity tag of an answer to the version of its object."""
    response.headers["etag"] = f'"{version}"'


def encode_cursor(*key: object) -> str:
    """An opaque cursor for the last row of a page."""
    return base64.urlsafe_b64encode(msgspec.json.encode([str(part) for part in key])).decode().rstrip("=")


def decode_cursor(
    cursor: str | None, parts: int, *, ids: Sequence[int] = (), numbers: Sequence[int] = ()
) -> list[str] | None:
    """The key of a cursor, or None for the first page; the parts at `ids` are UUIDs, at `numbers` versions or places.

    Raises Malformed for a cursor that was not ours.
    """
    if cursor is None:
        return None
    try:
        key = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str])
        if len(key) == parts:
            for place in ids:
                UUID(key[place])
    except (binascii.Error, ValueError) as error:
        raise Malformed(details=[Detail("?cursor", "malformed")]) from error
    if len(key) != parts or not all(_is_number(key[place]) for place in numbers):
        raise Malformed(details=[Detail("?cursor", "malformed")])
    return key


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= _MOST_VERSIONS


def after_moment(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The key of a cursor of a list by time: a moment and an id. Raises Malformed for a cursor that was not ours."""
    key = decode_cursor(cursor, 2, ids=(1,))
    if key is None:
        return None
    try:
        return _moment.validate_python(datetime.fromisoformat(key[0])), UUID(key[1])
    except ValueError as error:
        raise Malformed(details=[Detail("?cursor", "malformed")]) from error


Limit = Annotated[int, Query(ge=1, le=500, description="How many objects a page has at most")]
Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the page before")]


def json_response(content: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer encoded by msgspec: decimals and UUIDs as text, times with offset."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
