"""Statements that answer readers: rounds, people, marks, results; the reader's scope in each.

A reader sees what is about themself, and of others what concerns a unit within reach today or in the period. Whom a
round assesses or names on its panel sees that there is such a round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from shared.auth import Reach
from shared.directory.held import days_of, last_place, reading_condition
from shared.errors import NotFound

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True)
class Own:
    """How far a reader sees, on a business date, and who they are."""

    reach: Reach
    today: date
    person: UUID | None

    @property
    def parameters(self) -> list[Any]:
        """The five parameters that every statement begins with."""
        return [*self.reach.parameters, self.today, self.person]


def _within(units: str) -> str:
    condition = reading_condition("one.unit_id", days_of("r.period"), 1, "$4")
    return f"EXISTS (SELECT FROM unnest({units}) AS one(unit_id) WHERE {condition})"


# Of the postings of a person only those that were found or stated last count.
_NEWEST = (
    "NOT EXISTS (SELECT FROM personal_members later WHERE later.round_id = m.round_id "
    "AND later.person_id = m.person_id AND later.version > m.version)"
)
_ROUNDS = (
    "SELECT r.round_id, r.version, r.state, r.scheme_code, r.scheme_version, r.period, u.code AS unit, r.opened_at, "
    "r.opened_by, r.closed_at, r.closed_by, r.results_version, (SELECT count(DISTINCT m.person_id)::int "
    "FROM personal_members m WHERE m.round_id = r.round_id) AS people FROM personal_rounds r "
    f"LEFT JOIN directory_unit_spans u ON u.unit_id = r.unit_id AND {last_place('u', '$4')} "
    f"WHERE ($5::uuid = ANY(r.panel) OR {_within('ARRAY[r.unit_id]')} OR EXISTS (SELECT FROM personal_members m "
    f"WHERE m.round_id = r.round_id AND {_NEWEST} AND (m.person_id = $5::uuid OR {_within('m.unit_ids')})))"
)
_MEMBERS = (
    "SELECT p.code AS person, p.name AS person_name, m.postings, m.reason, m.who, m.at FROM personal_members m "
    "JOIN personal_rounds r USING (round_id) JOIN directory_people p USING (person_id) "
    f"WHERE (m.person_id = $5::uuid OR {_within('m.unit_ids')}) AND {_NEWEST}"
)
# The reach is that of who may see marks of others; everybody sees those that they gave, and nobody who marked them.
_MARKS = (
    "SELECT p.code AS person, p.name AS person_name, k.item, k.evaluator, k.kind, k.version, k.mark, k.text, k.at "
    "FROM personal_marks k JOIN personal_rounds r USING (round_id) JOIN directory_people p USING (person_id) "
    f"WHERE (k.evaluator = $5::uuid::text OR (k.person_id IS DISTINCT FROM $5::uuid AND "
    "EXISTS (SELECT FROM personal_members m WHERE m.round_id = k.round_id "
    f"AND m.person_id = k.person_id AND {_NEWEST} AND {_within('m.unit_ids')})))"
)
_SEEN = f"(x.person_id = $5::uuid OR {_within('x.unit_ids')})"
_RESULTS = (
    "SELECT x.result_id, x.round_id, x.version, r.scheme_code, r.period, p.code AS person, p.name AS person_name, "
    "x.person_id, x.state, x.score, x.grade, x.earned, x.caps, x.unit_ids, x.body FROM personal_results x "
    "JOIN personal_rounds r USING (round_id) JOIN directory_people p USING (person_id) "
    f"WHERE {_SEEN}"
)


async def _page(
    connection: Connection,
    text: str,
    own: Own,
    conditions: Mapping[str, Any],
    key: str,
    after: Sequence[Any] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Rows that meet conditions (`{0}`: the number of the value; None does not apply), by a key and after a place."""
    values = own.parameters
    for condition, value in conditions.items():
        if value is not None:
            values.append(value)
            text += " AND " + condition.format(f"${len(values)}")
    if after is not None:
        places = ", ".join(f"${len(values) + number}" for number in range(1, len(after) + 1))
        text += f" AND ({key}) > ({places})"
        values += after
    return list(await connection.fetch(f"{text} ORDER BY {key} LIMIT {limit:d}", *values))


async def rounds(
    connection: Connection, own: Own, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int
) -> list[asyncpg.Record]:
    """Rounds by the moment they were opened."""
    columns = {"scheme": "r.scheme_code = {0}", "period": "r.period = {0}", "state": "r.state = {0}"}
    conditions = {condition: filters[name] for name, condition in columns.items()}
    return await _page(connection, _ROUNDS, own, conditions, "r.opened_at, r.round_id", after, limit)


