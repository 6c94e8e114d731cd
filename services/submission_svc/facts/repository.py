"""All queries on facts, versions, chunks and receipts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, cast
from uuid import UUID

import asyncpg
import msgspec

from services.submission_svc.facts import statements
from services.submission_svc.facts.domain import Intent, Outcome, Rows, Writer
from shared.auth import Reach, reach_condition
from shared.contracts.envelope import seal
from shared.contracts.registry import declaration_of
from shared.contracts.submission import FactsRecorded, Provenance
from shared.directory.held import days_of, last_place, reading_condition
from shared.observability import current_traceparent

_FEW_ROWS = 50
_TYPE = declaration_of(FactsRecorded).name
# Where the numbers, the period and the facts of a chunk go into the sealed example.
_NUMBER, _PERIOD, _FACTS = '"chunk_no":0', ',"period":""', '"facts":[]'
_UNITS = f"JOIN directory_unit_spans u ON u.unit_id = f.unit_id AND {last_place('u', '$1')}"
_FACT = (
    "f.period, m.code AS metric, u.code AS unit, f.metric_id, f.unit_id, f.version, f.state, f.value::text, f.reason, "
    "f.provenance, f.author, f.received_at, f.batch_id"
)
_VISIBLE = f"({reading_condition('f.unit_id', days_of('f.period'), 2, '$1')} OR f.metric_id = ANY($5::uuid[]))"


async def share_gates(driver: asyncpg.Connection, periods: Sequence[str], *, alone: bool = False) -> None:
    """Hold the gates of the periods until the commit: shared with other writers, or alone among writers."""
    await driver.fetch(statements.TAKE_GATES if alone else statements.SHARE_GATES, list(periods))


def facts_per_chunk(values: Iterable[str | None], reasons: Iterable[str | None]) -> int:
    """How many facts a chunk may carry if all were as long as the longest; a character takes up to 6 bytes."""
    longest = max(map(len, filter(None, values)), default=0) + max(map(len, filter(None, reasons)), default=0)
    fitting = statements.CHUNK_BYTES // (statements.BARE_FACT_BYTES + 6 * longest)
    return max(1, min(statements.MOST_FACTS_PER_CHUNK, fitting))


def _writing(author: str, provenance: str, intent: Intent, slice_size: int) -> tuple[object, ...]:
    """The parameters of the writing half: the envelope of these chunks, cut where number, period and facts go."""
    example = FactsRecorded(
        batch_id=intent.batch_id,
        chunk_no=0,
        period="",
        provenance=cast("Provenance", provenance),
        received_at=intent.received_at,
        facts=[],
        amendment=intent.amendment,
    )
    event_id, name, body = seal(example, at=intent.received_at, traceparent=current_traceparent())
    head, rest = body.decode().split(str(event_id), 1)
    after_id, after_number = rest.split(_NUMBER, 1)
    after_number, after_period = after_number.split(_PERIOD, 1)
    after_period, tail = after_period.split(_FACTS, 1)
    return (
        provenance,
        author,
        intent.received_at,
        intent.batch_id,
        name,
        head,
        f'{after_id}"chunk_no":',
        f'{after_number},"period":"',
        f'"{after_period}"facts":[',
        f"]{tail}",
        slice_size,
    )


async def record_checked(
    driver: asyncpg.Connection, writer: Writer, rows: Rows, intent: Intent, today: date
) -> Outcome:
    """Map, check and record a batch in one statement. The gates of its periods must be held."""
    columns = _columns(rows)
    parameters = (
        list(rows.listed),
        sorted(set(rows.periods)),
        intent.id_scheme == "id",
        today,
        writer.client,
        *writer.any_metric.parameters,
        *writer.self_reported.parameters,
        [f"{period} {metric}" for period, metric in writer.evaluated],
        writer.may_exempt,
        int(intent.lateness),
        intent.strategy,
        intent.mode == "atomic",
        *_writing(writer.subject, writer.provenance, intent, facts_per_chunk(rows.values, rows.reasons)),
    )
    if len(rows) <= _FEW_ROWS:
        found = await driver.fetchrow(statements.RECORD_FEW, *parameters, *columns.values())
    else:
        await driver.execute(statements.MAKE_STAGING)
        # Most batches have values only: what no row has need not be sent as nothing 10,000 times.
        sent = {name: column for name, column in columns.items() if column.count(None) < len(rows)}
        await driver.copy_records_to_table(
            "staged_rows", records=zip(*sent.values(), range(len(rows)), strict=True), columns=[*sent, "place"]
        )
        found = await driver.fetchrow(statements.RECORD_STAGED, *parameters)
    named = dict(zip(found["places"] or (), found["faults"] or (), strict=True))
    refused = len(rows) if named and intent.mode == "atomic" else len(named)
    return Outcome(
        rows=len(rows),
        created=found["created"],
        updated=found["written"] - found["created"],
        unchanged=len(rows) - refused - found["written"],
        faults=named,
    )


def _columns(rows: Rows) -> dict[str, Sequence[str | None]]:
    """The rows by the columns of the staging table, in their order."""
    return {
        "metric": rows.metrics,
        "unit": rows.units,
        "period": rows.periods,
        "state": rows.states,
        "value": rows.values,
        "reason": rows.reasons,
        "fault": [rows.faults.get(place) for place in range(len(rows))] if rows.faults else [None] * len(rows),
    }


async def record_trusted(
    driver: asyncpg.Connection,
    facts: Sequence[tuple[str, UUID, UUID, str, str | None, str | None]],
    author: str,
    provenance: str,
    intent: Intent,
) -> int:
    """Record facts that another service confirmed; how many changed.

    Each is (period, metric, unit, state, value as JSON, reason).
    """
    found = await driver.fetchrow(
        statements.RECORD_TRUSTED, *map(list, zip(*facts, strict=True)), *_writing(author, provenance, intent, 1)
    )
    return int(found["written"])


async def records_metrics(
    driver: asyncpg.Connection, names: Sequence[str], *, by_id: bool
) -> dict[str, Mapping[str, Any]]:
    """The fields of those named metrics that hold records, by the name they were asked for."""
    name = "metric_id::text" if by_id else "code"
    found = await driver.fetch(
        f"SELECT {name} AS name, fields::text FROM metrics WHERE {name} = ANY($1::text[]) AND type = 'records'",
        list(names),
    )
    return {each["name"]: msgspec.json.decode(each["fields"] or "{}") for each in found}


async def is_registered(driver: asyncpg.Connection, client: str) -> bool:
    """Whether the client is a registered source system."""
    return await driver.fetchval("SELECT true FROM source_systems WHERE client_id = $1", client) or False


async def metrics_evaluated_in(
    connection: asyncpg.Connection | asyncpg.Pool, reach: Reach, today: date
) -> tuple[UUID, ...]:
    """The metrics of the cards whose evaluating unit lies within reach, or did in one of their versions.

    For reading: who handed an indicator over goes on reading the figures of its own time.
    """
    found = await connection.fetch(
        "SELECT DISTINCT unnest(c.metric_ids) AS metric_id FROM cards c JOIN directory_unit_spans u "
        "ON u.unit_id = c.evaluating_unit_id AND u.effective_from <= $1 "
        f"AND (u.effective_to IS NULL OR u.effective_to > $1) WHERE {reach_condition('u.unit_id', 'u.path', 2)}",
        today,
        *reach.parameters,
    )
    return tuple(each["metric_id"] for each in found)


async def evaluated_in(
    driver: asyncpg.Connection, reach: Reach, today: date, periods: Sequence[str]
) -> tuple[tuple[str, UUID], ...]:
    """The (period, metric) that units within reach evaluate: by the cards that govern the period's last day.

    For writing: who handed an indicator over writes the figures of its own time, and who took it over those since.
    """
    found = await driver.fetch(
        "SELECT DISTINCT g.period, unnest(c.metric_ids) AS metric_id FROM period_gates g CROSS JOIN LATERAL "
        "(SELECT DISTINCT ON (indicator_id, period_kind) evaluating_unit_id, metric_ids FROM cards "
        "WHERE effective_from <= g.last_day AND (effective_to IS NULL OR effective_to > g.last_day) "
        "ORDER BY indicator_id, period_kind, version DESC) c "
        "JOIN directory_unit_spans u ON u.unit_id = c.evaluating_unit_id AND u.effective_from <= $1 "
        "AND (u.effective_to IS NULL OR u.effective_to > $1) "
        f"WHERE g.period = ANY($5::text[]) AND {reach_condition('u.unit_id', 'u.path', 2)}",
        today,
        *reach.parameters,
        list(periods),
    )
    return tuple((each["period"], each["metric_id"]) for each in found)


async def version_of(driver: asyncpg.Connection, period: str, metric: str, unit: UUID) -> int | None:
    """The version of a fact by the metric's code, locked until the commit; None if there is none."""
    version: int | None = await driver.fetchval(
        "SELECT f.version FROM facts f JOIN metrics m ON m.metric_id = f.metric_id "
        "WHERE f.period = $1 AND m.code = $2 AND f.unit_id = $3 FOR UPDATE OF f",
        period,
        metric,
        unit,
    )
    return version


