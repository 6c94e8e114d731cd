"""Statements that answer readers of many cells: cards, boards, heat map, trend; the reader's scope in each.

A reader sees the cells of units within reach today or in the cell's period, and an evaluating department those of its
own indicators. Every statement begins with the reader's four parameters.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.copies.domain import StoredFact
from services.scoring_svc.ledger.reading import Connection, Reader
from services.scoring_svc.ranking.marks import FIGURES, Cells, marks_of
from shared.directory.held import days_of, last_place, reading_condition

After = tuple[str, UUID] | None


def seen_condition(unit_id: str, period: str) -> str:
    """Whether the reader sees the records of a unit in a period; both are expressions of this code."""
    return reading_condition(unit_id, days_of(period), 1, "$4")


WITHIN = f"({seen_condition('c.unit_id', 'c.period')} OR {seen_condition('k.evaluating_unit_id', 'c.period')})"
CARD = "JOIN card_versions k ON k.indicator_id = c.indicator_id AND k.version = c.indicator_version "
_PLACE = f"LEFT JOIN directory_unit_spans u ON u.unit_id = c.unit_id AND {last_place('u', '$4')} "
BACK = (
    "LEFT JOIN LATERAL (SELECT sum(points) AS points FROM bonus_entries e WHERE e.unit_id = c.unit_id "
    "AND e.indicator_id = c.indicator_id AND e.period = c.period) b ON true "
)


def parameters_of(reader: Reader) -> tuple[Any, ...]:
    """The first four parameters of every statement."""
    return (*reader.reach.parameters, reader.today)


async def unit_coded(connection: Connection, reader: Reader, code: str) -> asyncpg.Record | None:
    """A unit by its code, as it is today or last was; whether the reader may know of it is for the cells to say."""
    return await connection.fetchrow(
        f"SELECT u.unit_id, u.code, u.name FROM directory_unit_spans u WHERE u.code = $1 AND {last_place('u', '$2')}",
        code,
        reader.today,
    )


async def seen_in(
    connection: Connection, reader: Reader, units: Iterable[UUID], periods: Sequence[str]
) -> set[tuple[UUID, str]]:
    """In which of the periods the reader sees the records of which of the units."""
    rows = await connection.fetch(
        "SELECT one.unit_id, p.period FROM unnest($5::uuid[]) AS one(unit_id) CROSS JOIN unnest($6::text[]) "
        f"AS p(period) WHERE {seen_condition('one.unit_id', 'p.period')}",
        *parameters_of(reader),
        list(units),
        list(periods),
    )
    return {(row["unit_id"], row["period"]) for row in rows}


async def cells_of_unit(
    connection: Connection, reader: Reader, set_id: UUID, unit_id: UUID, periods: Sequence[str]
) -> list[asyncpg.Record]:
    """The cells of a unit within reach, with what was won back on each."""
    return list(
        await connection.fetch(
            "SELECT c.period, c.indicator_id, c.standing, c.entered_version, c.state, c.code, c.note, c.full_marks, "
            "c.score, c.loss, c.entries, c.inputs, c.indicator_version, coalesce(b.points, 0) AS won_back "
            f"FROM cells c {CARD}{BACK}"
            f"WHERE c.set_id = $5 AND c.unit_id = $6 AND c.period = ANY($7::text[]) AND {WITHIN} "
            "ORDER BY k.code, c.period",
            *parameters_of(reader),
            set_id,
            unit_id,
            list(periods),
        )
    )


async def facts_of(
    connection: Connection, wanted: Iterable[tuple[str, UUID, UUID, int]]
) -> dict[tuple[str, UUID, UUID, int], StoredFact]:
    """Versions of facts, by (period, metric, unit, version); the caller has checked the scope of their cells."""
    keys = sorted(set(wanted))
    rows = await connection.fetch(
        "SELECT f.period, f.metric_id, f.unit_id, f.version, f.state, f.value, f.reason FROM facts f JOIN "
        "unnest($1::text[], $2::uuid[], $3::uuid[], $4::int[]) AS wanted(period, metric_id, unit_id, version) "
        "USING (period, metric_id, unit_id, version)",
        *([key[column] for key in keys] for column in range(4)),
    )
    return {
        (row["period"], row["metric_id"], row["unit_id"], row["version"]): StoredFact(
            row["version"],
            row["state"],
            None if row["value"] is None else msgspec.json.decode(row["value"]),
            row["reason"],
        )
        for row in rows
    }


async def received_at(connection: Connection, period: str, wanted: Mapping[UUID, int], unit: UUID) -> dict[UUID, Any]:
    """When versions of a unit's facts were received, by metric."""
    rows = await connection.fetch(
        "SELECT f.metric_id, f.received_at FROM facts f JOIN unnest($3::uuid[], $4::int[]) AS w(metric_id, version) "
        "USING (metric_id, version) WHERE f.period = $1 AND f.unit_id = $2",
        period,
        unit,
        list(wanted),
        list(wanted.values()),
    )
    return {row["metric_id"]: row["received_at"] for row in rows}


