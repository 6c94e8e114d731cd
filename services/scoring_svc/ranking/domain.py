"""The rules of ranking: totals of units over a span, places by competition ranking. Pure and exact."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from services.scoring_svc.engine.numbers import Rounding
from shared.errors import Refused

BLEND = {
    "blend": "mean_of_periods",
    "zh": (
        "单位总分＝各指标在本期内所含各考核期得分的平均值之和，加本期内的加分，减分摊的外部失分；"
        "豁免和不可考核的单元格不计入平均，也不折算；"
        "按未舍入的总分排名，并列占用名次；总分四舍五入保留2位小数"
    ),
    "en": (
        "A unit's total is the sum over indicators of the mean of the indicator's scores in the periods "
        "inside the span, plus its bonuses and less its shares of external losses in the span; "
        "cells that are exempt or not scorable are left out of the mean and nothing is scaled up; units are ranked by "
        "their totals before rounding, tied units share the better place and the next places are skipped; totals are "
        "rounded half up to 2 places"
    ),
}
_PLACES = Rounding(at="", mode="half_up", places=2)


class RankingNotReady(Refused):
    """A ranking is published over confirmed periods only."""

    code = "ranking_not_ready"
    zh, en = "尚有考核期未确认：{periods}", "These periods are not confirmed yet: {periods}"


@dataclass(frozen=True)
class CellScored:
    """A scored cell: full marks and score in points."""

    unit_id: UUID
    indicator_id: UUID
    full_marks: Decimal
    score: Decimal


@dataclass(frozen=True)
class Ranked:
    """A unit with its place, its total, what it could have reached, and how many indicators that rests on."""

    unit_id: UUID
    place: int
    total: str
    full_marks: str
    indicators: int


@dataclass(frozen=True)
class Total:
    """A unit's exact total and the exact full marks of the indicators in it."""

    total: Fraction
    full_marks: Fraction
    indicators: int


def totals(cells: Iterable[CellScored]) -> Mapping[UUID, Total]:
    """The exact total of each unit: the sum over its indicators of the mean of their scores."""
    by_unit: dict[UUID, dict[UUID, list[CellScored]]] = {}
    for cell in cells:
        by_unit.setdefault(cell.unit_id, {}).setdefault(cell.indicator_id, []).append(cell)
    return {
        unit: Total(
            sum((_mean([cell.score for cell in found]) for found in indicators.values()), Fraction(0)),
            sum((_mean([cell.full_marks for cell in found]) for found in indicators.values()), Fraction(0)),
            len(indicators),
        )
        for unit, indicators in by_unit.items()
    }


def with_entries(found: Mapping[UUID, Total], points: Mapping[UUID, Decimal]) -> Mapping[UUID, Total]:
    """Totals with what awards and external losses add up to; a unit without a scored cell has no total to add to."""
    return {
        unit: replace(total, total=total.total + Fraction(points.get(unit, Decimal(0))))
        for unit, total in found.items()
    }


def _mean(numbers: Sequence[Decimal]) -> Fraction:
    return sum((Fraction(number) for number in numbers), Fraction(0)) / len(numbers)


def rank(found: Mapping[UUID, Total]) -> Sequence[Ranked]:
    """Units by place, best first: competition ranking on exact totals; tied units stand in the order of their ids."""
    ordered = sorted(found.items(), key=lambda item: (-item[1].total, str(item[0])))
    ranked: list[Ranked] = []
    place, before = 0, None
    for number, (unit, total) in enumerate(ordered, start=1):
        if total.total != before:
            place, before = number, total.total
        text = _PLACES.text(_PLACES.apply(total.total))
        possible = _PLACES.text(_PLACES.apply(total.full_marks))
        ranked.append(Ranked(unit, place, text, possible, total.indicators))
    return ranked
