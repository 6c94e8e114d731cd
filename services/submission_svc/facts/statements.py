"""The statements that record facts: one maps, checks, sorts, writes facts, history, chunks and outbox at once.

A checked batch gives `good` through its references; a trusted one (confirmed findings) comes with ids. Both share the
writing half. The texts of the envelope come as parameters, cut from a sealed example, so the wire has one writer.
"""

from services.submission_svc.published.domain import (
    DATE_FORM,
    DECIMAL_FORM,
    LONGEST_NUMBER,
    LONGEST_TEXT,
    WHOLE_FORM,
)
from shared.auth import reach_condition

MOST_FACTS_PER_CHUNK = 1_000
# What the facts of one chunk may come to in bytes: with its envelope it stays under the broker's 1 MB.
CHUNK_BYTES = 800_000
# A fact on the wire without its value and reason, in bytes.
BARE_FACT_BYTES = 180
LONGEST_RECORDS = 100_000

# Writers of a period share its gate, in the order of the periods; a fence takes it alone. Statements after this one
# see every fence that was up. The batch statement must be planned for the size of its batch and is over before a
# compiled form of it would pay, hence the settings.
SHARE_GATES = """
SELECT period, set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('jit', 'off', true) FROM period_gates
WHERE period = ANY($1::text[]) ORDER BY period FOR SHARE
"""
# Creating only, updating only and edits by version must not race with another writer of the period.
TAKE_GATES = SHARE_GATES.replace("FOR SHARE", "FOR NO KEY UPDATE")

_VALUE_FAULT = f"""
CASE
    WHEN octet_length(g.value) > CASE m.form WHEN 'records' THEN {LONGEST_RECORDS} WHEN 'decimal' THEN {LONGEST_NUMBER}
                                 WHEN 'whole' THEN {LONGEST_NUMBER} ELSE {LONGEST_TEXT} END THEN 'value_too_long'
    WHEN m.form = 'decimal' OR m.form = 'whole' THEN
        CASE WHEN m.form = 'decimal' AND g.value !~ '{DECIMAL_FORM}' THEN 'value_malformed'
             WHEN m.form = 'whole' AND g.value !~ '{WHOLE_FORM}' THEN 'value_malformed'
             WHEN m.choices IS NOT NULL AND NOT g.value::numeric = ANY (m.choices::numeric[]) THEN 'value_not_allowed'
             WHEN NOT m.span @> g.value::numeric THEN 'value_not_allowed' END
    WHEN m.form = 'date' THEN
        CASE WHEN g.value !~ '{DATE_FORM}' OR NOT pg_input_is_valid(g.value, 'date') THEN 'value_malformed' END
    WHEN m.form = 'category' THEN CASE WHEN NOT g.value = ANY (m.choices) THEN 'value_not_allowed' END
    WHEN m.form = 'key' THEN CASE WHEN g.value !~ '[^[:space:]]' THEN 'value_malformed' END
END
"""

