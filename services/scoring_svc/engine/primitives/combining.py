"""Many values to one: grouping and combining, shared by each and peers.

Belongs here: combine, group and their words. Does not belong here: where the values come from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.language import Combine, Group, Input
from services.scoring_svc.engine.measure import Measure, Scope
from services.scoring_svc.engine.reach import Reach, Span
from services.scoring_svc.engine.speech import Speech


class NothingToCombine(Exception):
    """No value is left: NOTHING_TO_COMBINE or TRIMMED_AWAY."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Item:
    """One value to combine, with what it is grouped by: a category, a key or a date."""

    value: Any
    by: Any = None


_BASIC: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda values: sum(values, Fraction(0)),
    "mean": lambda values: sum(values, Fraction(0)) / len(values),
    "highest": max,
    "lowest": min,
}


def combined(how: Combine, values: list[Any]) -> Any:
    """The values as one. Raises NothingToCombine."""
    if not values:
        raise NothingToCombine("NOTHING_TO_COMBINE")
    if how.word != "trimmed_mean":
        return _BASIC[how.word](values)
    if how.drop_highest + how.drop_lowest >= len(values):
        raise NothingToCombine("TRIMMED_AWAY")
    kept = sorted(values)[how.drop_lowest : len(values) - how.drop_highest]
    return sum(kept, Fraction(0)) / len(kept)


def grouped(group: Group | None, how: Combine, items: list[Item]) -> Any:
    """Combine first inside each group, then across. Raises NothingToCombine.

    A group exists only if an item belongs to it; a rolling window stands for each item, equal windows are kept.
    """
    if group is None:
        return combined(how, [item.value for item in items])
    if group.rolling_days is not None:
        reach_back = timedelta(days=min(group.rolling_days, date.max.toordinal()))
        windows = [[item.value for item in items if timedelta(0) <= last.by - item.by < reach_back] for last in items]
    else:
        sets: dict[Any, list[Any]] = {}
        for item in items:
            sets.setdefault(_group_key(group, item.by), []).append(item.value)
        windows = list(sets.values())
    return combined(how, [combined(group.combine, window) for window in windows])


_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


def _group_key(group: Group, by: Any) -> Any:
    if group.calendar is None:
        return by
    return by.year, (by.month - 1) // _MONTHS[group.calendar]


def check_group(scope: Scope, group: Group | None, how: Combine, gives: Measure, at: str) -> None:
    """Report a `by` that is no category, key or date, and a way to combine that does not fit the value."""
    ways = [how] if group is None else [how, group.combine]
    if not gives.numeric and (gives.type != "date" or any(way.word not in {"highest", "lowest"} for way in ways)):
        scope.mismatch(at, "这种取值不能这样合并", "such values cannot be combined in this way")
    found = None if group is None else scope.resolve(group.by)
    if group is None or found is None:
        return
    dated = group.calendar is not None or group.rolling_days is not None
    wanted = {"date"} if dated else {"category", "key"}
    if not isinstance(found, Input) or found.type not in wanted:
        scope.mismatch(group.at, "分组依据类型不符", "what is grouped by has the wrong type")


def attained(gives: Reach, group: Group | None, how: Combine) -> Reach:
    """What combining any number of such values attains: sums have no end, other ways stay inside."""
    for way in (how,) if group is None else (group.combine, how):
        span = reach.hull(gives)
        if way.word == "sum":
            low = span.low if span.low is not None and span.low >= 0 else None
            high = span.high if span.high is not None and span.high <= 0 else None
            gives = (Span(low, high, span.low_in or low is None, span.high_in or high is None, span.whole),)
        elif way.word in {"mean", "trimmed_mean"}:
            gives = (Span(span.low, span.high, span.low_in, span.high_in),)
    return gives


def said_group(speech: Speech, group: Group | None) -> str:
    """`先取每个事项内的最高值，再` / `first the highest within each matter, then the `; empty without a group."""
    if group is None:
        return ""
    label, how = speech.label(group.by), speech.combine(group.combine)
    if group.rolling_days is not None:
        days = group.rolling_days
        return speech.pick(
            f"先取截至每个{label}的{days}天内的{how}，再",
            f"first the {how} of the {days} days up to each {label}, then the ",
        )
    if group.calendar is not None:
        zh, en = {
            "month": ("每月", "month"),
            "quarter": ("每季度", "quarter"),
            "half_year": ("每半年", "half-year"),
            "year": ("每年", "year"),
        }[group.calendar]
        return speech.pick(f"先按{label}取{zh}内的{how}，再", f"first the {how} within each {en} of {label}, then the ")
    return speech.pick(f"先取每个{label}内的{how}，再", f"first the {how} within each {label}, then the ")
