"""A city year: 138 units, all cards of the Wuhan pack as monthly ones, twelve months of facts (245,088 cells)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from deploy.local.wuhan2015.generate_facts import FactRow, facts
from shared.contracts.identity import metric_id, set_id, unit_id
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.testing import RunningService
from tests.scoring_svc.ledger import wuhan

SET = "WH2015-DISTRICT"
UNITS = 138
MONTHS = [parse_period(f"2015-{month:02d}") for month in range(1, 13)]
AT = datetime(2016, 1, 10, tzinfo=UTC)
Record: TypeAlias = tuple[Any, ...]
_FACT_COLUMNS = ("period", "metric_id", "unit_id", "version", "state", "value", "reason", "received_at")


async def publish(service: RunningService) -> list[IndicatorPublished]:
    """Units, calendars, set and cards."""
    codes = [f"U{number:03d}" for number in range(UNITS)]
    await service.seed_units([("420100", "city_bureau", None), *((code, "tax_office", "420100") for code in codes)])
    evaluated = [unit_id(code) for code in codes]
    await service.database.reads.execute(
        "UPDATE directory_unit_spans SET groups = jsonb_build_object('location', (ARRAY['urban', 'suburban', "
        "'development_zone'])[1 + substr(code, 2)::int % 3]) WHERE kind = 'tax_office'"
    )
    replace = msgspec.structs.replace
    cards = [replace(card, period_kind="month", evaluated_unit_ids=evaluated) for card in wuhan.cards(SET)]
    for event in (*wuhan.calendars(), wuhan.indicator_set(SET, cards), *cards):
        await service.deliver(event, times=1)
    return cards


def facts_of_months(evaluated: list[UUID]) -> Iterator[tuple[Period, list[Record]]]:
    """The facts of every month: metric, unit, version, state, value as JSON, reason."""
    drawn = {f"2015-{month:02d}": _by_unit(f"2015-{month:02d}") for month in range(1, 7)}
    drawn |= {key: _by_unit(key) for key in ("2015-Q1", "2015-Q2", "2015-H1")}
    for number, period in enumerate(MONTHS):
        yield period, list(_facts(number, evaluated, drawn))


async def store_facts(driver: asyncpg.Connection, period: Period, rows: list[Record]) -> None:
    """Put a month's facts where applied chunks leave them."""
    records = [(period.key, *row, AT) for row in rows]
    await driver.copy_records_to_table("facts", records=records, columns=_FACT_COLUMNS)


async def put_period(driver: asyncpg.Connection, period: Period, state: str, version: int) -> None:
    """Leave a month in a state."""
    await driver.execute(
        "INSERT INTO period_states (set_id, period, state, version) VALUES ($1, $2, $3, $4)",
        set_id(SET),
        period.key,
        state,
        version,
    )


def _by_unit(key: str) -> Mapping[str, list[FactRow]]:
    found: dict[str, list[FactRow]] = {}
    for row in facts(key):
        found.setdefault(row.unit, []).append(row)
    return found


def _facts(number: int, units: list[UUID], drawn: Mapping[str, Mapping[str, list[FactRow]]]) -> Iterator[Record]:
    """A month's facts: each unit has those of a district, of another month than its neighbours."""
    districts = [unit.code for unit in wuhan.DISTRICTS]
    for place, unit in enumerate(units):
        shift = number + place // len(districts)
        for key in (f"2015-{shift % 6 + 1:02d}", f"2015-Q{shift // 3 % 2 + 1}", "2015-H1"):
            for row in drawn[key].get(districts[place % len(districts)], ()):
                value = None if row.value is None else msgspec.json.encode(row.value).decode()
                yield metric_id(row.metric), unit, 1, row.state or "present", value, row.reason
