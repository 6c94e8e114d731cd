"""A page of rows as an answer: one row more was asked for, so that `next` is given only where there is more."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Generic, TypeVar

import asyncpg
from pydantic import BaseModel

from shared.errors import Detail, Malformed
from shared.http import decode_cursor, encode_cursor

T = TypeVar("T", bound=BaseModel)


class Page(BaseModel, Generic[T]):
    """A page of a list; `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None


def page_of(
    shape: Callable[[asyncpg.Record], T], rows: Sequence[asyncpg.Record], limit: int, key: tuple[str, str]
) -> Page[T]:
    """The first `limit` rows, each in its shape, and the cursor of the last where more follow."""
    shown = rows[:limit]
    onward = encode_cursor(*(shown[-1][name] for name in key)) if len(rows) > limit else None
    return Page(items=[shape(row) for row in shown], next=onward)


def after_day(cursor: str | None) -> list[str] | None:
    """The key of a cursor: a day and an id. Raises Malformed for a cursor that was not ours."""
    after = decode_cursor(cursor, 2, ids=(1,))
    if after is not None:
        try:
            date.fromisoformat(after[0])
        except ValueError as error:
            raise Malformed(details=[Detail("?cursor", "malformed")]) from error
    return after