async def entries_beside(
    connection: Connection, reader: Reader, set_id: UUID, unit_id: UUID, periods: Sequence[str]
) -> list[asyncpg.Record]:
    """Awards and external losses of a unit, those taken back too, within reach of the unit itself."""
    return list(
        await connection.fetch(
            "SELECT e.entry_id, e.kind, e.period, e.points, e.reason, e.who, e.at FROM unit_entries e "
            "WHERE e.set_id = $5 AND e.unit_id = $6 AND e.period = ANY($7::text[]) "
            f"AND {seen_condition('e.unit_id', 'e.period')} "
            "ORDER BY e.at, e.entry_id",
            *parameters_of(reader),
            set_id,
            unit_id,
            list(periods),
        )
    )


_BOARD = (
    "SELECT c.unit_id, coalesce(u.code, '') AS unit, u.name AS unit_name, count(*)::int AS cells, "
    "count(*) FILTER (WHERE c.state = 'scored')::int AS scored, "
    "count(*) FILTER (WHERE c.state = 'exempt')::int AS exempt, "
    "count(*) FILTER (WHERE c.state = 'not_scorable')::int AS not_scorable, "
    "count(*) FILTER (WHERE c.state = 'refused')::int AS refused, "
    "bool_and(c.standing = 'confirmed') AS confirmed, "
    "coalesce(sum(c.full_marks) FILTER (WHERE c.state = 'scored'), 0) AS full_marks, "
    "coalesce(sum(c.score) FILTER (WHERE c.state = 'scored'), 0) AS score, "
    "coalesce(sum(c.loss) FILTER (WHERE c.state = 'scored'), 0) AS loss, coalesce(sum(b.points), 0) AS won_back "
    f"FROM cells c {CARD}{_PLACE}{BACK}"
)


async def across_units(
    connection: Connection,
    reader: Reader,
    indicator_id: UUID,
    periods: Sequence[str],
    after: After,
    limit: int,
) -> list[asyncpg.Record]:
    """The units of an indicator within reach, by code, after a key: their cells in the periods added up."""
    key = after or (None, None)
    return list(
        await connection.fetch(
            f"{_BOARD} WHERE c.indicator_id = $5 AND c.period = ANY($6::text[]) AND {WITHIN} "
            "AND ($7::text IS NULL OR (coalesce(u.code, ''), c.unit_id) > ($7, $8::uuid)) "
            "GROUP BY c.unit_id, u.code, u.name ORDER BY 2, 1 LIMIT $9",
            *parameters_of(reader),
            indicator_id,
            list(periods),
            *key,
            limit,
        )
    )


async def units_with_cells(
    connection: Connection,
    reader: Reader,
    set_id: UUID,
    units: Sequence[UUID],
    periods: Sequence[str],
    after: After,
    limit: int,
) -> list[asyncpg.Record]:
    """Those of the units that have a cell within reach in the periods, by code, after a key."""
    key = after or (None, None)
    return list(
        await connection.fetch(
            "SELECT one.unit_id, coalesce(u.code, '') AS unit, u.name AS unit_name FROM unnest($6::uuid[]) "
            f"AS one(unit_id) LEFT JOIN directory_unit_spans u ON u.unit_id = one.unit_id AND {last_place('u', '$4')} "
            "WHERE ($8::text IS NULL OR (coalesce(u.code, ''), one.unit_id) > ($8, $9::uuid)) AND EXISTS ("
            f"SELECT FROM cells c {CARD} WHERE c.unit_id = one.unit_id AND c.set_id = $5 "
            f"AND c.period = ANY($7::text[]) AND {WITHIN}) ORDER BY 2, 1 LIMIT $10",
            *parameters_of(reader),
            set_id,
            list(units),
            list(periods),
            *key,
            limit,
        )
    )


_FIGURES = {**FIGURES, "lost": "loss"}
_WITHIN_MARKS = " OR ".join(
    reading_condition(unit, days_of("c.period"), 7, "$10") for unit in ("c.unit_id", "k.evaluating_unit_id")
)


