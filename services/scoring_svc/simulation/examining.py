"""Reading the real scores of a set for pre-heat, diagnostics and the weights: what is asked, and of whom."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.scoring_svc.engine.domain import attainable
from services.scoring_svc.ledger.evaluation import rule_of
from services.scoring_svc.ranking.domain import SCALE, Span
from services.scoring_svc.ranking.marks import Cells
from services.scoring_svc.simulation import repository
from services.scoring_svc.simulation.diagnosis import Indicator, Lines, UnitMark, diagnose, preheat_of, weight_of
from services.scoring_svc.simulation.use_cases import Scope, whole_of
from services.scoring_svc.simulation.variants import Base, newest


@dataclass(frozen=True)
class Examined:
    """The marks of a base: its indicators, exact totals of ranked units, and the groups of all units by dimension."""

    indicators: Sequence[Indicator]
    totals: Mapping[int, Fraction]
    groups: Mapping[str, Sequence[str | None]]


async def examine(connection: asyncpg.Connection, base: Base, scope: Scope, span: Span) -> Examined:
    """Read the marks of a base once."""
    keys = [period.key for period in base.periods]
    cards = {newest(found).indicator_id: newest(found) for found in base.cards.values()}
    whole = await whole_of(connection, base, scope, span)
    source = Cells(base.set_id, keys, confirmed=True, blend=whole.blend)
    rows = await repository.real_marks(connection, source, cards)
    units = sorted({row["unit_id"] for row in rows}, key=lambda unit: (whole.names.get(unit, ("", ""))[0], str(unit)))
    at = {unit: number for number, unit in enumerate(units)}
    marks: dict[UUID, dict[int, UnitMark]] = {indicator: {} for indicator in cards}
    totals: dict[int, Fraction] = {}
    for row in rows:
        mark = Fraction(row["mark"]) / SCALE
        found = UnitMark(mark, row["scored"], row["at_full"], Fraction(row["loss"]))
        marks[row["indicator_id"]][at[row["unit_id"]]] = found
        counts = whole.ranked is None or row["unit_id"] in whole.ranked
        if counts and cards[row["indicator_id"]].type != "veto":
            totals[at[row["unit_id"]]] = totals.get(at[row["unit_id"]], Fraction(0)) + mark
    for unit, points in whole.entries.items():
        if at.get(unit) in totals:
            totals[at[unit]] += Fraction(points)
    lowest = _lowest(base)
    at_lowest = await repository.cells_at_lowest(connection, base.set_id, keys, lowest)
    ends = {indicator for indicator, _ in lowest}
    indicators = [
        Indicator(
            card.code, card.name, card.type != "veto", marks[indicator],
            at_lowest.get(indicator, 0) if indicator in ends else None,
        )
        for indicator, card in sorted(cards.items(), key=lambda one: one[1].code)
    ]  # fmt: skip
    return Examined(indicators, totals, await _groups(connection, units, span))


def _lowest(base: Base) -> dict[tuple[UUID, int], Decimal]:
    """The lowest score that each card's rule can give, where it has one that decimals can write."""
    found = {}
    for cards in base.cards.values():
        for card in cards.values():
            low, _ = attainable(rule_of(card))
            if low is not None:
                found[card.indicator_id, card.version] = Decimal(low.numerator) / Decimal(low.denominator)
    return found


async def _groups(connection: asyncpg.Connection, units: Sequence[UUID], span: Span) -> dict[str, list[str | None]]:
    """The group of every unit in every dimension, `kind` among them, as units stood at the end of the span."""
    known = await repository.names_of(connection, units, span.last)
    told = {unit: {"kind": row["kind"], **msgspec.json.decode(row["groups"])} for unit, row in known.items()}
    dimensions = sorted({name for groups in told.values() for name in groups})
    return {name: [told.get(unit, {}).get(name) for unit in units] for name in dimensions}


async def preheats(connection: asyncpg.Connection, base: Base, scope: Scope, span: Span) -> list[dict[str, Any]]:
    """The pre-heat of every indicator of a base."""
    seen = await examine(connection, base, scope, span)
    return await asyncio.to_thread(lambda: [preheat_of(one, seen.groups) for one in seen.indicators])


async def diagnostics(
    connection: asyncpg.Connection, base: Base, scope: Scope, span: Span, lines: Lines
) -> dict[str, Any]:
    """What the real scores of a base say of its indicators."""
    seen = await examine(connection, base, scope, span)
    return await asyncio.to_thread(diagnose, seen.indicators, seen.totals, seen.groups, lines)


async def weights(
    connection: asyncpg.Connection, base: Base, scope: Scope, span: Span, by: Fraction
) -> list[dict[str, Any]]:
    """How places depend on the weight of each indicator that counts in the total."""
    seen = await examine(connection, base, scope, span)
    counted = [one for one in seen.indicators if one.total]
    return await asyncio.to_thread(lambda: [weight_of(one, seen.totals, by) for one in counted])
