"""Statements that make rankings: places of all units on all boards at once, versions, policies, grades.

A **board** is what is ranked: `total`, `level1:…`, `level2:…/…` or `indicator:CODE`. **Peers** are among whom:
`all`, or `dimension:group`, as the units stood on the span's last day.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ranking.domain import SCALE
from services.scoring_svc.ranking.marks import Cells, marks_of
from shared.contracts.periods import Period
from shared.directory.held import in_force, last_place

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class Source:
    """What is ranked: the cells of a set in some periods, units grouped as of a day, totals told apart by `spread`.

    `standing`: only units that stood on the last day (or on `day`, if that comes first) have a place.
    """

    cells: Cells
    last: date
    day: date
    dimensions: Sequence[str]
    spread: Decimal
    # Every period of the span, scored or not: awards and external losses count in the total of their unit.
    span: Sequence[str]
    standing: bool

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The parameters of `_placed`, in order."""
        return (
            *self.cells.parameters, self.last, self.day, list(self.dimensions), self.spread * SCALE, list(self.span),
            self.standing,
        )  # fmt: skip


# Places of every unit on every board among every group of peers, exactly: sums of whole multiples, compared unrounded.
# A card counts in the level that its newest version inside the span stands in; veto cards are no part of any total.
_STOOD = in_force("s", "least($7::date, $8::date)")
_PLACED = f"""
WITH __MARKS__, cards AS MATERIALIZED (
    SELECT DISTINCT ON (indicator_id) indicator_id, code, body::jsonb->>'level1' AS level1,
        body::jsonb->>'level2' AS level2, body::jsonb->>'type' AS type
    FROM card_versions WHERE set_id = $1 AND effective_from <= $7 ORDER BY indicator_id, version DESC
), entries AS (
    SELECT unit_id, sum(points) * {SCALE}::bigint AS total FROM unit_entries
    WHERE set_id = $1 AND period = ANY($11::text[]) GROUP BY unit_id
), boards AS (
    SELECT unit_id, CASE grouping(level1, level2, code) WHEN 7 THEN 'total' WHEN 3 THEN 'level1:' || level1
        WHEN 1 THEN 'level2:' || level1 || '/' || level2 ELSE 'indicator:' || code END AS board,
        sum(marks.total) + CASE grouping(level1, level2, code) WHEN 7 THEN coalesce(max(entries.total), 0)
            ELSE 0 END AS total,
        sum(full_marks) AS full_marks, count(*)::int AS indicators
    FROM marks JOIN cards USING (indicator_id) LEFT JOIN entries USING (unit_id) WHERE type <> 'veto'
        AND (NOT $12::boolean OR EXISTS (
            SELECT FROM directory_unit_spans s WHERE s.unit_id = marks.unit_id AND {_STOOD}))
    GROUP BY GROUPING SETS ((unit_id), (unit_id, level1), (unit_id, level1, level2), (unit_id, code))
), peers AS (
    SELECT DISTINCT unit_id, 'all' AS peers FROM marks
    UNION ALL
    SELECT unit_id, dimension || ':' || CASE dimension WHEN 'kind' THEN kind ELSE groups->>dimension END
    FROM directory_unit_spans u, unnest($9::text[]) AS dimension
    WHERE {last_place("u", "$8")} AND (dimension = 'kind' OR groups ? dimension)
), placed AS (
    SELECT unit_id, board, peers, total, full_marks, indicators, rank() OVER best::int AS place,
        count(*) OVER (PARTITION BY board, peers, total)::int AS tied, dense_rank() OVER best::int AS dense,
        count(*) OVER (PARTITION BY board, peers)::int AS ranked,
        1 + (count(*) OVER (PARTITION BY board, peers) - count(*) OVER (best RANGE BETWEEN $10::numeric PRECEDING AND
            UNBOUNDED FOLLOWING))::int AS best,
        count(*) OVER (best RANGE BETWEEN UNBOUNDED PRECEDING AND $10::numeric FOLLOWING)::int AS worst,
        first_value(total) OVER (best GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS next_total
    FROM boards JOIN peers USING (unit_id)
    WINDOW best AS (PARTITION BY board, peers ORDER BY total DESC)
)
"""
_NEXT = 13  # the number of the first parameter after those of _placed


