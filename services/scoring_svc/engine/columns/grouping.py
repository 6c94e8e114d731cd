"""Combining first inside each group of items, then across, as columns.

Belongs here: which items stand in which group, and both steps together. Does not belong here: one step; it stands with
combining.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.scoring_svc.engine.columns.algebra import MOVING, Column, NoColumn
from services.scoring_svc.engine.columns.batch import Ints
from services.scoring_svc.engine.columns.combining import EMPTY, TRIMMED, Bounds, Reduced, combine, combined_bounds
from services.scoring_svc.engine.language import Combine, Group

_EPOCH = 719_163  # 1970-01-01 as a day of the era
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
_MEANS = frozenset({"mean", "trimmed_mean"})


@dataclass(frozen=True, slots=True)
class Windows:
    """The inner groups: which items stand in which (an item may stand in several), and whose they are."""

    item: Ints
    window: Ints
    owner: Ints


def windows(group: Group, key: Ints, by: Ints) -> Windows:
    """Group items inside their segments: by an equal category, key or calendar period, or by rolling days."""
    items = np.arange(key.size)
    if group.rolling_days is not None:
        days = by - by.min(initial=0)
        width = int(days.max(initial=0)) + 1
        when = key * width + days
        order = np.argsort(when, kind="stable")
        first = np.searchsorted(when[order], key * width + np.maximum(days - group.rolling_days + 1, 0))
        size = np.searchsorted(when[order], when, side="right") - first
        window = np.repeat(items, size)
        other = order[np.repeat(first, size) + np.arange(window.size) - np.repeat(np.cumsum(size) - size, size)]
        return Windows(other, window, key)
    if group.calendar is not None:
        months = (by - _EPOCH).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        by = months // _MONTHS[group.calendar]
    pairs, window = np.unique(np.stack([key, by]), axis=1, return_inverse=True)
    return Windows(items, window.reshape(-1), pairs[0])


def grouped_bounds(group: Group | None, how: Combine, column: Column, most: int, classes: int | None) -> Bounds:
    """Like `combined_bounds`, first inside each group, then across; `classes` if only so many groups can be.

    A sum or mean of means has the product of all counts as its denominator, so the groups must be few and known.
    """
    if group is None:
        return combined_bounds(how, column, most)
    inner = combined_bounds(group.combine, column, most)
    if not inner.moving or how.word in {"highest", "lowest"}:
        return combined_bounds(how, Column(inner.low, inner.high, inner.den, column.run, inner.moving), most)
    if how.word == "trimmed_mean" or group.combine.word not in _MEANS or classes is None:
        raise NoColumn(MOVING)
    wide, den = classes * most ** (classes - 1), inner.den * most ** (classes - 1)
    mean = classes if how.word == "mean" else 1
    return Bounds(inner.low * wide, inner.high * wide, den * mean, moving=True, unit=inner.unit)


def grouped(
    group: Group | None, how: Combine, items: tuple[Ints, Ints, Any, Ints | None], count: int, own: Any = None
) -> Reduced:
    """Combine items (segment, numerator, denominator, what they are grouped by) first inside groups, then across."""
    key, num, den, by = items
    if group is None or by is None:
        return combine(how, key, count, num, den, own)
    found = windows(group, key, by)
    dens = den if np.ndim(den) == 0 else den[found.item]
    inner = combine(group.combine, found.window, found.owner.size, num[found.item], dens)
    if group.combine.word in _MEANS and how.word in {"sum", "mean"}:
        total = _added(how, found.owner, count, inner.num, inner.den // den)
        outer = Reduced(total.num, total.den * den, total.failed)
    else:
        outer = combine(how, found.owner, count, inner.num, inner.den)
    trimmed = np.zeros(count, np.bool_)
    trimmed[found.owner[inner.failed != 0]] = True
    return Reduced(outer.num, outer.den, np.where(trimmed, TRIMMED, outer.failed).astype(np.int16))


def _added(how: Combine, owner: Ints, count: int, num: Ints, den: Ints) -> Reduced:
    """The sum or mean of fractions: one after the other, over the product of their denominators."""
    total, dens = np.zeros(count, np.int64), np.ones(count, np.int64)
    size = np.bincount(owner, minlength=count)
    order = np.argsort(owner, kind="stable")
    start = np.cumsum(size) - size
    for turn in range(int(size.max(initial=0))):
        segment = np.flatnonzero(size > turn)
        at = order[start[segment] + turn]
        total[segment] = total[segment] * den[at] + num[at] * dens[segment]
        dens[segment] *= den[at]
    if how.word == "mean":
        dens *= np.maximum(size, 1)
    return Reduced(total, dens, np.where(size == 0, EMPTY, 0).astype(np.int16))
