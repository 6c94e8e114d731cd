"""Statements that answer readers of the room: requests, entries of units, external losses; the scope in each.

A reader sees what concerns a unit within reach today or in the record's period, and a department the requests of the
classes on which it gives its opinion. Every statement begins with the reader's four parameters.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.scoring_svc.ledger.reading import Reader
from shared.directory.held import days_of, last_place, reading_condition
from shared.errors import NotFound

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
After: TypeAlias = tuple[datetime, UUID] | None


def _seen(unit_id: str, period: str) -> str:
    return reading_condition(unit_id, days_of(period), 1, "$4")


def _named(unit_id: str) -> str:
    return f"LEFT JOIN directory_unit_spans u ON u.unit_id = {unit_id} AND {last_place('u', '$4')}"


_REQUEST_SEEN = (
    f"(EXISTS (SELECT FROM unnest(r.unit_ids) AS one(unit_id) WHERE {_seen('one.unit_id', 'r.period')}) "
    f"OR {_seen('r.department_id', 'r.period')})"
)
_UNITS = (
    "(SELECT jsonb_agg(jsonb_build_object('unit_id', one.unit_id, 'unit', u.code, 'unit_name', u.name, "
    "'weight', one.weight) ORDER BY one.no)::text "
    f"FROM unnest(r.unit_ids, r.weights) WITH ORDINALITY AS one(unit_id, weight, no) {_named('one.unit_id')}) AS units"
)
_REQUESTS = (
    "SELECT r.request_id, r.version, r.state, s.code AS set_code, r.period, r.table_code, r.table_version, "
    "r.bonus_class, r.level, r.points, r.department_id, r.matter, r.document_no, r.awarded_on, r.text, r.evidence, "
    "r.requested_by, r.submitted_by, r.opinion_by, r.decided_by, r.replaced_by, r.opened_at, r.updated_at, "
    f"{_UNITS} FROM bonus_requests r JOIN indicator_sets s USING (set_id) WHERE {_REQUEST_SEEN}"
)
_LOSS_SEEN = _seen("e.unit_id", "e.period")
_LOSSES = (
    "SELECT l.loss_id, l.version, l.state, s.code AS set_code, l.period, l.points, l.source, l.matter, l.document_no, "
    "l.document_on, l.entered_by, l.entered_at, l.withdrawn_by, l.withdrawn_at, l.reason, shown.shares "
    "FROM external_losses l JOIN indicator_sets s USING (set_id) CROSS JOIN LATERAL (SELECT jsonb_agg("
    "jsonb_build_object('unit_id', e.unit_id, 'unit', u.code, 'unit_name', u.name, 'points', (-e.points)::text) "
    f"ORDER BY u.code)::text AS shares FROM unit_entries e {_named('e.unit_id')} WHERE e.source_id = l.loss_id "
    f"AND e.reverses IS NULL AND {_LOSS_SEEN}) shown WHERE shown.shares IS NOT NULL"
)
_ENTRIES = (
    "SELECT e.entry_id, e.kind, e.source_id, s.code AS set_code, e.period, e.unit_id, u.code AS unit, "
    "u.name AS unit_name, e.table_code, e.bonus_class, e.due, e.points, e.taken, e.reverses, e.caused_by, e.reason, "
    f"e.who, e.at FROM unit_entries e JOIN indicator_sets s USING (set_id) {_named('e.unit_id')} "
    f"WHERE {_seen('e.unit_id', 'e.period')}"
)


class _Statement:
    """A SELECT that grows by conditions; `{0}` stands for the number of the value that a condition brings along."""

    def __init__(self, text: str, reader: Reader) -> None:
        self.text = text
        self.values: list[Any] = [*reader.reach.parameters, reader.today]

    def add(self, conditions: Mapping[str, Any]) -> None:
        for condition, value in conditions.items():
            if value is not None:
                self.values.append(value)
                self.text += " AND " + condition.format(f"${len(self.values)}")

    async def page(self, connection: Connection, at: str, key: str, after: After, limit: int) -> list[asyncpg.Record]:
        """The rows by moment and id after a key."""
        if after is not None:
            self.values += after
            self.text += f" AND ({at}, {key}) > (${len(self.values) - 1}, ${len(self.values)})"
        return list(await connection.fetch(f"{self.text} ORDER BY {at}, {key} LIMIT {limit:d}", *self.values))

    async def one(self, connection: Connection) -> asyncpg.Record:
        """The row. Raises NotFound."""
        row = await connection.fetchrow(self.text, *self.values)
        if row is None:
            raise NotFound
        return row


async def requests(
    connection: Connection, reader: Reader, filters: Mapping[str, Any], after: After, limit: int
) -> list[asyncpg.Record]:
    """Requests by the moment they were opened; filters that are None do not apply."""
    statement = _Statement(_REQUESTS, reader)
    unit = (
        "EXISTS (SELECT FROM directory_unit_spans named WHERE named.unit_id = ANY(r.unit_ids) "
        f"AND {last_place('named', '$4')} AND named.code = {{0}})"
    )
    columns = {"set": "s.code = {0}", "period": "r.period = {0}", "state": "r.state = {0}", "unit": unit}
    columns |= {"bonus_class": "r.bonus_class = {0}", "level": "r.level = {0}"}
    statement.add({condition: filters[name] for name, condition in columns.items()})
    return await statement.page(connection, "r.opened_at", "r.request_id", after, limit)


async def one_request(connection: Connection, reader: Reader, request_id: UUID) -> asyncpg.Record:
    """One request. Raises NotFound."""
    statement = _Statement(_REQUESTS, reader)
    statement.add({"r.request_id = {0}": request_id})
    return await statement.one(connection)


async def steps_of(connection: Connection, request_id: UUID) -> list[asyncpg.Record]:
    """The steps of a request; the caller has checked its scope."""
    return list(
        await connection.fetch(
            "SELECT version, step, who, at, text FROM bonus_steps WHERE request_id = $1 ORDER BY version", request_id
        )
    )


async def duplicates_of(connection: Connection, reader: Reader, request_id: UUID) -> list[asyncpg.Record]:
    """Other requests on the same matter or document that are under way or stand, within the reader's reach."""
    text = (
        "SELECT r.request_id, r.state, r.level, r.matter_key = own.matter_key AS same_matter, "
        "r.document_key = own.document_key AS same_document FROM bonus_requests r, bonus_requests own "
        "WHERE own.request_id <> r.request_id AND (r.matter_key = own.matter_key OR r.document_key = own.document_key) "
        f"AND r.state IN ('submitted', 'reviewed', 'approved', 'replaced') AND {_REQUEST_SEEN}"
    )
    statement = _Statement(text, reader)
    statement.add({"own.request_id = {0}": request_id})
    return await statement.page(connection, "r.opened_at", "r.request_id", None, 100)


