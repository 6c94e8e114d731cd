"""What the story expects, worked out from the pack's files alone: counts, and a recount of the simple rules.

What belongs here: expectations that owe nothing to the services, so that their answers can be held against them.
The recount is a second, small reading of the rule language: steps, tables and straight lines on one posted number.
What it does not read (ranks, peers, records, dates) it leaves out and says so, instead of guessing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from deploy.local.wuhan2015.loader import Indicator, Pack, Tier
from shared.contracts.identity import deduction_id, indicator_id, unit_id
from shared.contracts.periods import parse_period

Cell = tuple[str, str, str]
"""A cell by codes: indicator, unit, period."""


class NotRecounted(Exception):
    """A rule, or the state of a fact, that the small recount does not read."""


@dataclass
class Sent:
    """The facts that the story got accepted, the latest for each metric, unit and period; None stands for a state."""

    values: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        """Remember a row as it was sent."""
        self.values[row["metric"], row["unit"], row["period"]] = row.get("value")


@dataclass(frozen=True)
class Recount:
    """Losses by cell of every cell that the recount reads, zero losses too."""

    losses: Mapping[Cell, Decimal]
    cards: int

    @property
    def lossy(self) -> dict[Cell, Decimal]:
        """The cells that lost points."""
        return {cell: loss for cell, loss in self.losses.items() if loss > 0}


def cards_of(pack: Pack, set_code: str, period: str) -> tuple[Indicator, ...]:
    """The cards of a set that are scored in this period."""
    kind = parse_period(period).kind
    return tuple(card for card in pack.sets[set_code].indicators if card.period_kind == kind)


def cells_of(pack: Pack, set_code: str, period: str) -> int:
    """How many cells a set has in a period: its cards of that kind times the evaluated units."""
    return len(cards_of(pack, set_code, period)) * len(pack.districts)


def burden_of(cards: Iterable[Indicator]) -> tuple[int, int, str]:
    """Extracted cards, all cards, and the share in percent to one place."""
    listed = list(cards)
    extracted = sum(card.fill_mode == "extracted" for card in listed)
    share = (Decimal(extracted * 100) / Decimal(len(listed))).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return extracted, len(listed), str(share)


def deduction_of(card: Indicator, unit: str, period: str) -> UUID:
    """The identity that the deduction of a cell must have in every service."""
    return deduction_id(indicator_id(card.set_code, card.code), unit_id(unit), period)


def recount(pack: Pack, set_code: str, period: str, sent: Sent, taken_out: Iterable[tuple[str, str]] = ()) -> Recount:
    """Recount the losses of a set in a period from the facts as sent; cells taken out (card, unit) have no score."""
    outside = set(taken_out)
    losses: dict[Cell, Decimal] = {}
    read: set[str] = set()
    for card in cards_of(pack, set_code, period):
        for district in pack.districts:
            if (card.code, district.code) in outside:
                continue
            try:
                loss = loss_of(card, district.code, period, sent)
            except NotRecounted:
                continue
            read.add(card.code)
            losses[card.code, district.code, period] = loss
    return Recount(losses, len(read))


def loss_of(card: Indicator, unit: str, period: str, sent: Sent) -> Decimal:
    """What a cell loses in points. Raises NotRecounted."""
    result = card.rule["result"]
    if result["kind"] != "points" or result["floor"] != "0" or result["rounding"] != {"mode": "half_up", "places": 2}:
        raise NotRecounted
    total = Fraction(result["base"])
    for clause in result["clauses"]:
        total += _worth(clause["points"], card, unit, period, sent)
    if result["ceiling"] != "none":
        total = min(total, Fraction(result["ceiling"]))
    score = rounded(max(Fraction(0), total))
    return max(Decimal(0), Decimal(card.points) - score)


def tier_by_share(tiers: Sequence[Tier], card: Indicator, loss: Decimal) -> str:
    """The tier of a first loss: repeats cannot count yet, so the share of the points decides."""
    marks = Decimal(card.points)
    for tier in tiers:
        for condition in tier.any_of:
            shares = "share_at_least" not in condition or (
                marks > 0 and loss >= Decimal(condition["share_at_least"]) * marks
            )
            enough = "loss_at_least" not in condition or loss >= Decimal(condition["loss_at_least"])
            if "repeats_at_least" not in condition and shares and enough:
                return tier.tier
    raise NotRecounted


def span_totals(cells: Iterable[tuple[str, str, Decimal]], units: Sequence[str]) -> dict[str, Fraction]:
    """Exact totals of a span: for each unit (second) the mean of its scores (third) per card (first), added up."""
    scores: dict[tuple[str, str], list[Fraction]] = {}
    for card, unit, score in cells:
        scores.setdefault((card, unit), []).append(Fraction(score))
    totals = dict.fromkeys(units, Fraction(0))
    for (_, unit), found in scores.items():
        totals[unit] += sum(found, Fraction(0)) / len(found)
    return totals


def competition_places(totals: Mapping[str, Fraction]) -> dict[str, int]:
    """Places by total, highest first; equal totals share the better place and the next places are skipped."""
    return {unit: 1 + sum(other > total for other in totals.values()) for unit, total in totals.items()}


def _worth(points: Any, card: Indicator, unit: str, period: str, sent: Sent) -> Fraction:
    if not isinstance(points, dict):
        return Fraction(points)
    reader = {"step": _steps, "table": _row, "linear": _line}.get(points["kind"])
    if reader is None:
        raise NotRecounted
    return reader(points, _value(points["of"], card, unit, period, sent))


def _value(name: Any, card: Indicator, unit: str, period: str, sent: Sent) -> Fraction:
    metric = card.bindings.get(name, {}).get("metric") if isinstance(name, str) else None
    if metric is None:
        raise NotRecounted
    value = sent.values.get((metric, unit, period))
    if value is None:
        missing = card.rule["inputs"][name]["missing"]
        never_sent = (metric, unit, period) not in sent.values
        if never_sent and isinstance(missing, dict) and "as_if" in missing:
            return Fraction(missing["as_if"])
    if not isinstance(value, str):
        raise NotRecounted
    try:
        return Fraction(value)
    except ValueError:
        raise NotRecounted from None


def _steps(points: Mapping[str, Any], value: Fraction) -> Fraction:
    if not isinstance(points["from"], str):
        raise NotRecounted
    beyond = value - Fraction(points["from"])
    steps = max(Fraction(0), beyond if points["direction"] == "above" else -beyond) / Fraction(points["per"])
    if points["mode"] == "whole":
        steps = Fraction(steps.__floor__())
    elif points["mode"] == "started":
        steps = Fraction(steps.__ceil__())
    return steps * Fraction(points["gives"])


def _row(points: Mapping[str, Any], value: Fraction) -> Fraction:
    for row in points["rows"]:
        if "in" in row or "gives" not in row or not isinstance(row["gives"], str):
            raise NotRecounted
        if (
            ("equal" not in row or value == Fraction(row["equal"]))
            and ("at_least" not in row or value >= Fraction(row["at_least"]))
            and ("above" not in row or value > Fraction(row["above"]))
            and ("at_most" not in row or value <= Fraction(row["at_most"]))
            and ("below" not in row or value < Fraction(row["below"]))
        ):
            return Fraction(row["gives"])
    raise NotRecounted


def _line(points: Mapping[str, Any], value: Fraction) -> Fraction:
    through = [(one["at"], one["gives"]) for one in points["through"]]
    if not all(isinstance(at, str) and isinstance(gives, str) for at, gives in through):
        raise NotRecounted
    known = [(Fraction(at), Fraction(gives)) for at, gives in through]
    low_end, high_end = points["before"], points["after"]
    if known[0] > known[-1]:
        known, low_end, high_end = known[::-1], high_end, low_end
    if low_end == "hold":
        value = max(value, known[0][0])
    if high_end == "hold":
        value = min(value, known[-1][0])
    place = next((n for n in range(1, len(known)) if value <= known[n][0]), len(known) - 1)
    (left, low), (right, high) = known[place - 1], known[place]
    return low + (high - low) * (value - left) / (right - left)


def rounded(number: Fraction) -> Decimal:
    """Points half up to two places, on exact integers."""
    scaled = number * 100
    whole = (abs(scaled) + Fraction(1, 2)).__floor__()
    return Decimal(whole if scaled >= 0 else -whole).scaleb(-2)
