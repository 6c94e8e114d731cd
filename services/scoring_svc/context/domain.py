"""The rules of context figures (背景数据): sums over months, growth over the year before. Pure and exact.

A context metric gives no points: its figures stand beside scores so that a reader knows what they were earned under. It
is collected by month and adds up, so a figure of a longer span is the sum of its months.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal
from uuid import UUID

from services.scoring_svc.copies.domain import governing
from services.scoring_svc.engine.numbers import Rounding, shortest
from services.scoring_svc.ranking.domain import Span
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period, periods_of_year
from shared.errors import Refused

Reason = Literal["missing", "year_before_missing", "year_before_not_positive"]
SUMMABLE = frozenset({"amount", "count"})
REASONS: Mapping[Reason, tuple[str, str]] = {
    "missing": ("本期缺数", "a month is missing"),
    "year_before_missing": ("上年同期缺数", "a month of the year before is missing"),
    "year_before_not_positive": ("上年同期不大于零", "the year before is not above zero"),
}
"""Why there is no growth, in Chinese and English."""
_GROWTH = Rounding(at="", mode="half_up", places=1)


class ContextMetricsRefused(Refused):
    """A metric that is not known, stands twice, or does not add up over months; `details` names each."""

    status, code = 422, "context_metrics_refused"
    zh, en = "背景数据项有误，详见 details", "The context metrics are refused; see details"


@dataclass(frozen=True)
class Figure:
    """A figure and that of the same months a year before, exact; None where a month has no figure."""

    value: Fraction | None
    before: Fraction | None

    @property
    def reason(self) -> Reason | None:
        """Why there is no growth."""
        if self.value is None:
            return "missing"
        if self.before is None:
            return "year_before_missing"
        return None if self.before > 0 else "year_before_not_positive"

    @property
    def growth(self) -> str | None:
        """By how many percent the figure is above that of the year before, rounded half up to 1 place."""
        if self.value is None or self.before is None or self.reason:
            return None
        return _GROWTH.text((self.value - self.before) * 100 / self.before)


def summed(parts: Sequence[Fraction | None]) -> Fraction | None:
    """What the parts add up to; None if there are none or one is missing: a sum without it would look whole."""
    known = [part for part in parts if part is not None]
    return sum(known, Fraction(0)) if parts and len(known) == len(parts) else None


def figure_of(by_month: Mapping[str, Fraction], span: Span) -> Figure:
    """The figure of a span from those of its months and of the same months of the year before, where there are any."""
    months = months_of(span)
    return Figure(
        summed([by_month.get(month) for month in months]),
        summed([by_month.get(year_before(month)) for month in months]),
    )


def total(figures: Sequence[Figure]) -> Figure:
    """The figure of several units together."""
    return Figure(summed([one.value for one in figures]), summed([one.before for one in figures]))


def said(number: Fraction | None) -> str | None:
    """The shortest decimal text."""
    return None if number is None else shortest(number)


def months_of(span: Span) -> list[str]:
    """The months that a span covers."""
    inside = periods_of_year(span.last.year)
    return [period.key for period in inside if period.kind == "month" and span.contains(period)]


def covers(periods: Iterable[Period], span: Span) -> bool:
    """Whether each month of the span lies in one of the periods: who reads scores of those may read the whole sum."""
    known = list(periods)
    return all(any(period.contains(parse_period(month)) for period in known) for month in months_of(span))


def year_before(key: str) -> str:
    """The same period or span of the year before."""
    return f"{int(key[:4]) - 1:04d}{key[4:]}"


def evaluations_in(
    cards: Iterable[IndicatorPublished], periods: Sequence[Period]
) -> Mapping[tuple[UUID, str], set[UUID]]:
    """Which units a department evaluates in which period, by the cards that govern it."""
    versions: dict[UUID, list[IndicatorPublished]] = {}
    for card in cards:
        versions.setdefault(card.indicator_id, []).append(card)
    found: dict[tuple[UUID, str], set[UUID]] = {}
    for period in periods:
        for known in versions.values():
            if card_now := governing(known, period):
                found.setdefault((card_now.evaluating_unit_id, period.key), set()).update(card_now.evaluated_unit_ids)
    return found
