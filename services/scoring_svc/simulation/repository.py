"""All statements of simulations: what variants are compared with, facts of a span, the stored objects.

What is simulated is written to `simulations` and `simulation_results` and nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.engine.domain import WorkingCalendar
from services.scoring_svc.ledger import repository as ledger
from services.scoring_svc.ranking.marks import Cells, marks_of
from shared.directory.held import last_place

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_decode = msgspec.json.decode


# --- what was confirmed -------------------------------------------------------------------------------------------


async def confirmed_cards(connection: Connection, set_id: UUID, periods: Sequence[str]) -> list[asyncpg.Record]:
    """Under which card version each indicator was confirmed in each period, and how many cells it has."""
    return list(
        await connection.fetch(
            "SELECT period, indicator_id, max(indicator_version) AS version, count(*)::int AS cells FROM cells "
            "WHERE set_id = $1 AND period = ANY($2::text[]) AND standing = 'confirmed' GROUP BY period, indicator_id",
            set_id,
            list(periods),
        )
    )


async def real_marks(connection: Connection, cells: Cells, indicators: Iterable[UUID]) -> list[asyncpg.Record]:
    """Each unit's mark of each indicator times SCALE; how many cells it has scored, at full marks; lost points."""
    return list(
        await connection.fetch(
            f"WITH {marks_of(cells.blend)}, told AS (SELECT indicator_id, unit_id, count(*)::int AS scored, "
            "(count(*) FILTER (WHERE score >= full_marks))::int AS at_full, sum(loss) AS loss "
            "FROM cells WHERE set_id = $1 AND period = ANY($2::text[]) AND indicator_id = ANY($7::uuid[]) "
            "AND standing = 'confirmed' AND state = 'scored' GROUP BY indicator_id, unit_id) "
            "SELECT indicator_id, unit_id, marks.total AS mark, scored, at_full, loss "
            "FROM told JOIN marks USING (indicator_id, unit_id) ORDER BY indicator_id, unit_id",
            *cells.parameters,
            list(indicators),
        )
    )


async def cells_at_lowest(
    connection: Connection, set_id: UUID, periods: Sequence[str], lowest: Mapping[tuple[UUID, int], Decimal]
) -> Mapping[UUID, int]:
    """How many cells of each indicator stand at the lowest score that their card's version can give."""
    rows = await connection.fetch(
        "SELECT c.indicator_id, count(*)::int AS cells FROM cells c "
        "JOIN unnest($3::uuid[], $4::int[], $5::numeric[]) AS ends(indicator_id, indicator_version, lowest) "
        "USING (indicator_id, indicator_version) WHERE c.set_id = $1 AND c.period = ANY($2::text[]) "
        "AND c.standing = 'confirmed' AND c.state = 'scored' AND c.score <= ends.lowest GROUP BY c.indicator_id",
        set_id,
        list(periods),
        [indicator for indicator, _ in lowest],
        [version for _, version in lowest],
        list(lowest.values()),
    )
    return {row["indicator_id"]: row["cells"] for row in rows}


async def entries_of_units(connection: Connection, set_id: UUID, periods: Sequence[str]) -> Mapping[UUID, Decimal]:
    """Awards less external losses of each unit in the periods, which count in its total beside its cells."""
    rows = await connection.fetch(
        "SELECT unit_id, sum(points) AS points FROM unit_entries WHERE set_id = $1 AND period = ANY($2::text[]) "
        "GROUP BY unit_id",
        set_id,
        list(periods),
    )
    return {row["unit_id"]: row["points"] for row in rows}


async def cells_of(connection: Connection, indicator: UUID, periods: Sequence[str]) -> list[asyncpg.Record]:
    """The confirmed cells of one indicator, with what each read and whether it was taken out."""
    return list(
        await connection.fetch(
            "SELECT c.period, c.unit_id, c.state, c.score, c.inputs, x.state IS NOT NULL AS excluded FROM cells c "
            "LEFT JOIN exclusions x USING (period, indicator_id, unit_id) "
            "WHERE c.period = ANY($1::text[]) AND c.indicator_id = $2 AND c.standing = 'confirmed' "
            "ORDER BY c.period, c.unit_id",
            list(periods),
            indicator,
        )
    )