# $1 places of lists, $2 periods, $3 by id, $4 business date, $5 client or null, $6-$8 and $9-$11 reaches, $12 what is
# evaluated, $13 may exempt, $14 lateness, $15 strategy, $16 atomic. A row found faulty before brings its fault.
# What a metric means in a period is looked up once for both; why there is nothing, only for the rows that ask.
_CHECKED = f"""
unit AS MATERIALIZED (
    SELECT CASE WHEN $3::boolean THEN unit_id::text ELSE code END AS name, unit_id,
           {reach_condition("unit_id", "path", 6)} AS within, {reach_condition("unit_id", "path", 9)} AS own
    FROM directory_unit_spans
    WHERE effective_from <= $4::date AND (effective_to IS NULL OR effective_to > $4::date)
), gate AS MATERIALIZED (
    SELECT period, kind, year, last_day FROM period_gates WHERE period = ANY ($2::text[])
), asked AS MATERIALIZED (
    SELECT gate.period, d.metric_id, d.unit_id, d.self_reported @> gate.last_day AS self_reported
    FROM gate JOIN demands d ON d.year = gate.year AND d.period_kind = gate.kind
    WHERE d.asked @> gate.last_day
), evaluated AS MATERIALIZED (
    SELECT split_part(e.pair, ' ', 1) AS period, split_part(e.pair, ' ', 2)::uuid AS metric_id
    FROM unnest($12::text[]) AS e(pair)
), staged AS MATERIALIZED (
    SELECT p.period, c.metric_id, max(p.stage) AS stage
    FROM period_states p
         JOIN (SELECT DISTINCT set_id, unnest(metric_ids) AS metric_id FROM cards) c ON c.set_id = p.set_id
    WHERE p.period = ANY ($2::text[])
    GROUP BY 1, 2
), metric AS MATERIALIZED (
    SELECT CASE WHEN $3::boolean THEN k.metric_id::text ELSE k.code END AS name, k.metric_id, k.form, k.span, k.choices,
           $5::text IS NULL OR ($5::text = ANY (k.supplied_by) AND EXISTS (
               SELECT FROM source_metrics r WHERE r.client_id = $5::text AND r.metric_id = k.metric_id)) AS supplied,
           gate.period, gate.kind, s.stage, e.metric_id IS NOT NULL AS evaluated
    FROM metrics k CROSS JOIN gate
         LEFT JOIN staged s ON s.period = gate.period AND s.metric_id = k.metric_id
         LEFT JOIN evaluated e ON e.period = gate.period AND e.metric_id = k.metric_id
), checked AS MATERIALIZED (
    SELECT g.place, g.period, m.metric_id, u.unit_id, coalesce(g.state, 'present') AS state, g.reason,
           CASE WHEN g.fault IS NOT NULL OR g.value IS NULL THEN NULL
                WHEN m.form = 'records' THEN g.value::jsonb ELSE to_jsonb(g.value) END AS value,
           CASE
           WHEN g.fault IS NOT NULL THEN g.fault
           WHEN m.metric_id IS NULL OR u.unit_id IS NULL THEN
               CASE WHEN g.metric NOT IN (SELECT CASE WHEN $3::boolean THEN k.metric_id::text ELSE k.code END
                                          FROM metrics k) THEN 'metric_unknown'
                    WHEN u.unit_id IS NULL THEN 'unit_unknown' ELSE 'period_not_prepared' END
           WHEN NOT m.supplied THEN 'metric_not_registered'
           WHEN NOT (u.within OR u.own OR m.evaluated) THEN 'outside_scope'
           WHEN a.metric_id IS NULL THEN
               CASE WHEN EXISTS (SELECT FROM demands o WHERE o.metric_id = m.metric_id AND o.unit_id = u.unit_id
                                 AND o.period_kind <> m.kind) THEN 'period_kind_wrong' ELSE 'unit_not_evaluated' END
           WHEN NOT (u.within OR m.evaluated OR a.self_reported) THEN 'filler_is_other'
           WHEN $14::integer = 0 AND m.stage IS NOT NULL THEN
               CASE m.stage WHEN 1 THEN 'period_fenced' WHEN 2 THEN 'period_confirmed' ELSE 'period_closed' END
           WHEN $14::integer > 0 AND m.stage IS NULL THEN 'period_open'
           WHEN $14::integer < 2 AND m.stage > 2 THEN 'period_closed'
           WHEN $15::text <> 'create_and_update' AND ($15::text = 'create') = EXISTS (
               SELECT FROM facts f WHERE f.period = g.period AND f.metric_id = m.metric_id AND f.unit_id = u.unit_id)
               THEN CASE $15::text WHEN 'create' THEN 'fact_exists' ELSE 'fact_unknown' END
           WHEN g.state IS NOT NULL AND g.state <> 'present' THEN
               CASE WHEN g.state NOT IN ('missing', 'exempt', 'not_scorable') THEN 'state_unknown'
                    WHEN g.state = 'exempt' AND NOT $13::boolean THEN 'state_not_yours'
                    WHEN coalesce(g.reason, '') !~ '[^[:space:]]' THEN 'reason_missing'
                    WHEN g.value IS NOT NULL THEN {_VALUE_FAULT} END
           WHEN g.value IS NULL THEN 'value_missing'
           WHEN (m.form = 'records') <> (g.place = ANY ($1::integer[])) THEN 'value_malformed'
           ELSE {_VALUE_FAULT}
           END AS fault
    FROM %(given)s g
         LEFT JOIN metric m ON m.name = g.metric AND m.period = g.period
         LEFT JOIN unit u ON u.name = g.unit
         LEFT JOIN asked a ON a.period = g.period AND a.metric_id = m.metric_id AND a.unit_id = u.unit_id
), bad AS (
    SELECT place, fault FROM checked WHERE fault IS NOT NULL
), good AS (
    SELECT period, metric_id, unit_id, state, value, reason FROM checked
    WHERE fault IS NULL AND NOT ($16::boolean AND EXISTS (SELECT FROM bad))
)
"""

