"""How an indicator's cells of a span become the mark that totals count: blends, indicators in force for a part of it.

Pure and exact, and the law: the statement of `marks.py`, which works out all units at once, must equal it, and score
cards, archives and simulations count by it. Mark and full marks always count alike.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from shared.contracts.periods import Period, PeriodKind
from shared.errors import Detail, Refused

How = Literal["mean", "sum", "last", "weights"]
InPart = Literal["full", "by_periods"]
Ranks = Literal["all_evaluated", "standing_at_end"]
SpanKind = Literal["month", "quarter", "half_year", "year", "to_date"]
WHOLE = 100  # percent
# Which kinds of period lie inside a span of a kind.
_INSIDE: Mapping[SpanKind, tuple[PeriodKind, ...]] = {
    "month": ("month",),
    "quarter": ("month", "quarter"),
    "half_year": ("month", "quarter", "half_year"),
    "year": ("month", "quarter", "half_year", "year"),
    "to_date": ("month", "quarter", "half_year"),
}


class BlendUnfit(Refused):
    """A blend by weights needs a weight for every kind of period that is scored, and a period of each weighted kind."""

    code = "blend_unfit"
    zh = "按考核期种类加权的汇总办法不适用于本期：{kinds}"
    en = "The blend by kinds of period does not fit this span: {kinds}"


@dataclass(frozen=True)
class Blend:
    """How cells of a span are put together, `weights` in percent by kind of period.

    mean: of all its scored cells. sum: of them. last: the scored cell of the latest period, of the longest of several
    that end on that day. weights: Σ weight × mean of the kind's cells. `in_part`: an indicator with cells in some
    periods only counts in `full`, or `by_periods`: in proportion to the periods with a cell, whatever its state, out of
    all periods of that kind in the span; cells of several kinds then each with their own proportion.
    """

    how: How
    in_part: InPart
    weights: Mapping[PeriodKind, Fraction] | None = None

    def faults(self, pointer: str, span: SpanKind | None) -> list[Detail]:
        """Where it contradicts itself; `span`: the kind of span that it is for, None: every one."""
        weights = self.weights or {}
        lacking = [kind for kind, weight in weights.items() if weight and span and kind not in _INSIDE[span]]
        checks = (
            ((self.how == "weights") != bool(weights), "weights", "weights_by_kind_or_none"),
            (bool(weights) and sum(weights.values()) != WHOLE, "weights", "weights_not_100"),
            (bool(lacking), "weights", "kind_not_in_span"),
            # A sum already counts as many periods as there are.
            (self.how == "sum" and self.in_part == "by_periods", "in_part", "sum_is_in_part"),
        )
        return [Detail(f"{pointer}/{name}", code) for wrong, name, code in checks if wrong]


MEAN = Blend("mean", "full")


@dataclass
class Tally:
    """The cells of a unit under an indicator in a span: by kind how many, how many scored, their scores, full marks."""

    cells: dict[PeriodKind, int] = field(default_factory=dict)
    scored: dict[PeriodKind, int] = field(default_factory=dict)
    sums: dict[PeriodKind, tuple[Fraction, Fraction]] = field(default_factory=dict)
    last: tuple[tuple[int, int], Fraction, Fraction] | None = None

    def add(self, period: Period, score: Fraction | None, full_marks: Fraction) -> None:
        """Count a cell; `score` is None unless it is scored."""
        kind = period.kind
        self.cells[kind] = self.cells.get(kind, 0) + 1
        if score is None:
            return
        self.scored[kind] = self.scored.get(kind, 0) + 1
        points, marks = self.sums.get(kind, (Fraction(0), Fraction(0)))
        self.sums[kind] = points + score, marks + full_marks
        if self.last is None or self.last[0] < latest(period):
            self.last = latest(period), score, full_marks


def latest(period: Period) -> tuple[int, int]:
    """The order of periods in which the last one counts: by last day, of one day the longest last."""
    return period.last.toordinal(), -period.first.toordinal()


@dataclass(frozen=True)
class SpanBlend:
    """A blend over a span; `inside`: how many periods of each kind lie wholly inside."""

    blend: Blend
    inside: Mapping[PeriodKind, int]

    @classmethod
    def over(cls, blend: Blend, periods: Iterable[Period]) -> "SpanBlend":
        """A blend over the span whose periods of all kinds are given."""
        inside: dict[PeriodKind, int] = {}
        for period in periods:
            inside[period.kind] = inside.get(period.kind, 0) + 1
        return cls(blend, inside)

    def mark(self, tally: Tally) -> tuple[Fraction, Fraction]:
        """Mark and full marks of an indicator; nothing where no cell is scored. Raises BlendUnfit."""
        factors = self.factors(tally.cells, tally.scored)
        if tally.last is None:
            return Fraction(0), Fraction(0)
        if self.blend.how == "last":
            _, points, marks = tally.last
            factor = factors[max(factors)]
            return points * factor, marks * factor
        parts = [(factors[kind], *tally.sums[kind]) for kind in tally.scored]
        return (
            sum((factor * points for factor, points, _ in parts), Fraction(0)),
            sum((factor * marks for factor, _, marks in parts), Fraction(0)),
        )

    def factors(
        self, cells: Mapping[PeriodKind, int], scored: Mapping[PeriodKind, int]
    ) -> Mapping[PeriodKind, Fraction]:
        """By how much each scored cell of a kind counts, from how many cells of each kind there are and are scored.

        Of `last` only the last one counts so. Raises BlendUnfit.
        """
        how, part = self.blend.how, {kind: Fraction(cells[kind], self.inside[kind]) for kind in cells}
        by_periods = self.blend.in_part == "by_periods"
        if how == "sum":
            return dict.fromkeys(scored, Fraction(1))
        if how == "last":
            return dict.fromkeys(scored, sum(part.values(), Fraction(0)) if by_periods else Fraction(1))
        if how == "mean" and not by_periods:
            return dict.fromkeys(scored, Fraction(1, sum(scored.values()))) if scored else {}
        self.demand_weights(cells)
        return {
            kind: self.weight(kind) / WHOLE * (part[kind] if by_periods else 1) / count
            for kind, count in scored.items()
        }

    def weight(self, kind: PeriodKind) -> Fraction:
        """The weight of a kind of period in percent."""
        return Fraction(WHOLE) if self.blend.weights is None else self.blend.weights[kind]

    def demand_weights(self, kinds: Collection[PeriodKind]) -> None:
        """Raise BlendUnfit for kinds of period that the blend says nothing of."""
        if self.blend.weights is not None:
            _demand(sorted(set(kinds) - set(self.blend.weights)))

    def demand_fit(self, kinds: Collection[PeriodKind]) -> None:
        """Raise BlendUnfit unless the kinds that a set is scored in are those that the blend weights."""
        self.demand_weights(kinds)
        weights = self.blend.weights or {}
        _demand(sorted(kind for kind, weight in weights.items() if weight and kind not in kinds))


def _demand(unfit: list[PeriodKind]) -> None:
    if unfit:
        raise BlendUnfit(kinds=", ".join(unfit))
