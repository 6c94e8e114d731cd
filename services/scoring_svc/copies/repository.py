"""All statements on the read copies: metrics, indicator sets, cards, facts, groups of units, the calendar."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from asyncpg.pgproto import pgproto

from services.scoring_svc.copies.domain import (
    Chain,
    StoredFact,
    cards_hash,
    chain_of,
    governing,
    metrics_of,
    results_of,
)
from shared.contracts.indicator import IndicatorPublished, IndicatorSetPublished, MetricChanged
from shared.contracts.periods import Period
from shared.contracts.submission import Fact, FactsRecorded

Connection: TypeAlias = asyncpg.Connection | asyncpg.Pool
_encode = msgspec.json.encode
_decode_card = msgspec.json.Decoder(IndicatorPublished).decode


_cards: OrderedDict[bytes, IndicatorPublished] = OrderedDict()
_MOST_CARDS = 4_096


def _read_card(body: str) -> IndicatorPublished:
    """A card, the same object each time; known by the digest of its text, which of a nation's cards is a megabyte."""
    key = blake2b(body.encode(), digest_size=16).digest()
    known = _cards.get(key)
    if known is None:
        card = _decode_card(body)
        units = [_own(unit) for unit in card.evaluated_unit_ids]
        known = _cards[key] = msgspec.structs.replace(
            card, indicator_id=_own(card.indicator_id), set_id=_own(card.set_id), evaluated_unit_ids=units
        )
        if len(_cards) > _MOST_CARDS:
            _cards.popitem(last=False)
    return known


@lru_cache(maxsize=65_536)
def _own(identity: UUID) -> UUID:
    """The same as one object for all cards, of the driver's kind, which is compared and written many times faster."""
    own: UUID = pgproto.UUID(identity.bytes)
    return own


@dataclass(frozen=True)
class IndicatorSet:
    """A published indicator set; full marks in points as decimal text."""

    set_id: UUID
    code: str
    name: str
    year: int
    full_marks: str
    outside_total: bool
    version: int
    cards: int
    cards_hash: str


# --- metrics and sets ---------------------------------------------------------------------------------------------


async def keep_metric(driver: asyncpg.Connection, event: MetricChanged) -> None:
    """Keep the metric as of the highest version seen; told again, one that was kept without its unit gets it."""
    await driver.execute(
        "INSERT INTO metrics AS known (metric_id, version, code, name, type, unit) VALUES ($1, $2, $3, $4, $5, $6) "
        "ON CONFLICT (metric_id) DO UPDATE SET version = excluded.version, code = excluded.code, "
        "name = excluded.name, type = excluded.type, unit = excluded.unit WHERE known.version < excluded.version "
        "OR (known.version = excluded.version AND known.unit IS NULL)",
        event.metric_id,
        event.version,
        event.code,
        _encode(event.name).decode(),
        event.type,
        None if event.unit is None else _encode(event.unit).decode(),
    )


async def keep_set(driver: asyncpg.Connection, event: IndicatorSetPublished) -> None:
    """Keep the set as of the highest version seen."""
    await driver.execute(
        "INSERT INTO indicator_sets AS known (set_id, version, code, name, year, full_marks, outside_total, cards, "
        "cards_hash, published_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (set_id) DO UPDATE SET "
        "version = excluded.version, code = excluded.code, name = excluded.name, year = excluded.year, "
        "full_marks = excluded.full_marks, outside_total = excluded.outside_total, cards = excluded.cards, "
        "cards_hash = excluded.cards_hash, published_at = excluded.published_at WHERE known.version < excluded.version",
        event.set_id,
        event.version,
        event.code,
        event.name,
        event.year,
        event.full_marks,
        event.outside_total,
        event.cards,
        event.cards_hash,
        event.published_at,
    )


_SET = "SELECT set_id, code, name, year, full_marks, outside_total, version, cards, cards_hash FROM indicator_sets "


async def find_set(connection: Connection, code: str) -> IndicatorSet | None:
    """An indicator set by its code."""
    row = await connection.fetchrow(f"{_SET} WHERE code = $1", code)
    return IndicatorSet(**row) if row else None


async def all_sets(connection: Connection) -> Sequence[IndicatorSet]:
    """All indicator sets in the order of their codes."""
    return [IndicatorSet(**row) for row in await connection.fetch(f"{_SET} ORDER BY code")]


async def is_whole(connection: Connection, indicator_set: IndicatorSet) -> bool:
    """Whether every card of the set's publication is here: by count and by hash."""
    rows = await connection.fetch(
        "SELECT indicator_id, max(version) AS version FROM card_versions WHERE set_id = $1 GROUP BY indicator_id",
        indicator_set.set_id,
    )
    newest = [(row["indicator_id"], row["version"]) for row in rows]
    return len(newest) == indicator_set.cards and cards_hash(newest) == indicator_set.cards_hash


# --- cards --------------------------------------------------------------------------------------------------------


