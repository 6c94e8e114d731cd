"""Exact numbers: decimal text, rational arithmetic, rounding.

Belongs here: how a decimal text becomes a rational, how a rational becomes text, how it is rounded.
Does not belong here: units, states, anything that knows a rule.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
NAME = re.compile(r"[a-z][a-z0-9_]*")
_HALF = Fraction(1, 2)
LONGEST = 40
"""So many characters a number may have; ten million million yuan to the cent need seventeen."""


def is_decimal(text: str) -> bool:
    """Whether the text is a decimal number of the language: no exponent, no thousands mark, no sign of plus.

    A text longer than `LONGEST` is none either, so that nobody can make arithmetic slow by typing digits.
    """
    return len(text) <= LONGEST and DECIMAL.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether the text is a name of the language."""
    return NAME.fullmatch(text) is not None


def rational(text: str) -> Fraction:
    """The exact value of a decimal text, which the caller has checked with `is_decimal`."""
    whole, _, fraction = text.partition(".")
    if not fraction:
        return Fraction(int(whole))
    return Fraction(int(whole + fraction), 10 ** len(fraction))


def shortest(number: Fraction) -> str:
    """The shortest decimal text of a number; `13/12` where no finite decimal exists."""
    rest = number.denominator
    twos = fives = 0
    while rest % 2 == 0:
        rest //= 2
        twos += 1
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    if rest != 1:
        return f"{number.numerator}/{number.denominator}"
    return fixed(number, max(twos, fives))


def fixed(number: Fraction, places: int) -> str:
    """The text with exactly so many places, of a number that has no more than those."""
    scaled = number * 10**places
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


@dataclass(frozen=True, slots=True)
class Rounding:
    """How a number is rounded: one of four modes, and the number of places.

    `half_up` takes ties away from zero (四舍五入), `half_even` to the even digit (四舍六入五成双),
    `floor` and `ceiling` go towards minus and plus infinity (只舍不入, 只入不舍).
    """

    at: str
    mode: str
    places: int

    def apply(self, number: Fraction) -> Fraction:
        """The rounded number, exact."""
        scaled = number * 10**self.places
        down = scaled.numerator // scaled.denominator
        rest = scaled - down
        return Fraction(down + self._step(down, rest), 10**self.places)

    def _step(self, down: int, rest: Fraction) -> int:
        """0 to stay at the lower neighbour, 1 to go to the upper one; `rest` is what lies above the lower."""
        if self.mode == "floor" or not rest:
            return 0
        if self.mode == "ceiling":
            return 1
        if rest != _HALF:
            return 1 if rest > _HALF else 0
        if self.mode == "half_even":
            return down % 2
        return 1 if down >= 0 else 0

    def text(self, number: Fraction) -> str:
        """The rounded number with all its places, as it is published."""
        return fixed(self.apply(number), self.places)


def _root_down(number: int, degree: int) -> int:
    """The greatest whole k with k to the power of `degree` not above `number`."""
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= number:
            low = middle
        else:
            high = middle - 1
    return low


def geometric_mean(parts: list[tuple[Fraction, Fraction]], rounding: Rounding) -> Fraction:
    """The weighted geometric mean of (weight, value), correct to the last digit.

    Weights are positive and values are not negative (both checked at publication). The mean is irrational, so
    it is never computed: the rounded result is found by comparing whole powers.
    """
    common = lcm(*(weight.denominator for weight, _ in parts))
    weights = [int(weight * common) for weight, _ in parts]
    shrink = gcd(*weights)
    weights = [weight // shrink for weight in weights]
    degree = sum(weights)
    product = Fraction(1)
    for weight, (_, value) in zip(weights, parts, strict=True):
        product *= value**weight
    scaled = product * 10 ** (rounding.places * degree)
    down = _root_down(scaled.numerator // scaled.denominator, degree)
    if Fraction(down) ** degree == scaled:
        return Fraction(down, 10**rounding.places)
    twice = scaled * 2**degree
    middle = Fraction(2 * down + 1) ** degree
    up = rounding.mode == "ceiling" or (
        rounding.mode in {"half_up", "half_even"}
        and (twice > middle or (twice == middle and (rounding.mode == "half_up" or down % 2 == 1)))
    )
    return Fraction(down + up, 10**rounding.places)
