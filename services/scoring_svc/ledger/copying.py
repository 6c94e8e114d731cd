"""Rows as the lines that COPY takes: what is written by the ten thousand goes to PostgreSQL as ready text.

Lines are made while the server puts in the ones before, so that both work at once.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice

import asyncpg

_LINES_A_CHUNK = 400  # some 100 KB: short enough that requests go on in between
NULL = "\\N"


async def copy_lines(driver: asyncpg.Connection, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Add rows to a table; each line holds its columns between tabs and ends with a line feed."""

    async def chunks() -> AsyncIterator[bytes]:
        waiting = iter(lines)
        while chunk := "".join(islice(waiting, _LINES_A_CHUNK)):
            yield chunk.encode()

    await driver.copy_to_table(table, source=chunks(), columns=columns, format="text")


def field(text: str | None) -> str:
    """A text as COPY takes it; what a person wrote may hold anything."""
    if text is None:
        return NULL
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
