"""Exact numbers as columns: whole numerators over a denominator, bounded before anything runs.

Belongs here: columns, tests, and the operations that make new ones; every operation computes the bounds of what it will
hold. Does not belong here: what a primitive means; reading facts.

A column of values is a numerator per row over one constant denominator, or over a denominator per row where a fact
divides. Nothing is divided before a rounding. What could pass 62 bits is refused when the column is made, never at run
time, so no sum or product can wrap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import floor, gcd, lcm
from typing import Any, TypeVar

import numpy as np

from services.scoring_svc.engine.columns.batch import Batch, Flags, Ints, Small

LIMIT = 1 << 62
Ends = tuple[Fraction, Fraction]
_ZERO = Fraction(0)
TOO_WIDE, NO_FORM, MOVING = "TOO_WIDE", "NO_COLUMN_FORM", "MOVING_DENOMINATOR"


class NoColumn(Exception):
    """A value has no column: it has no column form, could pass 62 bits, or would add fractions without end.

    `at` is the JSON pointer of the innermost node that has none.
    """

    def __init__(self, code: str, at: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.at = at


@dataclass(frozen=True, slots=True)
class Vector:
    """What a column holds in a batch: numerators, denominators (above 0), and why a row has no value (0: it has)."""

    num: Ints
    den: Any
    stop: Small

    def dens(self) -> Ints:
        """The denominator of every row."""
        return np.broadcast_to(np.asarray(self.den, np.int64), self.num.shape)


@dataclass(frozen=True, eq=False)
class Column:
    """A value of every row, known before any fact: its numerator's bounds and its (greatest) denominator.

    `moving` if denominators differ from row to row; then all are multiples of `unit`, and `reach` bounds the values
    themselves. `fixed` is the number if it is the same in every row.
    """

    low: int
    high: int
    den: int
    run: Callable[[Batch], Vector]
    moving: bool = False
    fixed: Fraction | None = None
    reach: Ends | None = None
    unit: int = 1

    def __post_init__(self) -> None:
        fits(self.low, self.high, self.den)

    @property
    def common(self) -> int:
        """What divides every row's denominator."""
        return self.unit if self.moving else self.den

    @property
    def nought(self) -> bool:
        """Whether the value is 0, if it is any, so that every denominator will do."""
        return self.low == self.high == 0

    @property
    def span(self) -> Ends:
        """The lowest and highest value, 0 included: a row without a value holds 0."""
        low, high = self.reach or (Fraction(self.low, self.common), Fraction(self.high, self.common))
        return min(low, _ZERO), max(high, _ZERO)

    def narrowed(self, low: Fraction | None, high: Fraction | None) -> "Column":
        """The same column, known never to leave these ends."""
        least, most = self.span
        ends = least if low is None else max(least, low), most if high is None else min(most, high)
        return replace(self, reach=ends, run=self.of) if self.moving else self

    def of(self, batch: Batch) -> Vector:
        """The column in a batch, found once."""
        found: Vector = batch.remembered(self, lambda: self.run(batch))
        return found


@dataclass(frozen=True, eq=False)
class Test:
    """Whether something holds in every row, and why that cannot be known (0: it can)."""

    run: Callable[[Batch], tuple[Flags, Small]]

    def of(self, batch: Batch) -> tuple[Flags, Small]:
        """The test in a batch, found once."""
        found: tuple[Flags, Small] = batch.remembered(self, lambda: self.run(batch))
        return found


COMPARES: dict[str, Any] = {
    "below": np.less,
    "at_most": np.less_equal,
    "equal": np.equal,
    "at_least": np.greater_equal,
    "above": np.greater,
}


def fits(*ends: int) -> None:
    """Refuse what could pass 62 bits."""
    if max(map(abs, ends)) >= LIMIT:
        raise NoColumn(TOO_WIDE)


def nothing(batch: Batch) -> Small:
    """No stop in any row."""
    return np.zeros(batch.size, np.int16)


def earlier(first: Small, then: Small) -> Small:
    """The stop that is met first in reading order."""
    return np.where(first, first, then)


