"""Statements that answer readers: scores, entries, deductions, points lost and won back; the reader's scope in each.

A reader sees the cells of units within reach today or in the cell's period, and an evaluating department those of its
own indicators.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ledger.domain import NOT_EVALUATED
from shared.auth import Reach
from shared.directory.held import days_of, last_place, reading_condition

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class Reader:
    """How far a reader sees, on a business date."""

    reach: Reach
    today: date


# Every statement below begins its parameters with the reader's four; filters that are None do not apply.
_PLACES = f"LEFT JOIN directory_unit_spans u ON u.unit_id = c.unit_id AND {last_place('u', '$4')} "
_CELLS = (
    "SELECT c.period, c.indicator_id, c.unit_id, c.set_id, c.standing, c.version, c.entered_version, c.state, c.code, "
    "c.note, c.full_marks, c.score, c.loss, c.entries, c.inputs, c.indicator_version, c.rule_hash, c.at, "
    "k.code AS indicator_code, k.name AS indicator_name, u.code AS unit_code, u.name AS unit_name "
    "FROM cells c JOIN card_versions k ON k.indicator_id = c.indicator_id AND k.version = c.indicator_version "
    f"{_PLACES}"
)


def _within(period: str, *, once: bool = False) -> str:
    """What the reader may see; `once` for a list of one period, which is then a parameter."""
    days = days_of(period)
    return (
        f"({reading_condition('c.unit_id', days, 1, '$4', once=once)} "
        f"OR {reading_condition('k.evaluating_unit_id', days, 1, '$4', once=once)})"
    )


def _reader(reader: Reader) -> tuple[Any, ...]:
    return (*reader.reach.parameters, reader.today)


async def scores(
    connection: Connection,
    reader: Reader,
    *,
    set_id: UUID,
    period: str,
    unit: str | None,
    indicator: str | None,
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """The cells of a set in a period within reach, by indicator's code and unit, after a key."""
    key = after or (None, None)
    return list(
        await connection.fetch(
            f"{_CELLS} WHERE c.set_id = $5 AND c.period = $6 AND {_within('$6', once=True)} "
            "AND ($7::text IS NULL OR u.code = $7) AND ($8::text IS NULL OR k.code = $8) "
            "AND ($9::text IS NULL OR (k.code, c.unit_id) > ($9, $10::uuid)) ORDER BY k.code, c.unit_id LIMIT $11",
            *_reader(reader),
            set_id,
            period,
            unit,
            indicator,
            key[0],
            None if key[1] is None else UUID(key[1]),
            limit,
        )
    )


async def one_score(
    connection: Connection, reader: Reader, indicator_id: UUID, unit_id: UUID, period: str
) -> asyncpg.Record | None:
    """One cell, or None if there is none within reach."""
    return await connection.fetchrow(
        f"{_CELLS} WHERE c.period = $5 AND c.indicator_id = $6 AND c.unit_id = $7 AND {_within('$5')}",
        *_reader(reader),
        period,
        indicator_id,
        unit_id,
    )


async def ledger_rows(connection: Connection, indicator_id: UUID, unit_id: UUID, period: str) -> list[asyncpg.Record]:
    """All entries of a cell in the order they were made; the caller has checked the cell's scope."""
    return list(
        await connection.fetch(
            "SELECT cell_version, entry_no, kind, clause, points, reverses, indicator_version, rule_hash, "
            "inputs, who, at "
            "FROM entries WHERE period = $1 AND indicator_id = $2 AND unit_id = $3 ORDER BY cell_version, entry_no",
            period,
            indicator_id,
            unit_id,
        )
    )


async def evaluation_of(
    connection: Connection, indicator_id: UUID, unit_id: UUID, period: str, version: int
) -> asyncpg.Record | None:
    """What the evaluation behind a cell's version read: card version, inputs of all its units, calendar, salt."""
    return await connection.fetchrow(
        "SELECT e.indicator_version, e.inputs, e.calendar, e.salt, v.state, v.note FROM cell_versions v "
        "JOIN evaluations e "
        "USING (period, indicator_id, evaluation_no) WHERE v.period = $1 AND v.indicator_id = $2 AND v.unit_id = $3 "
        "AND v.version = $4",
        period,
        indicator_id,
        unit_id,
        version,
    )


