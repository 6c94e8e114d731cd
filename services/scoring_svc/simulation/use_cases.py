"""Simulations: what an actor may simulate, making one, running it on a snapshot, reading what it found."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger.use_cases import PeriodUnknown, demand_all_units
from services.scoring_svc.ranking.domain import Span, parse_span
from services.scoring_svc.ranking.marks import policy_now, standing
from services.scoring_svc.ranking.repository import confirmed_periods
from services.scoring_svc.ranking.use_cases import scored_periods
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.following import with_readers
from services.scoring_svc.simulation.running import Progress, Simulator, Whole
from services.scoring_svc.simulation.tables import simulations
from services.scoring_svc.simulation.variants import (
    MOST_CELLS,
    Altered,
    Base,
    BaseNotConfirmed,
    TooManyCells,
    altered,
    newest,
    variant_hash,
)
from shared.auth import Actor
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import parse_period
from shared.db import Database, UnitOfWork
from shared.directory.repository import places_of, units_by
from shared.errors import NotFound, OutsideScope, Refused


class SimulationNotDone(Refused):
    """Results are there when all variants have been evaluated."""

    code = "simulation_not_done"
    zh, en = "模拟尚未完成：{state}", "The simulation is not done: {state}"


@dataclass(frozen=True)
class Scope:
    """Whose indicators a simulation stands on: None for the whole set, else those that these units evaluate."""

    departments: frozenset[UUID] | None

    @property
    def board(self) -> str:
        """What is ranked: the total, or the sum of the indicators that the departments evaluate."""
        return "total" if self.departments is None else "own_indicators"


async def scope_of(
    uow: UnitOfWork, actor: Actor, permission: str, cards: Sequence[IndicatorPublished], last: date, today: date
) -> Scope:
    """The whole set for who reaches every evaluated unit, else the indicators evaluated within reach.

    Raises OutsideScope where there are none.
    """
    try:
        await demand_all_units(uow, actor, permission, cards, last, today)
    except OutsideScope:
        reach = actor.reach(permission)
        evaluating = {card.evaluating_unit_id for card in cards}
        places = await places_of(await uow.driver(), evaluating, {today})
        own = frozenset(unit for unit, paths in places.items() if any(reach.covers(unit, path) for path in paths))
        if not own:
            raise
        return Scope(own)
    return Scope(None)


# --- the base -----------------------------------------------------------------------------------------------------


async def base_of(connection: repository.Connection, set_id: UUID, code: str, span: Span, scope: Scope) -> Base:
    """What was confirmed of a set in a span. Raises PeriodUnknown, BaseNotConfirmed, BlendUnfit or TooManyCells."""
    scored = scored_periods(await copies.cards_within(connection, set_id), span)
    if not scored:
        raise PeriodUnknown(period=span.key)
    open_ = sorted(set(scored) - await confirmed_periods(connection, set_id))
    if open_:
        raise BaseNotConfirmed(periods=", ".join(open_))
    blend = (await policy_now(connection, set_id)).over(span)
    blend.demand_fit([parse_period(key).kind for key in scored])
    return await confirmed_base(connection, set_id, code, scored, scope)


async def confirmed_base(
    connection: repository.Connection, set_id: UUID, code: str, periods: Sequence[str], scope: Scope
) -> Base:
    """The cards that periods were confirmed under. Raises TooManyCells."""
    versions = {(card.indicator_id, card.version): card for card in await copies.cards_within(connection, set_id)}
    cards: dict[str, dict[str, IndicatorPublished]] = {}
    cells = 0
    for row in await repository.confirmed_cards(connection, set_id, periods):
        card = versions[row["indicator_id"], row["version"]]
        cards.setdefault(card.code, {})[row["period"]] = card
        cells += row["cells"]
    if cells > MOST_CELLS:
        raise TooManyCells(cells=cells, limit=MOST_CELLS)
    own = {
        name: found
        for name, found in cards.items()
        if scope.departments is None or newest(found).evaluating_unit_id in scope.departments
    }
    known = sorted((parse_period(key) for key in periods), key=lambda period: (period.first, period.last))
    return Base(set_id, code, known, own, others=frozenset(cards.keys() - own.keys()))


def cells_of(base: Base, variant: Sequence[Altered]) -> int:
    """How many cells a variant evaluates or takes out."""
    counts = (
        len(card.evaluated_unit_ids)
        for one in variant
        for card in (one.cards or base.cards.get(one.code, {})).values()
    )  # fmt: skip
    return sum(counts)


async def whole_of(connection: repository.Connection, base: Base, scope: Scope, span: Span) -> Whole:
    """What totals are made of beside cells, and how units are named: as they stood at the end of the span.

    Raises BlendUnfit.
    """
    policy = await policy_now(connection, base.set_id)
    policy.over(span).demand_weights([period.kind for period in base.periods])
    keys = [period.key for period in span.periods]
    entries = (
        await repository.entries_of_units(connection, base.set_id, keys) if scope.departments is None else {}
    )  # fmt: skip
    units = {unit for cards in base.cards.values() for card in cards.values() for unit in card.evaluated_unit_ids}
    rows = await repository.names_of(connection, units, span.last)
    ranked = await standing(connection, span.last) if policy.standing else None
    return Whole(entries, {unit: (row["code"], row["name"]) for unit, row in rows.items()}, policy.over(span), ranked)


# --- making and running ---------------------------------------------------------------------------------------------


async def make_simulation(
    uow: UnitOfWork,
    database: Database,
    indicator_set: IndicatorSet,
    span: Span,
    scope: Scope,
    told: Mapping[str, Any],
    *,
    may: Callable[[UUID, str], bool],
    at_once: int,
    now: datetime,
) -> UUID:
    """Store a simulation; a small one is run at once, a large one waits for a worker.

    `told` has the name and the variants (name, changes); `may` judges the unit that would evaluate an added indicator
    by id and path; up to `at_once` cells are small. Raises what `base_of` and `altered` raise.
    """
    driver = await uow.driver()
    base = await base_of(driver, indicator_set.set_id, indicator_set.code, span, scope)
    base = await with_codes(driver, base, now.date(), may)
    documents = told["variants"]
    variants = await asyncio.to_thread(
        lambda: [with_readers(altered(one["changes"], base, number), base) for number, one in enumerate(documents)]
    )
    added = sum(cells_of(base, [one for one in variant if one.kind == "add"]) for variant in variants)
    most = added + sum(len(card.evaluated_unit_ids) for cards in base.cards.values() for card in cards.values())
    if most > MOST_CELLS:
        raise TooManyCells(cells=most, limit=MOST_CELLS)
    small = sum(cells_of(base, variant) for variant in variants) <= at_once
    simulation_id = uuid4()
    stored = [{**one, "variant_hash": variant_hash(one["changes"])} for one in documents]
    steps = len({one.code for variant in variants for one in variant}) + 1
    row = {
        "simulation_id": simulation_id, "set_id": indicator_set.set_id, "period": span.key, "name": told["name"],
        "variants": msgspec.json.encode(stored).decode(),
        "departments": None if scope.departments is None else sorted(scope.departments),
        "state": "done" if small else "waiting", "done": steps if small else 0, "total": steps,
        "made_at": now, "made_by": uow.who, "finished_at": now if small else None,
    }  # fmt: skip
    results = None
    if small:
        work = Work(indicator_set.set_id, span.key, row["variants"], scope)
        results = await run_on_snapshot(database, work, _unheard)
    await repository.add_simulation(driver, row)
    if results is not None:
        await repository.add_results(driver, simulation_id, results)
    else:
        uow.queued(simulations.name)
    hashes = [one["variant_hash"] for one in stored]
    uow.trail("simulate", "simulation", simulation_id, after={"period": span.key, "variants": hashes})
    return simulation_id


async def with_codes(
    connection: repository.Connection, base: Base, today: date, may: Callable[[UUID, str], bool]
) -> Base:
    """The base with the codes that changes may name: units, departments, metrics."""
    evaluated = {unit for cards in base.cards.values() for card in cards.values() for unit in card.evaluated_unit_ids}
    known = await units_by(connection, today)
    paths = {unit.unit_id: unit.path for unit in known}
    return replace(
        base,
        units={unit.code: unit.unit_id for unit in known if unit.unit_id in evaluated},
        departments={unit.code: unit.unit_id for unit in known},
        may=lambda unit: may(unit, paths[unit]),
        metrics=await repository.metrics_by_code(connection),
    )


async def _unheard(done: int, total: int) -> None:
    """Nobody watches a simulation that is run at once."""


@dataclass(frozen=True)
class Work:
    """What a stored simulation asks for."""

    set_id: UUID
    period: str
    variants: str
    scope: Scope


async def run_on_snapshot(database: Database, work: Work, progress: Progress) -> list[tuple[str, str]]:
    """Hash and result of every variant. Everything is read in one snapshot, so that no amendment lies in between."""
    async with (
        database.reads.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await _run(connection, work, progress)


async def _run(connection: asyncpg.Connection, work: Work, progress: Progress) -> list[tuple[str, str]]:
    span = parse_span(work.period)
    found = next(one for one in await copies.all_sets(connection) if one.set_id == work.set_id)
    base = await base_of(connection, work.set_id, found.code, span, work.scope)
    # Who may add what was judged when the simulation was made.
    base = await with_codes(connection, base, span.last, lambda _, __: True)
    documents = msgspec.json.decode(work.variants)
    variants = await asyncio.to_thread(
        lambda: [with_readers(altered(one["changes"], base), base) for one in documents]
    )  # fmt: skip
    whole = await whole_of(connection, base, work.scope, span)
    results = await Simulator(connection, base, variants).run(whole, progress)
    said = []
    for number, (one, result) in enumerate(zip(documents, results, strict=True), start=1):
        head = {
            "simulated": True, "variant_hash": one["variant_hash"], "number": number, "name": one["name"],
            "board": work.scope.board, "changes": one["changes"],
        }  # fmt: skip
        said.append((one["variant_hash"], msgspec.json.encode({**head, **result}).decode()))
    return said


# --- reading ----------------------------------------------------------------------------------------------------------


async def demand_readable(
    uow: UnitOfWork, actor: Actor, set_id: UUID, span: Span, departments: Collection[UUID] | None, today: date
) -> None:
    """Raise NotFound unless the reader may make such a simulation today."""
    cards = await copies.cards_within(await uow.driver(), set_id)
    try:
        scope = await scope_of(uow, actor, "simulations.read", cards, span.last, today)
    except OutsideScope as error:
        raise NotFound from error
    if scope.departments is not None and (departments is None or not set(departments) <= scope.departments):
        raise NotFound
