"""Pure reading of published cards: which version governs a period, what its inputs mean, whether a set is whole."""

import hashlib
from collections.abc import Iterable, Sequence
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
