"""Who may read the record of a period: the one predicate, on a real database, against the rule written out anew."""

import random
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.identity import unit_id
from shared.contracts.periods import parse_period, periods_of_year
from shared.directory.held import days_of, last_place, readable
from shared.reach import Reach
from shared.testing import Dsns

Stay = tuple[date, date | None, str]
TODAY = date(2015, 6, 10)


async def connected(fresh_database: Callable[[str], Awaitable[Dsns]]) -> asyncpg.Connection:
    return await asyncpg.connect((await fresh_database("submission_svc")).owner)


async def put(connection: asyncpg.Connection, code: str, *stays: Stay) -> UUID:
    await connection.executemany(
        "INSERT INTO directory_unit_spans (unit_id, effective_from, effective_to, recorded_at, version, code, name, "
        "kind, path, groups) VALUES ($1, $2, $3, now(), 1, $4, $4, 'section', $5, '{}')",
        [(unit_id(code), first, end, code, path) for first, end, path in stays],
    )
    return unit_id(code)


def below(*roots: str) -> Reach:
    return Reach(everything=False, units=(), subtrees=roots)


async def test_the_days_of_every_kind_of_period(fresh_database: Callable[[str], Awaitable[Dsns]]) -> None:
    connection = await connected(fresh_database)
    first, last = days_of("p.key")
    periods = periods_of_year(2015) + periods_of_year(2016)
    rows = await connection.fetch(
        f"SELECT p.key, {first} AS first, {last} AS last FROM unnest($1::text[]) AS p(key)",
        [one.key for one in periods],
    )
    assert [(row["key"], row["first"], row["last"]) for row in rows] == [(p.key, p.first, p.last) for p in periods]
    await connection.close()


@pytest.mark.parametrize(
    ("stays", "root", "period", "seen"),
    [
        pytest.param([("2015-01-01", None, "R/A/U/")], "R/A/", "2015-01", True, id="today, and then too"),
        pytest.param([("2015-05-01", None, "R/A/U/")], "R/A/", "2015-01", True, id="who holds it today sees all of it"),
        pytest.param([("2015-01-01", "2015-03-01", "R/A/U/"), ("2015-03-01", None, "R/B/U/")], "R/A/", "2015-02", True,
                     id="held on the last day of the period"),
        pytest.param([("2015-01-01", "2015-03-01", "R/A/U/"), ("2015-03-01", None, "R/B/U/")], "R/A/", "2015-03", False,
                     id="gone since the first day of the period"),
        pytest.param([("2015-01-01", "2015-03-02", "R/A/U/"), ("2015-03-02", None, "R/B/U/")], "R/A/", "2015-Q1", True,
                     id="held on some day of the quarter"),
        pytest.param([("2015-01-01", "2015-03-01", "R/A/U/"), ("2015-03-01", None, "R/B/U/")], "R/B/", "2015-01", True,
                     id="the new holder sees what came before"),
        pytest.param([("2015-01-01", "2015-03-01", "R/A/U/")], "R/A/", "2015-02", True, id="merged away, then held"),
        pytest.param([("2015-01-01", "2015-03-01", "R/A/U/")], "R/A/", "2015-04", False, id="merged away before"),
        pytest.param([("2015-01-01", "2015-07-01", "R/B/U/"), ("2015-07-01", None, "R/A/U/")], "R/A/", "2015", False,
                     id="a planned move opens nothing"),
        pytest.param([("2015-01-01", "2015-03-01", "R/A/U/"), ("2015-03-01", None, "R/B/U/")], "X/A/", "2015-01", True,
                     id="held before the district itself moved"),
        pytest.param([("2015-01-01", None, "R/A10/U/")], "R/A1/", "2015-01", False, id="a code that begins another"),
        pytest.param([("2015-01-01", None, "R/BA/U/")], "R/A/", "2015-01", False, id="a code that ends another"),
    ],
)  # fmt: skip
async def test_a_record_is_read_by_who_holds_its_unit_or_held_it_then(
    fresh_database: Callable[[str], Awaitable[Dsns]],
    stays: list[tuple[str, str | None, str]],
    root: str,
    period: str,
    seen: bool,
) -> None:
    connection = await connected(fresh_database)
    unit = await put(
        connection, "U", *((date.fromisoformat(a), (b and date.fromisoformat(b)) or None, path) for a, b, path in stays)
    )
    assert (await readable(connection, below(root), parse_period(period), TODAY, [unit]) == {unit}) is seen
    # One's own unit and the whole bureau do not depend on the tree.
    for reach in (Reach(everything=False, units=(unit,), subtrees=()), Reach(everything=True, units=(), subtrees=())):
        assert await readable(connection, reach, parse_period(period), TODAY, [unit]) == {unit}
    assert await readable(connection, below(), parse_period(period), TODAY, [unit]) == set()
    await connection.close()


async def test_random_histories_are_judged_as_the_rule_says(fresh_database: Callable[[str], Awaitable[Dsns]]) -> None:
    chance = random.Random(7)  # noqa: S311 - histories that come out the same each time
    connection = await connected(fresh_database)
    histories: dict[UUID, list[Stay]] = {}
    for number in range(150):
        cuts = sorted({date(2015, 1, 1) + timedelta(days=chance.randrange(400)) for _ in range(chance.randint(1, 5))})
        ends: list[date | None] = [*cuts[1:], chance.choice([None, cuts[-1] + timedelta(days=40)])]
        path = [f"R/{chance.choice('ABC')}/U{number}/" for _ in cuts]
        histories[unit_id(f"U{number}")] = list(zip(cuts, ends, path, strict=True))
        await put(connection, f"U{number}", *histories[unit_id(f"U{number}")])
    seen = 0
    for period in periods_of_year(2015):
        for root in "AB":
            wanted = {
                unit
                for unit, stays in histories.items()
                if any(
                    f"/{root}/" in path and (_on(first, end, TODAY) or any(_on(first, end, d) for d in _days(period)))
                    for first, end, path in stays
                )
            }
            assert await readable(connection, below(f"R/{root}/"), period, TODAY, histories) == wanted, period
            seen += len(wanted)
    assert 500 < seen < 2 * 19 * 150 - 500
    # A join by the last place names every unit that has begun once, whatever became of it.
    rows = await connection.fetch(
        f"SELECT u.unit_id, u.path FROM directory_unit_spans u WHERE {last_place('u', '$1')}", TODAY
    )
    begun = {unit: [path for first, _, path in stays if first <= TODAY] for unit, stays in histories.items()}
    assert sorted((str(row["unit_id"]), row["path"]) for row in rows) == sorted(
        (str(unit), paths[-1]) for unit, paths in begun.items() if paths
    )
    assert all(
        end is None or end <= after for stays in histories.values() for (_, end, _), (after, _, _) in pairwise(stays)
    )
    await connection.close()


def _on(first: date, end: date | None, day: date) -> bool:
    return first <= day and (end is None or day < end)


def _days(period: object) -> list[date]:
    first, last = period.first, min(period.last, TODAY)  # type: ignore[attr-defined]
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
