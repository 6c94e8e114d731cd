"""What a variant moves: real and simulated totals, places, rank correlation, and the cells behind each move.

Pure. All totals are sums of marks, made of an indicator's periods as rankings count them, on whole numbers over one
denominator; nothing is rounded before it is compared. Does not belong here: evaluating, reading, storing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.scoring_svc.ranking.blending import WHOLE, SpanBlend, latest
from services.scoring_svc.ranking.domain import SCALE
from services.scoring_svc.simulation import domain
from services.scoring_svc.simulation.domain import ratio_text
from services.scoring_svc.simulation.evaluating import ROOM_OF_64_BITS, SCORED, Marks, Numbers, States
from services.scoring_svc.simulation.variants import Altered
from shared.contracts.periods import Period

ABSENT = -1
"""The state of a row in which the indicator has no cell."""
MOST_UNITS, MOST_CELLS, REASONS = 1_000, 50, 3
"""So many moved units and changed cells a result lists, and so many indicators behind each move."""
Indices = npt.NDArray[np.int64]
_SCORED_BITS = 19  # a year has 19 periods: in a pattern the lowest bits say where cells are, the next where scored ones
_CELL_BITS = (1 << _SCORED_BITS) - 1


@dataclass(frozen=True)
class Rows:
    """Which period and unit each row of an indicator is, by their positions in the base."""

    periods: Indices
    units: Indices


@dataclass(frozen=True)
class Standing:
    """The real side: each unit's exact total, how many indicators count in it, whether it may have a place.

    By the unit's position.
    """

    totals: Sequence[Fraction]
    indicators: Sequence[int]
    ranked: Sequence[bool]


@dataclass(frozen=True)
class _Moved:
    """One altered indicator: by unit the change of its part of the total, and the row that changed most."""

    one: Altered
    rows: Rows
    real: Marks
    simulated: Marks
    change: Numbers
    below: int
    most: Indices


@dataclass
class Comparison:
    """One variant while its indicators are evaluated; `units` is how many the base has.

    `periods` and `blend`: how the rows of an indicator become marks.
    """

    units: int
    periods: Sequence[Period]
    blend: SpanBlend
    moved: list[_Moved] = field(default_factory=list)
    gained: npt.NDArray[np.int64] = field(init=False)
    factors: "Factors" = field(init=False)

    def __post_init__(self) -> None:
        """No unit has an indicator more or less yet."""
        self.gained = np.zeros(self.units, np.int64)
        self.factors = Factors(self.periods, self.blend)

    def add(self, one: Altered, rows: Rows, real: Marks, simulated: Marks) -> None:
        """Note an indicator's marks, real and simulated, over the same rows."""
        below = lcm(real.below, simulated.below)
        real, simulated = real.over(below), simulated.over(below)
        before, had = parts_of(rows, real, self.units, self.factors)
        after, has = parts_of(rows, simulated, self.units, self.factors)
        if one.total:
            self.gained += has.astype(np.int64) - had
        change = narrow(after - before) if one.total else np.zeros(self.units, np.int64)
        self.moved.append(
            _Moved(one, rows, real, simulated, change, below * self.factors.scale, _most_changed(rows, real, simulated))
        )


@dataclass
class Factors:
    """By how much cells count, times `scale`, for units with cells in the same periods and states.

    `scale` makes every factor whole: SCALE, and what weights need beside.
    """

    periods: Sequence[Period]
    blend: SpanBlend
    scale: int = field(init=False)
    _known: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the scale."""
        self.scale = SCALE * lcm(*((one / WHOLE).denominator for one in (self.blend.blend.weights or {}).values()))

    def of(self, pattern: int) -> list[int]:
        """The factor of each period; a pattern says in which periods a unit has a cell, and a scored one."""
        if pattern not in self._known:
            self._known[pattern] = self._of(pattern & _CELL_BITS, pattern >> _SCORED_BITS)
        return self._known[pattern]

    def _of(self, cells: int, scored: int) -> list[int]:
        where = [number for number in range(len(self.periods)) if scored >> number & 1]
        kinds = Counter(period.kind for number, period in enumerate(self.periods) if cells >> number & 1)
        factors = self.blend.factors(kinds, Counter(self.periods[number].kind for number in where))
        if self.blend.blend.how == "last":
            where = sorted(where, key=lambda number: latest(self.periods[number]))[-1:]
        found = [0] * len(self.periods)
        for number in where:
            whole = factors[self.periods[number].kind] * self.scale
            found[number] = whole.numerator  # no denominator is left
        return found


def parts_of(rows: Rows, marks: Marks, units: int, factors: Factors) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Each unit's mark times `below` × `factors.scale`, a whole number, and whether it has a score at all.

    Units with cells in the same periods and states are told together: there are few such patterns.
    """
    scored = marks.states == SCORED
    there = marks.states != ABSENT
    bits = np.left_shift(np.int64(1), rows.periods)
    patterns = np.zeros(units, np.int64)
    np.add.at(patterns, rows.units, there * bits + (scored * bits << _SCORED_BITS))  # a unit has one row a period
    known, pattern = np.unique(patterns, return_inverse=True)
    table = [factors.of(one) for one in known.tolist()]
    counts = np.array([[factor != 0 for factor in row] for row in table], np.bool_)
    where = np.flatnonzero(scored)
    where = where[counts[pattern[rows.units[where]], rows.periods[where]]]
    values, at = marks.values[where], rows.units[where]
    alike = all(len(set(row) - {0}) <= 1 for row in table)
    if alike:
        most = int(np.abs(values).max(initial=0))
        fits = values.dtype != object and most * max(1, len(values)) < ROOM_OF_64_BITS
        sums = np.zeros(units, np.int64 if fits else object)
        np.add.at(sums, at, values if fits else values.astype(object))
        one = np.array([max(row, default=0) for row in table], object)
        return sums.astype(object) * one[pattern], patterns >> _SCORED_BITS != 0
    each = np.array(table, object)[pattern[at], rows.periods[where]]
    parts = np.zeros(units, object)
    np.add.at(parts, at, values.astype(object) * each)
    return parts, patterns >> _SCORED_BITS != 0