def _placed(source: Source) -> str:
    return _PLACED.replace("__MARKS__", marks_of(source.cells.blend))


@asynccontextmanager
async def _by_hash(driver: asyncpg.Connection) -> AsyncIterator[None]:
    """Statements on all marks at once: nobody knows beforehand how many there are, and a planner that expects few
    compares every mark with every card.
    """
    await driver.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
    yield
    await driver.execute("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL work_mem TO DEFAULT")


_PLACE = "unit_id, board, peers, total, full_marks, indicators, place, tied, dense, ranked, best, worst, next_total"


async def place_all(driver: asyncpg.Connection, ranking_id: UUID, source: Source) -> list[tuple[str, str, str, int]]:
    """Add the places of a ranking; returns the cells in a version above 1 that it rests on, of the same snapshot."""
    async with _by_hash(driver):
        rows = await driver.fetch(
            f"{_placed(source)}, kept AS (INSERT INTO ranking_places (ranking_id, {_PLACE}) "
            f"SELECT ${_NEXT}, {_PLACE} FROM placed) "
            "SELECT period, indicator_id, unit_id, entered_version FROM cells WHERE set_id = $1 "
            "AND period = ANY($2::text[]) AND entered_version > 1 ORDER BY 1, 2, 3",
            *source.parameters,
            ranking_id,
        )
    return [(row["period"], str(row["indicator_id"]), str(row["unit_id"]), row["entered_version"]) for row in rows]


async def still_holds(driver: asyncpg.Connection, ranking_id: UUID, source: Source) -> bool:
    """Whether the cells, entries and cards as they now stand give every place of a published ranking, and no other."""
    kept = f"SELECT {_PLACE} FROM ranking_places WHERE ranking_id = ${_NEXT}"
    async with _by_hash(driver):
        return not await driver.fetchval(
            f"{_placed(source)} SELECT EXISTS ((SELECT {_PLACE} FROM placed EXCEPT {kept}) UNION ALL "
            f"({kept} EXCEPT SELECT {_PLACE} FROM placed))",
            *source.parameters,
            ranking_id,
        )


# --- rows as they are shown -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """Which places to show: a board among peers, told against an earlier ranking, after a place, of some units."""

    board: str
    peers: str
    previous: UUID | None
    day: date
    units: Collection[UUID] | None = None
    after: tuple[int, UUID] | None = None
    limit: int | None = None


def _shown(places: str, first: int) -> str:
    board, peers, previous, day, units, place, unit, limit = (f"${first + number}" for number in range(8))
    return (
        "SELECT p.unit_id, u.code AS unit, u.name AS unit_name, p.place, p.tied, p.dense, p.ranked, p.best, p.worst, "
        "p.total, p.full_marks, p.indicators, p.next_total, b.place AS place_before "
        f"FROM {places} p LEFT JOIN directory_unit_spans u ON u.unit_id = p.unit_id AND {last_place('u', day)} "
        f"LEFT JOIN ranking_places b ON b.ranking_id = {previous}::uuid AND b.unit_id = p.unit_id "
        "AND b.board = p.board AND b.peers = p.peers "
        f"WHERE p.board = {board} AND p.peers = {peers} AND ({units}::uuid[] IS NULL OR p.unit_id = ANY({units})) "
        f"AND ({place}::int IS NULL OR (p.place, p.unit_id) > ({place}, {unit}::uuid)) "
        f"ORDER BY p.place, p.unit_id LIMIT {limit}::int"
    )


def _wanted(wanted: Wanted) -> tuple[Any, ...]:
    units = None if wanted.units is None else list(wanted.units)
    after = wanted.after or (None, None)
    return wanted.board, wanted.peers, wanted.previous, wanted.day, units, *after, wanted.limit


