"""`whatif`: 20 variants of a city year (138 units × 148 indicators × 12 months = 245,088 cells) in recomputes.

A recompute is what the ledger must do at least: read every newest fact, gather the inputs of each card, evaluate all
cells by columns and write results and entries as text. It stores nothing. Every variant alters the rule of every
indicator (its base, by another amount), so that 4.9 million cells are evaluated and their totals ranked and compared.
Both read the same tables over one connection.
"""

import asyncio
import os
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import StoredFact, metrics_of
from services.scoring_svc.engine.domain import ColumnPlan, plan_of
from services.scoring_svc.ledger.evaluation import Group, prepare, rule_of
from services.scoring_svc.ledger.repository import surroundings
from services.scoring_svc.simulation.domain import ratio_text
from services.scoring_svc.simulation.use_cases import Scope, Work, run_on_snapshot
from services.scoring_svc.simulation.variants import variant_hash
from shared.contracts.identity import set_id
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period
from shared.db import Database
from shared.testing import RunningService, fresh_database, running_service
from tests.bench import city_year
from tests.bench.city_year import AT, MONTHS, SET, UNITS
from tests.bench.harness import Bench, Figure, interleave

VARIANTS, ROUNDS = 20, 3


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
    plan = plan_of(rule_of(group.card), len(group.units))
    assert isinstance(plan, ColumnPlan)
    return list(plan.evaluate(group.table, None, group.calendar).rows())


# --- a city year ------------------------------------------------------------------------------------------------------


async def _fill(service: RunningService) -> list[IndicatorPublished]:
    """138 units, all cards of the pack as monthly ones, a year of facts, and the confirmed cells they give."""
    cards = await city_year.publish(service)
    evaluated = cards[0].evaluated_unit_ids
    for period, rows in city_year.facts_of_months(evaluated):
        async with service.database.transaction("bench") as uow:
            driver = await uow.driver()
            await city_year.store_facts(driver, period, rows)
            known: dict[UUID, dict[UUID, StoredFact]] = {}
            for metric, unit, _, state, value, reason in rows:
                told = None if value is None else msgspec.json.decode(value)
                known.setdefault(metric, {})[unit] = StoredFact(1, state, told, reason)
            around = await surroundings(driver, evaluated, period.last)
            records = [
                record for card in cards for record in _cells(prepare(card, period, known, around), card, period)
            ]  # fmt: skip
            await driver.copy_records_to_table("cells", records=records, columns=_COLUMNS)
            await city_year.put_period(driver, period, "closed", 4)
    await service.database.reads.execute("ANALYZE")
    return cards


_COLUMNS = (
    "period", "indicator_id", "unit_id", "set_id", "standing", "version", "entered_version", "state", "code",
    "full_marks", "score", "loss", "entries", "inputs", "indicator_version", "rule_hash", "at",
)  # fmt: skip


def _cells(group: Group, card: IndicatorPublished, period: Period) -> Iterator[tuple[Any, ...]]:
    marks = Decimal(card.points)
    for unit, outcome in zip(group.facts, _scored(group), strict=True):
        scored = outcome.kind == "points"
        score = Decimal(outcome.value) if scored else None
        loss = Decimal(0) if score is None else max(Decimal(0), marks - score)
        inputs = msgspec.json.encode(group.inputs[unit]).decode()
        state = "scored" if scored else "not_scorable"
        yield (
            period.key, card.indicator_id, UUID(unit), card.set_id, "confirmed", 1, 1, state, outcome.code, marks,
            score, loss, "[]", inputs, card.version, rule_of(card).hash, AT,
        )  # fmt: skip
