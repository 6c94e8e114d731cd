"""Statements that answer questions about published rankings: what changed and why, what cost most, who stays last."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from services.scoring_svc.ranking.repository import Connection
from shared.directory.held import last_place

Units = Collection[UUID] | None  # None: all of them


def _names(unit_id: str, day: str) -> str:
    return f"LEFT JOIN directory_unit_spans u ON u.unit_id = {unit_id} AND {last_place('u', day)} "


def _listed(units: Units) -> list[UUID] | None:
    return None if units is None else list(units)


async def changes(
    connection: Connection, ranking_id: UUID, before: UUID, day: date, units: Units
) -> list[asyncpg.Record]:
    """Those of the units whose place, total or grade differs between two versions of a ranking."""
    side = "(SELECT * FROM ranking_places WHERE ranking_id = ${} AND board = 'total' AND peers = 'all') AS {}"
    return list(
        await connection.fetch(
            "SELECT coalesce(a.unit_id, b.unit_id) AS unit_id, u.code AS unit, u.name AS unit_name, "
            "b.place AS place_before, a.place, "
            "b.total AS total_before, a.total, gb.grade AS grade_before, ga.grade "
            f"FROM {side.format(1, 'a')} FULL JOIN {side.format(2, 'b')} ON a.unit_id = b.unit_id "
            "LEFT JOIN ranking_grades ga ON ga.ranking_id = $1 AND ga.unit_id = coalesce(a.unit_id, b.unit_id) "
            "LEFT JOIN ranking_grades gb ON gb.ranking_id = $2 AND gb.unit_id = coalesce(a.unit_id, b.unit_id) "
            f"{_names('coalesce(a.unit_id, b.unit_id)', '$3')}"
            "WHERE (a.place, a.total, ga.grade) IS DISTINCT FROM (b.place, b.total, gb.grade) "
            "AND ($4::uuid[] IS NULL OR coalesce(a.unit_id, b.unit_id) = ANY($4)) "
            "ORDER BY coalesce(a.place, b.place), coalesce(a.unit_id, b.unit_id)",
            ranking_id,
            before,
            day,
            _listed(units),
        )
    )


async def amendments(connection: Connection, cells: Sequence[tuple[str, UUID, UUID, int, int]]) -> list[asyncpg.Record]:
    """The versions of cells (period, indicator, unit) above one and up to another, with the score before each."""
    return list(
        await connection.fetch(
            "SELECT v.unit_id, k.code AS indicator, k.name AS indicator_name, v.period, v.version, v.reason, v.note, "
            "v.who, v.at, b.score AS score_before, v.score "
            "FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::int[], $5::int[]) "
            "AS wanted(period, indicator_id, unit_id, above, upto) "
            "JOIN cell_versions v USING (period, indicator_id, unit_id) "
            "JOIN cell_versions b USING (period, indicator_id, unit_id) "
            "JOIN LATERAL (SELECT code, name FROM card_versions k WHERE k.indicator_id = v.indicator_id "
            "ORDER BY version DESC LIMIT 1) k ON true "
            "WHERE v.version > above AND v.version <= upto AND b.version = v.version - 1 "
            "ORDER BY v.unit_id, k.code, v.period, v.version",
            *(list(column) for column in zip(*cells, strict=True)),
        )
    )


async def leading_losses(
    connection: Connection, ranking_id: UUID, unit_id: UUID, peers: str, limit: int
) -> list[asyncpg.Record]:
    """The indicators on which a unit stands furthest below the mean of its peers, dearest first.

    `sum` and `ranked` give the peers' mean exactly, the unit itself included; `cost` only orders.
    """
    return list(
        await connection.fetch(
            "SELECT substr(own.board, 11) AS indicator, own.total, own.full_marks, own.place, own.ranked, peers.sum, "
            "peers.sum / own.ranked - own.total AS cost FROM ranking_places own JOIN LATERAL ("
            "SELECT sum(p.total) AS sum FROM ranking_places p "
            "WHERE p.ranking_id = own.ranking_id AND p.board = own.board AND p.peers = own.peers) "
            "AS peers ON true WHERE own.ranking_id = $1 AND own.unit_id = $2 AND own.peers = $3 "
            "AND starts_with(own.board, 'indicator:') AND peers.sum > own.total * own.ranked "
            "ORDER BY cost DESC, own.board LIMIT $4",
            ranking_id,
            unit_id,
            peers,
            limit,
        )
    )


async def at_bottom(
    connection: Connection,
    set_id: UUID,
    spans: Sequence[str],
    *,
    board: str,
    peers: str,
    last: int,
    times: int,
    today: date,
    units: Units,
) -> list[asyncpg.Record]:
    """Those of the units that stood among the last few places at least so many times, by the newest versions.

    Tied units count with the worst place that they occupy; where everybody is tied nobody is at the bottom.
    """
    return list(
        await connection.fetch(
            "WITH newest AS (SELECT DISTINCT ON (period) ranking_id, period FROM rankings WHERE set_id = $1 "
            "AND period = ANY($2::text[]) ORDER BY period, version DESC) "
            "SELECT p.unit_id, u.code AS unit, u.name AS unit_name, count(*)::int AS times, "
            "array_agg(n.period ORDER BY n.period) AS periods FROM newest n JOIN ranking_places p USING (ranking_id) "
            f"{_names('p.unit_id', '$7')}"
            "WHERE p.board = $3 AND p.peers = $4 AND p.place + p.tied - 1 > p.ranked - $5 AND p.tied < p.ranked "
            "AND ($8::uuid[] IS NULL OR p.unit_id = ANY($8)) GROUP BY p.unit_id, u.code, u.name "
            "HAVING count(*) >= $6 ORDER BY count(*) DESC, p.unit_id",
            set_id,
            list(spans),
            board,
            peers,
            last,
            times,
            today,
            _listed(units),
        )
    )


async def published_spans(connection: Connection, set_id: UUID, spans: Sequence[str]) -> list[str]:
    """Which of these spans have a published ranking."""
    rows: list[Any] = await connection.fetch(
        "SELECT DISTINCT period FROM rankings WHERE set_id = $1 AND period = ANY($2::text[]) ORDER BY 1",
        set_id,
        list(spans),
    )
    return [row["period"] for row in rows]


async def has_board(connection: Connection, ranking_id: UUID, board: str, peers: str) -> tuple[bool, bool]:
    """Whether a ranking has a board at all, and whether it has it among these peers."""
    row = await connection.fetchrow(
        "SELECT EXISTS (SELECT 1 FROM ranking_places WHERE ranking_id = $1 AND board = $2 AND peers = 'all') AS board, "
        "EXISTS (SELECT 1 FROM ranking_places WHERE ranking_id = $1 AND board = $2 AND peers = $3) AS peers",
        ranking_id,
        board,
        peers,
    )
    return row["board"], row["peers"]


async def grades_of(
    connection: Connection, set_id: UUID, span: str, unit: str | None, today: date, units: Units
) -> list[asyncpg.Record]:
    """The grades of the newest published ranking of a span, of those of the units."""
    return list(
        await connection.fetch(
            "SELECT r.ranking_id, r.version, g.unit_id, u.code AS unit, u.name AS unit_name, g.grade, g.earned, g.caps "
            "FROM (SELECT ranking_id, version FROM rankings WHERE set_id = $1 AND period = $2 ORDER BY version DESC "
            "LIMIT 1) r JOIN ranking_grades g USING (ranking_id) "
            f"{_names('g.unit_id', '$4')}WHERE ($3::text IS NULL OR u.code = $3) "
            "AND ($5::uuid[] IS NULL OR g.unit_id = ANY($5)) ORDER BY g.unit_id",
            set_id,
            span,
            unit,
            today,
            _listed(units),
        )
    )
