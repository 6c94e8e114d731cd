"""`whatif`: 20 variants of a city year (138 units × 148 indicators × 12 months = 245,088 cells) in recomputes.

A recompute is what the ledger must do at least: read every newest fact, gather the inputs of each card, evaluate all
cells by columns and write results and entries as text. It stores nothing. Every variant alters the rule of every
indicator (its base, by another amount), so that 4.9 million cells are evaluated and their totals ranked and compared.
Both read the same tables over one connection.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from deploy.local.wuhan2015.generate_facts import FactRow, facts
from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import StoredFact, metrics_of
from services.scoring_svc.engine.domain import ColumnPlan
from services.scoring_svc.ledger.evaluation import Group, prepare, rule_of
from services.scoring_svc.ledger.repository import surroundings
from services.scoring_svc.simulation.domain import ratio_text
from services.scoring_svc.simulation.evaluating import plan_of
from services.scoring_svc.simulation.use_cases import Scope, Work, run_on_snapshot
from services.scoring_svc.simulation.variants import variant_hash
from shared.contracts.identity import metric_id, set_id, unit_id
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.db import Database
from shared.testing import RunningService, fresh_database, running_service
from tests.bench.harness import Bench, Figure, interleave
from tests.scoring_svc.ledger import wuhan

SET = "WH2015-DISTRICT"
UNITS, VARIANTS, ROUNDS = 138, 20, 3
MONTHS = [parse_period(f"2015-{month:02d}") for month in range(1, 13)]
_AT = datetime(2016, 1, 10, tzinfo=UTC)
Record: TypeAlias = tuple[Any, ...]


async def run(bench: Bench) -> list[Figure]:
    """Measure it."""
    name, dsns = await fresh_database(bench.postgres, "scoring_svc")
    async with running_service("scoring_svc", bench.postgres, bench.issuer, database=(name, dsns)) as service:
        cards = await _fill(service)
        work = Work(set_id(SET), "2015", msgspec.json.encode(_variants(cards)).decode(), Scope(None))
        few = Work(set_id(SET), "2015", msgspec.json.encode(_variants(cards[:5])).decode(), Scope(None))
        found: list[tuple[str, str]] = []

        async def variants(_: int) -> None:
            found[:] = await run_on_snapshot(service.database, work, _unheard)

        async def five(_: int) -> None:
            await run_on_snapshot(service.database, few, _unheard)

        cells = 0

        async def recompute(_: int) -> None:
            nonlocal cells
            cells = await _recompute(service.database, cards)

        times = await interleave({"variants": variants, "five": five, "recompute": recompute}, rounds=ROUNDS)
    told = [msgspec.json.decode(body) for _, body in found]
    assert cells == UNITS * len(cards) * len(MONTHS) == 245_088
    assert all(len(one["indicators"]) == len(cards) for one in told)
    evaluated = sum(sum(one["cells"][state] for state in _STATES) for body in told for one in body["indicators"])
    changed = sum(one["cells"]["changed"] for body in told for one in body["indicators"])
    assert evaluated == VARIANTS * cells
    bare = (
        f"a recompute of {cells} cells (facts read, evaluated by columns, results and entries as text, not stored) "
        f"took {times['recompute']:.1f} s, {VARIANTS} variants of all {len(cards)} rules {times['variants']:.1f} s "
        f"({evaluated} cells evaluated, {changed} changed), of 5 rules {times['five']:.2f} s "
        f"(load {os.getloadavg()[0]:.1f})"
    )
    return [
        Figure("whatif", times["variants"] / times["recompute"], 4, bare, unit="recomputes"),
        Figure("whatif_five_rules", times["five"] / times["recompute"], 4, bare, unit="recomputes"),
    ]


_STATES = ("scored", "exempt", "not_scorable", "refused")


async def _unheard(_: int, __: int) -> None:
    """Nobody watches."""


def _variants(cards: list[IndicatorPublished]) -> list[dict[str, Any]]:
    """Each variant takes another amount off the base of every rule."""
    made = []
    for number in range(1, VARIANTS + 1):
        changes = []
        for card in cards:
            base = Fraction(card.rule["result"]["base"]) + Fraction(number, 100)
            values = {"/result/base": ratio_text(base)}
            changes.append({"kind": "constants", "indicator": card.code, "values": values})
        made.append({"name": f"+{number}", "changes": changes, "variant_hash": variant_hash(changes)})
    return made


async def _recompute(database: Database, cards: list[IndicatorPublished]) -> int:
    """Every cell once, from the facts to the texts that the ledger writes."""
    metrics = {metric for card in cards for metric in metrics_of(card)}
    units = {unit for card in cards for unit in card.evaluated_unit_ids}
    cells = 0
    for period in MONTHS:
        known = await copies.newest_facts(database.reads, period.key, metrics)
        around = await surroundings(database.reads, units, period.last)
        groups = [prepare(card, period, known, around) for card in cards]
        cells += await asyncio.to_thread(lambda groups=groups: sum(len(_scored(group)) for group in groups))
    return cells


def _scored(group: Group) -> list[Any]:
    plan = plan_of(rule_of(group.card))
    assert isinstance(plan, ColumnPlan)
    return list(plan.evaluate(list(group.facts.values()), None, group.calendar).rows())


# --- a city year ------------------------------------------------------------------------------------------------------


async def _fill(service: RunningService) -> list[IndicatorPublished]:
    """138 units, all cards of the pack as monthly ones, a year of facts, and the confirmed cells they give."""
    codes = [f"U{number:03d}" for number in range(UNITS)]
    await service.seed_units([("420100", "city_bureau", None), *((code, "tax_office", "420100") for code in codes)])
    evaluated = [unit_id(code) for code in codes]
    replace = msgspec.structs.replace
    cards = [replace(card, period_kind="month", evaluated_unit_ids=evaluated) for card in wuhan.cards(SET)]
    for event in (*wuhan.calendars(), wuhan.indicator_set(SET, cards), *cards):
        await service.deliver(event, times=1)
    drawn = {key: _by_unit(key) for key in ("2015-01", "2015-02", "2015-03", "2015-04", "2015-05", "2015-06")}
    drawn |= {key: _by_unit(key) for key in ("2015-Q1", "2015-Q2", "2015-H1")}
    for number, period in enumerate(MONTHS):
        rows = list(_facts(number, evaluated, drawn))
        async with service.database.transaction("bench") as uow:
            driver = await uow.driver()
            columns = ("period", "metric_id", "unit_id", "version", "state", "value", "reason", "received_at")
            await driver.copy_records_to_table(
                "facts", records=[(period.key, *row, _AT) for row in rows], columns=columns
            )
            known = {
                (metric, unit): StoredFact(1, state, None if value is None else msgspec.json.decode(value), reason)
                for metric, unit, _, state, value, reason in rows
            }
            around = await surroundings(driver, evaluated, period.last)
            records = [
                record for card in cards for record in _cells(prepare(card, period, known, around), card, period)
            ]  # fmt: skip
            await driver.copy_records_to_table("cells", records=records, columns=_COLUMNS)
            await driver.execute(
                "INSERT INTO period_states (set_id, period, state, version) VALUES ($1, $2, 'closed', 4)",
                set_id(SET),
                period.key,
            )
    await service.database.reads.execute("ANALYZE")
    return cards


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


_COLUMNS = (
    "period", "indicator_id", "unit_id", "set_id", "standing", "version", "entered_version", "state", "code",
    "full_marks", "score", "loss", "entries", "inputs", "indicator_version", "rule_hash", "at",
)  # fmt: skip


def _cells(group: Group, card: IndicatorPublished, period: Period) -> Iterator[Record]:
    marks = Decimal(card.points)
    for unit, outcome in zip(group.facts, _scored(group), strict=True):
        scored = outcome.kind == "points"
        score = Decimal(outcome.value) if scored else None
        loss = Decimal(0) if score is None else max(Decimal(0), marks - score)
        inputs = msgspec.json.encode(group.inputs[unit]).decode()
        state = "scored" if scored else "not_scorable"
        yield (
            period.key, card.indicator_id, UUID(unit), card.set_id, "confirmed", 1, 1, state, outcome.code, marks,
            score, loss, "[]", inputs, card.version, rule_of(card).hash, _AT,
        )  # fmt: skip
