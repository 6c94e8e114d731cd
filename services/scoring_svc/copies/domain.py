"""Pure reading of published cards: which version governs a period, what its inputs mean, whether a set is whole."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.indicator import IndicatorPublished
from shared.contracts.periods import Period


class StoredFact(NamedTuple):
    """One version of a fact; `value` is decimal, date or category text, or records."""

    version: int
    state: str
    value: Any
    reason: str | None


Facts = Mapping[UUID, Mapping[UUID, StoredFact]]
"""Facts by metric, then by unit."""


def governing(versions: Iterable[IndicatorPublished], period: Period) -> IndicatorPublished | None:
    """The card that governs a period: the highest version in effect on the period's last day, of the period's kind."""
    in_effect = [
        card
        for card in versions
        if card.period_kind == period.kind
        and card.effective_from <= period.last
        and (card.effective_to is None or card.effective_to > period.last)
    ]
    return max(in_effect, key=lambda card: card.version, default=None)


def metrics_of(card: IndicatorPublished) -> Sequence[UUID]:
    """The metrics that a card's inputs are bound to, each once, in a fixed order."""
    return sorted({binding.metric for binding in card.bindings.values() if binding.metric is not None})


def results_of(card: IndicatorPublished) -> Sequence[UUID]:
    """The indicators whose results a card's inputs are bound to, each once, in a fixed order."""
    return sorted({binding.indicator for binding in card.bindings.values() if binding.indicator is not None})


@dataclass(frozen=True)
class Chain:
    """Which cards of a period read whose results: readers by indicator, and how deep each stands (0: reads none)."""

    cards: Mapping[UUID, IndicatorPublished]
    readers: Mapping[UUID, Sequence[UUID]]
    depths: Mapping[UUID, int]

    def depth(self, indicator: UUID) -> int:
        """The longest way from a card that reads no result."""
        return self.depths.get(indicator, 0)

    def levels(self, cards: Iterable[IndicatorPublished]) -> list[list[IndicatorPublished]]:
        """Cards by depth: whoever reads a result comes after what is read."""
        by_depth: dict[int, list[IndicatorPublished]] = {}
        for card in cards:
            by_depth.setdefault(self.depth(card.indicator_id), []).append(card)
        return [found for _, found in sorted(by_depth.items())]


def chain_of(cards: Iterable[IndicatorPublished]) -> Chain:
    """The chain of the cards that govern a period. Publication lets no circle through; one would end at some depth."""
    reading = {card.indicator_id: card for card in cards if results_of(card)}
    readers: dict[UUID, list[UUID]] = {}
    for indicator, card in sorted(reading.items()):
        for read in results_of(card):
            readers.setdefault(read, []).append(indicator)
    depths = dict.fromkeys(reading, 1)
    for _ in reading:
        for indicator, card in reading.items():
            deepest = max(depths.get(read, 0) for read in results_of(card)) + 1
            depths[indicator] = min(deepest, len(reading))
    return Chain(reading, readers, depths)


def counts_working_days(card: IndicatorPublished) -> bool:
    """Whether the card's result depends on the working-day calendar."""
    return "working_day" in str(card.rule) or any(binding.calendar == "due" for binding in card.bindings.values())


def groups_units(card: IndicatorPublished) -> bool:
    """Whether the card's result depends on the groups that units belong to."""
    return any(binding.unit_group is not None for binding in card.bindings.values())


def cards_hash(newest: Iterable[tuple[UUID, int]]) -> str:
    """sha256 over the lines `indicator_id:version` sorted by id, as the set's publication states it."""
    lines = sorted(f"{identity}:{version}" for identity, version in newest)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