async def keep_card(driver: asyncpg.Connection, card: IndicatorPublished) -> bool:
    """Add a version of a card with its metrics. False if it was here already."""
    added = await driver.fetchval(
        "INSERT INTO card_versions (indicator_id, version, set_id, code, name, period_kind, evaluating_unit_id, "
        "effective_from, effective_to, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT "
        "DO NOTHING RETURNING 1",
        card.indicator_id,
        card.version,
        card.set_id,
        card.code,
        card.name,
        card.period_kind,
        card.evaluating_unit_id,
        card.effective_from,
        card.effective_to,
        _encode(card).decode(),
    )
    await driver.executemany(
        "INSERT INTO card_metrics (metric_id, indicator_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [(metric, card.indicator_id) for metric in metrics_of(card)],
    )
    await driver.executemany(
        "INSERT INTO card_results (set_id, read_indicator_id, indicator_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(card.set_id, read, card.indicator_id) for read in results_of(card)],
    )
    return added is not None


async def _bodies(connection: Connection, where: str, *parameters: Any) -> list[IndicatorPublished]:
    """Cards by a condition, all versions."""
    rows = await connection.fetch(f"SELECT body FROM card_versions WHERE {where}", *parameters)
    return [_read_card(row["body"]) for row in rows]


def _governing(cards: Iterable[IndicatorPublished], period: Period) -> list[IndicatorPublished]:
    by_indicator: dict[UUID, list[IndicatorPublished]] = {}
    for card in cards:
        by_indicator.setdefault(card.indicator_id, []).append(card)
    found = (governing(versions, period) for _, versions in sorted(by_indicator.items()))
    return [card for card in found if card is not None]


async def cards_reading(connection: Connection, metrics: Iterable[UUID], period: Period) -> list[IndicatorPublished]:
    """The cards that govern a period and may depend on one of the metrics, in the order of their ids."""
    where = "indicator_id IN (SELECT indicator_id FROM card_metrics WHERE metric_id = ANY($1::uuid[]))"
    return _governing(await _bodies(connection, where, list(metrics)), period)


async def chain(connection: Connection, sets: Iterable[UUID], period: Period) -> Chain:
    """Which cards of sets that govern a period read whose results; nearly always none."""
    where = "indicator_id IN (SELECT indicator_id FROM card_results WHERE set_id = ANY($1::uuid[]))"
    return chain_of(_governing(await _bodies(connection, where, list(sets)), period))


async def cards_of_set(connection: Connection, set_id: UUID, period: Period) -> list[IndicatorPublished]:
    """The cards of a set that govern a period, in the order of their ids."""
    return _governing(await _bodies(connection, "set_id = $1", set_id), period)


async def cards_governing(
    connection: Connection, indicators: Iterable[UUID], period: Period
) -> list[IndicatorPublished]:
    """The cards of these indicators that govern a period, in the order of their ids."""
    return _governing(await _bodies(connection, "indicator_id = ANY($1::uuid[])", list(indicators)), period)


async def cards_of_indicator(connection: Connection, indicator_id: UUID) -> list[IndicatorPublished]:
    """All versions of a card."""
    return await _bodies(connection, "indicator_id = $1", indicator_id)


async def all_cards(connection: Connection) -> list[IndicatorPublished]:
    """All versions of all cards."""
    return await _bodies(connection, "true")


async def cards_within(connection: Connection, set_id: UUID) -> list[IndicatorPublished]:
    """All versions of all cards of a set."""
    return await _bodies(connection, "set_id = $1", set_id)


# --- facts --------------------------------------------------------------------------------------------------------


async def keep_facts(driver: asyncpg.Connection, event: FactsRecorded) -> set[tuple[UUID, UUID]]:
    """Add the versions of facts of a chunk that are not here yet; returns their (metric, unit).

    Sorted by key, so that two chunks over the same facts wait for each other instead of deadlocking.
    """
    facts = sorted(event.facts, key=lambda fact: (fact.metric_id, fact.unit_id, fact.version))
    rows = await driver.fetch(
        "INSERT INTO facts (period, metric_id, unit_id, version, state, value, reason, received_at) "
        "SELECT $1, *, $8::timestamptz FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[], "
        "$7::text[]) ON CONFLICT DO NOTHING RETURNING metric_id, unit_id",
        event.period,
        [fact.metric_id for fact in facts],
        [fact.unit_id for fact in facts],
        [fact.version for fact in facts],
        [fact.state for fact in facts],
        [_value_text(fact) for fact in facts],
        [fact.reason for fact in facts],
        event.received_at,
    )
    await driver.execute(
        "INSERT INTO fact_chunks (period, chunk_no, batch_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        event.period,
        event.chunk_no,
        event.batch_id,
    )
    return {(row["metric_id"], row["unit_id"]) for row in rows}


def _value_text(fact: Fact) -> str | None:
    return None if fact.value is None else _encode(fact.value).decode()


# One row for each metric, its facts as lists beside each other: a row for each fact would cost more than the facts.
_BY_METRIC = """
SELECT metric_id, array_agg(unit_id) AS units, '[' || string_agg(coalesce(value, 'null'), ',') || ']' AS told,
    array_agg(version) AS versions, CASE WHEN bool_and(state = 'present') THEN NULL ELSE array_agg(state) END AS states,
    CASE WHEN count(reason) > 0 THEN array_agg(reason) END AS reasons
"""


