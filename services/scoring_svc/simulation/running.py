"""Running a simulation: the base is read once, indicator by indicator, and every variant is evaluated on it.

Belongs here: what is read for the altered indicators, the order of the work, progress. Reads run in one snapshot of the
caller; evaluation runs beside the event loop. Does not belong here: leases (worker.py), what is stored (use_cases.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import numpy as np

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.domain import StoredFact, groups_units, metrics_of, results_of
from services.scoring_svc.engine.domain import WorkingCalendar
from services.scoring_svc.ledger import adjudication_repository as decisions
from services.scoring_svc.ledger.adjudication import Standing as Decisions
from services.scoring_svc.ledger.adjudication import adjudicated, fixed, references
from services.scoring_svc.ledger.evaluation import Group, Results, Surroundings, prepare, rule_of
from services.scoring_svc.ledger.repository import surroundings
from services.scoring_svc.ranking.blending import SpanBlend
from services.scoring_svc.ranking.domain import SCALE
from services.scoring_svc.ranking.marks import Cells
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.comparing import (
    ABSENT,
    Comparison,
    Names,
    Rows,
    Standing,
    result_of,
    scaled,
)
from services.scoring_svc.simulation.domain import common
from services.scoring_svc.simulation.evaluating import Block, Marks, States, evaluate_all, joined
from services.scoring_svc.simulation.following import Moved, in_order, moved_of, read_with
from services.scoring_svc.simulation.variants import Altered, Base, newest
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period

Progress = Callable[[int, int], Awaitable[None]]
FactsOfPeriods = dict[str, dict[UUID, dict[UUID, StoredFact]]]
_inputs = msgspec.json.Decoder(dict[str, int | str]).decode
Cell = tuple[str, UUID]


@dataclass(frozen=True)
class Whole:
    """What the real totals are made of beside cells: awards and losses of units, how units are named, how cells blend.

    `ranked`: the units that may have a place, None: all of them.
    """

    entries: Mapping[UUID, Decimal]
    names: Mapping[UUID, tuple[str, str]]
    blend: SpanBlend
    ranked: Collection[UUID] | None


@dataclass
class _Read:
    """One indicator in the base: its real cells, what they read, and the facts of its cards, kept by bindings."""

    cells: Mapping[Cell, asyncpg.Record]
    facts: FactsOfPeriods
    around: Mapping[str, Surroundings]
    rows: list[tuple[int, int]]
    real: Marks
    kept: np.ndarray[Any, Any]
    results: Mapping[str, Results]
    decided: Mapping[str, Decisions]
    blocks: dict[Any, tuple[list[Block], list[int]]] = field(default_factory=dict)


class Simulator:
    """One base with the variants that are evaluated on it."""

    def __init__(self, connection: asyncpg.Connection, base: Base, variants: Sequence[Sequence[Altered]]) -> None:
        self.connection, self.base, self.variants = connection, base, variants
        self.period_at = {period.key: number for number, period in enumerate(base.periods)}
        self.unit_at: dict[UUID, int] = {}
        self._calendars: dict[str, WorkingCalendar | None] = {}
        self._used: Mapping[tuple[str, UUID], str] = {}
        cards = [card for variant in variants for one in variant for card in one.cards.values()]
        self._readable = {read for card in cards for read in results_of(card)}
        self._moved: list[dict[UUID, Moved]] = [{} for _ in variants]

    async def run(self, whole: Whole, progress: Progress) -> list[dict[str, Any]]:
        """The result of every variant, in order. `progress` is told how many indicators of how many are done."""
        standing = await self._standing(whole)
        compared = [Comparison(len(self.unit_at), self.base.periods, whole.blend) for _ in self.variants]
        wanted = in_order(self.variants)
        self._used = await repository.calendars_used(self.connection, [period.key for period in self.base.periods])
        for number, code in enumerate(wanted):
            await progress(number, len(wanted) + 1)
            under = [(variant, one) for variant, found in enumerate(self.variants) for one in found if one.code == code]
            read = await self._read(code, [one for _, one in under])
            await asyncio.to_thread(self._compare, read, under, compared)
        await progress(len(wanted), len(wanted) + 1)
        units = [(unit, *whole.names.get(unit, (str(unit), ""))) for unit in self.unit_at]
        names = Names([period.key for period in self.base.periods], units)
        return await asyncio.to_thread(lambda: [result_of(one, standing, names) for one in compared])

    async def _standing(self, whole: Whole) -> Standing:
        """Each unit's real total; every unit that has a score or a card has its position from now on."""
        counting = [newest(cards).indicator_id for cards in self.base.cards.values() if newest(cards).type != "veto"]
        keys = [period.key for period in self.base.periods]
        source = Cells(self.base.set_id, keys, confirmed=True, blend=whole.blend)
        marks = await repository.real_marks(self.connection, source, counting)
        cards = [card for cards in self.base.cards.values() for card in cards.values()]
        units = {unit for card in cards for unit in card.evaluated_unit_ids} | {row["unit_id"] for row in marks}
        ordered = sorted(units, key=lambda unit: (whole.names.get(unit, ("", ""))[0], str(unit)))
        self.unit_at = {unit: number for number, unit in enumerate(ordered)}
        totals = [Fraction(0)] * len(units)
        indicators = [0] * len(units)
        for row in marks:
            unit = self.unit_at[row["unit_id"]]
            totals[unit] += Fraction(row["mark"]) / SCALE
            indicators[unit] += 1
        for unit_id, points in whole.entries.items():
            unit_here = self.unit_at.get(unit_id)
            if unit_here is not None and indicators[unit_here]:
                totals[unit_here] += Fraction(points)
        return Standing(totals, indicators, [whole.ranked is None or unit in whole.ranked for unit in ordered])

    async def _read(self, code: str, under: Sequence[Altered]) -> _Read:
        """The indicator's real cells and every fact that a card of a variant reads: once, for all variants."""
        identity = under[0].indicator_id
        keys = [period.key for period in self.base.periods]
        found = await repository.cells_of(self.connection, identity, keys) if code in self.base.cards else []
        # A unit that its card no longer evaluates, without any score, is nobody's peer.
        cells = {(row["period"], row["unit_id"]): row for row in found if row["unit_id"] in self.unit_at}
        cards = {id(card): card for one in under for card in one.cards.values()}.values()
        metrics = {metric for card in cards for metric in metrics_of(card)}
        facts = await copies.newest_of_periods(self.connection, keys, metrics) if metrics else {}
        await self._as_confirmed(code, cells, facts)
        around = {
            period.key: await self._around(period, identity, cards, cells)
            for period in self.base.periods
            if any(period.key in one.cards for one in under)
        }
        # Variants of one card share its list of units, so each list is walked once a period.
        evaluated = {
            (period, id(card.evaluated_unit_ids)): card.evaluated_unit_ids
            for one in under
            for period, card in one.cards.items()
        }
        named = {(period, unit) for (period, _), units in evaluated.items() for unit in units} | cells.keys()
        rows = sorted((self.period_at[period], self.unit_at[unit]) for period, unit in named)
        decided = {key: await self._decided(key, identity, cells) for key in keys}
        results = {key: self._results(code, key, cells) for key in keys}
        return _Read(cells, facts, around, rows, *self._real(rows, cells), results, decided)

    def _results(self, code: str, period: str, cells: Mapping[Cell, asyncpg.Record]) -> Results:
        """The results of other indicators that the real cells of a period read."""
        card = self.base.cards.get(code, {}).get(period)
        bound = {name: one.indicator for name, one in card.bindings.items() if one.indicator} if card else {}
        return {
            (bound[name], unit): str(text)
            for (key, unit), row in (cells.items() if bound else ())
            if key == period
            for name, text in _inputs(row["inputs"]).items()
            if name in bound
        }

    async def _decided(self, period: str, indicator: UUID, cells: Mapping[Cell, asyncpg.Record]) -> Decisions:
        """The rulings and corrections that the real cells of a period read."""
        standing = await decisions.standing(self.connection, period, [indicator])
        read = {unit: _inputs(row["inputs"]) for (key, unit), row in cells.items() if key == period}
        return {
            cell: [one for one in found if read.get(cell[1], {}).get(one.mark) == one.reference]
            for cell, found in standing.items()
        }

    def _real(self, rows: Sequence[tuple[int, int]], cells: Mapping[Cell, asyncpg.Record]) -> tuple[Marks, Any]:
        """The real marks over the rows, and which no rule decides: taken out by the office, or decided as a whole."""
        units = list(self.unit_at)
        states = np.full(len(rows), ABSENT, np.int8)
        kept = np.zeros(len(rows), np.bool_)
        scores: dict[int, Decimal] = {}
        for row, (period, unit) in enumerate(rows):
            cell = cells.get((self.base.periods[period].key, units[unit]))
            if cell is None:
                continue
            states[row] = States.index(cell["state"])
            read = _inputs(cell["inputs"])
            kept[row] = fixed(read) or (cell["excluded"] and not references(read))
            if cell["state"] == "scored":
                scores[row] = cell["score"]
        places = max((-int(score.as_tuple().exponent) for score in scores.values()), default=0)
        below = 10 ** max(places, 0)
        numbers = [int(scores[row] * below) if row in scores else 0 for row in range(len(rows))]
        small = max(map(abs, numbers), default=0) < 2**62
        return Marks(np.array(numbers, np.int64 if small else object), below, states), kept

    async def _as_confirmed(self, code: str, cells: Mapping[Cell, asyncpg.Record], facts: FactsOfPeriods) -> None:
        """Put the versions of facts in place that the confirmed cells read: what came too late for them is not there.

        Metrics that the indicator did not read then stand in their newest version.
        """
        for period in self.base.periods:
            card = self.base.cards.get(code, {}).get(period.key)
            if card is None:
                continue
            here = facts.setdefault(period.key, {})
            older: list[tuple[UUID, UUID, int]] = []
            bound = {name: binding.metric for name, binding in card.bindings.items() if binding.metric is not None}
            for unit in card.evaluated_unit_ids:
                cell = cells.get((period.key, unit))
                if cell is None:
                    continue
                read = _inputs(cell["inputs"])
                for name, metric in bound.items():
                    known = here.get(metric, {}).get(unit)
                    version = read.get(name, 0)
                    if known is not None and known.version != version:
                        del here[metric][unit]
                        if version:
                            older.append((metric, unit, int(version)))
            if older:
                for metric, then in (await copies.facts_as_read(self.connection, period.key, older)).items():
                    here[metric] |= then

    async def _around(
        self, period: Period, identity: UUID, cards: Iterable[IndicatorPublished], cells: Mapping[Cell, asyncpg.Record]
    ) -> Surroundings:
        """Calendar and groups as the indicator was confirmed under; as they are known now where it read none."""
        edition = self._used.get((period.key, identity)) or next(
            (used for (key, _), used in self._used.items() if key == period.key and used), ""
        )
        grouped = [card for card in cards if groups_units(card)]
        if edition and edition not in self._calendars:
            self._calendars[edition] = await repository.calendar_named(self.connection, edition)
        calendar = self._calendars.get(edition)
        if calendar is not None and not grouped:
            return Surroundings(calendar)
        units = {unit for card in grouped for unit in card.evaluated_unit_ids}
        now = await surroundings(self.connection, units, period.last)
        groups = {unit: dict(known) for unit, known in now.groups.items()}
        confirmed = self._governed(identity, period)
        names = (
            {name: one.unit_group for name, one in confirmed.bindings.items() if one.unit_group} if confirmed else {}
        )
        for unit in units if names else ():
            cell = cells.get((period.key, unit))
            read = _inputs(cell["inputs"]) if cell is not None else {}
            groups.setdefault(unit, {}).update({names[name]: str(text) for name, text in read.items() if name in names})
        return Surroundings(calendar or now.calendar, groups)

    def _governed(self, identity: UUID, period: Period) -> IndicatorPublished | None:
        for cards in self.base.cards.values():
            card = cards.get(period.key)
            if card is not None and card.indicator_id == identity:
                return card
        return None

    # --- beside the event loop ----------------------------------------------------------------------------------------

    def _compare(self, read: _Read, under: Sequence[tuple[int, Altered]], compared: Sequence[Comparison]) -> None:
        """Every variant of one indicator against its real marks; the results that others read are kept."""
        units = list(self.unit_at)
        rows = Rows(
            np.array([row[0] for row in read.rows], np.int64), np.array([row[1] for row in read.rows], np.int64)
        )
        for variant, one in under:
            simulated = self._simulated(read, variant, one)
            compared[variant].add(one, rows, read.real, simulated)
            if one.indicator_id in self._readable:
                cells = [(self.base.periods[period].key, units[unit]) for period, unit in read.rows]
                cards = self.base.cards.get(one.code, one.cards)
                self._moved[variant][one.indicator_id] = moved_of(one, cells, read.real, simulated, cards)

    def _simulated(self, read: _Read, variant: int, one: Altered) -> Marks:
        if not one.factors:
            return self._evaluated(read, variant, one)
        numbers, below = common(one.factors.values())
        by_period = dict(zip(one.factors, numbers, strict=True))
        factors = [by_period.get(self.base.periods[period].key, below) for period, _ in read.rows]
        marks = self._evaluated(read, variant, one) if one.cards else read.real
        return scaled(marks, np.array(factors, object), below)

    def _evaluated(self, read: _Read, variant: int, one: Altered) -> Marks:
        if not one.cards:
            nothing = np.full(len(read.rows), ABSENT, np.int8)
            return Marks(np.zeros(len(read.rows), np.int64), 1, nothing)
        found = [
            (at, evaluate_all(rule_of(card), card.rule, blocks))
            for card, periods in self._versions(one)
            for blocks, at in [self._blocks(read, variant, card, periods)]
        ]
        marks = joined([part for _, part in found])
        at = np.array([row for rows, _ in found for row in rows], np.int64)
        values = np.zeros(len(read.rows), marks.values.dtype)
        states = np.full(len(read.rows), ABSENT, np.int8)
        values[at], states[at] = marks.values, marks.states
        found_now = Marks(values, marks.below, states, marks.refusals)
        return found_now if not read.kept.any() else _keeping(read.kept, read.real, found_now)

    @staticmethod
    def _versions(one: Altered) -> list[tuple[IndicatorPublished, list[str]]]:
        """The cards of an altered indicator, each with its periods."""
        found: dict[int, tuple[IndicatorPublished, list[str]]] = {}
        for period, card in one.cards.items():
            found.setdefault(id(card), (card, []))[1].append(period)
        return list(found.values())

    def _blocks(
        self, read: _Read, variant: int, card: IndicatorPublished, periods: Sequence[str]
    ) -> tuple[list[Block], list[int]]:
        """The facts of a card's inputs, by calendar, and which rows they are; kept for cards that read the same."""
        moved = {other: self._moved[variant].get(other, {}) for other in results_of(card)}
        key = (
            variant if any(moved.values()) else None,
            msgspec.json.encode(card.bindings),
            card.due_working_days,
            tuple(periods),
            tuple(card.evaluated_unit_ids),
        )
        if key not in read.blocks:
            place = {row: number for number, row in enumerate(read.rows)}
            blocks: dict[Any, tuple[Block, list[int]]] = {}
            for period in periods:
                at = self.period_at[period]
                around, results = read.around[period], read_with(read.results[period], moved, period)
                group = prepare(card, self.base.periods[at], read.facts.get(period, {}), around, None, results)
                group = adjudicated(group, read.decided[period])
                block, rows = self._block(blocks, group)
                for unit, facts in group.facts.items():
                    block.rows.append(facts)
                    block.groups.append(at)
                    rows.append(place[at, self.unit_at[UUID(unit)]])
            ordered = list(blocks.values())
            read.blocks[key] = [block for block, _ in ordered], [row for _, rows in ordered for row in rows]
        return read.blocks[key]

    @staticmethod
    def _block(blocks: dict[Any, tuple[Block, list[int]]], group: Group) -> tuple[Block, list[int]]:
        edition = None if group.calendar is None else group.calendar.version
        return blocks.setdefault((edition, group.stopped), (Block([], [], group.calendar, group.stopped), []))


def _keeping(kept: np.ndarray[Any, Any], real: Marks, simulated: Marks) -> Marks:
    """What was simulated, with the real marks of the rows that no rule decides."""
    below = lcm(real.below, simulated.below)
    real, simulated = real.over(below), simulated.over(below)
    return Marks(
        np.where(kept, real.values, simulated.values), below, np.where(kept, real.states, simulated.states),
        simulated.refusals,
    )  # fmt: skip
