"""Statistics of rankings and marks: places, rank correlation, spread, shares of a spread, the first change of order.

Belongs here: pure, exact arithmetic on whole numbers; a root is kept as its square and written with stated places. Does
not belong here: what a variant may change (variants.py), what is said of a set (diagnosis.py).
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from math import isqrt, lcm
from operator import mul

PLACES = 4
"""So many places correlations and shares are written with, rounded half up (away from zero)."""


@dataclass(frozen=True)
class Root:
    """A number known by its sign (-1, 0, 1) and its square, such as a correlation: compared exactly, never computed."""

    sign: int
    square: Fraction

    def text(self, places: int = PLACES) -> str:
        """Rounded half up: of 2·|r|·10^places only the whole part decides."""
        twice = isqrt(int(self.square * 4 * 100**places))
        return ratio_text(Fraction(self.sign * ((twice + 1) // 2), 10**places), places)

    def at_least(self, line: Fraction) -> bool:
        """Whether the number itself (not only its amount) reaches a line that is not negative."""
        return self.sign >= 0 and self.square >= line * line


def ratio_text(number: Fraction, places: int = PLACES) -> str:
    """A number rounded half up (away from zero) to so many places."""
    scaled = abs(number) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    digits = str(whole).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if number < 0 and whole else text


def places_of(totals: Sequence[int]) -> list[int]:
    """The place of each total, the highest first; equal totals share the better place and the next is skipped."""
    ordered = sorted(totals)
    return [1 + len(ordered) - bisect_right(ordered, total) for total in totals]


def twice_mid_ranks(values: Sequence[int]) -> list[int]:
    """Twice the rank of each value, the lowest first; equal values share the mean of their ranks."""
    ordered = sorted(values)
    return [bisect_left(ordered, value) + bisect_right(ordered, value) + 1 for value in values]


@dataclass(frozen=True)
class Agreement:
    """Kendall's comparison of two orders: pairs in the same order, in opposite order, tied in at least one of them.

    `tau` is tau-b; None where one order ties everybody.
    """

    same: int
    opposite: int
    tied: int
    tau: Root | None


def kendall(first: Sequence[int], second: Sequence[int]) -> Agreement:
    """Kendall's tau-b, (same − opposite) / √((pairs − tied in first)·(pairs − tied in second))."""
    count = len(first)
    pairs = count * (count - 1) // 2
    tied_first, tied_second = _tied_pairs(first), _tied_pairs(second)
    apart = pairs - tied_first - tied_second + _tied_pairs(list(zip(first, second, strict=True)))
    opposite = _inversions([value for _, value in sorted(zip(first, second, strict=True))])
    same = apart - opposite
    below = (pairs - tied_first) * (pairs - tied_second)
    tau = _root(same - opposite, Fraction((same - opposite) ** 2, below)) if below else None
    return Agreement(same, opposite, pairs - apart, tau)


def spearman(first: Sequence[int], second: Sequence[int]) -> Root | None:
    """Spearman's rho: the correlation of the ranks, equal values sharing the mean of theirs; None as `correlation`."""
    return correlation(twice_mid_ranks(first), twice_mid_ranks(second))


def correlation(first: Sequence[int], second: Sequence[int]) -> Root | None:
    """Pearson's correlation; None where one of the two is constant, so that there is nothing to compare."""
    mine, other = deviation(first), deviation(second)
    if not mine or not other:
        return None
    both = covariation(first, second)
    return _root(both, Fraction(both * both, mine * other))


def covariation(first: Sequence[int], second: Sequence[int]) -> int:
    """n² times the covariance: n·Σxy − Σx·Σy."""
    together: int = sum(map(mul, first, second))
    return len(first) * together - sum(first) * sum(second)


def deviation(values: Sequence[int]) -> int:
    """n² times the variance; 0 where all are equal."""
    return covariation(values, values)


def share_of_spread(part: Sequence[int], whole: Sequence[int]) -> Fraction | None:
    """How much of the variance of a total one of its parts explains: cov(part, total) / var(total).

    The shares of all parts make 1 exactly; one that works against the total is negative. None where all totals tie.
    """
    spread = deviation(whole)
    return Fraction(covariation(part, whole), spread) if spread else None


def share_between(values: Sequence[int], groups: Sequence[Hashable]) -> Fraction | None:
    """How much of the variance lies between groups (eta squared): 0 none, 1 all of it; None where all are equal."""
    spread = deviation(values)
    if not spread:
        return None
    sums: Counter[Hashable] = Counter()
    for value, group in zip(values, groups, strict=True):
        sums[group] += value
    sizes = Counter(groups)
    between = sum((Fraction(sums[group] ** 2, size) for group, size in sizes.items()), Fraction(0))
    return (len(values) * between - sum(values) ** 2) / spread


@dataclass(frozen=True)
class Swaps:
    """By which relative change of a weight the first two units change order, upwards and downwards (None: never).

    0 in both: units that tie now would part at any change.
    """

    raised: Fraction | None
    lowered: Fraction | None


def first_swaps(totals: Sequence[int], parts: Sequence[int]) -> Swaps:
    """The first change of order when one part of all totals is multiplied by 1 + e, e from -1 on.

    The first lines to meet stand next to each other, so only neighbouring totals are compared. Where a tie is broken
    the order changes at once, by any change.
    """
    blocks = []
    for total, members in groupby(sorted(zip(totals, parts, strict=True), reverse=True), key=lambda one: one[0]):
        own = [part for _, part in members]
        if min(own) != max(own):
            return Swaps(Fraction(0), Fraction(0))
        blocks.append((total, own[0]))
    raised: list[Fraction] = []
    lowered: list[Fraction] = []
    for (high, mine), (low, other) in pairwise(blocks):
        if other > mine:
            raised.append(Fraction(high - low, other - mine))
        elif mine > other and high - low <= mine - other:
            lowered.append(Fraction(high - low, mine - other))
    return Swaps(min(raised, default=None), min(lowered, default=None))


def common(numbers: Iterable[Fraction]) -> tuple[list[int], int]:
    """Numbers over one denominator: the numerators, and it."""
    kept = list(numbers)
    below = lcm(*(number.denominator for number in kept))
    return [number.numerator * (below // number.denominator) for number in kept], below


def _root(number: int, square: Fraction) -> Root:
    return Root((number > 0) - (number < 0), square)


def _tied_pairs(values: Sequence[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(values).values())


def _inversions(values: Iterable[int]) -> int:
    """How many pairs stand in falling order."""
    seen: list[int] = []
    found = 0
    for value in values:
        found += len(seen) - bisect_right(seen, value)
        insort(seen, value)
    return found