async def calendars_used(connection: Connection, periods: Sequence[str]) -> Mapping[tuple[str, UUID], str]:
    """The edition of the calendar that each indicator was last entered under, by (period, indicator)."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (period, indicator_id) period, indicator_id, calendar FROM evaluations "
        "WHERE period = ANY($1::text[]) ORDER BY period, indicator_id, evaluation_no DESC",
        list(periods),
    )
    return {(row["period"], row["indicator_id"]): row["calendar"] for row in rows}


async def calendar_named(connection: Connection, edition: str) -> WorkingCalendar | None:
    """A calendar that periods were confirmed under."""
    return await ledger.calendar_edition(connection, edition) if edition else None


async def metrics_by_code(connection: Connection) -> Mapping[str, tuple[UUID, str]]:
    """Id and type of every metric, by its code."""
    rows = await connection.fetch("SELECT code, metric_id, type FROM metrics")
    return {row["code"]: (row["metric_id"], row["type"]) for row in rows}


async def names_of(connection: Connection, units: Iterable[UUID], day: date) -> Mapping[UUID, asyncpg.Record]:
    """Code, name, kind and groups of units as they stand on a day or last stood."""
    rows = await connection.fetch(
        "SELECT u.unit_id, u.code, u.name, u.kind, u.groups::text AS groups FROM directory_unit_spans u "
        f"WHERE u.unit_id = ANY($1::uuid[]) AND {last_place('u', '$2')}",
        list(units),
        day,
    )
    return {row["unit_id"]: row for row in rows}


# --- stored simulations -------------------------------------------------------------------------------------------


_SHOWN = (
    "simulation_id, set_id, period, name, variants, departments, state, done, total, code, made_at, made_by, "
    "finished_at, tries"
)


async def add_simulation(driver: asyncpg.Connection, row: Mapping[str, Any]) -> None:
    """Add a simulation, waiting to be taken."""
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await driver.execute(f"INSERT INTO simulations ({', '.join(row)}) VALUES ({marks})", *row.values())


async def add_results(driver: asyncpg.Connection, simulation_id: UUID, results: Sequence[tuple[str, str]]) -> None:
    """Add what a simulation found, a variant's hash and JSON a row; a repeated run finds its rows there."""
    await driver.executemany(
        "INSERT INTO simulation_results (simulation_id, number, variant_hash, body) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        [(simulation_id, number, digest, body) for number, (digest, body) in enumerate(results, start=1)],
    )


async def simulation(connection: Connection, simulation_id: UUID) -> asyncpg.Record | None:
    """A stored simulation without its results."""
    return await connection.fetchrow(f"SELECT {_SHOWN} FROM simulations WHERE simulation_id = $1", simulation_id)


async def simulations_of(
    connection: Connection,
    set_id: UUID,
    departments: Sequence[UUID] | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """The simulations of a set, the newest first; with `departments` those that stand on their indicators alone."""
    return list(
        await connection.fetch(
            f"SELECT {_SHOWN} FROM simulations WHERE set_id = $1 "
            "AND ($2::uuid[] IS NULL OR departments <@ $2::uuid[]) "
            "AND ($3::timestamptz IS NULL OR (made_at, simulation_id) < ($3, $4::uuid)) "
            "ORDER BY made_at DESC, simulation_id DESC LIMIT $5",
            set_id,
            departments,
            after[0] if after else None,
            after[1] if after else None,
            limit,
        )
    )


async def results_of(connection: Connection, simulation_id: UUID, number: int | None = None) -> list[asyncpg.Record]:
    """What a simulation found: number, hash and JSON of its variants, or of one."""
    return list(
        await connection.fetch(
            "SELECT number, variant_hash, body FROM simulation_results WHERE simulation_id = $1 "
            "AND ($2::int IS NULL OR number = $2) ORDER BY number",
            simulation_id,
            number,
        )
    )