async def entries(
    connection: Connection, reader: Reader, filters: Mapping[str, Any], after: After, limit: int
) -> list[asyncpg.Record]:
    """Entries of units by the moment they were made; filters that are None do not apply."""
    statement = _Statement(_ENTRIES, reader)
    columns = {"set": "s.code = {0}", "periods": "e.period = ANY({0}::text[])", "unit": "u.code = {0}"}
    columns |= {"kind": "e.kind = {0}", "source_id": "e.source_id = {0}"}
    statement.add({condition: filters.get(name) for name, condition in columns.items()})
    return await statement.page(connection, "e.at", "e.entry_id", after, limit)


async def losses(
    connection: Connection, reader: Reader, filters: Mapping[str, Any], after: After, limit: int
) -> list[asyncpg.Record]:
    """External losses with the shares within reach, by the moment they were entered."""
    statement = _Statement(_LOSSES, reader)
    unit = (
        "EXISTS (SELECT FROM unit_entries part JOIN directory_unit_spans named ON named.unit_id = part.unit_id "
        f"AND {last_place('named', '$4')} WHERE part.source_id = l.loss_id AND named.code = {{0}} "
        f"AND {_seen('part.unit_id', 'part.period')})"
    )
    columns = {"set": "s.code = {0}", "period": "l.period = {0}", "state": "l.state = {0}", "unit": unit}
    statement.add({condition: filters[name] for name, condition in columns.items()})
    return await statement.page(connection, "l.entered_at", "l.loss_id", after, limit)


async def one_loss(connection: Connection, reader: Reader, loss_id: UUID) -> asyncpg.Record:
    """One external loss with the shares within reach. Raises NotFound."""
    statement = _Statement(_LOSSES, reader)
    statement.add({"l.loss_id = {0}": loss_id})
    return await statement.one(connection)


async def tables(
    connection: Connection, code: str | None, after: Sequence[Any] | None, limit: int
) -> list[asyncpg.Record]:
    """Versions of bonus tables by code and version: they show no unit's data."""
    key = after or (None, None)
    return list(
        await connection.fetch(
            "SELECT code, version, name, effective_from, effective_to, body, published_at, published_by "
            "FROM bonus_tables WHERE ($1::text IS NULL OR code = $1) "
            "AND ($2::text IS NULL OR (code, version) > ($2, $3::int)) ORDER BY code, version LIMIT $4",
            code,
            *key,
            limit,
        )
    )
