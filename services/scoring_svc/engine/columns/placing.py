"""Units among their peers: their parts, their places in an order, and what places give.

Belongs here: units of the same `within`, places with each way of treating ties, the table of what a place gives.
Does not belong here: which units are ordered and by what.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from services.scoring_svc.engine.columns.algebra import Column, Test, Vector, earlier, nothing
from services.scoring_svc.engine.columns.batch import Batch, Ints, Small, of_places
from services.scoring_svc.engine.columns.combining import Parts, Reduced, Segments, order_keys, parts_column
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.language import Within


def rows_of(reduced: Reduced, segment: Ints) -> Reduced:
    """What was combined per segment, at every row."""
    den = reduced.den if np.ndim(reduced.den) == 0 else reduced.den[segment]
    return Reduced(reduced.num[segment], den, reduced.failed[segment])


def places_in(segment: Ints, count: int, num: Ints, den: Any, *, dense: bool) -> tuple[Ints, Ints]:
    """Each item's place among the items of its segment, the smallest first, and how many share it.

    Ties are ties of exact values. `dense` counts the places, otherwise the units before.
    """
    found = Segments.of(segment, count, order_keys(num, den))
    position = found.position()
    fresh = position == 0
    for key in found.keys:
        fresh[1:] |= key[1:] != key[:-1]
    tie = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    tied = np.diff(np.append(first, fresh.size))[tie]
    start = np.repeat(found.start, found.size)
    place = (tie - tie[start] if dense else first[tie] - start) + 1
    back = np.empty(found.order.size, np.int64)
    back[found.order] = np.arange(found.order.size)
    return place[back], tied[back]


def given_by(gives: Column, place: Ints) -> Vector:
    """What each place gives."""
    table = gives.of(of_places(int(place.max(initial=1))))
    at = place - 1
    return Vector(table.num[at], table.den[at] if gives.moving else gives.den, table.stop[at])


def average_of(gives: Column, place: Ints, tied: Ints) -> Vector:
    """The mean of what the occupied places give; the first of them that gives nothing decides."""
    last = place + tied - 1
    table = gives.of(of_places(int(last.max(initial=1))))
    total = np.concatenate([[0], np.cumsum(table.num)])
    size = table.stop.size
    stops = np.where(table.stop, np.arange(size), size)
    following = np.minimum.accumulate(stops[::-1])[::-1][place - 1]
    stop = np.where(following < last, table.stop[np.minimum(following, size - 1)], 0).astype(np.int16)
    return Vector(total[last] - total[place - 1], gives.den * tied, stop)


@dataclass(frozen=True, slots=True)
class PartColumns:
    """All units' parts: why the place cannot be had, the group of the same `within`, how many groups, the parts."""

    place_stop: Small
    segment: Ints
    count: int
    parts: Parts


def peer_parts(
    planner: Planner, within: Within, only: Test | None, value: Column, by: Column | None
) -> Callable[[Batch], PartColumns]:
    """The parts of all units of a batch, read in the order `within`, `only`, then the value."""
    places = [(planner.name(name), len(planner.categories(name))) for name in within.names]
    part = parts_column(only, value, by)

    def find(batch: Batch) -> PartColumns:
        key = batch.groups
        for column, count in places:
            key = key * count + column.of(batch).num
        segment = np.unique(key, return_inverse=True)[1].reshape(-1)
        place_stop = reduce(earlier, [column.of(batch).stop for column, _ in places], nothing(batch))
        parts = part(batch).after(place_stop)
        return PartColumns(place_stop, segment, int(segment.max(initial=-1)) + 1, parts)

    def found(batch: Batch) -> PartColumns:
        known: PartColumns = batch.remembered(found, lambda: find(batch))
        return known

    return found
