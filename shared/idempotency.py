"""A POST under its Idempotency-Key: done once, answered again from what was stored, if the caller may still be told.

Belongs here: the key's row and what is compared with it. Does not belong here: permissions (http.py has checked them).
"""

import hashlib
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec
from fastapi import Request, Response

from shared.auth import Actor
from shared.db import UnitOfWork
from shared.errors import InProgress, Refused

_KEY_LENGTH = 200


class IdempotencyKeyRequired(Refused):
    """A POST that creates something must be repeatable."""

    status, code = 400, "idempotency_key_required"
    zh, en = (
        "请在 Idempotency-Key 中给出 1–200 个字符的键",
        "Give a key of 1 to 200 characters in Idempotency-Key",
    )


class IdempotencyKeyReused(Refused):
    """The key was used for another body."""

    status, code = 422, "idempotency_key_reused"
    zh, en = "该 Idempotency-Key 已用于另一请求内容", "This Idempotency-Key was used with another body"


class AnswerWithheld(Refused):
    """The stored answer was given to somebody who held more than the caller does now."""

    status, code = 403, "answer_withheld"
    zh, en = (
        "该请求已办理，但您此后的任职或范围有变，原答复不再显示；请读取相应对象",
        "This request was done, but you have lost appointments since, so its answer is not shown again: read it",
    )


async def once(
    request: Request, actor: Actor, uow: UnitOfWork, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Run a POST under its key: the stored answer again, or this one stored in the same transaction.

    A second request with the key waits for the first one's transaction at the unique index, at most the connection's
    lock_timeout; if the first rolls back, the second does the work. Raises IdempotencyKeyRequired,
    IdempotencyKeyReused, InProgress, or AnswerWithheld once the caller has lost any of what they held then.
    """
    key = request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= _KEY_LENGTH:
        raise IdempotencyKeyRequired
    digest = hashlib.sha256(request.headers.get("content-type", "").encode() + b"\n" + await request.body()).digest()
    driver = await uow.driver()
    names, held = (actor.subject, request.scope["path"], key), _held(actor)
    try:
        first = await driver.fetchval(
            "INSERT INTO idempotency (client, route, key, body_digest, held) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT DO NOTHING RETURNING 1",
            *names,
            digest,
            sorted(held),
        )
    except asyncpg.LockNotAvailableError as error:
        raise InProgress from error
    if first is None:
        stored = await driver.fetchrow(
            "SELECT body_digest, held, status, headers, body FROM idempotency "
            "WHERE client = $1 AND route = $2 AND key = $3",
            *names,
        )
        if stored is None:
            raise InProgress  # pruned between the two statements
        if stored["body_digest"] != digest:
            raise IdempotencyKeyReused
        if not held.issuperset(stored["held"]):
            raise AnswerWithheld
        headers = msgspec.json.decode(stored["headers"], type=dict[str, str])
        return Response(stored["body"], stored["status"], {**headers, "idempotent-replay": "true"})
    response = await answer(request)
    kept = {name: response.headers[name] for name in ("content-type", "etag", "location") if name in response.headers}
    # FastAPI may answer with a body of zero length for 204; streaming answers do not occur on POST routes.
    await driver.execute(
        "UPDATE idempotency SET status = $4, headers = $5, body = $6 WHERE client = $1 AND route = $2 AND key = $3",
        *names,
        response.status_code,
        msgspec.json.encode(kept).decode(),
        bytes(response.body),
    )
    return response


def _held(actor: Actor) -> set[str]:
    """What the caller holds. A route may ask for more than one permission, so all of it counts."""
    return {f"{grant.role} {grant.scope} {grant.unit_id}" for grant in actor.grants}
