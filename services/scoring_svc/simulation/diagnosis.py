"""What the real scores of a set say of its indicators: which tell units apart, dominate, repeat another, favour a size.

Pure and exact; every line that is drawn is an argument. Read by the pre-heat of the next year (望) and by diagnostics.
Does not belong here: statements, and what a variant would change (comparing.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

from services.scoring_svc.simulation import domain
from services.scoring_svc.simulation.domain import Root, common, ratio_text

LEAST_UNITS = 3
"""Two marks always lie on a line, so a correlation is told from three units on."""


@dataclass(frozen=True)
class UnitMark:
    """A unit's scores of one indicator in a span: the mark they make (mostly their mean), how many, how many at full
    marks, the points lost.
    """

    mark: Fraction
    scored: int
    at_full: int
    lost: Fraction


@dataclass(frozen=True)
class Indicator:
    """An indicator with the marks of its units, by their position; `total`: it is part of totals (no veto).

    `at_lowest`: how many cells stand at the lowest score their rule can give; None where it has no lowest.
    """

    code: str
    name: str
    total: bool
    marks: Mapping[int, UnitMark]
    at_lowest: int | None = None


@dataclass(frozen=True)
class Lines:
    """From which share or correlation on something is flagged."""

    duplicate: Fraction
    dominates: Fraction
    ceiling: Fraction
    floor: Fraction
    biased: Fraction


def preheat_of(one: Indicator, groups: Mapping[str, Sequence[str | None]]) -> dict[str, Any]:
    """What the pre-heat asks of an indicator; `groups`: by dimension the group of every unit, None: it has none."""
    marks = one.marks
    cells = sum(mark.scored for mark in marks.values())
    numbers, below = common(mark.mark for mark in marks.values())
    spread = max(numbers, default=0) - min(numbers, default=0)
    deviation = Fraction(domain.deviation(numbers), (len(numbers) * below) ** 2) if numbers else Fraction(0)
    return {
        "indicator": one.code,
        "name": one.name,
        "units": len(marks),
        "cells": cells,
        "units_at_full": sum(1 for mark in marks.values() if mark.at_full == mark.scored),
        "cells_at_full": sum(mark.at_full for mark in marks.values()),
        "mean_loss": _mean(sum((mark.lost for mark in marks.values()), Fraction(0)), cells),
        "spread": ratio_text(Fraction(spread, below)),
        "deviation": Root(1 if deviation else 0, deviation).text(),
        "discriminates": spread > 0,
        "lost_by_group": {name: _lost(marks, told) for name, told in sorted(groups.items())},
    }


def _mean(whole: Fraction, count: int) -> str | None:
    return ratio_text(whole / count) if count else None


def _lost(marks: Mapping[int, UnitMark], groups: Sequence[str | None]) -> list[dict[str, Any]]:
    """Points lost in each group of a dimension, and a cell's mean loss in it."""
    by_group: dict[str, list[UnitMark]] = {}
    for unit, mark in marks.items():
        group = groups[unit]
        if group is not None:
            by_group.setdefault(group, []).append(mark)
    return [
        {
            "group": group,
            "units": len(found),
            "lost": ratio_text(sum((mark.lost for mark in found), Fraction(0))),
            "mean_loss": _mean(sum((mark.lost for mark in found), Fraction(0)), sum(mark.scored for mark in found)),
        }
        for group, found in sorted(by_group.items())
    ]


def diagnose(
    indicators: Sequence[Indicator],
    totals: Mapping[int, Fraction],
    groups: Mapping[str, Sequence[str | None]],
    lines: Lines,
) -> dict[str, Any]:
    """Flags and figures of every indicator, pairs that repeat each other, and what groups explain of the totals."""
    ranked = sorted(totals)
    whole, below = common(totals[unit] for unit in ranked)
    return {
        "ranked": len(ranked),
        "bias_of_totals": {name: _share(domain.share_between(*told)) for name, told in _grouped(dict(totals), groups)},
        "indicators": [_judged(one, ranked, whole, below, groups, lines) for one in indicators],
        "duplicates": _duplicates(indicators, lines.duplicate),
    }