async def list_facts(
    pool: asyncpg.Pool,
    today: date,
    reach: Reach,
    evaluated: Sequence[UUID],
    *,
    period: str | None,
    metric: str | None,
    unit: str | None,
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Facts within reach in the order of period, metric and unit."""
    conditions, values = [_VISIBLE], [today, *reach.parameters, list(evaluated)]
    for column, value in (("f.period", period), ("m.code", metric), ("u.code", unit)):
        if value is not None:
            values.append(value)
            conditions.append(f"{column} = ${len(values)}")
    if after:
        place = len(values)
        values += [after[0], UUID(after[1]), UUID(after[2])]
        conditions.append(f"(f.period, f.metric_id, f.unit_id) > (${place + 1}, ${place + 2}, ${place + 3})")
    values.append(limit)
    found: list[asyncpg.Record] = await pool.fetch(
        f"SELECT {_FACT} FROM facts f JOIN metrics m ON m.metric_id = f.metric_id {_UNITS} "
        f"WHERE {' AND '.join(conditions)} ORDER BY f.period, f.metric_id, f.unit_id LIMIT ${len(values)}",
        *values,
    )
    return found


async def versions_of(
    pool: asyncpg.Pool,
    today: date,
    reach: Reach,
    evaluated: Sequence[UUID],
    key: tuple[str, str, str],
) -> list[asyncpg.Record]:
    """The version chain of the fact of (period, metric code, unit code), oldest first, within reach."""
    found: list[asyncpg.Record] = await pool.fetch(
        f"SELECT {_FACT} FROM fact_versions f JOIN metrics m ON m.metric_id = f.metric_id {_UNITS} "
        f"WHERE {_VISIBLE} AND f.period = $6 AND m.code = $7 AND u.code = $8 ORDER BY f.version",
        today,
        *reach.parameters,
        list(evaluated),
        *key,
    )
    return found


async def save_receipt(
    driver: asyncpg.Connection, kind: str, author: str, intent: Intent, outcome: Outcome, *, landed: bool
) -> None:
    """Keep what happened to a batch, every bad row included; its id is the batch's."""
    await driver.execute(
        "INSERT INTO receipts (receipt_id, kind, author, received_at, mode, strategy, landed, rows, created, updated, "
        "unchanged, rejected, faults, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        intent.batch_id,
        kind,
        author,
        intent.received_at,
        intent.mode,
        intent.strategy,
        landed,
        outcome.rows,
        outcome.created,
        outcome.updated,
        outcome.unchanged,
        outcome.rejected,
        msgspec.json.encode(sorted(outcome.faults.items())).decode(),
        intent.amendment.reason if intent.amendment else None,
    )


async def list_receipts(
    pool: asyncpg.Pool, author: str | None, *, receipt_id: UUID | None, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Receipts, newest first: all, or one author's only."""
    found: list[asyncpg.Record] = await pool.fetch(
        "SELECT seq, receipt_id, kind, author, received_at, mode, strategy, landed, rows, created, updated, unchanged, "
        "rejected, faults::text, reason FROM receipts WHERE ($1::text IS NULL OR author = $1) "
        "AND ($2::uuid IS NULL OR receipt_id = $2) AND ($3::bigint IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4",
        author,
        receipt_id,
        before,
        limit,
    )
    return found


async def note_finding(driver: asyncpg.Connection, finding_id: UUID, version: int) -> bool:
    """Remember the finding's version; False if it or a later one was applied before."""
    newer = await driver.fetchval(
        "INSERT INTO applied_findings AS known (finding_id, version) VALUES ($1, $2) "
        "ON CONFLICT (finding_id) DO UPDATE SET version = excluded.version WHERE known.version < excluded.version "
        "RETURNING 1",
        finding_id,
        version,
    )
    return newer is not None


async def stage_of(driver: asyncpg.Connection, metric_id: UUID, period: str) -> int:
    """The furthest stage of the sets that a metric feeds in a period: 0 open, 1 fenced, 2 confirmed, 3 closed."""
    stage: int = await driver.fetchval(
        "SELECT coalesce(max(p.stage), 0) FROM period_states p WHERE p.period = $1 AND p.set_id IN "
        "(SELECT set_id FROM cards WHERE metric_ids @> ARRAY[$2::uuid])",
        period,
        metric_id,
    )
    return stage
