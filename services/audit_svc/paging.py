"""A page of rows as an answer: one row more was asked for, so that `next` is given only where there is more."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import asyncpg
from fastapi import Response

from shared.errors import Detail, Malformed
from shared.http import encode_cursor, json_response


def page_response(
    rows: Sequence[asyncpg.Record],
    limit: int,
    key: tuple[str, str],
    shape: Callable[[asyncpg.Record], dict[str, Any]],
) -> Response:
    """The first `limit` rows, each in its shape, and the cursor of the last where more follow."""
    shown = rows[:limit]
    last = encode_cursor(*(shown[-1][name] for name in key)) if len(rows) > limit else None
    return json_response({"items": [shape(row) for row in shown], "next": last})


def dated(after: list[str] | None) -> list[str] | None:
    """The key of a cursor whose first part is a day. Raises Malformed for a cursor that was not ours."""
    if after is not None:
        try:
            date.fromisoformat(after[0])
        except ValueError as error:
            raise Malformed(details=[Detail("?cursor", "malformed")]) from error
    return after
