"""Queries of what is asked, and of what has been received of it."""

from collections.abc import Mapping, Sequence
from datetime import date

import asyncpg

from services.submission_svc.collection.domain import Window
from shared.auth import Reach
from shared.directory.held import last_place, reading_condition

_PLACE = last_place("u", "$1")

_GOVERNING = """(SELECT DISTINCT ON (indicator_id) * FROM cards
    WHERE period_kind = {kind} AND effective_from <= {last} AND (effective_to IS NULL OR effective_to > {last})
    ORDER BY indicator_id, version DESC)"""

_TASKS = f"""
SELECT c.code AS indicator, c.name AS name, s.code AS set_code, u.code AS unit, u.name AS unit_name,
       c.due_working_days, count(*)::integer AS asked, count(v.version)::integer AS received,
       max(v.received_at) AT TIME ZONE 'Asia/Shanghai' AS last_received,
       array_agg(m.code ORDER BY m.code) FILTER (WHERE v.version IS NULL) AS open_metrics
FROM {_GOVERNING.format(kind="$7", last="$8")} c JOIN indicator_sets s ON s.set_id = c.set_id AND s.year = $6
     CROSS JOIN unnest(c.evaluated_unit_ids) AS evaluated(unit_id)
     JOIN directory_unit_spans u ON u.unit_id = evaluated.unit_id AND {_PLACE}
          AND (u.effective_to IS NULL OR u.effective_to > least($14::date, $1))
     CROSS JOIN unnest(c.metric_ids) AS read(metric_id)
     JOIN metrics m ON m.metric_id = read.metric_id
     LEFT JOIN fact_versions v ON v.period = $5 AND v.metric_id = m.metric_id AND v.unit_id = u.unit_id
          AND v.version = 1
WHERE c.fill_mode = 'self_reported'
  AND ({reading_condition("u.unit_id", ("$14", "$8"), 2, "$1", once=True)}
       OR {reading_condition("c.evaluating_unit_id", ("$14", "$8"), 2, "$1", once=True)})
  AND ($9::text IS NULL OR u.code = $9)
  AND ($10::text IS NULL OR (u.code, s.code, c.code) > ($10, $11, $12))
GROUP BY c.code, c.name, c.due_working_days, s.code, u.code, u.name
ORDER BY u.code, s.code, c.code LIMIT $13
"""

_COMPLETENESS = f"""
WITH asked AS (
    SELECT unit_id, metric_id, max(c.due_working_days) AS due_working_days
    FROM {_GOVERNING.format(kind="$7", last="$9")} c
         JOIN indicator_sets s ON s.set_id = c.set_id AND s.code = $6 AND s.year = $8
         CROSS JOIN unnest(c.evaluated_unit_ids) AS unit_id CROSS JOIN unnest(c.metric_ids) AS metric_id
    GROUP BY unit_id, metric_id
), due AS (
    SELECT * FROM unnest($10::integer[], $11::date[]) AS d(due_working_days, day)
)
SELECT u.code AS unit, u.name AS unit_name, count(*)::integer AS expected,
       count(*) FILTER (WHERE f.state <> 'missing')::integer AS actual,
       count(*) FILTER (WHERE f.state <> 'missing' AND due.day IS NOT NULL
                        AND (v.received_at AT TIME ZONE 'Asia/Shanghai')::date <= due.day)::integer AS on_time
FROM asked a JOIN directory_unit_spans u ON u.unit_id = a.unit_id AND {_PLACE}
          AND (u.effective_to IS NULL OR u.effective_to > least($12::date, $1))
     LEFT JOIN due ON due.due_working_days = a.due_working_days
     LEFT JOIN facts f ON f.period = $5 AND f.metric_id = a.metric_id AND f.unit_id = a.unit_id
     LEFT JOIN LATERAL (SELECT min(received_at) AS received_at FROM fact_versions v WHERE v.period = $5
          AND v.metric_id = a.metric_id AND v.unit_id = a.unit_id AND v.state <> 'missing') AS v ON true
WHERE {reading_condition("u.unit_id", ("$12", "$9"), 2, "$1", once=True)}
GROUP BY u.code, u.name ORDER BY u.code
"""


async def list_tasks(
    pool: asyncpg.Pool,
    today: date,
    reach: Reach,
    *,
    window: Window,
    unit: str | None,
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Self-reported indicators by unit, with how many of their metrics have come."""
    found: list[asyncpg.Record] = await pool.fetch(
        _TASKS,
        today,
        *reach.parameters,
        window.key,
        window.last.year,
        window.kind,
        window.last,
        unit,
        *(after or (None, None, None)),
        limit,
        window.first,
    )
    return found


async def due_counts(pool: asyncpg.Pool, set_code: str) -> list[int]:
    """The different numbers of working days after which a set's cards are due; empty for an unknown set."""
    found = await pool.fetch(
        "SELECT DISTINCT c.due_working_days FROM cards c JOIN indicator_sets s ON s.set_id = c.set_id "
        "WHERE s.code = $1",
        set_code,
    )
    return [each["due_working_days"] for each in found]


async def count_completeness(
    pool: asyncpg.Pool,
    today: date,
    reach: Reach,
    *,
    set_code: str,
    window: Window,
    due: Mapping[int, date | None],
) -> list[asyncpg.Record]:
    """Expected, actual and on-time cells per unit within reach."""
    found: list[asyncpg.Record] = await pool.fetch(
        _COMPLETENESS,
        today,
        *reach.parameters,
        window.key,
        set_code,
        window.kind,
        window.last.year,
        window.last,
        list(due.keys()),
        list(due.values()),
        window.first,
    )
    return found
