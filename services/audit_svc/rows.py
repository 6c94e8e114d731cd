"""Reading and writing whole rows: frozen dataclasses in and out, one statement for any number of them."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from hashlib import blake2b
from typing import Any, TypeVar

import asyncpg
import msgspec

_T = TypeVar("_T")


async def save(
    driver: asyncpg.Connection, table: str, key: Sequence[str], rows: Iterable[Any], *, newer_only: str = ""
) -> None:
    """Insert rows or replace them by key. `newer_only` names a version column: what is not newer is left as it is."""
    present = list(rows)
    if not present:
        return
    columns = _names(type(present[0]))  # type: ignore[arg-type]  # a class is hashable
    names = ", ".join(columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    guard = f" WHERE known.{newer_only} < excluded.{newer_only}" if newer_only else ""
    await driver.execute(
        f"INSERT INTO {table} AS known ({names}) SELECT {names} "
        f"FROM json_populate_recordset(NULL::{table}, $1::text::json) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}{guard}",
        msgspec.json.encode(present).decode(),
    )


async def add(driver: asyncpg.Connection, table: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Append rows to a table that is never changed; what is already there stays."""
    if not rows:
        return
    names = ", ".join(columns)
    await driver.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, $1::text::json) "
        "ON CONFLICT DO NOTHING",
        msgspec.json.encode(rows).decode(),
    )


def read(kind: type[_T], record: asyncpg.Record) -> _T:
    """A record as its dataclass; the record has exactly its columns, or more."""
    return kind(**{name: record[name] for name in _names(kind)})  # type: ignore[arg-type]  # a class is hashable


def lock_key(name: str) -> int:
    """The 64-bit key of an advisory lock."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
