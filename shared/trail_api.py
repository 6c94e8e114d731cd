"""GET /v1/trail in every service: what was done and refused, for auditors; read-only, newest last."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from shared.auth import Actor
from shared.contracts.roles import Role
from shared.errors import Detail, Malformed, OutsideScope
from shared.http import Cursor, Limit, TransactionalRoute, decode_cursor, encode_cursor, json_response, permits
from shared.moments import LooseMoment

# The auditor reads the whole trail of the bureau; the operator needs it to explain a refusal.
TRAIL_PERMISSIONS = {"trail.read": frozenset({Role.AUDITOR, Role.OPERATOR})}

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["trail"])

_LONGEST_SERIAL = 18  # digits of a bigint, always

_PAGE = """
SELECT t.id, t.at, t.who, t.action, t.object_type, t.object_id, t.outcome, t.before, t.after, t.trace, s.seal_no, s.hash
FROM trail t LEFT JOIN trail_seals s ON s.trail_id = t.id
WHERE t.id > $1
  AND ($2::text IS NULL OR t.who = $2)
  AND ($3::text IS NULL OR t.object_type = $3)
  AND ($4::text IS NULL OR t.object_id = $4)
  AND ($5::timestamptz IS NULL OR t.at >= $5)
ORDER BY t.id LIMIT $6
"""


@router.get("/trail")
async def read_trail(
    request: Request,
    actor: Annotated[Actor, permits("trail.read")],
    who: Annotated[str | None, Query(max_length=200, description="A person's id or a client's id")] = None,
    object_type: Annotated[str | None, Query(max_length=100)] = None,
    object_id: Annotated[str | None, Query(max_length=200)] = None,
    since: LooseMoment | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """A page of the trail with each row's seal; `before` and `after` are JSON as text.

    The trail holds what was done in all units, so an appointment over some of them is not enough.
    """
    if not actor.reach("trail.read").everything:
        raise OutsideScope
    key = decode_cursor(cursor, 1)
    after = _serial(key[0]) if key else 0
    if since is not None and since.tzinfo is None:
        since = since.astimezone()
    rows = await request.app.state.database.reads.fetch(_PAGE, after, who, object_type, object_id, since, limit)
    items = [dict(row) for row in rows]
    return json_response({"items": items, "next": encode_cursor(items[-1]["id"]) if len(items) == limit else None})


def _serial(text: str) -> int:
    """The row after which a page begins. Raises Malformed for a cursor that was not ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_SERIAL):
        raise Malformed(details=[Detail("?cursor", "malformed")])
    return int(text)
