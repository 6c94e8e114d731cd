"""Columns as binary COPY takes them: whatever is written comes back as it was, places of numbers included."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.scoring_svc.ledger import copying
from shared.testing import Dsns

COLUMNS = ("number", "said", "id", "whole", "truth", "raw", "at")


@pytest_asyncio.fixture
async def table(fresh_database: Callable[[str], Awaitable[Dsns]]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect((await fresh_database("scoring_svc")).owner)
    await connection.execute(
        "CREATE TEMPORARY TABLE written (number numeric, said text, id uuid, whole int, truth boolean, raw bytea, "
        "at timestamptz)"
    )
    yield connection
    await connection.close()


def _row(values: tuple[Decimal | None, str | None, UUID, int, bool, bytes, datetime]) -> bytes:
    number, said, identity, whole, truth, raw, at = values
    return b"".join(
        (
            copying.head(COLUMNS), copying.numeric(number), copying.text(said), copying.uuid(identity),
            copying.integer(whole), copying.boolean(truth), copying.binary(raw), copying.moment(at),
        )
    )  # fmt: skip


def _numbers() -> list[Decimal]:
    edges = (
        "0 0.00 -0 0.0001 0.00010 1 -1 9999 10000 10000.0000 100000000 -0.5 12.345678901234567890 1E+3 99999999.9999"
    )
    drawn = random.Random(11)  # noqa: S311 - numbers, not a secret
    found = [Decimal(text) for text in edges.split()]
    for _ in range(2_000):
        digits = drawn.randrange(10 ** drawn.randint(1, 24))
        found.append(Decimal(digits).scaleb(-drawn.randint(0, 20)) * drawn.choice((1, -1)))
    return found


async def test_every_number_comes_back_digit_for_digit(table: asyncpg.Connection) -> None:
    numbers = _numbers()
    at = datetime(2015, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    rows = [_row((number, str(place), uuid4(), place, True, b"", at)) for place, number in enumerate(numbers)]
    await copying.copy_rows(table, "written", COLUMNS, b"".join(rows))
    found = await table.fetch("SELECT number::text AS text FROM written ORDER BY whole")
    # PostgreSQL has neither a sign on nought nor an exponent.
    expected = [format(number, "f") if number else format(abs(number), "f") for number in numbers]
    assert [row["text"] for row in found] == expected


async def test_every_other_column_comes_back_as_it_was(table: asyncpg.Connection) -> None:
    moments = [datetime(1999, 12, 31, tzinfo=UTC), datetime(2015, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)]
    moments.append(moments[1] + timedelta(days=30_000))
    rows = [
        (None, None, uuid4(), -(2**31), False, b"\x00\xff", moments[0]),
        (Decimal("1.50"), "制表\t换行\n反斜杠\\N", uuid4(), 2**31 - 1, True, b"", moments[1]),
        (Decimal(7), "", uuid4(), 0, True, bytes(range(256)), moments[2]),
    ]
    await copying.copy_rows(table, "written", COLUMNS, b"".join(map(_row, rows)))
    found = await table.fetch("SELECT * FROM written")
    assert sorted(map(tuple, found), key=str) == sorted(rows, key=str)


async def test_nothing_is_written_of_nothing(table: asyncpg.Connection) -> None:
    await copying.copy_rows(table, "written", COLUMNS, b"")
    assert await table.fetchval("SELECT count(*) FROM written") == 0


async def test_what_does_not_fit_a_column_is_refused_whole(table: asyncpg.Connection) -> None:
    good = _row((Decimal(1), "", uuid4(), 1, True, b"", datetime(2015, 1, 1, tzinfo=UTC)))
    with pytest.raises(asyncpg.PostgresError):
        await copying.copy_rows(table, "written", COLUMNS, good + good[:-9] + copying.integer(3))
    assert await table.fetchval("SELECT count(*) FROM written") == 0


def test_what_is_no_number_is_no_numeric() -> None:
    with pytest.raises(TypeError):
        copying.numeric(Decimal("NaN"))