async def evaluations_behind(
    connection: Connection, period: str, indicators: Sequence[UUID], units: Sequence[UUID] | None
) -> list[asyncpg.Record]:
    """The evaluations behind the cells of the ledger as they stand, each with those units.

    A unit that a later version of the card left out has no evaluation that gives its cell, and is not among them.
    """
    return list(
        await connection.fetch(
            "SELECT e.indicator_id, e.evaluation_no, e.indicator_version, e.inputs, e.calendar, "
            "array_agg(v.unit_id) AS units FROM cells c JOIN cell_versions v ON v.period = c.period AND "
            "v.indicator_id = c.indicator_id AND v.unit_id = c.unit_id AND v.version = c.entered_version "
            "JOIN evaluations e ON e.period = v.period AND e.indicator_id = v.indicator_id AND "
            "e.evaluation_no = v.evaluation_no WHERE c.period = $1 AND c.indicator_id = ANY($2::uuid[]) "
            "AND ($3::uuid[] IS NULL OR c.unit_id = ANY($3)) AND v.code IS DISTINCT FROM $4 "
            "GROUP BY e.period, e.indicator_id, e.evaluation_no ORDER BY e.indicator_id, e.evaluation_no",
            period,
            indicators,
            units,
            NOT_EVALUATED,
        )
    )


async def deductions(
    connection: Connection,
    reader: Reader,
    *,
    set_id: UUID,
    period: str,
    unit: str | None,
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """The deductions of a set in a period within reach, lifted ones too, by id, after a key."""
    return list(
        await connection.fetch(
            "SELECT c.deduction_id, c.body, c.at, k.code AS indicator_code, k.name AS indicator_name, "
            "u.code AS unit_code, "
            "u.name AS unit_name FROM deductions c JOIN cells s USING (period, indicator_id, unit_id) "
            "JOIN card_versions k ON k.indicator_id = c.indicator_id AND k.version = s.indicator_version "
            f"{_PLACES} WHERE c.set_id = $5 AND c.period = $6 AND {_within('$6', once=True)} "
            "AND ($7::text IS NULL OR u.code = $7) AND ($8::uuid IS NULL OR c.deduction_id > $8) "
            "ORDER BY c.deduction_id LIMIT $9",
            *_reader(reader),
            set_id,
            period,
            unit,
            UUID(after[0]) if after else None,
            limit,
        )
    )


async def balance(connection: Connection, reader: Reader, set_id: UUID, periods: Sequence[str]) -> list[asyncpg.Record]:
    """Points lost, won back and open by unit over periods of a set, within reach, by the unit's code.

    Open is counted by deduction: points won back on a loss that an amendment lifted later do not cover another loss.
    """
    return list(
        await connection.fetch(
            "SELECT c.unit_id, u.code AS unit_code, u.name AS unit_name, sum(c.loss) AS lost, "
            "count(*) FILTER (WHERE c.loss > 0) AS deductions, coalesce(sum(b.points), 0) AS won_back, "
            "sum(greatest(c.loss - coalesce(b.points, 0), 0)) AS open "
            "FROM deductions c JOIN cells s USING (period, indicator_id, unit_id) "
            "JOIN card_versions k ON k.indicator_id = c.indicator_id AND k.version = s.indicator_version "
            "LEFT JOIN (SELECT deduction_id, sum(points) AS points FROM bonus_entries GROUP BY deduction_id) b "
            f"USING (deduction_id) {_PLACES} WHERE c.set_id = $5 AND c.period = ANY($6::text[]) "
            f"AND {_within('c.period')} GROUP BY c.unit_id, u.code, u.name ORDER BY u.code",
            *_reader(reader),
            set_id,
            list(periods),
        )
    )
