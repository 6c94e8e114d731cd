"""Statements that an archive is made of: what a final result rests on, at the versions that it names."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.context.use_cases import beside
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.ledger.reading import Reader
from services.scoring_svc.ranking.domain import Span
from services.scoring_svc.year_end.lines import ContextLine
from shared.auth import Reach

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


async def groups(connection: Connection, set_id: UUID, periods: Sequence[str]) -> list[tuple[str, UUID]]:
    """The periods and indicators that have confirmed cells, in the order of the archive."""
    rows = await connection.fetch(
        "SELECT DISTINCT period, indicator_id FROM cells WHERE set_id = $1 AND period = ANY($2::text[]) "
        "AND standing = 'confirmed'",
        set_id,
        list(periods),
    )
    return sorted(((row["period"], row["indicator_id"]) for row in rows), key=lambda one: (one[0], str(one[1])))


async def used(
    connection: Connection, set_id: UUID, periods: Sequence[str], amended: Sequence[tuple[str, UUID, UUID, int]]
) -> list[asyncpg.Record]:
    """Which versions of cards and which calendars the cells were evaluated under, at the versions that count."""
    return list(
        await connection.fetch(
            "SELECT DISTINCT e.indicator_id, e.indicator_version AS version, e.calendar FROM cells c "
            "LEFT JOIN unnest($3::text[], $4::uuid[], $5::uuid[], $6::int[]) "
            "AS amended(period, indicator_id, unit_id, version) USING (period, indicator_id, unit_id) "
            "JOIN cell_versions v ON v.period = c.period AND v.indicator_id = c.indicator_id "
            "AND v.unit_id = c.unit_id AND v.version = coalesce(amended.version, 1) "
            "JOIN evaluations e ON e.period = v.period AND e.indicator_id = v.indicator_id "
            "AND e.evaluation_no = v.evaluation_no "
            "WHERE c.set_id = $1 AND c.period = ANY($2::text[]) AND c.standing = 'confirmed'",
            set_id,
            list(periods),
            *([one[place] for one in amended] for place in range(4)),
        )
    )


async def cells(
    connection: Connection, period: str, indicator: UUID, amended: Sequence[tuple[UUID, int]]
) -> list[asyncpg.Record]:
    """The cells of an indicator in a period at the versions that the result rests on: 1, unless amended."""
    return list(
        await connection.fetch(
            "SELECT v.unit_id, v.version, v.evaluation_no, v.state, v.code, v.note, v.full_marks, v.score, v.reason, "
            "v.who, v.at, x.state AS excluded, x.reason AS excluded_because FROM cells c "
            "LEFT JOIN unnest($3::uuid[], $4::int[]) AS amended(unit_id, version) USING (unit_id) "
            "JOIN cell_versions v ON v.period = c.period AND v.indicator_id = c.indicator_id "
            "AND v.unit_id = c.unit_id AND v.version = coalesce(amended.version, 1) "
            "LEFT JOIN exclusions x ON x.period = c.period AND x.indicator_id = c.indicator_id "
            "AND x.unit_id = c.unit_id WHERE c.period = $1 AND c.indicator_id = $2 AND c.standing = 'confirmed' "
            "ORDER BY v.evaluation_no, v.unit_id",
            period,
            indicator,
            [unit for unit, _ in amended],
            [version for _, version in amended],
        )
    )


async def entries(connection: Connection, period: str, indicator: UUID) -> list[asyncpg.Record]:
    """All entries of an indicator's cells in a period, in the order they were made."""
    return list(
        await connection.fetch(
            "SELECT unit_id, cell_version, entry_no, kind, clause, points, reverses FROM entries "
            "WHERE period = $1 AND indicator_id = $2 ORDER BY unit_id, cell_version, entry_no",
            period,
            indicator,
        )
    )