async def newest_facts(
    connection: Connection, period: str, metrics: Iterable[UUID], units: Sequence[UUID] | None = None
) -> dict[UUID, dict[UUID, StoredFact]]:
    """The newest version of every fact of these metrics in a period, of all units or of some."""
    rows = await connection.fetch(
        f"{_BY_METRIC} FROM (SELECT DISTINCT ON (metric_id, unit_id) metric_id, unit_id, version, state, value, reason "
        "FROM facts WHERE period = $1 AND metric_id = ANY($2::uuid[]) AND ($3::uuid[] IS NULL OR unit_id = ANY($3)) "
        "ORDER BY metric_id, unit_id, version DESC) AS newest GROUP BY metric_id",
        period,
        list(metrics),
        units,
    )
    return _by_metric(rows)


async def facts_as_read(
    connection: Connection, period: str, wanted: Sequence[tuple[UUID, UUID, int]]
) -> dict[UUID, dict[UUID, StoredFact]]:
    """Those versions of facts (metric, unit, version) that an evaluation read."""
    rows = await connection.fetch(
        f"{_BY_METRIC} FROM facts JOIN unnest($2::uuid[], $3::uuid[], $4::int[]) "
        "AS wanted(metric_id, unit_id, version) USING (metric_id, unit_id, version) WHERE period = $1 "
        "GROUP BY metric_id",
        period,
        *([one[place] for one in wanted] for place in range(3)),
    )
    return _by_metric(rows)


async def newest_of_periods(
    connection: Connection, periods: Sequence[str], metrics: Iterable[UUID]
) -> dict[str, dict[UUID, dict[UUID, StoredFact]]]:
    """The newest version of every fact of these metrics, by period."""
    rows = await connection.fetch(
        f"{_BY_METRIC}, period FROM (SELECT DISTINCT ON (period, metric_id, unit_id) period, metric_id, unit_id, "
        "version, state, value, reason FROM facts WHERE period = ANY($1::text[]) AND metric_id = ANY($2::uuid[]) "
        "ORDER BY period, metric_id, unit_id, version DESC) AS newest GROUP BY period, metric_id",
        list(periods),
        list(metrics),
    )
    return {period: _by_metric([row for row in rows if row["period"] == period]) for period in periods}


def _by_metric(rows: Iterable[asyncpg.Record]) -> dict[UUID, dict[UUID, StoredFact]]:
    found = {}
    for row in rows:
        told = zip(
            row["versions"],
            row["states"] or repeat("present"),
            msgspec.json.decode(row["told"]),
            row["reasons"] or repeat(None),
            strict=False,
        )
        found[row["metric_id"]] = dict(zip(row["units"], map(StoredFact._make, told), strict=True))
    return found


async def periods_with_facts(connection: Connection, metrics: Iterable[UUID]) -> list[str]:
    """The periods in which any of these metrics has a fact."""
    rows = await connection.fetch(
        "SELECT DISTINCT period FROM facts WHERE metric_id = ANY($1::uuid[]) ORDER BY period", list(metrics)
    )
    return [row["period"] for row in rows]


async def chunks_applied(connection: Connection, period: str, last_chunk: int) -> int:
    """How many chunks of a period up to a number have been applied."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM fact_chunks WHERE period = $1 AND chunk_no <= $2", period, last_chunk
    )
    return count


# --- locks that keep the order of events from mattering -------------------------------------------------------------


async def hold_metrics(driver: asyncpg.Connection, metrics: Iterable[UUID], *, alone: bool) -> None:
    """Until the transaction ends: many may add facts of a metric at once, a new card on it only by itself.

    Without this, a card and a fact that arrive at the same moment would each not see the other.
    """
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await driver.execute(
        f"SELECT {function}(hashtextextended('metric:' || name, 0)) "
        "FROM (SELECT unnest($1::text[]) AS name ORDER BY 1) AS names",
        sorted({str(metric) for metric in metrics}),
    )


async def hold_surroundings(driver: asyncpg.Connection, *, alone: bool) -> None:
    """Until the transaction ends: calendar and groups of units change only while nothing is evaluated."""
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await driver.execute(f"SELECT {function}(hashtextextended('surroundings', 0))")


# --- surroundings: groups of units and the calendar -----------------------------------------------------------------


async def unit_groups(connection: Connection, units: Iterable[UUID], day: date) -> Mapping[UUID, Mapping[str, str]]:
    """The peer groups of units by dimension, as of a day."""
    rows = await connection.fetch(
        "SELECT unit_id, groups::text AS groups FROM directory_unit_spans WHERE unit_id = ANY($1::uuid[]) "
        "AND effective_from <= $2 AND (effective_to IS NULL OR effective_to > $2)",
        list(units),
        day,
    )
    return {row["unit_id"]: msgspec.json.decode(row["groups"]) for row in rows}
