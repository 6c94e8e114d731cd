"""Whose results a variant moves, and who reads them: cards that read a result follow it, as the ledger's cells do.

Whoever reads comes after what is read. Where a result stays as it was, what the real cell read stays too, so that a
rule which is not altered still gives what was confirmed. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm
from uuid import UUID

import numpy as np

from services.scoring_svc.copies.domain import results_of
from services.scoring_svc.engine.domain import places_of
from services.scoring_svc.engine.numbers import Rounding, shortest
from services.scoring_svc.ledger.evaluation import Results, rule_of
from services.scoring_svc.simulation.evaluating import SCORED, Marks, States
from services.scoring_svc.simulation.variants import Altered, Base, newest
from shared.contracts.indicator import IndicatorPublished

Moved = Mapping[str, Mapping[UUID, str | None]]
"""Results that a variant moves, by period and unit, as `as_result` says them; None where there is no cell any more."""


def with_readers(changed: Sequence[Altered], base: Base) -> list[Altered]:
    """What a variant changes, and behind it every indicator of the base that reads a result of it, however far.

    An indicator whose real scores would only count otherwise is evaluated too if it reads such a result.
    """
    found = {one.code: one for one in changed}
    moved = {one.indicator_id for one in changed}
    while more := [code for code in sorted(base.cards) if code not in found and _reads(base.cards[code], moved)]:
        for code in more:
            card = newest(base.cards[code])
            found[code] = Altered(
                code, card.name, "follows", card.indicator_id, card.type != "veto", base.cards[code]
            )  # fmt: skip
            moved.add(card.indicator_id)
    return [
        replace(one, cards=base.cards[code]) if one.factors and _reads(base.cards[code], moved) else one
        for code, one in found.items()
    ]


def _reads(cards: Mapping[str, IndicatorPublished], moved: set[UUID]) -> bool:
    return any(not moved.isdisjoint(results_of(card)) for card in cards.values())


def in_order(variants: Iterable[Sequence[Altered]]) -> list[str]:
    """The codes of all that variants alter, whoever reads a result after what is read."""
    codes: dict[UUID, str] = {}
    reads: dict[UUID, set[UUID]] = {}
    for one in (one for variant in variants for one in variant):
        codes[one.indicator_id] = one.code
        read = reads.setdefault(one.indicator_id, set())
        read.update(*(results_of(card) for card in one.cards.values()))
    depths = dict.fromkeys(codes, 0)
    for _ in codes:
        for indicator, read in reads.items():
            deepest = max((depths[other] + 1 for other in read if other in depths), default=0)
            depths[indicator] = min(deepest, len(codes))
    return [codes[indicator] for indicator in sorted(codes, key=lambda one: (depths[one], codes[one]))]


def moved_of(
    one: Altered,
    cells: Sequence[tuple[str, UUID]],
    real: Marks,
    simulated: Marks,
    cards: Mapping[str, IndicatorPublished],
) -> Moved:
    """The results of an altered indicator that differ from the real ones; `cells` names the rows of the marks.

    `cards`: those that it was confirmed under, by period. New full marks make scores that no rule gave; they are read
    as a rule would round them.
    """
    below = lcm(real.below, simulated.below)
    before, now = real.over(below), simulated.over(below)
    found: dict[str, dict[UUID, str | None]] = {}
    for row in np.flatnonzero((before.values != now.values) | (before.states != now.states)).tolist():
        period, unit = cells[row]
        state = int(now.states[row])
        if state == SCORED:
            number = Fraction(int(now.values[row]), below)
            places = places_of(rule_of(cards[period])) if one.factors else None
            text = shortest(number) if places is None else Rounding("", "half_up", places).text(number)
        else:
            text = States[state] if state >= 0 else ""
        found.setdefault(period, {})[unit] = f"v0 {text}" if text else None
    return found


def read_with(results: Results, moved: Mapping[UUID, Moved], period: str) -> Results:
    """What cells of a period read once other indicators' results have moved."""
    changed = {
        (indicator, unit): text for indicator, found in moved.items() for unit, text in found.get(period, {}).items()
    }
    return {cell: text for cell, text in {**results, **changed}.items() if text is not None}
