"""Rows as the bytes that binary COPY takes: what is written by the ten thousand costs the server no reading of text.

A row is its head, the number of columns, and its columns one after the other; each says its length first. Whoever
writes many rows makes what they share into bytes once and joins the pieces. The server refuses what does not fit a
column.
Source: PostgreSQL's documentation of COPY, "Binary Format", and the receive functions of the types.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from struct import Struct
from uuid import UUID

import asyncpg

_BEGIN, _END = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_NEGATIVE = 0x4000
_head = Struct("!h").pack
_length = Struct("!i").pack
_int4 = Struct("!ii").pack
_int8 = Struct("!iq").pack
_numeric = Struct("!ihhHH").pack
NULL = _length(-1)


async def copy_rows(driver: asyncpg.Connection, table: str, columns: Sequence[str], rows: bytes) -> None:
    """Add rows to a table, one after the other, each its head and its columns in this order."""
    if rows:
        await driver.copy_to_table(table, source=_at_once(rows), columns=columns, format="binary")


async def _at_once(rows: bytes) -> AsyncIterator[bytes]:
    """As the driver takes it without going to a thread for every piece, as it does for a file."""
    yield b"".join((_BEGIN, rows, _END))


def head(columns: Sequence[str]) -> bytes:
    """What a row of so many columns begins with."""
    return _head(len(columns))


def text(value: str | None) -> bytes:
    """A column of type text."""
    if value is None:
        return NULL
    told = value.encode()
    return _length(len(told)) + told


def uuid(value: UUID) -> bytes:
    """A column of type uuid."""
    return b"\x00\x00\x00\x10" + value.bytes


def integer(value: int) -> bytes:
    """A column of type integer."""
    return _int4(4, value)


def boolean(value: bool) -> bytes:
    """A column of type boolean."""
    return b"\x00\x00\x00\x01" + (b"\x01" if value else b"\x00")


def binary(value: bytes) -> bytes:
    """A column of type bytea."""
    return _length(len(value)) + value


def moment(value: datetime) -> bytes:
    """A column of type timestamp with time zone."""
    return _int8(8, (value - _EPOCH) // _MICROSECOND)


def numeric(value: Decimal | None) -> bytes:
    """A column of type numeric, with the places that the number has."""
    if value is None:
        return NULL
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(f"{value} is no number")
    places = max(0, -exponent)
    # Digits to the base 10000, four decimal ones each: `below` of them behind the point.
    below = -(-places // 4)
    rest = int("".join(map(str, digits))) * 10 ** (4 * below + exponent)
    groups: list[int] = []
    while rest:
        rest, group = divmod(rest, 10_000)
        groups.append(group)
    groups.reverse()
    weight = len(groups) - 1 - below
    told = Struct(f"!{len(groups)}H").pack(*groups)
    return _numeric(8 + len(told), len(groups), weight, _NEGATIVE if sign and groups else 0, places) + told
