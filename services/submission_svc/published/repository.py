"""Statements on the read copies: each object whole, applied by version, in any order and any number of times."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.submission_svc.published.domain import ValueForm
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished, MetricChanged
from shared.contracts.periods import periods_of_year

_SAVE_METRIC = """
INSERT INTO metrics AS known (metric_id, version, code, name, type, fields, supplied_by, form, span, choices)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::numrange, $10)
ON CONFLICT (metric_id) DO UPDATE SET version = excluded.version, code = excluded.code, name = excluded.name,
    type = excluded.type, fields = excluded.fields, supplied_by = excluded.supplied_by, form = excluded.form,
    span = excluded.span, choices = excluded.choices
WHERE known.version < excluded.version
"""
_SAVE_SET = """
INSERT INTO indicator_sets AS known (set_id, version, code, name, year, cards) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (set_id) DO UPDATE SET version = excluded.version, code = excluded.code, name = excluded.name,
    year = excluded.year, cards = excluded.cards
WHERE known.version < excluded.version RETURNING 1
"""
_SAVE_CARD = """
INSERT INTO cards (indicator_id, version, set_id, code, name, level1, period_kind, fill_mode, filler, source_system,
    due_working_days, evaluating_unit_id, evaluated_unit_ids, metric_ids, effective_from, effective_to)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT DO NOTHING RETURNING 1
"""
# "Ask once": however many cards read a metric of a unit in a kind of period, it is asked for in one row. A version asks
# on the days on which no later one governs.
_DERIVE_DEMANDS = """
INSERT INTO demands (year, period_kind, metric_id, unit_id, asked, self_reported)
SELECT s.year, c.period_kind, metric_id, unit_id, range_agg(c.asked),
       coalesce(range_agg(c.asked) FILTER (WHERE c.fill_mode = 'self_reported'), '{}')
FROM (SELECT v.*, datemultirange(daterange(v.effective_from, v.effective_to)) - coalesce(
                 (SELECT range_agg(daterange(w.effective_from, w.effective_to)) FROM cards w
                  WHERE w.indicator_id = v.indicator_id AND w.version > v.version
                    AND w.period_kind = v.period_kind), '{}') AS asked
      FROM cards v WHERE v.metric_ids && $1::uuid[]) c
     JOIN indicator_sets s ON s.set_id = c.set_id
     CROSS JOIN unnest(c.metric_ids) AS metric_id CROSS JOIN unnest(c.evaluated_unit_ids) AS unit_id
WHERE metric_id = ANY($1::uuid[]) AND NOT isempty(c.asked)
GROUP BY 1, 2, 3, 4
"""


async def save_metric(driver: asyncpg.Connection, metric: MetricChanged, form: ValueForm) -> None:
    """Keep the metric as of the highest version seen."""
    await driver.execute(
        _SAVE_METRIC,
        metric.metric_id,
        metric.version,
        metric.code,
        _json(metric.name),
        metric.type,
        None if metric.fields is None else _json(metric.fields),
        metric.supplied_by,
        form.form,
        form.span,
        None if form.choices is None else list(form.choices),
    )


async def lock_catalogue(driver: asyncpg.Connection) -> None:
    """One card or set is applied at a time: demands are derived from several of them."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('published cards', 0))")


async def save_set(driver: asyncpg.Connection, published: IndicatorSetPublished) -> bool:
    """Keep the set as of the highest version seen; whether this one was newer."""
    newer = await driver.fetchval(
        _SAVE_SET,
        published.set_id,
        published.version,
        published.code,
        published.name,
        published.year,
        published.cards,
    )
    return newer is not None


async def metrics_of_card(driver: asyncpg.Connection, indicator_id: UUID) -> list[UUID]:
    """All metrics that a card reads in any of its versions."""
    found = await driver.fetch(
        "SELECT DISTINCT unnest(metric_ids) AS metric_id FROM cards WHERE indicator_id = $1 ORDER BY 1", indicator_id
    )
    return [record["metric_id"] for record in found]


async def save_card(driver: asyncpg.Connection, card: IndicatorPublished, metrics: Sequence[UUID]) -> bool:
    """Keep this version of the card; whether it was not here yet."""
    new = await driver.fetchval(
        _SAVE_CARD,
        card.indicator_id,
        card.version,
        card.set_id,
        card.code,
        card.name,
        card.level1,
        card.period_kind,
        card.fill_mode,
        card.filler,
        card.source_system,
        card.due_working_days,
        card.evaluating_unit_id,
        card.evaluated_unit_ids,
        list(metrics),
        card.effective_from,
        card.effective_to,
    )
    return new is not None


async def derive_demands(driver: asyncpg.Connection, metrics: Sequence[UUID]) -> None:
    """Derive anew what is asked of whom for these metrics."""
    await driver.execute("DELETE FROM demands WHERE metric_id = ANY($1::uuid[])", list(metrics))
    await driver.execute(_DERIVE_DEMANDS, list(metrics))


async def metrics_of_set(driver: asyncpg.Connection, set_id: UUID) -> list[UUID]:
    """All metrics that the set's cards read."""
    found = await driver.fetch("SELECT DISTINCT unnest(metric_ids) AS metric_id FROM cards WHERE set_id = $1", set_id)
    return [record["metric_id"] for record in found]


async def prepare_year(driver: asyncpg.Connection, year: int) -> int:
    """Make the partitions and gates of a year's 19 periods; how many were new."""
    keys = [period.key for period in periods_of_year(year)]
    new = await driver.fetchval(
        "SELECT count(*) FILTER (WHERE ensure_period(key)) FROM unnest($1::text[]) AS key", keys
    )
    return int(new)


async def metric_named(driver: asyncpg.Connection, code: str) -> UUID | None:
    """The id of the metric with that code, or None."""
    found: UUID | None = await driver.fetchval("SELECT metric_id FROM metrics WHERE code = $1", code)
    return found


async def unit_named(driver: asyncpg.Connection, code: str, day: date) -> asyncpg.Record | None:
    """Id and path of the unit that bears a code on a day, or None."""
    return await driver.fetchrow(
        "SELECT unit_id, path FROM directory_unit_spans WHERE code = $1 AND effective_from <= $2 "
        "AND (effective_to IS NULL OR effective_to > $2)",
        code,
        day,
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
