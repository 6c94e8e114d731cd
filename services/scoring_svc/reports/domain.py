"""The rules of reading scores: what adds up to what along the indicator tree, and shares of a loss. Pure and exact.

Sums are over scored cells and add up digit for digit: full marks − loss + bonus = score, on every line. Beside them
stands the mark that rankings count, made of an indicator's periods as the policy blends them. Veto indicators cap
a grade and are in no sum above their own line.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Literal
from uuid import UUID

from services.scoring_svc.copies.domain import governing
from services.scoring_svc.engine.numbers import Rounding, shortest
from services.scoring_svc.ranking.blending import SpanBlend, Tally
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period, parse_period
from shared.errors import Refused

State = Literal["scored", "exempt", "not_scorable", "refused", "awaited"]
NOTHING = Decimal(0)
_POINTS = Rounding(at="", mode="half_up", places=2)
_SHARE = Rounding(at="", mode="half_up", places=4)


class FilterRequired(Refused):
    """A trend is that of a unit or of an indicator."""

    status, code = 422, "filter_required"
    zh, en = "请指定单位或指标（unit 或 indicator）", "Name a unit or an indicator (unit or indicator)"


class NothingToExplain(Refused):
    """A cell that is not scored has no entries that could be explained by themselves."""

    status, code = 404, "entry_unknown"
    zh, en = "该单元格没有这一分录", "This cell has no such entry"


@dataclass(frozen=True)
class Mark:
    """One cell as far as sums see it; `score` is None unless it is scored."""

    period: str
    state: State
    full: Decimal
    score: Decimal | None
    won_back: Decimal = NOTHING

    @property
    def loss(self) -> Decimal:
        """What is below full marks."""
        return NOTHING if self.score is None else max(NOTHING, self.full - self.score)

    @property
    def bonus(self) -> Decimal:
        """What is above full marks."""
        return NOTHING if self.score is None else max(NOTHING, self.score - self.full)


@dataclass(frozen=True)
class Sums:
    """What some cells add up to. `counted` and `counted_full`: as rankings count, exact."""

    full: Decimal = NOTHING
    score: Decimal = NOTHING
    loss: Decimal = NOTHING
    bonus: Decimal = NOTHING
    won_back: Decimal = NOTHING
    counted: Fraction = Fraction(0)
    counted_full: Fraction = Fraction(0)
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def points(self) -> str:
        """The mark that rankings count, rounded half up to 2 places."""
        return _POINTS.text(self.counted)

    @property
    def exact(self) -> str:
        """The same, not rounded: decimal text, or p/q where no finite decimal exists."""
        return shortest(self.counted)


def sums_of(marks: Sequence[Mark], blend: SpanBlend) -> Sums:
    """The sums of one indicator's cells over periods. Raises BlendUnfit."""
    tally = Tally()
    for mark in marks:
        if mark.state != "awaited":
            points = None if mark.score is None else Fraction(mark.score)
            tally.add(parse_period(mark.period), points, Fraction(mark.full))
    counted, counted_full = blend.mark(tally)
    scored = [mark for mark in marks if mark.score is not None]
    score = sum((mark.score for mark in scored if mark.score is not None), NOTHING)
    full = sum((mark.full for mark in scored), NOTHING)
    return Sums(
        full=full,
        score=score,
        loss=sum((mark.loss for mark in scored), NOTHING),
        bonus=sum((mark.bonus for mark in scored), NOTHING),
        won_back=sum((mark.won_back for mark in marks), NOTHING),
        counted=counted,
        counted_full=counted_full,
        states=Counter(mark.state for mark in marks),
    )


def added(parts: Iterable[Sums]) -> Sums:
    """What the lines below a line add up to."""
    found = list(parts)
    states: Counter[str] = Counter()
    for part in found:
        states.update(part.states)
    return Sums(
        full=sum((part.full for part in found), NOTHING),
        score=sum((part.score for part in found), NOTHING),
        loss=sum((part.loss for part in found), NOTHING),
        bonus=sum((part.bonus for part in found), NOTHING),
        won_back=sum((part.won_back for part in found), NOTHING),
        counted=sum((part.counted for part in found), Fraction(0)),
        counted_full=sum((part.counted_full for part in found), Fraction(0)),
        states=states,
    )


@dataclass(frozen=True)
class Line:
    """A line of the tree: an indicator with its cells, or a level with the lines below."""

    name: str
    sums: Sums
    lines: tuple["Line", ...] = ()
    card: IndicatorPublished | None = None
    in_total: bool = True


def tree(marks: Mapping[UUID, Sequence[Mark]], cards: Mapping[UUID, IndicatorPublished], blend: SpanBlend) -> Line:
    """The lines of a unit by level 1, level 2 and indicator; every level adds up the lines below it."""
    leaves = [
        Line(card.name, sums_of(marks[indicator], blend), card=card, in_total=card.type != "veto")
        for indicator, card in cards.items()
        if indicator in marks
    ]
    leaves.sort(key=lambda line: _place(line.card))
    level1 = []
    for name, inside in groupby(leaves, key=lambda line: line.card.level1 if line.card else ""):
        level2 = [
            _level(second, list(found))
            for second, found in groupby(list(inside), key=lambda line: line.card.level2 if line.card else "")
        ]
        level1.append(_level(name, level2))
    return _level("", level1)


def _place(card: IndicatorPublished | None) -> tuple[str, str, str]:
    return ("", "", "") if card is None else (card.level1, card.level2, card.code)


def _level(name: str, lines: Sequence[Line]) -> Line:
    return Line(name, added(line.sums for line in lines if line.in_total), tuple(lines))


def newest_inside(cards: Iterable[IndicatorPublished], last: date) -> dict[UUID, IndicatorPublished]:
    """Each indicator's newest version that begins by a day: the one whose place in the tree counts."""
    found: dict[UUID, IndicatorPublished] = {}
    for card in cards:
        known = found.get(card.indicator_id)
        if card.effective_from <= last and (known is None or known.version < card.version):
            found[card.indicator_id] = card
    return found


def expected(
    cards: Iterable[IndicatorPublished], periods: Iterable[Period], unit: UUID
) -> dict[tuple[UUID, str], IndicatorPublished]:
    """The cells that a unit must have in some periods, by indicator and period, with the card that governs each."""
    by_indicator: dict[UUID, list[IndicatorPublished]] = {}
    for card in cards:
        by_indicator.setdefault(card.indicator_id, []).append(card)
    found: dict[tuple[UUID, str], IndicatorPublished] = {}
    for period in periods:
        for indicator, versions in by_indicator.items():
            governs = governing(versions, period)
            if governs is not None and unit in governs.evaluated_unit_ids:
                found[indicator, period.key] = governs
    return found


def share_text(loss: Decimal, full: Decimal) -> str | None:
    """A loss as a share of the full marks, rounded half up to 4 places; None where there are no full marks."""
    return _SHARE.text(Fraction(loss) / Fraction(full)) if full > 0 else None


def mean_text(total: Decimal, count: int) -> str | None:
    """The exact mean, or None of nothing."""
    return shortest(Fraction(total) / count) if count else None