async def provisional_places(driver: asyncpg.Connection, source: Source, wanted: Wanted) -> list[asyncpg.Record]:
    """Places as the cells stand now."""
    async with _by_hash(driver):
        return list(
            await driver.fetch(f"{_placed(source)} {_shown('placed', _NEXT)}", *source.parameters, *_wanted(wanted))
        )


async def published_places(connection: Connection, ranking_id: UUID, wanted: Wanted) -> list[asyncpg.Record]:
    """Places of a published ranking."""
    return list(
        await connection.fetch(
            _shown("(SELECT * FROM ranking_places WHERE ranking_id = $1)", 2), ranking_id, *_wanted(wanted)
        )
    )


async def peer_places(connection: Connection, ranking_id: UUID) -> list[asyncpg.Record]:
    """Each unit's total among each group of its peers, "all" included."""
    return list(
        await connection.fetch(
            "SELECT unit_id, peers, place, ranked, total, full_marks FROM ranking_places "
            "WHERE ranking_id = $1 AND board = 'total' ORDER BY peers, place, unit_id",
            ranking_id,
        )
    )


async def boards_of(connection: Connection, ranking_id: UUID) -> list[asyncpg.Record]:
    """The boards and groups of a ranking, and how many units each ranks."""
    return list(
        await connection.fetch(
            "SELECT board, peers, count(*)::int AS ranked FROM ranking_places WHERE ranking_id = $1 "
            "GROUP BY board, peers ORDER BY board, peers",
            ranking_id,
        )
    )


async def dimensions_of(connection: Connection, day: date) -> set[str]:
    """The dimensions in which units have a group on a day; every unit has a kind."""
    rows = await connection.fetch(
        "SELECT DISTINCT jsonb_object_keys(u.groups) AS dimension FROM directory_unit_spans u "
        f"WHERE {in_force('u', '$1')}",
        day,
    )
    return {"kind", *(row["dimension"] for row in rows)}


async def vetoed(connection: Connection, source: Source) -> list[asyncpg.Record]:
    """Units that lost points under a veto card in the span, with the cards' codes and periods."""
    return list(
        await connection.fetch(
            "SELECT c.unit_id, k.code, c.period FROM cells c JOIN card_versions k ON k.indicator_id = c.indicator_id "
            "AND k.version = c.indicator_version WHERE c.set_id = $1 AND c.period = ANY($2::text[]) "
            "AND c.state = 'scored' AND c.standing = 'confirmed' AND c.loss > 0 AND k.body::jsonb->>'type' = 'veto' "
            "ORDER BY c.unit_id, k.code, c.period",
            source.cells.set_id,
            list(source.cells.periods),
        )
    )


# --- versions, policies, grades ---------------------------------------------------------------------------------------


async def confirmed_periods(connection: Connection, set_id: UUID) -> set[str]:
    """The periods of a set that are confirmed or closed."""
    rows = await connection.fetch(
        "SELECT period FROM period_states WHERE set_id = $1 AND state IN ('confirmed', 'closed')", set_id
    )
    return {row["period"] for row in rows}


async def hold_rankings(driver: asyncpg.Connection, set_id: UUID, span: str) -> None:
    """Hold the rankings of a set and span until the transaction ends: of two publications one waits for the other."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"ranking:{set_id}:{span}")


async def newest(connection: Connection, set_id: UUID, span: str | None, before: int = 2**31 - 1) -> Any:
    """The newest version of a set's ranking over a span below a version, or None."""
    return await connection.fetchrow(
        "SELECT ranking_id, version, policy_version, amended FROM rankings WHERE set_id = $1 AND period = $2 "
        "AND version < $3 ORDER BY version DESC LIMIT 1",
        set_id,
        span,
        before,
    )


