"""Refusals and faults as RFC 9457 problem documents, in the reader's language with both texts beside it."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.db import is_database_down
from shared.errors import Detail, InProgress, Malformed, NotFound, Refused, Unavailable
from shared.observability import current_trace_id, log


class MethodNotAllowed(Refused):
    """The path exists, the method does not."""

    status, code = 405, "method_not_allowed"
    zh, en = "该地址不支持此方法", "This path does not take that method"


class InternalFault(Refused):
    """A fault of the program; the trace id finds it in the log."""

    status, code = 500, "internal_fault"
    zh, en = "系统内部错误，已记录", "An internal fault, which has been logged"


def problem(refusal: Refused, language: str) -> Response:
    """The RFC 9457 document of a refusal, in the reader's language, with both texts beside it."""
    document: dict[str, Any] = {
        "type": f"urn:liandong:problem:{refusal.code}",
        "title": refusal.text(language),
        "status": refusal.status,
        "code": refusal.code,
        "texts": {"zh-CN": refusal.text("zh"), "en": refusal.text("en")},
        "trace_id": current_trace_id(),
        **{name: _plain(value) for name, value in refusal.values.items()},
    }
    if refusal.details:
        document["errors"] = [
            {"pointer": detail.pointer, "code": detail.code, "text": detail.text} for detail in refusal.details
        ]
    headers = {"content-language": "zh-CN" if language == "zh" else "en"}
    if refusal.status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = "Bearer"
    if refusal.status in {429, 503}:
        headers["retry-after"] = str(refusal.values.get("retry_after", 1))
    return Response(msgspec.json.encode(document), refusal.status, headers, media_type="application/problem+json")


def _plain(value: object) -> Any:
    return value if isinstance(value, (int, str, bool, list, dict)) or value is None else str(value)


def language_of(request: Request) -> str:
    """English when the reader asks for it first, Chinese otherwise."""
    return "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


def _pointer(location: Sequence[int | str]) -> str:
    place, *rest = [str(part).replace("~", "~0").replace("/", "~1") for part in location] or ["body"]
    signs = {"query": "?", "header": "header:", "path": "path:"}
    return signs[place] + ".".join(rest) if place in signs else "".join(f"/{part}" for part in rest)


def install_errors(app: FastAPI) -> None:
    """Answer every refusal and fault with a problem document."""

    async def refused(request: Request, error: Exception) -> Response:
        return problem(_as_refusal(error), language_of(request))

    kinds = (
        Refused,
        RequestValidationError,
        HTTPException,
        ClientDisconnect,
        SQLAlchemyError,
        asyncpg.PostgresError,
        OSError,
        Exception,
    )
    for kind in (*kinds, asyncpg.InterfaceError, TimeoutError):
        app.add_exception_handler(kind, refused)


def _as_refusal(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, (RequestValidationError, HTTPException, ClientDisconnect)):
        return _as_unreadable(error)
    cause = getattr(error.orig, "__cause__", None) if isinstance(error, DBAPIError) else error
    if isinstance(cause, (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)):
        return InProgress()
    if isinstance(cause, (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)):
        return Malformed()  # U+0000, which no text of PostgreSQL can hold
    if is_database_down(error):
        log().error("the database is away", error=repr(error))
        return Unavailable(what="PostgreSQL")
    log().error("an internal fault", error=repr(error), exc_info=error)
    return InternalFault()


def _as_unreadable(error: RequestValidationError | HTTPException | ClientDisconnect) -> Refused:
    if isinstance(error, ClientDisconnect):
        return Malformed()  # nobody reads this answer: the sender left in the middle of its own body
    if isinstance(error, RequestValidationError):
        found = error.errors()[:100]
        return Malformed(details=[Detail(_pointer(it["loc"]), str(it["type"]), str(it["msg"])) for it in found])
    return {404: NotFound, 405: MethodNotAllowed}.get(error.status_code, Malformed)()
