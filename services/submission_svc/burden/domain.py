"""The burden of filling in (填报负担): how many indicators of a set the systems carry. Pure counting."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True)
class BurdenedIndicator:
    """A published indicator and who fills it in."""

    code: str
    name: str
    fill_mode: str
    filler: str


@dataclass(frozen=True)
class Burden:
    """`extracted` come from systems, `self_reported` are typed by the evaluated units, `others` by neither."""

    extracted: tuple[BurdenedIndicator, ...]
    self_reported: tuple[BurdenedIndicator, ...]
    others: tuple[BurdenedIndicator, ...]

    @property
    def indicators(self) -> int:
        """The denominator: all indicators of the set."""
        return len(self.extracted) + len(self.self_reported) + len(self.others)

    @property
    def ratio(self) -> str | None:
        """The share carried by systems in percent, half up to one place; None for an empty set."""
        if not self.indicators:
            return None
        share = Decimal(len(self.extracted)) * 100 / self.indicators
        return str(share.quantize(Decimal("0.1"), ROUND_HALF_UP))


def weigh(indicators: Iterable[BurdenedIndicator]) -> Burden:
    """Split a set's indicators by who fills them in: 118 of 148 is 79.7 %."""
    split: dict[str, list[BurdenedIndicator]] = {"extracted": [], "self_reported": [], "others": []}
    for indicator in sorted(indicators, key=lambda each: each.code):
        split[indicator.fill_mode if indicator.fill_mode in split else "others"].append(indicator)
    return Burden(*(tuple(split[mode]) for mode in ("extracted", "self_reported", "others")))