async def evaluations(
    connection: Connection, period: str, indicator: UUID, numbers: Collection[int]
) -> list[asyncpg.Record]:
    """What these evaluations read, in their order."""
    return list(
        await connection.fetch(
            "SELECT evaluation_no, indicator_version, rule_hash, calendar, inputs FROM evaluations "
            "WHERE period = $1 AND indicator_id = $2 AND evaluation_no = ANY($3::int[]) ORDER BY evaluation_no",
            period,
            indicator,
            list(numbers),
        )
    )


async def card_bodies(connection: Connection, wanted: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """Cards as published."""
    rows = await connection.fetch(
        "SELECT k.indicator_id, k.version, k.body FROM card_versions k "
        "JOIN unnest($1::uuid[], $2::int[]) AS wanted(indicator_id, version) USING (indicator_id, version)",
        [indicator for indicator, _ in wanted],
        [version for _, version in wanted],
    )
    return {(row["indicator_id"], row["version"]): row["body"] for row in rows}


async def unit_entries(connection: Connection, ids: Sequence[str]) -> list[asyncpg.Record]:
    """Awards and external losses by id."""
    return list(
        await connection.fetch(
            "SELECT entry_id, kind, source_id, period, unit_id, table_code, bonus_class, due, points, taken, reverses, "
            "reason, who, at FROM unit_entries WHERE entry_id = ANY($1::uuid[]) ORDER BY entry_id",
            list(ids),
        )
    )


async def places(
    connection: Connection, ranking_id: UUID, after: tuple[str, str, str] | None, limit: int
) -> list[asyncpg.Record]:
    """The places of a ranking by board, peers and unit, after a key."""
    return list(
        await connection.fetch(
            "SELECT board, peers, unit_id, total, full_marks, indicators, place, tied, dense, ranked, best, worst, "
            "next_total FROM ranking_places WHERE ranking_id = $1 AND ($2::text IS NULL OR "
            '(board COLLATE "C", peers COLLATE "C", unit_id) > ($2, $3, $4::uuid)) '
            'ORDER BY board COLLATE "C", peers COLLATE "C", unit_id LIMIT $5',
            ranking_id,
            *(after or (None, None, None)),
            limit,
        )
    )


async def grades(connection: Connection, ranking_id: UUID) -> list[asyncpg.Record]:
    """The grades of a ranking."""
    return list(
        await connection.fetch(
            "SELECT unit_id, grade, earned, caps FROM ranking_grades WHERE ranking_id = $1 ORDER BY unit_id", ranking_id
        )
    )


async def appeals(connection: Connection, result_id: UUID) -> list[dict[str, Any]]:
    """The appeals of a result."""
    statement = "SELECT * FROM year_appeals WHERE result_id = $1 ORDER BY number"
    return [dict(row) for row in await connection.fetch(statement, result_id)]


async def people(connection: Connection, subjects: Collection[str]) -> list[dict[str, Any]]:
    """The persons of these subjects, as they are known now."""
    rows = await connection.fetch(
        "SELECT person_id, code, name, post FROM directory_people WHERE person_id::text = ANY($1::text[]) ORDER BY 1",
        sorted(subjects),
    )
    return [dict(row) for row in rows]


async def context_lines(connection: Connection, set_id: UUID, span: Span, today: date) -> list[ContextLine]:
    """The context figures of all units of a set as they are now, with their months."""
    found = await beside(connection, Reader(Reach(everything=True, units=(), subtrees=()), today), set_id, span)
    return [
        ContextLine(
            unit_id=str(unit.unit_id), metric=one.metric, name=one.name, measured_in=one.unit,
            months={month: shortest(number) for month, number in sorted(by_month.items())}, value=one.value,
            year_before=one.year_before, growth=one.growth, reason=one.reason,
        )
        for unit, row, figures in zip(found.units, found.months, found.figures, strict=True)
        for by_month, one in zip(row, found.out(figures), strict=True)
    ]  # fmt: skip