def _most_changed(rows: Rows, real: Marks, simulated: Marks) -> Indices:
    """By unit the row whose score changed most, a missing one counting as 0; -1 where no row changed."""
    amount = np.abs(simulated.values - real.values).astype(np.float64)
    touched = np.flatnonzero((amount != 0) | (real.states != simulated.states))
    most = np.full(int(rows.units.max(initial=-1)) + 1, -1, np.int64)
    ordered = touched[np.lexsort((-touched, amount[touched]))]
    most[rows.units[ordered]] = ordered  # of several writes to one place the last one stands
    return most


@dataclass(frozen=True)
class Names:
    """How positions are told: period keys; id, code and name of units."""

    periods: Sequence[str]
    units: Sequence[tuple[UUID, str, str]]


def result_of(variant: Comparison, standing: Standing, names: Names) -> dict[str, Any]:
    """What a variant moves, as it is answered; `simulated` and the hash are added by the caller."""
    real, simulated, below = _totals(variant, standing)
    told = list(zip(standing.indicators, variant.gained, standing.ranked, strict=True))
    before = [ranked and count > 0 for count, _, ranked in told]
    after = [ranked and count + int(more) > 0 for count, more, ranked in told]
    both = [unit for unit in range(variant.units) if before[unit] and after[unit]]
    agreement = domain.kendall([real[unit] for unit in both], [simulated[unit] for unit in both])
    rho = domain.spearman([real[unit] for unit in both], [simulated[unit] for unit in both])
    places, new_places = _places(real, before), _places(simulated, after)
    rows = [
        unit
        for unit in range(variant.units)
        if real[unit] != simulated[unit] or places[unit] != new_places[unit]
    ]  # fmt: skip
    rows.sort(key=lambda unit: (-abs(_rise(places, new_places, unit)), -abs(simulated[unit] - real[unit]), unit))
    return {
        "ranked": len(both),
        "moved": sum(1 for unit in both if places[unit] != new_places[unit]),
        "changed": len(rows),
        "spearman": None if rho is None else rho.text(),
        "kendall": None if agreement.tau is None else agreement.tau.text(),
        "pairs": {"same": agreement.same, "opposite": agreement.opposite, "tied": agreement.tied},
        "units": [
            {
                **_unit(names, unit),
                "real_place": places.get(unit),
                "simulated_place": new_places.get(unit),
                "rises": _rise(places, new_places, unit),
                "real_total": ratio_text(Fraction(real[unit], below)),
                "simulated_total": ratio_text(Fraction(simulated[unit], below)),
                "change": ratio_text(Fraction(simulated[unit] - real[unit], below)),
                "because": _because(variant, unit, names, below),
            }
            for unit in rows[:MOST_UNITS]
        ],
        "indicators": [_indicator(one) for one in variant.moved],
        "cells": _cells(variant, names),
    }


