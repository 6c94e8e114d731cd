"""The lowest and highest attainable value of a node: unions of spans, never an estimate from below.

Belongs here: spans and their arithmetic (operands independent, no upper bound on records, peers or place).
Does not belong here: which span a primitive has; that stands with the primitive.

A leaf keeps the exact set it may have (the list of `allowed`, whole numbers, `as_if` values); a computed
value is the hull of what its operands attain, except that choices (`table`, `when`) keep the union of branches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from services.scoring_svc.engine.language import WHOLE_TYPES, Input, Interval
from services.scoring_svc.engine.numbers import rational

MOST_SPANS = 64
"""A union of more spans is widened to its hull, so that checking stays quick."""


@dataclass(frozen=True, slots=True)
class Span:
    """All numbers between two ends; None is no end. `whole` leaves only the whole numbers."""

    low: Fraction | None
    high: Fraction | None
    low_in: bool = True
    high_in: bool = True
    whole: bool = False

    def holds(self, number: Fraction) -> bool:
        """Whether the number lies inside."""
        if self.whole and number.denominator != 1:
            return False
        if self.low is not None and (number < self.low or (number == self.low and not self.low_in)):
            return False
        return self.high is None or number < self.high or (number == self.high and self.high_in)

    @property
    def empty(self) -> bool:
        """Whether no number lies inside."""
        if self.low is None or self.high is None:
            return False
        if self.low > self.high or (self.low == self.high and not (self.low_in and self.high_in)):
            return True
        if not self.whole:
            return False
        first = floor(self.low) + 1 if not self.low_in else ceil(self.low)
        last = ceil(self.high) - 1 if not self.high_in else floor(self.high)
        return first > last

    def tight(self) -> "Span":
        """The same set; the ends of whole numbers are drawn to the outermost whole numbers inside."""
        if not self.whole:
            return self
        low, high = self.low, self.high
        if low is not None:
            low = Fraction(ceil(low) if self.low_in else floor(low) + 1)
        if high is not None:
            high = Fraction(floor(high) if self.high_in else ceil(high) - 1)
        return Span(low, high, whole=True)


Reach = tuple[Span, ...]
ANYTHING: Reach = (Span(None, None),)


def point(number: Fraction) -> Reach:
    """Exactly one number."""
    return (Span(number, number, whole=number.denominator == 1),)


def from_interval(interval: Interval | None, *, whole: bool) -> Span:
    """The span of an interval's words."""
    if interval is None:
        return Span(None, None, whole=whole)
    low, high = interval.at_least or interval.above, interval.at_most or interval.below
    return Span(
        None if low is None else rational(low),
        None if high is None else rational(high),
        interval.above is None,
        interval.below is None,
        whole,
    )


def of_input(item: Input) -> Reach:
    """What a fact may be: `allowed`, the whole numbers of its type, and the values of `as_if`."""
    spans = list(allowed_spans(item))
    spans += [
        span
        for policy in (item.missing, item.exempt)
        if policy.as_if is not None
        for span in point(rational(policy.as_if))
    ]
    return union([tuple(spans)])


def allowed_spans(item: Input) -> Reach:
    """The numbers that `allowed` and the type leave; empty if none."""
    whole = item.type in WHOLE_TYPES
    floor_of_type = {"count": Fraction(0), "place": Fraction(1)}.get(item.type)
    if item.allowed is not None and item.allowed.listed is not None:
        spans = [span for text in item.allowed.listed for span in point(rational(text))]
    else:
        spans = [from_interval(None if item.allowed is None else item.allowed.interval, whole=whole)]
    if floor_of_type is not None:
        spans = [_not_below(span, floor_of_type) for span in spans if not whole or _may_be_whole(span)]
    return tuple(span.tight() for span in spans if not span.empty)


def _may_be_whole(span: Span) -> bool:
    return span.low != span.high or span.low is None or span.low.denominator == 1


def _not_below(span: Span, least: Fraction) -> Span:
    if span.low is None or span.low < least:
        return Span(least, span.high, high_in=span.high_in, whole=True)
    return Span(span.low, span.high, span.low_in, span.high_in, whole=True)


def union(parts: Iterable[Reach]) -> Reach:
    """Everything that one of the parts attains."""
    spans = tuple(dict.fromkeys(span for part in parts for span in part))
    return spans if len(spans) <= MOST_SPANS else (hull(spans),)