async def one_round(connection: Connection, own: Own, round_id: UUID) -> asyncpg.Record:
    """One round. Raises NotFound."""
    rows = await _page(connection, _ROUNDS, own, {"r.round_id = {0}": round_id}, "r.round_id", None, 1)
    if not rows:
        raise NotFound
    return rows[0]


async def members(
    connection: Connection,
    own: Own,
    round_id: UUID,
    filters: Mapping[str, Any],
    after: Sequence[Any] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """The people of a round as they count now, by staff number."""
    unit = "EXISTS (SELECT FROM directory_unit_spans n WHERE n.unit_id = ANY(m.unit_ids) AND n.code = {0} "
    conditions = {
        "m.round_id = {0}": round_id,
        f"{unit}AND {last_place('n', '$4')})": filters.get("unit"),
        "p.code = {0}": filters.get("person"),
    }
    return await _page(connection, _MEMBERS, own, conditions, "p.code", after, limit)


async def marks(
    connection: Connection, own: Own, round_id: UUID, person: str | None, after: Sequence[Any] | None, limit: int
) -> list[asyncpg.Record]:
    """The marks of a round by person, item and evaluator."""
    conditions = {"k.round_id = {0}": round_id, "p.code = {0}": person}
    return await _page(connection, _MARKS, own, conditions, "p.code, k.item, k.evaluator", after, limit)


async def results(
    connection: Connection, own: Own, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int
) -> list[asyncpg.Record]:
    """The newest results of rounds, by round and staff number."""
    unit = "EXISTS (SELECT FROM directory_unit_spans n WHERE n.unit_id = ANY(x.unit_ids) AND n.code = {0} "
    columns = {
        "round": "x.round_id = {0}",
        "period": "r.period = {0}",
        "person": "p.code = {0}",
        "grade": "x.grade = {0}",
        "unit": f"{unit}AND {last_place('n', '$4')})",
    }
    conditions = {condition: filters.get(name) for name, condition in columns.items()}
    newest = f"{_RESULTS} AND x.version = r.results_version"
    return await _page(connection, newest, own, conditions, "x.round_id, p.code", after, limit)


async def one_result(
    connection: Connection, own: Own, round_id: UUID, person: str, version: int | None
) -> asyncpg.Record:
    """A person's result in a version, the newest unless one is named. Raises NotFound."""
    newest = "" if version else " AND x.version = r.results_version"
    conditions = {"x.round_id = {0}": round_id, "p.code = {0}": person, "x.version = {0}": version}
    rows = await _page(connection, _RESULTS + newest, own, conditions, "x.version", None, 1)
    if not rows:
        raise NotFound
    return rows[0]


async def publication(connection: Connection, own: Own, round_id: UUID, version: int) -> asyncpg.Record:
    """A publication of a round that the reader sees. Raises NotFound."""
    await one_round(connection, own, round_id)
    row = await connection.fetchrow(
        "SELECT round_id, version, reason, published_at, published_by FROM personal_publications "
        "WHERE round_id = $1 AND version = $2",
        round_id,
        version,
    )
    if row is None:
        raise NotFound
    return row


async def changes(connection: Connection, own: Own, round_id: UUID, version: int) -> list[asyncpg.Record]:
    """Whose score or grade differs between a version and the one before, of those whom the reader sees."""
    text = (
        "SELECT p.code AS person, p.name AS person_name, was.score AS score_before, x.score, "
        "was.grade AS grade_before, x.grade FROM personal_results x JOIN personal_rounds r USING (round_id) "
        "JOIN directory_people p USING (person_id) LEFT JOIN personal_results was ON was.round_id = x.round_id "
        "AND was.person_id = x.person_id AND was.version = x.version - 1 "
        f"WHERE {_SEEN} AND x.version > 1 AND (x.score, x.grade) IS DISTINCT FROM (was.score, was.grade)"
    )
    conditions = {"x.round_id = {0}": round_id, "x.version = {0}": version}
    return await _page(connection, text, own, conditions, "p.code", None, 100_000)


async def schemes(
    connection: Connection, code: str | None, after: Sequence[Any] | None, limit: int
) -> list[asyncpg.Record]:
    """Versions of schemes by code and version: they are nobody's data."""
    return list(
        await connection.fetch(
            "SELECT code, version, body, published_at, published_by FROM personal_schemes "
            "WHERE ($1::text IS NULL OR code = $1) AND ($2::text IS NULL OR (code, version) > ($2, $3::int)) "
            "ORDER BY code, version LIMIT $4",
            code,
            *(after or (None, None)),
            limit,
        )
    )