def constant(number: Fraction) -> Column:
    """The same number in every row."""
    num, den = number.numerator, number.denominator
    return Column(num, num, den, lambda batch: Vector(np.full(batch.size, num), den, nothing(batch)), fixed=number)


def stopped(reason: int) -> Column:
    """No value in any row, for one reason."""
    return Column(
        0, 0, 1, lambda batch: Vector(np.zeros(batch.size, np.int64), 1, np.full(batch.size, reason, np.int16))
    )


_End = TypeVar("_End", int, Fraction)


def _span(a: tuple[_End, _End], b: tuple[_End, _End]) -> tuple[_End, _End]:
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def scaled(column: Column, factor: Fraction) -> Column:
    """The column times a constant."""
    if column.fixed is not None:
        return constant(column.fixed * factor)
    common = gcd(factor.numerator, column.common)
    up, down = factor.numerator // common, factor.denominator
    low, high = sorted((column.low * up, column.high * up))

    def run(batch: Batch) -> Vector:
        found = column.of(batch)
        return Vector(found.num * up, found.den // common * down, found.stop)

    ends = [end * factor for end in column.span]
    unit, den = column.common // common * down, column.den // common * down
    return Column(low, high, den, run, column.moving, reach=(min(ends), max(ends)), unit=unit)


@dataclass(frozen=True)
class _Pair:
    """Two columns over one denominator: the bounds of both numerators, and how they are had."""

    one: tuple[int, int]
    two: tuple[int, int]
    den: int
    unit: int
    run: Callable[[Vector, Vector], tuple[Ints, Ints, Any]]


def _together(a: Column, b: Column) -> _Pair:
    shared = gcd(a.common, b.common)
    up, down = b.den // shared, a.den // shared
    # A moving denominator may be small in some row, so the unscaled ends stay possible.
    one = (min(a.low, a.low * up), max(a.high, a.high * up))
    two = (min(b.low, b.low * down), max(b.high, b.high * down))
    fits(a.den * up, *one, *two)

    def run(x: Vector, y: Vector) -> tuple[Ints, Ints, Any]:
        rest = y.den // shared
        return x.num * rest, y.num * (x.den // shared), x.den * rest

    return _Pair(one, two, a.den * up, a.common * (b.common // shared), run)


def plus(a: Column, b: Column) -> Column:
    """The sum of both."""
    if a.fixed is not None and b.fixed is not None:
        return constant(a.fixed + b.fixed)
    pair = _together(a, b)

    def run(batch: Batch) -> Vector:
        x, y = a.of(batch), b.of(batch)
        one, two, den = pair.run(x, y)
        return Vector(one + two, den, earlier(x.stop, y.stop))

    ends = a.span[0] + b.span[0], a.span[1] + b.span[1]
    low, high = pair.one[0] + pair.two[0], pair.one[1] + pair.two[1]
    return Column(low, high, pair.den, run, a.moving or b.moving, reach=ends, unit=pair.unit)


def minus(a: Column, b: Column) -> Column:
    """The first less the second."""
    return plus(a, scaled(b, Fraction(-1)))


def times(a: Column, b: Column) -> Column:
    """The product of both."""
    for one, other in ((a, b), (b, a)):
        if one.fixed is not None:
            return scaled(other, one.fixed)
    low, high = _span((a.low, a.high), (b.low, b.high))

    def run(batch: Batch) -> Vector:
        x, y = a.of(batch), b.of(batch)
        return Vector(x.num * y.num, x.den * y.den, earlier(x.stop, y.stop))

    moving, ends = a.moving or b.moving, _span(a.span, b.span)
    return Column(low, high, a.den * b.den, run, moving, reach=ends, unit=a.common * b.common)


def divided(a: Column, b: Column) -> Column:
    """The first by the second; 0 where the second is 0, which the caller answers."""
    if b.fixed:
        return scaled(a, 1 / b.fixed)
    shared = gcd(a.common, b.common)
    up, down = b.den // shared, a.den // shared
    widest = max(abs(b.low), abs(b.high), 1)
    low, high = sorted((min(a.low, 0) * up, max(a.high, 0) * up))
    most = max(-low, high)

    def run(batch: Batch) -> Vector:
        x, y = a.of(batch), b.of(batch)
        num, below = x.num * (y.den // shared) * np.sign(y.num), x.den // shared
        den = np.where(y.num == 0, 1, np.abs(y.num)) * below
        return Vector(num, den, earlier(x.stop, y.stop))

    size = max(-a.span[0], a.span[1]) * b.den  # a divisor is at least one part of its greatest denominator
    return Column(-most, most, widest * down, run, moving=True, reach=(-size, size), unit=a.common // shared)


def compared(a: Column, how: str, b: Column) -> Test:
    """Whether the exact values compare in this way."""
    pair = _together(a, b)

    def run(batch: Batch) -> tuple[Flags, Small]:
        x, y = a.of(batch), b.of(batch)
        one, two, _ = pair.run(x, y)
        return COMPARES[how](one, two), earlier(x.stop, y.stop)

    return Test(run)


def several(tests: Sequence[Test], *, decides: bool) -> Test:
    """All (`decides` False) or any (True), read from the first and stopped when decided."""

    def run(batch: Batch) -> tuple[Flags, Small]:
        undecided, stop = np.ones(batch.size, np.bool_), nothing(batch)
        for test in tests:
            held, why = test.of(batch)
            stop = np.where(undecided, why, stop)
            undecided = undecided & (why == 0) & (held != decides)
        return undecided != decides, stop

    return Test(run)


def choose(tests: Sequence[Test], values: Sequence[Column], first: Sequence[Column] = ()) -> Column:
    """The value of the first test that holds, otherwise the last value; `first` is read before all tests."""
    moving = any(value.moving for value in values)
    den = max(value.den for value in values) if moving else lcm(*(value.den for value in values))
    unit = gcd(*(value.common for value in values if not value.nought)) or 1
    ups = [1 if moving else den // value.den for value in values]

    def run(batch: Batch) -> Vector:
        num, dens = np.zeros(batch.size, np.int64), np.full(batch.size, unit)
        stop = reduce(earlier, [column.of(batch).stop for column in first], nothing(batch))
        waiting = stop == 0
        for index, (value, up) in enumerate(zip(values, ups, strict=True)):
            taken = waiting
            if index < len(tests):
                held, why = tests[index].of(batch)
                stop = np.where(waiting, why, stop)
                waiting = waiting & (why == 0)
                taken = waiting & held
            found = value.of(batch)
            num = np.where(taken, found.num * up, num)
            dens = np.where(taken, found.den, dens) if moving and not value.nought else dens
            stop = np.where(taken, found.stop, stop)
            waiting = waiting & ~taken
        return Vector(num, dens if moving else den, stop)

    ends = [(value.low * up, value.high * up) for value, up in zip(values, ups, strict=True)]
    low, high = min(0, *(low for low, _ in ends)), max(0, *(high for _, high in ends))
    spans = [value.span for value in values]
    reach = min(low for low, _ in spans), max(high for _, high in spans)
    return Column(low, high, den, run, moving, reach=reach, unit=unit)


def clamped(column: Column, floor_: Fraction | None, ceiling: Fraction | None) -> Column:
    """Not below the floor, then not above the ceiling."""
    for edge, how in ((floor_, "below"), (ceiling, "above")):
        if edge is None:
            continue
        bound = constant(edge)
        column = choose([compared(column, how, bound)], [bound, column])
        if column.moving:
            column = column.narrowed(edge, None) if how == "below" else column.narrowed(None, edge)
            continue
        end = floor(edge * column.den)
        low = max(column.low, min(end, 0)) if how == "below" else column.low
        high = min(column.high, max(end, 0)) if how == "above" else column.high
        column = Column(low, high, column.den, column.run)
    return column


def sized(column: Column) -> Column:
    """The size without the sign."""
    zero = constant(Fraction(0))
    return choose([compared(column, "below", zero)], [scaled(column, Fraction(-1)), column])


def lifted(column: Column, depth: int) -> Column:
    """A column of rows so deep, seen from the rows of their records."""

    def run(batch: Batch) -> Vector:
        here, rows = batch.ancestor(depth)
        found = column.of(here)
        if rows is None:
            return found
        return Vector(found.num[rows], found.den[rows] if column.moving else found.den, found.stop[rows])

    return replace(column, run=run)
