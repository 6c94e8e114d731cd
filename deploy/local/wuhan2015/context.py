"""Context figures of the pack: tax revenue by district and month of 2014 and 2015, which gives no points.

The city's half-years stand in context.json; how they are split is drawn from the pack's fixed seed, in whole 万元, so
that the parts add up to the totals exactly. No district's or month's share is a published figure.

submission_svc takes only what a card asks for, and a figure needs its definition, source and deadline like any other:
so the metric has a card worth 0 points, in a set of its own beside each year's set, outside the total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from deploy.local.wuhan2015.cards import Known, read_card
from deploy.local.wuhan2015.generate_facts import FactRow, default_pack, received_at
from deploy.local.wuhan2015.loader import PACK_FOLDER, Metric, Pack
from deploy.local.wuhan2015.reading import Document, read_document
from deploy.local.wuhan2015.records import Indicator, IndicatorSet, Unit
from shared.contracts.periods import Period, parse_period, period_of, periods_of_year

_FILE = "context.json"
_MONTHS = 6


@dataclass(frozen=True, kw_only=True)
class Context:
    """A context metric, the card that asks for it (of no set yet), and what its figures are drawn from."""

    metric: Metric
    card: Indicator
    city_totals: Mapping[str, int]
    recipe: Mapping[str, Any]


def read_context(pack: Pack, folder: Path = PACK_FOLDER) -> Context:
    """The context figures in this folder, checked against the pack.

    Raises:
        PackFileInvalid: the file is absent or malformed, or names a unit, source or half-year that does not exist.

    """
    document = read_document(folder, _FILE)
    content = document.content
    item = document.take(content, "metric", "metric", dict)
    metric = Metric(**{name: document.take(item, "metric", name, object) for name in Metric.__dataclass_fields__})
    if metric.supplied_by not in {system.client_id for system in pack.source_systems}:
        raise document.invalid(metric.supplied_by, f"{metric.code}: no source system {metric.supplied_by}")
    if metric.code in pack.metrics:
        raise document.invalid(metric.code, f"{metric.code} stands in metrics.csv too")
    clients = frozenset(system.client_id for system in pack.source_systems)
    known = Known(pack.unit_by_code, {metric.code: metric}, clients)
    card = read_card(document, document.take(content, "card", "card", dict), "", known)
    totals = document.take(content, "city_totals", "city_totals", dict)
    _check_recipe(document, content)
    return Context(
        metric=metric,
        card=card,
        city_totals={_half(document, key): _whole(document, totals, key) for key in totals},
        recipe=content,
    )


def _half(document: Document, key: str) -> str:
    try:
        period = parse_period(key)
    except ValueError as error:
        raise document.invalid(key, str(error)) from None
    if period.kind != "half_year":
        raise document.invalid(key, f"city_totals: {key} is no half-year")
    return key


def _whole(document: Document, totals: dict[str, Any], key: str) -> int:
    number = document.decimal(totals, key, key)
    if number != int(number) or number < 0:
        raise document.invalid(key, f"city_totals: {key} is {number}, not a whole number of 万元")
    return int(number)


def _check_recipe(document: Document, content: dict[str, Any]) -> None:
    weights = document.take(content, "month_weights", "month_weights", list)
    if len(weights) != _MONTHS:
        raise document.invalid("month_weights", f"month_weights has {len(weights)} months, not {_MONTHS}")
    for name in ("growth_spread_permille", "cell_spread_permille"):
        document.take(content, name, name, int)
    document.take(content, "size_weights", "size_weights", dict)


@cache
def default_context() -> Context:
    """The context figures of the pack beside this module, read once."""
    return read_context(default_pack())


def with_context(pack: Pack, context: Context | None = None) -> Pack:
    """The pack with the context metric, registered with its source system, and a set with its card for each year."""
    context = context or default_context()
    metric = context.metric
    systems = tuple(
        replace(system, metrics=(*system.metrics, metric.code)) if system.client_id == metric.supplied_by else system
        for system in pack.source_systems
    )
    sets = {
        one.code: one for year in sorted({one.year for one in pack.sets.values()}) for one in [_set_of(context, year)]
    }
    return replace(
        pack,
        metrics={**pack.metrics, metric.code: metric},
        source_systems=systems,
        sets={**pack.sets, **sets},
    )


def _set_of(context: Context, year: int) -> IndicatorSet:
    code, card = f"WH{year}-CONTEXT", context.card
    return IndicatorSet(
        code=code,
        name=f"{year}年度背景数据",
        name_en=f"context figures {year}",
        year=year,
        evaluated_group=card.evaluated_group,
        points="0",
        outside_total=True,
        levels=({"name": card.level1, "points": "0", "level2": [{"name": card.level2, "points": "0"}]},),
        indicators=(replace(card, set_code=code, effective_to=date(year + 1, 1, 1)),),
    )


def context_facts(period: str, pack: Pack | None = None, context: Context | None = None) -> tuple[FactRow, ...]:
    """The facts of a month, one for each district, sorted by unit; nothing for other kinds of period or other years.

    Raises:
        ValueError: the text is no period.

    """
    pack, context = pack or default_pack(), context or default_context()
    month = parse_period(period)
    half = period_of("half_year", month.first).key
    if month.kind != "month" or half not in context.city_totals:
        return ()
    split = _split(pack, context, half)
    seed = f"{pack.generation['seed']}/{context.metric.code}"
    due = pack.calendar.working_day_after(month.last, context.card.due_working_days)
    return tuple(
        FactRow(
            metric=context.metric.code,
            unit=unit.code,
            period=period,
            value=str(split[unit.code, period]),
            state=None,
            reason=None,
            provenance="feed",
            submitted_by=context.metric.supplied_by,
            received_at=received_at(pack, _drawn(f"{seed}/{unit.code}/{period}/received"), period, due),
        )
        for unit in sorted(pack.districts, key=lambda one: one.code)
    )


def _split(pack: Pack, context: Context, half: str) -> Mapping[tuple[str, str], int]:
    """A half-year of the city by (unit, month), adding up to its total."""
    within = parse_period(half)
    months = [one for one in periods_of_year(within.first.year) if one.kind == "month" and within.contains(one)]
    weights = {
        (unit.code, month.key): _weight(pack, context, unit, month, place)
        for unit in pack.districts
        for place, month in enumerate(months)
    }
    return apportioned(context.city_totals[half], weights)


def _weight(pack: Pack, context: Context, unit: Unit, month: Period, place: int) -> int:
    recipe, seed = context.recipe, f"{pack.generation['seed']}/{context.metric.code}/{unit.code}"
    low, high = (int(bound) for bound in recipe["size_weights"][unit.groups["size"]])
    size = _drawn(seed).randint(low, high)
    # A district keeps its size through all years; how far it has grown, and each month, are drawn by themselves.
    grown = 1000 + _drawn(f"{seed}/{month.first.year}").randint(0, recipe["growth_spread_permille"])
    spread = recipe["cell_spread_permille"]
    cell = 1000 + _drawn(f"{seed}/{month.key}").randint(-spread, spread)
    return size * int(recipe["month_weights"][place]) * grown * cell


def _drawn(text: str) -> Random:
    return Random(text)  # noqa: S311 no secret


def apportioned(total: int, weights: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """A whole total split in proportion to weights into whole parts; the largest remainders get what is left over."""
    whole = sum(weights.values())
    parts = {key: total * weight // whole for key, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda key: (-(total * weights[key] % whole), key))
    for key in by_remainder[: total - sum(parts.values())]:
        parts[key] += 1
    return parts