async def marks_within(
    connection: Connection, reader: Reader, cells: Cells, units: Sequence[UUID], indicator_id: UUID | None = None
) -> list[asyncpg.Record]:
    """What scored cells within reach come to under each indicator: their `loss` added up, and as rankings count, times
    SCALE: `total`, `full_marks`, `lost`.
    """
    return list(
        await connection.fetch(
            "WITH seen AS MATERIALIZED (SELECT c.unit_id, c.indicator_id, c.period, c.set_id, c.standing, c.state, "
            f"c.score, c.full_marks, c.loss FROM cells c {CARD}WHERE c.set_id = $1 AND c.period = ANY($2::text[]) "
            "AND c.unit_id = ANY($11::uuid[]) AND ($12::uuid IS NULL OR c.indicator_id = $12) "
            f"AND ({_WITHIN_MARKS})), {marks_of(cells.blend, 'seen', _FIGURES)} "
            # Not a join: the planner knows nothing of either side, and might walk one for each row of the other.
            "SELECT unit_id, indicator_id, max(loss) AS loss, max(total) AS total, max(full_marks) AS full_marks, "
            "max(lost) AS lost FROM (SELECT unit_id, indicator_id, NULL::numeric AS loss, total, full_marks, lost "
            "FROM marks UNION ALL SELECT unit_id, indicator_id, sum(loss), NULL, NULL, NULL FROM seen "
            "WHERE state = 'scored' GROUP BY unit_id, indicator_id) both_sides GROUP BY unit_id, indicator_id",
            *cells.parameters,
            *parameters_of(reader),
            list(units),
            indicator_id,
        )
    )


async def trend(
    connection: Connection,
    reader: Reader,
    set_id: UUID,
    periods: Sequence[str],
    unit_id: UUID | None,
    indicator_id: UUID | None,
) -> list[asyncpg.Record]:
    """What the cells within reach add up to in each period, without veto indicators unless one is asked for."""
    return list(
        await connection.fetch(
            "SELECT c.period, count(DISTINCT c.unit_id)::int AS units, count(*)::int AS cells, "
            "count(*) FILTER (WHERE c.state = 'scored')::int AS scored, "
            "count(*) FILTER (WHERE c.state = 'scored' AND c.loss > 0)::int AS lost, "
            "bool_and(c.standing = 'confirmed') AS confirmed, "
            "coalesce(sum(c.full_marks) FILTER (WHERE c.state = 'scored'), 0) AS full_marks, "
            "coalesce(sum(c.score) FILTER (WHERE c.state = 'scored'), 0) AS score, "
            "coalesce(sum(c.loss) FILTER (WHERE c.state = 'scored'), 0) AS loss, "
            f"coalesce(sum(b.points), 0) AS won_back FROM cells c {CARD}{BACK}"
            "WHERE c.set_id = $5 AND c.period = ANY($6::text[]) AND ($7::uuid IS NULL OR c.unit_id = $7) "
            "AND ($8::uuid IS NULL OR c.indicator_id = $8) "
            f"AND ($8::uuid IS NOT NULL OR k.body::jsonb->>'type' <> 'veto') "
            f"AND {WITHIN} GROUP BY c.period ORDER BY c.period",
            *parameters_of(reader),
            set_id,
            list(periods),
            unit_id,
            indicator_id,
        )
    )


async def cell_behind(connection: Connection, identity: UUID) -> asyncpg.Record | None:
    """The cell of a deduction, or of points won back on one; the caller asks for the cell within reach."""
    return await connection.fetchrow(
        "SELECT indicator_id, unit_id, period FROM deductions WHERE deduction_id = $1 UNION ALL "
        "SELECT indicator_id, unit_id, period FROM bonus_entries WHERE entry_id = $1",
        identity,
    )


async def versions_of(connection: Connection, indicator_id: UUID, unit_id: UUID, period: str) -> list[asyncpg.Record]:
    """The versions of a cell in the ledger; the caller has checked its scope."""
    return list(
        await connection.fetch(
            "SELECT version, state, score, loss, timing, reason, note, who, at FROM cell_versions "
            "WHERE period = $1 AND indicator_id = $2 AND unit_id = $3 ORDER BY version",
            period,
            indicator_id,
            unit_id,
        )
    )


async def regained_on(connection: Connection, identity: UUID) -> list[asyncpg.Record]:
    """The entries of points won back on a deduction; the caller has checked the cell's scope."""
    return list(
        await connection.fetch(
            "SELECT entry_id, problem_id, verified_in, points, who, at FROM bonus_entries WHERE deduction_id = $1 "
            "ORDER BY at, entry_id",
            identity,
        )
    )
