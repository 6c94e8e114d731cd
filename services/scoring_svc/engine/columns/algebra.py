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
from math import ceil, floor, gcd, lcm
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

    `moving` if denominators differ from row to row; then `reach` bounds the values themselves. `fixed` is the number if
    it is the same in every row.
    """

    low: int
    high: int
    den: int
    run: Callable[[Batch], Vector]
    moving: bool = False
    fixed: Fraction | None = None
    reach: Ends | None = None

    def __post_init__(self) -> None:
        fits(self.low, self.high, self.den)

    @property
    def span(self) -> Ends:
        """The lowest and highest value, 0 included: a row without a value holds 0."""
        least = 1 if self.moving else self.den
        low, high = self.reach or (Fraction(self.low, least), Fraction(self.high, least))
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
    up, down = factor.numerator, factor.denominator
    if not column.moving:
        common = gcd(up, column.den)
        up, down = up // common, factor.denominator * (column.den // common)
    else:
        down *= column.den
    low, high = sorted((column.low * up, column.high * up))

    def run(batch: Batch) -> Vector:
        found = column.of(batch)
        return Vector(found.num * up, found.den * factor.denominator if column.moving else down, found.stop)

    ends = [end * factor for end in column.span]
    return Column(low, high, down, run, column.moving, reach=(min(ends), max(ends)))


@dataclass(frozen=True)
class _Pair:
    """Two columns over one denominator: the bounds of both numerators, and how they are had."""

    one: tuple[int, int]
    two: tuple[int, int]
    den: int
    moving: bool
    run: Callable[[Vector, Vector], tuple[Ints, Ints, Any]]


def _together(a: Column, b: Column) -> _Pair:
    moving = a.moving or b.moving
    den = a.den * b.den if moving else lcm(a.den, b.den)
    up, down = den // a.den, den // b.den
    # A moving denominator may be 1 in some row, so the unscaled ends stay possible.
    one = (min(a.low, a.low * up), max(a.high, a.high * up))
    two = (min(b.low, b.low * down), max(b.high, b.high * down))
    fits(den, *one, *two)
    if moving:
        return _Pair(one, two, den, moving, lambda x, y: (x.num * y.den, y.num * x.den, x.den * y.den))
    return _Pair(one, two, den, moving, lambda x, y: (x.num * up, y.num * down, den))


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
    return Column(pair.one[0] + pair.two[0], pair.one[1] + pair.two[1], pair.den, run, pair.moving, reach=ends)


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

    return Column(low, high, a.den * b.den, run, a.moving or b.moving, reach=_span(a.span, b.span))


def divided(a: Column, b: Column) -> Column:
    """The first by the second; 0 where the second is 0, which the caller answers."""
    if b.fixed:
        return scaled(a, 1 / b.fixed)
    if not a.moving and not b.moving:
        common = lcm(a.den, b.den)
        up, down = common // a.den, common // b.den
    else:
        up, down = b.den, a.den
    widest = max(abs(b.low), abs(b.high), 1)
    low, high = sorted((min(a.low, 0) * up, max(a.high, 0) * up))
    most = max(-low, high)

    def run(batch: Batch) -> Vector:
        x, y = a.of(batch), b.of(batch)
        constant_dens = not a.moving and not b.moving
        above, below = (up, down) if constant_dens else (y.den, x.den)
        num, den = x.num * above * np.sign(y.num), np.abs(y.num) * below
        return Vector(num, np.where(y.num == 0, 1, den), earlier(x.stop, y.stop))

    size = max(-a.span[0], a.span[1]) * b.den  # a divisor is at least one part of its greatest denominator
    return Column(-most, most, widest * down, run, moving=True, reach=(-size, size))


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
    ups = [1 if moving else den // value.den for value in values]

    def run(batch: Batch) -> Vector:
        num, dens = np.zeros(batch.size, np.int64), np.ones(batch.size, np.int64)
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
            dens = np.where(taken, found.den, dens) if moving else dens
            stop = np.where(taken, found.stop, stop)
            waiting = waiting & ~taken
        return Vector(num, dens if moving else den, stop)

    ends = [(value.low * up, value.high * up) for value, up in zip(values, ups, strict=True)]
    low, high = min(0, *(low for low, _ in ends)), max(0, *(high for _, high in ends))
    spans = [value.span for value in values]
    reach = min(low for low, _ in spans), max(high for _, high in spans)
    return Column(low, high, den, run, moving, reach=reach)


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


def _half_up(num: Ints, den: Any) -> Ints:
    return np.asarray(np.sign(num) * ((2 * np.abs(num) + den) // (2 * den)))


def _half_even(num: Ints, den: Any) -> Ints:
    size = np.abs(num)
    down = size // den
    rest = 2 * (size - down * den)
    return np.asarray(np.sign(num) * (down + ((rest > den) | ((rest == den) & (down % 2 == 1)))))


ROUNDS: dict[str, Callable[[Ints, Any], Ints]] = {
    "half_up": _half_up,
    "half_even": _half_even,
    "floor": lambda num, den: num // den,
    "ceiling": lambda num, den: -((-num) // den),
}


def rounded(column: Column, mode: str, places: int) -> Column:
    """Rounded to so many places."""
    return rounding(column, mode, places)[0]


def rounding(column: Column, mode: str, places: int) -> tuple[Column, Column]:
    """Rounded to so many places, and what that moved; the only place where anything is divided."""
    shift, den = 10**places, column.den
    if not column.moving:
        common = gcd(shift, den)
        up, den = shift // common, den // common
    else:
        up = shift
    fits(2 * column.low * up, 2 * column.high * up, 2 * den, 2 * max(-column.low, column.high) * up + den)

    def parted(batch: Batch) -> tuple[Ints, Any, Vector]:
        found = column.of(batch)
        return np.where(found.stop, 0, found.num) * up, found.den if column.moving else den, found

    def run(batch: Batch) -> Vector:
        num, dens, found = parted(batch)
        return Vector(ROUNDS[mode](num, dens), shift, found.stop)

    def rest(batch: Batch) -> Vector:
        num, dens, found = parted(batch)
        down = num // dens
        return Vector((value.of(batch).num - down) * dens - (num - down * dens), dens * shift, found.stop)

    low, high = (end * shift for end in column.span)
    value = Column(floor(low), ceil(high), shift, run)
    return value, Column(-den, den, den * shift, rest, column.moving)


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
