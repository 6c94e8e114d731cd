"""Rounding columns: whole division on magnitudes, and what it moved.

Belongs here: the four modes. Does not belong here: any other division; there is none.
"""

from collections.abc import Callable
from math import ceil, floor, gcd
from typing import Any

import numpy as np

from services.scoring_svc.engine.columns.algebra import Column, Vector, fits
from services.scoring_svc.engine.columns.batch import Batch, Ints


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
    shift = 10**places
    common = gcd(shift, column.common)
    up, den = shift // common, column.den // common
    fits(2 * column.low * up, 2 * column.high * up, 2 * den, 2 * max(-column.low, column.high) * up + den)

    def parted(batch: Batch) -> tuple[Ints, Any, Vector]:
        found = column.of(batch)
        return np.where(found.stop, 0, found.num) * up, found.den // common, found

    def run(batch: Batch) -> Vector:
        num, dens, found = parted(batch)
        return Vector(ROUNDS[mode](num, dens), shift, found.stop)

    def rest(batch: Batch) -> Vector:
        num, dens, found = parted(batch)
        down = num // dens
        return Vector((value.of(batch).num - down) * dens - (num - down * dens), dens * shift, found.stop)

    low, high = (end * shift for end in column.span)
    value = Column(floor(low), ceil(high), shift, run)
    return value, Column(-den, den, den * shift, rest, column.moving, unit=shift)