def _judged(
    one: Indicator,
    ranked: Sequence[int],
    whole: Sequence[int],
    below: int,
    groups: Mapping[str, Sequence[str | None]],
    lines: Lines,
) -> dict[str, Any]:
    cells = sum(mark.scored for mark in one.marks.values())
    means = {unit: mark.mark for unit, mark in one.marks.items()}
    part, _ = common(means.get(unit, Fraction(0)) for unit in ranked)
    of_total, tau = None, None
    if one.total and ranked:
        # Both on one scale: the part's own denominator divides nothing out of the share.
        numbers, scale = common([*(means.get(unit, Fraction(0)) for unit in ranked), Fraction(1, below)])
        of_total = domain.share_of_spread(numbers[:-1], [total * (scale // below) for total in whole])
    if len(ranked) >= LEAST_UNITS:
        tau = domain.correlation(part, whole)
    bias = {name: domain.share_between(*told) for name, told in _grouped(means, groups)}
    at_full = Fraction(sum(mark.at_full for mark in one.marks.values()), cells) if cells else None
    at_lowest = Fraction(one.at_lowest, cells) if cells and one.at_lowest is not None else None
    constant = len(set(means.values())) <= 1
    flags = {
        "everyone_full": at_full == 1,
        "constant": constant,
        "ceiling": at_full is not None and at_full >= lines.ceiling,
        "floor": at_lowest is not None and at_lowest >= lines.floor,
        "dominates": of_total is not None and of_total >= lines.dominates,
        "biased": any(share is not None and share >= lines.biased for share in bias.values()),
    }
    return {
        "indicator": one.code,
        "name": one.name,
        "units": len(one.marks),
        "cells": cells,
        "flags": [flag for flag, raised in flags.items() if raised],
        "share_of_spread": _share(of_total),
        "correlation_with_total": None if tau is None else tau.text(),
        "at_full": _share(at_full),
        "at_lowest": _share(at_lowest),
        "bias": {name: _share(share) for name, share in bias.items()},
    }


def _share(share: Fraction | None) -> str | None:
    return None if share is None else ratio_text(share)


def _grouped(
    means: Mapping[int, Fraction], groups: Mapping[str, Sequence[str | None]]
) -> list[tuple[str, tuple[list[int], list[str]]]]:
    """By dimension the numbers of the units that have a group in it, and the groups."""
    found = []
    for name, told in sorted(groups.items()):
        units = [unit for unit in means if told[unit] is not None]
        numbers, _ = common(means[unit] for unit in units)
        found.append((name, (numbers, [str(told[unit]) for unit in units])))
    return found


def _duplicates(indicators: Sequence[Indicator], line: Fraction) -> list[dict[str, Any]]:
    """Pairs whose marks rise and fall together, the closest first; over the units that have both."""
    columns = [(one, list(one.marks), common(mark.mark for mark in one.marks.values())[0]) for one in indicators]
    found: list[tuple[Root, str, str, int]] = []
    for (one, units, mine), (other, others, theirs) in combinations(columns, 2):
        if units == others:
            found += _pair(one, other, mine, theirs, line)
            continue
        both = [unit for unit in units if unit in other.marks]
        mine_there, theirs_there = (common(side.marks[unit].mark for unit in both)[0] for side in (one, other))
        found += _pair(one, other, mine_there, theirs_there, line)
    found.sort(key=lambda pair: (-pair[0].square, pair[1], pair[2]))
    return [
        {"one": one, "other": other, "correlation": root.text(), "units": units} for root, one, other, units in found
    ]


def _pair(
    one: Indicator, other: Indicator, mine: Sequence[int], theirs: Sequence[int], line: Fraction
) -> list[tuple[Root, str, str, int]]:
    if len(mine) < LEAST_UNITS:
        return []
    found = domain.correlation(mine, theirs)
    return [(found, one.code, other.code, len(mine))] if found is not None and found.at_least(line) else []


def weight_of(one: Indicator, totals: Mapping[int, Fraction], by: Fraction) -> dict[str, Any]:
    """How places depend on an indicator's weight: the first change of order, and who moves at `by` more or less."""
    ranked = sorted(totals)
    means = [one.marks[unit].mark if unit in one.marks else Fraction(0) for unit in ranked]
    numbers, _ = common([*(totals[unit] for unit in ranked), *means])
    whole, part = numbers[: len(ranked)], numbers[len(ranked) :]
    swaps = domain.first_swaps(whole, part)
    before = domain.places_of(whole)
    moves = {}
    for name, change in (("more", by), ("less", -by)):
        after = domain.places_of(
            [total * change.denominator + number * change.numerator for total, number in zip(whole, part, strict=True)]
        )
        rises = [abs(old - new) for old, new in zip(before, after, strict=True)]
        moves[name] = {"moved": sum(1 for rise in rises if rise), "furthest": max(rises, default=0)}
    return {
        "indicator": one.code,
        "name": one.name,
        "first_change_raised": None if swaps.raised is None else ratio_text(swaps.raised),
        "first_change_lowered": None if swaps.lowered is None else ratio_text(swaps.lowered),
        **moves,
    }
