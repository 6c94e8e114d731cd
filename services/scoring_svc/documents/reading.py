"""Statements that gather a whole set for a report, each within the reader's scope; parameters as in reports/."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import asyncpg

from services.scoring_svc.ledger.reading import Connection, Reader
from services.scoring_svc.reports.repository import BACK, CARD, WITHIN, parameters_of, seen_condition
from shared.directory.held import last_place


async def sees_cells(connection: Connection, reader: Reader, set_id: UUID, periods: Sequence[str]) -> bool:
    """Whether the reader sees any cell of the set in the periods."""
    found: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM cells c {CARD} WHERE c.set_id = $5 AND c.period = ANY($6::text[]) AND {WITHIN})",
        *parameters_of(reader),
        set_id,
        list(periods),
    )
    return found


async def cells(
    connection: Connection, reader: Reader, set_id: UUID, periods: Sequence[str], limit: int
) -> list[asyncpg.Record]:
    """The cells of a set within reach, with what was won back on each; at most `limit`."""
    return list(
        await connection.fetch(
            "SELECT c.unit_id, c.indicator_id, c.period, c.indicator_version, c.state, c.code, c.note, c.full_marks, "
            f"c.score, c.loss, coalesce(b.points, 0) AS won_back FROM cells c {CARD}{BACK}"
            f"WHERE c.set_id = $5 AND c.period = ANY($6::text[]) AND {WITHIN} LIMIT $7",
            *parameters_of(reader),
            set_id,
            list(periods),
            limit,
        )
    )


async def deductions(
    connection: Connection, reader: Reader, set_id: UUID, periods: Sequence[str]
) -> list[asyncpg.Record]:
    """The deductions of a set within reach, lifted ones too, dearest first, with what was won back on each."""
    return list(
        await connection.fetch(
            "SELECT d.deduction_id, d.version, d.period, d.indicator_id, d.unit_id, d.loss, c.full_marks, c.score, "
            "coalesce(r.points, 0) AS won_back "
            f"FROM deductions d JOIN cells c USING (period, indicator_id, unit_id) {CARD}"
            "LEFT JOIN (SELECT deduction_id, sum(points) AS points FROM bonus_entries GROUP BY deduction_id) r "
            f"USING (deduction_id) WHERE d.set_id = $5 AND d.period = ANY($6::text[]) AND {WITHIN} "
            "ORDER BY d.loss DESC, d.deduction_id",
            *parameters_of(reader),
            set_id,
            list(periods),
        )
    )


async def entries_beside(
    connection: Connection, reader: Reader, set_id: UUID, periods: Sequence[str]
) -> list[asyncpg.Record]:
    """Awards and external losses of units within reach, those taken back too."""
    return list(
        await connection.fetch(
            "SELECT e.entry_id, e.unit_id, e.kind, e.period, e.points, e.reason, e.at FROM unit_entries e "
            "WHERE e.set_id = $5 AND e.period = ANY($6::text[]) "
            f"AND {seen_condition('e.unit_id', 'e.period')} ORDER BY e.at, e.entry_id",
            *parameters_of(reader),
            set_id,
            list(periods),
        )
    )


async def names_of_units(connection: Connection, day: date) -> dict[UUID, tuple[str, str]]:
    """Code and name of every unit as it stood on a day, or as it last was by then."""
    rows = await connection.fetch(
        f"SELECT u.unit_id, u.code, u.name FROM directory_unit_spans u WHERE {last_place('u', '$1')}", day
    )
    return {row["unit_id"]: (row["code"], row["name"]) for row in rows}


async def names_of_people(connection: Connection, people: Iterable[str]) -> dict[str, str]:
    """Name and code of people, by the id under which they act; machines have none."""
    rows = await connection.fetch(
        "SELECT person_id::text AS subject, code, name FROM directory_people WHERE person_id::text = ANY($1::text[])",
        list(people),
    )
    return {row["subject"]: f"{row['name']}（{row['code']}）" for row in rows}