# Sorted by key, so that two batches over the same facts wait for each other instead of locking each other out; the
# period last, because most batches have one only and comparing it first would cost every comparison. What a new
# version supersedes is read off the very update, so whatever other writers do, the chain has no gap.
_WRITE = """
written AS (
    INSERT INTO facts AS f (period, metric_id, unit_id, version, state, value, reason, provenance, author,
                            received_at, batch_id)
    SELECT period, metric_id, unit_id, 1, state, value, reason, %(provenance)s::text, %(author)s::text,
           %(received)s::timestamptz, %(batch)s::uuid
    FROM good ORDER BY metric_id, unit_id, period
    ON CONFLICT (period, metric_id, unit_id) DO UPDATE SET version = f.version + 1, state = excluded.state,
        value = excluded.value, reason = excluded.reason, provenance = excluded.provenance, author = excluded.author,
        received_at = excluded.received_at, batch_id = excluded.batch_id
    WHERE f.value IS DISTINCT FROM excluded.value OR f.state <> excluded.state
       OR f.reason IS DISTINCT FROM excluded.reason
    RETURNING f.period, f.metric_id, f.unit_id, f.version, f.state, f.value, f.reason, old.version AS was_version,
        old.state AS was_state, old.value AS was_value, old.reason AS was_reason, old.provenance AS was_provenance,
        old.author AS was_author, old.received_at AS was_received_at, old.batch_id AS was_batch_id
), superseded AS (
    INSERT INTO fact_history (period, metric_id, unit_id, version, state, value, reason, provenance, author,
                              received_at, batch_id)
    SELECT period, metric_id, unit_id, was_version, was_state, was_value, was_reason, was_provenance, was_author,
           was_received_at, was_batch_id
    FROM written WHERE was_version IS NOT NULL
), wired AS (
    SELECT period, version, concat('{"metric_id":"', metric_id, '","unit_id":"', unit_id, '","version":', version,
        CASE WHEN state <> 'present' THEN ',"state":"' || state || '"' END,
        CASE WHEN value IS NOT NULL THEN ',"value":' END, value,
        CASE WHEN reason IS NOT NULL THEN ',"reason":' || to_json(reason) END, '}') AS fact,
        (row_number() OVER () - 1) / %(slice)s::integer AS slice
    FROM written
), chunk AS MATERIALIZED (
    SELECT gen_random_uuid() AS event_id, nextval('fact_chunk_no') AS chunk_no, period, count(*)::integer AS facts,
           count(*) FILTER (WHERE version = 1) AS created, string_agg(fact, ',') AS body
    FROM wired GROUP BY period, slice
), counted AS (
    INSERT INTO fact_chunks (period, chunk_no, batch_id, facts)
    SELECT period, chunk_no, %(batch)s::uuid, facts FROM chunk
), sent AS (
    INSERT INTO outbox (event_id, type, nats_subject, envelope)
    SELECT event_id, %(type)s::text, %(type)s::text, %(head)s::text || event_id || %(after_id)s::text || chunk_no
        || %(after_number)s::text || period || %(after_period)s::text || body || %(tail)s::text
    FROM chunk
)
SELECT coalesce(sum(facts), 0)::integer AS written, coalesce(sum(created), 0)::integer AS created"""

_WRITE_PARAMETERS = (
    "provenance", "author", "received", "batch", "type", "head", "after_id", "after_number",
    "after_period", "tail", "slice",
)  # fmt: skip


def _numbered(first: int) -> str:
    return _WRITE % {name: f"${first + place}" for place, name in enumerate(_WRITE_PARAMETERS)}


# Rows of a batch come by COPY, a third of what arrays cost; one of this connection's own, empty at every commit.
MAKE_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged_rows (
    metric text, unit text, period text, state text, value text, reason text, fault text, place integer
) ON COMMIT DELETE ROWS;
-- The planner cannot know how many rows came: any join of thousands with thousands but by hash takes seconds.
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off
"""
# For a few rows the arrays are cheaper than the two more round trips of a COPY.
_FEW = """(SELECT metric, unit, period, state, value, reason, fault, place::integer - 1 AS place
          FROM unnest($28::text[], $29::text[], $30::text[], $31::text[], $32::text[], $33::text[], $34::text[])
               WITH ORDINALITY AS r(metric, unit, period, state, value, reason, fault, place))"""


def _recording(given: str) -> str:
    checked = _CHECKED.replace("%(given)s", given)
    return f"""WITH {checked}, {_numbered(17)},
       (SELECT array_agg(place ORDER BY place) FROM bad) AS places,
       (SELECT array_agg(fault ORDER BY place) FROM bad) AS faults
FROM chunk"""


RECORD_STAGED = _recording("staged_rows")
RECORD_FEW = _recording(_FEW)

RECORD_TRUSTED = f"""WITH good AS (
    SELECT period, metric_id, unit_id, state, value::jsonb AS value, reason
    FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])
         AS g(period, metric_id, unit_id, state, value, reason)
), {_numbered(7)}
FROM chunk"""
