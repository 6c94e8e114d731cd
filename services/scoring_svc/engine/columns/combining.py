"""Many rows to one, as columns: combining by group, leaving a row itself out, places in an order.

Belongs here: sorted segments and what is read from them, always on exact values. Does not belong here: which rows
belong together and what each gives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.scoring_svc.engine.columns.algebra import (
    MOVING,
    TOO_WIDE,
    Column,
    NoColumn,
    Test,
    Vector,
    earlier,
    fits,
    nothing,
)
from services.scoring_svc.engine.columns.batch import Batch, Flags, Ints, Small
from services.scoring_svc.engine.language import Combine

EMPTY, TRIMMED = 1, 2
"""Why there is nothing to combine: NOTHING_TO_COMBINE, TRIMMED_AWAY."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """One value per segment; `failed` is EMPTY or TRIMMED where there is none."""

    num: Ints
    den: Any
    failed: Small


def order_keys(num: Ints, den: Any) -> list[Ints]:
    """Columns that order fractions exactly, the most significant first: the whole part, then digits of the rest.

    Two fractions with denominators below 2^b differ by at least 2^-2b, so that many binary digits tell them apart.
    """
    if np.ndim(den) == 0:
        return [num]
    bits = int(np.max(den, initial=1)).bit_length()
    shift = 62 - bits
    whole = num // den
    keys, rest = [whole], num - whole * den
    for _ in range(-(-2 * bits // shift)):
        digit = (rest << shift) // den
        rest = (rest << shift) - digit * den
        keys.append(digit)
    return keys


def check_order(column: Column) -> None:
    """Refuse fractions whose denominators leave no room for the digits that order them."""
    if column.moving and column.den.bit_length() > 52:  # noqa: PLR2004 - ten bits a round
        raise NoColumn(TOO_WIDE)


@dataclass(frozen=True, slots=True)
class Segments:
    """Items sorted by segment, inside by value: the sorted items, where each segment starts, and its size."""

    order: Ints
    start: Ints
    size: Ints
    keys: list[Ints]

    @classmethod
    def of(cls, key: Ints, count: int, keys: list[Ints]) -> "Segments":
        """Items with their segment (0 to `count` - 1), ordered by `keys`."""
        order = np.lexsort((*keys[::-1], key))
        size = np.bincount(key, minlength=count).astype(np.int64)
        return cls(order, np.cumsum(size) - size, size, [one[order] for one in keys])

    def position(self) -> Ints:
        """Each sorted item's position in its segment, from 0."""
        return np.arange(self.order.size) - np.repeat(self.start, self.size)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a column of combined values will hold, as a column says it; `unit` is 1 where an empty row has 1."""

    low: int
    high: int
    den: int
    moving: bool = False
    unit: int = 1


def combined_bounds(how: Combine, column: Column, most: int) -> Bounds:
    """The bounds of at most so many such values combined."""
    if how.word in {"highest", "lowest"}:
        check_order(column)
        return Bounds(min(column.low, 0), max(column.high, 0), column.den, column.moving)
    if column.moving:
        raise NoColumn(MOVING)
    low, high = min(column.low, 0) * most, max(column.high, 0) * most
    # The sum of all but one is taken by subtraction.
    fits(2 * low, 2 * high)
    mean = how.word != "sum"
    return Bounds(low, high, column.den * most if mean else column.den, mean, column.den)


def combine(how: Combine, key: Ints, count: int, num: Ints, den: Any, own: tuple[Ints, Ints] | None = None) -> Reduced:
    """Combine the items of each segment.

    With `own` = (segment, item or -1) per row there is one value per row instead, without the row's own item.
    """
    found = Segments.of(key, count, order_keys(num, den))
    seg, mine = (np.arange(count), np.full(count, -1)) if own is None else (own[0], _positions(found, own[1]))
    size, has = found.size[seg], mine >= 0
    left = size - has
    num = num[found.order]
    if how.word in {"highest", "lowest"}:
        at = found.start[seg] + ((mine == 0) if how.word == "lowest" else size - 1 - (mine == size - 1))
        some = left > 0
        at = np.where(some, at, 0)
        dens = den if np.ndim(den) == 0 else np.where(some, _at(den[found.order], at), 1)
        return Reduced(np.where(some, _at(num, at), 0), dens, np.where(some, 0, EMPTY).astype(np.int16))
    low, high = how.drop_lowest, how.drop_highest
    position = found.position()
    kept = (position >= low) & (position < np.repeat(found.size, found.size) - high)
    total = np.zeros(count, np.int64)
    np.add.at(total, np.repeat(np.arange(count), found.size)[kept], num[kept])
    number = left - low - high
    # Without the own item the kept ones move by one: what falls out is the own item, or the kept one next to it.
    gone = found.start[seg] + np.clip(mine, low, np.maximum(size - 1 - high, low))
    gone_counts = has & (number > 0)
    value = total[seg] - np.where(gone_counts, _at(num, np.where(gone_counts, gone, 0)), 0)
    failed = np.where(left == 0, EMPTY, np.where(number <= 0, TRIMMED, 0)).astype(np.int16)
    value = np.where(failed, 0, value)
    return Reduced(value, den if how.word == "sum" else den * np.maximum(number, 1), failed)


def _at(values: Ints, at: Ints) -> Ints:
    return values[at] if values.size else np.zeros(at.shape, np.int64)


def _positions(found: Segments, item: Ints) -> Ints:
    """The position of each row's own item in its segment, -1 where it has none."""
    where = np.empty(found.order.size, np.int64)
    where[found.order] = found.position()
    return np.where(item >= 0, _at(where, np.maximum(item, 0)), -1)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every row gives: whether it takes part, why that cannot be known, its value, and what it is grouped by."""

    held: Flags
    stop: Small
    value: Vector
    by: Ints | None

    def after(self, stop: Small) -> "Parts":
        """The parts where something was read before."""
        return Parts(self.held, earlier(stop, self.stop), self.value, self.by)

    def taken(self, refused: Small | None = None) -> Flags:
        """The rows that take part."""
        taken: Flags = self.held & (self.stop == 0)
        return taken if refused is None else taken & (refused == 0)

    def items(self, owner: Ints, taken: Flags | None = None) -> tuple[Ints, Ints, Any, Ints | None]:
        """The rows that take part, as items to combine."""
        rows = self.taken() if taken is None else taken
        den = self.value.den if np.ndim(self.value.den) == 0 else self.value.den[rows]
        return owner[rows], self.value.num[rows], den, None if self.by is None else self.by[rows]


def parts_column(only: Test | None, value: Column, by: Column | None) -> Callable[[Batch], Parts]:
    """The parts of all rows, read in the order `only`, the value, what it is grouped by."""

    def find(batch: Batch) -> Parts:
        held, stop = (np.ones(batch.size, np.bool_), nothing(batch)) if only is None else only.of(batch)
        given = value.of(batch)
        groups = None if by is None else by.of(batch)
        then = given.stop if groups is None else earlier(given.stop, groups.stop)
        stop = earlier(stop, np.where(held, then, 0).astype(np.int16))
        return Parts(held, stop, given, None if groups is None else groups.num)

    def found(batch: Batch) -> Parts:
        parts: Parts = batch.remembered(found, lambda: find(batch))
        return parts

    return found


def first_stop(owner: Ints, stop: Small, count: int) -> Small:
    """For every owner why the first of its rows that has no value has none."""
    found = np.zeros(count, np.int16)
    rows = np.flatnonzero(stop)[::-1]  # of several rows of one owner the last one written stays
    found[owner[rows]] = stop[rows]
    return found