async def add_row(driver: asyncpg.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Add one row to a table of this room."""
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await driver.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())


async def add_grades(driver: asyncpg.Connection, ranking_id: UUID, rows: Sequence[tuple[UUID, str, str, str]]) -> None:
    """Add the grades of a ranking: unit, grade, grade earned, caps as JSON."""
    await driver.executemany(
        "INSERT INTO ranking_grades (ranking_id, unit_id, grade, earned, caps) VALUES ($1, $2, $3, $4, $5)",
        [(ranking_id, *row) for row in rows],
    )


async def caps_of(connection: Connection, ranking_id: UUID) -> list[tuple[UUID, str]]:
    """The caps of a ranking's grades, as JSON, by unit."""
    rows = await connection.fetch(
        "SELECT unit_id, caps FROM ranking_grades WHERE ranking_id = $1 AND caps <> '[]' ORDER BY unit_id", ranking_id
    )
    return [(row["unit_id"], row["caps"]) for row in rows]


async def last_policy(connection: Connection, set_id: UUID, version: int | None = None) -> asyncpg.Record | None:
    """A version of a set's ranking policy, the newest unless one is named; None if there is none."""
    return await connection.fetchrow(
        "SELECT version, body, made_at, made_by FROM ranking_policies WHERE set_id = $1 "
        "AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
        set_id,
        version,
    )


_SAME = (
    f"SELECT {_PLACE} FROM ranking_places WHERE ranking_id = $1 "
    f"EXCEPT SELECT {_PLACE} FROM ranking_places WHERE ranking_id = $2"
)
_SAME_GRADES = (
    "SELECT unit_id, grade, earned, caps FROM ranking_grades WHERE ranking_id = $1 "
    "EXCEPT SELECT unit_id, grade, earned, caps FROM ranking_grades WHERE ranking_id = $2"
)


async def differs(connection: Connection, one: UUID, other: UUID) -> bool:
    """Whether two rankings differ in any place, total or grade, on any board."""
    for statement in (_SAME, _SAME_GRADES):
        for pair in ((one, other), (other, one)):
            if await connection.fetchval(f"SELECT EXISTS ({statement})", *pair):
                return True
    return False


async def periods_ranked(connection: Connection, set_id: UUID, period: str | None) -> list[str]:
    """The periods and spans of a set of which a ranking was published; with `period` only that one."""
    rows = await connection.fetch(
        "SELECT DISTINCT period FROM rankings WHERE set_id = $1 AND ($2::text IS NULL OR period = $2)", set_id, period
    )
    return [row["period"] for row in rows]


async def rankings_of(
    connection: Connection, set_id: UUID, periods: Sequence[str], after: tuple[str, int] | None, limit: int
) -> list[asyncpg.Record]:
    """The published versions of a set over some periods, by period and version."""
    return list(
        await connection.fetch(
            "SELECT ranking_id, period, version, published_at, published_by, policy_version, reason FROM rankings "
            "WHERE set_id = $1 AND period = ANY($2::text[]) "
            "AND ($3::text IS NULL OR (period, version) > ($3, $4::int)) ORDER BY period, version LIMIT $5",
            set_id,
            list(periods),
            after[0] if after else None,
            after[1] if after else None,
            limit,
        )
    )


async def published(connection: Connection, ranking_id: UUID) -> asyncpg.Record | None:
    """A published ranking, whole."""
    return await connection.fetchrow(
        "SELECT ranking_id, set_id, period, version, body, published_at, shows, previous_id, reason, policy_version, "
        "amended FROM rankings WHERE ranking_id = $1",
        ranking_id,
    )


async def all_rankings(connection: Connection) -> list[asyncpg.Record]:
    """All published rankings with their bodies."""
    return list(
        await connection.fetch("SELECT set_id, period, version, body FROM rankings ORDER BY set_id, period, version")
    )


async def stood(
    connection: Connection, units: Sequence[UUID], span: Period, today: date
) -> list[tuple[UUID, str, bool]]:
    """Where units stand today, and where they stood on any day of a span: unit, path, whether that is today's."""
    rows = await connection.fetch(
        "SELECT unit_id, path, effective_to IS NULL OR effective_to > $2 AS today FROM directory_unit_spans "
        "WHERE unit_id = ANY($1::uuid[]) AND effective_from <= $2 AND (effective_to IS NULL OR effective_to > $2 "
        "OR (effective_to > $3 AND effective_from <= $4))",
        list(units),
        today,
        span.first,
        span.last,
    )
    return [(row["unit_id"], row["path"], row["today"]) for row in rows]