def hull(reach: Reach) -> Span:
    """The one span from the lowest to the highest."""
    if not reach:
        return Span(Fraction(0), Fraction(0), low_in=False, high_in=False)
    lows = [(span.low, not span.low_in) for span in reach if span.low is not None]
    highs = [(span.high, span.high_in) for span in reach if span.high is not None]
    low, low_out = min(lows) if len(lows) == len(reach) else (None, False)
    high, high_in = max(highs) if len(highs) == len(reach) else (None, True)
    return Span(low, high, not low_out, high_in, whole=all(span.whole for span in reach))


def plus(parts: list[Reach]) -> Reach:
    """The sums of independent operands."""
    hulls = [hull(part) for part in parts]
    lows, highs = [span.low for span in hulls], [span.high for span in hulls]
    return (
        Span(
            None if None in lows else sum((low for low in lows if low is not None), Fraction(0)),
            None if None in highs else sum((high for high in highs if high is not None), Fraction(0)),
            all(span.low_in for span in hulls),
            all(span.high_in for span in hulls),
            all(span.whole for span in hulls),
        ),
    )


def scaled(reach: Reach, factor: Fraction) -> Reach:
    """Everything times a constant."""
    span = hull(reach)
    if factor == 0:
        return point(Fraction(0))
    low = None if span.low is None else span.low * factor
    high = None if span.high is None else span.high * factor
    whole = span.whole and factor.denominator == 1
    if factor > 0:
        return (Span(low, high, span.low_in, span.high_in, whole),)
    return (Span(high, low, span.high_in, span.low_in, whole),)


_End = tuple[Fraction | None, bool, int]


def times(one: Reach, other: Reach) -> Reach:
    """The products of independent operands."""
    a, b = hull(one), hull(other)
    ends_a: list[_End] = [(a.low, a.low_in, -1), (a.high, a.high_in, 1)]
    ends_b: list[_End] = [(b.low, b.low_in, -1), (b.high, b.high_in, 1)]
    whole = a.whole and b.whole
    finite: list[tuple[Fraction, bool]] = []
    below = above = False
    for x, x_in, x_sign in ends_a:
        for y, y_in, y_sign in ends_b:
            if x is not None and y is not None:
                closed = (x_in and y_in) or (x == 0 and x_in) or (y == 0 and y_in)
                finite.append((x * y, closed))
                continue
            sign = _sign(x, x_sign) * _sign(y, y_sign)
            below, above = below or sign < 0, above or sign > 0
            if sign == 0:
                finite.append((Fraction(0), True))
    low = None if below else min(finite, key=lambda end: (end[0], not end[1]), default=None)
    high = None if above else max(finite, default=None)
    return (
        Span(
            None if low is None else low[0],
            None if high is None else high[0],
            low is None or low[1],
            high is None or high[1],
            whole,
        ),
    )


def _sign(end: Fraction | None, infinite: int) -> int:
    if end is None:
        return infinite
    return (end > 0) - (end < 0)


def clamp(reach: Reach, low: Fraction | None, high: Fraction | None) -> Reach:
    """Everything not below `low` and not above `high`, the rest drawn to that edge."""
    span = hull(reach)
    whole = span.whole and all(edge is None or edge.denominator == 1 for edge in (low, high))
    first, first_in, last, last_in = span.low, span.low_in, span.high, span.high_in
    if low is not None:
        if first is None or first < low:
            first, first_in = low, True
        if last is not None and last < low:
            last, last_in = low, True
    if high is not None:
        if last is None or last > high:
            last, last_in = high, True
        if first is not None and first > high:
            first, first_in = high, True
    return (Span(first, last, first_in, last_in, whole),)


def probes(edges: Iterable[Fraction], reach: Reach) -> list[Fraction]:
    """Numbers of the reach that stand for all its numbers as far as tests at these edges can tell.

    Between two neighbouring edges every test has one answer, so each edge, one number between any two, and one
    number beyond the outermost are enough; among whole numbers the neighbours of each edge are.
    """
    marks = {Fraction(0), *edges}
    marks.update(end for span in reach for end in (span.low, span.high) if end is not None)
    ordered = sorted(marks)
    tried = set(ordered) | {ordered[0] - 1, ordered[-1] + 1}
    tried.update((one + two) / 2 for one, two in pairwise(ordered))
    for mark in ordered:
        tried.update((Fraction(floor(mark) - 1), Fraction(floor(mark)), Fraction(ceil(mark)), Fraction(ceil(mark) + 1)))
    return sorted(number for number in tried if any(span.holds(number) for span in reach))