def _totals(variant: Comparison, standing: Standing) -> tuple[list[int], list[int], int]:
    """Real and simulated totals of all units over one denominator."""
    changes: dict[int, Numbers] = {}
    for one in variant.moved:
        # Each fits in 64 bits, their sum might not.
        changes[one.below] = changes.get(one.below, np.zeros(variant.units, object)) + one.change.astype(object)
    below = lcm(*changes, *(total.denominator for total in standing.totals))
    real = [total.numerator * (below // total.denominator) for total in standing.totals]
    simulated = list(real)
    for part, numbers in changes.items():
        factor = below // part
        for unit, number in enumerate(numbers):
            simulated[unit] += int(number) * factor
    return real, simulated, below


def _places(totals: Sequence[int], ranked: Sequence[bool]) -> "_Places":
    units = [unit for unit, counts in enumerate(ranked) if counts]
    return _Places(zip(units, domain.places_of([totals[unit] for unit in units]), strict=True))


class _Places(dict[int, int]):
    """Place by unit; a unit that is not ranked has none."""

    def __missing__(self, unit: int) -> None:
        return None


def _rise(before: Mapping[int, int], after: Mapping[int, int], unit: int) -> int:
    """How many places a unit rises; 0 where it has no place on one side."""
    return before[unit] - after[unit] if unit in before and unit in after else 0


def _unit(names: Names, unit: int) -> dict[str, Any]:
    identity, code, name = names.units[unit]
    return {"unit_id": str(identity), "unit": code, "unit_name": name}


def _because(variant: Comparison, unit: int, names: Names, below: int) -> list[dict[str, Any]]:
    """The indicators that changed a unit's total most, each with the cell that changed most."""
    parts = [(int(one.change[unit]) * (below // one.below), one) for one in variant.moved if one.change[unit]]
    parts.sort(key=lambda part: (-abs(part[0]), part[1].one.code))
    return [
        {
            "indicator": one.one.code,
            "change": ratio_text(Fraction(change, below)),
            "cell": _cell(one, int(one.most[unit]), names),
        }
        for change, one in parts[:REASONS]
    ]


def _cell(one: _Moved, row: int, names: Names) -> dict[str, Any]:
    """A cell with what it really scored and what it would score."""
    below = one.real.below  # and the simulated one's
    return {
        "period": names.periods[int(one.rows.periods[row])],
        "real_score": _score(one.real, row, below),
        "real_state": _state(one.real, row),
        "simulated_score": _score(one.simulated, row, below),
        "simulated_state": _state(one.simulated, row),
    }


def _score(marks: Marks, row: int, below: int) -> str | None:
    return ratio_text(Fraction(int(marks.values[row]), below)) if marks.states[row] == SCORED else None


def _state(marks: Marks, row: int) -> str:
    return "absent" if marks.states[row] == ABSENT else States[marks.states[row]]


def _indicator(one: _Moved) -> dict[str, Any]:
    """How many cells of an altered indicator changed, and how far its mean mark did."""
    changed = (one.real.values != one.simulated.values) | (one.real.states != one.simulated.states)
    told = {state: int((one.simulated.states == number).sum()) for number, state in enumerate(States)}
    return {
        "indicator": one.one.code,
        "name": one.one.name,
        "kind": one.one.kind,
        "in_total": one.one.total,
        "cells": {**told, "changed": int(changed.sum())},
        "refusals": dict(sorted(one.simulated.refusals.items())),
        "real_mean": _mean(one.real, one.real.below),
        "simulated_mean": _mean(one.simulated, one.simulated.below),
    }


def _mean(marks: Marks, below: int) -> str | None:
    scored = marks.values[marks.states == SCORED]
    return ratio_text(Fraction(sum(scored.tolist()), len(scored) * below)) if len(scored) else None


def _cells(variant: Comparison, names: Names) -> list[dict[str, Any]]:
    """The cells that changed most, over all altered indicators; a missing score counts as 0."""
    found: list[tuple[int, str, int, _Moved]] = []
    below = lcm(*(one.below for one in variant.moved))
    for one in variant.moved:
        amount = np.abs(one.simulated.values - one.real.values)
        rough = amount.astype(np.float64)
        count = min(MOST_CELLS, int((rough != 0).sum()))
        # All that tie with the last one stay in, so that which are listed does not depend on the order of a partition.
        line = np.partition(rough, len(rough) - count)[len(rough) - count] if count else np.inf
        rows = np.flatnonzero(rough >= line)[: 4 * MOST_CELLS].tolist()
        factor = below // one.below
        found += [(int(amount[row]) * factor, one.one.code, row, one) for row in rows]
    found.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))
    return [
        {"indicator": code, **_unit(names, int(one.rows.units[row])), **_cell(one, row, names)}
        for _, code, row, one in found[:MOST_CELLS]
    ]


def scaled(marks: Marks, factors: Numbers, below: int) -> Marks:
    """Marks whose rows count `factors` over `below` times as much: what new full marks make of scores."""
    numbers = marks.values.astype(object) * factors
    return Marks(narrow(numbers), marks.below * below, marks.states)


def narrow(numbers: Numbers) -> Numbers:
    """Whole numbers in 64 bits where they all fit: much less room."""
    most = max((abs(number) for number in numbers.tolist()), default=0)
    return numbers.astype(np.int64) if most < ROOM_OF_64_BITS else numbers
