"""Places worked out again from scores, as `ranking/repository.py` works them out in the database. Pure and exact.

Totals are points times `ARCHIVED`, exactly, and compared unrounded.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from services.scoring_svc.ranking.blending import SpanBlend, Tally
from services.scoring_svc.ranking.domain import TOTAL
from shared.contracts.indicator import IndicatorPublished

Place = Mapping[str, str | int | None]


# What totals of an archive are multiplied by, for ever, whatever the database multiplies by.
ARCHIVED = 232_792_560


@dataclass
class _Line:
    total: Fraction = Fraction(0)
    full_marks: Fraction = Fraction(0)
    indicators: int = 0


@dataclass
class Boards:
    """The totals of units on each board: total, levels, indicators. Veto cards are no part of any."""

    blend: SpanBlend
    lines: dict[str, dict[str, _Line]] = field(default_factory=dict)

    def count(self, card: IndicatorPublished, unit: str, tally: Tally) -> None:
        """Count the mark that an indicator's cells make."""
        if card.type == "veto" or tally.last is None:
            return
        mark, full_marks = self.blend.mark(tally)
        level2 = f"level2:{card.level1}/{card.level2}"
        for board in (TOTAL, f"level1:{card.level1}", level2, f"indicator:{card.code}"):
            known = self.lines.setdefault(board, {}).setdefault(unit, _Line())
            known.total += mark * ARCHIVED
            known.full_marks += full_marks * ARCHIVED
            known.indicators += 1

    def add_entry(self, unit: str, points: Fraction) -> None:
        """Count an award or external loss in the total of a unit that has one."""
        known = self.lines.get(TOTAL, {}).get(unit)
        if known is not None:
            known.total += points * ARCHIVED

    def places(self, board: str, units: Iterable[str], spread: Fraction) -> dict[str, Place]:
        """The places of those of the units that stand on a board, as `ranking_places` holds them."""
        lines = self.lines.get(board, {})
        among = {unit: lines[unit] for unit in units if unit in lines}
        rising = sorted(one.total for one in among.values())
        different = sorted(set(rising))
        times = Counter(rising)
        return {unit: _place(one, rising, different, times, spread * ARCHIVED) for unit, one in among.items()}


def _place(
    one: _Line, rising: list[Fraction], different: list[Fraction], times: Counter[Fraction], spread: Fraction
) -> Place:
    better = bisect_right(different, one.total)
    return {
        "total": text_of(one.total),
        "full_marks": text_of(one.full_marks),
        "indicators": one.indicators,
        "place": 1 + len(rising) - bisect_right(rising, one.total),
        "tied": times[one.total],
        "dense": 1 + len(different) - better,
        "ranked": len(rising),
        "best": 1 + len(rising) - bisect_right(rising, one.total + spread),
        "worst": len(rising) - bisect_left(rising, one.total - spread),
        "next_total": text_of(different[better]) if better < len(different) else None,
    }


def text_of(number: Fraction) -> str:
    """An exact number as text, in the one way to write it."""
    return f"{number.numerator}" if number.denominator == 1 else f"{number.numerator}/{number.denominator}"
