"""Draws the facts of a period from a fixed seed: every value here is invented, none is published.

The recipes stand in generation.json, the cells that the story needs in story.json. The same pack gives the same
rows for ever, and each cell has its own draw, so an edited recipe leaves all other cells as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from random import Random
from typing import Any

from deploy.local.wuhan2015.drawing import FORMS, Records
from deploy.local.wuhan2015.loader import Metric, Pack, load_pack
from shared.contracts.periods import parse_period

SHANGHAI = timezone(timedelta(hours=8))
PERMILLE = 1000


@dataclass(frozen=True, kw_only=True)
class FactRow:
    """One fact as a source posts it: a value or a state, and when it reaches the server."""

    metric: str
    unit: str
    period: str
    value: str | Records | None
    state: str | None
    reason: str | None
    provenance: str
    submitted_by: str
    received_at: datetime

    def wire(self) -> dict[str, Any]:
        """The fact without who and when: {metric, unit, period, value} or {..., state, reason}."""
        key = {"metric": self.metric, "unit": self.unit, "period": self.period}
        if self.state is None:
            return {**key, "value": self.value}
        return {**key, "state": self.state, "reason": self.reason}


@cache
def default_pack() -> Pack:
    """The pack beside this module, read once."""
    return load_pack()


def facts(period: str, pack: Pack | None = None) -> tuple[FactRow, ...]:
    """All facts of one period, sorted by metric and unit.

    Inspection metrics have no row here: their facts arise from the findings in story.json. Nor has a metric without a
    recipe, which every metric of the files has: what is added to a pack brings its facts with it (context.py).

    Raises:
        ValueError: the text is no period.

    """
    pack = pack or default_pack()
    kind = parse_period(period).kind
    return tuple(
        row
        for code in sorted(pack.metrics)
        if code in pack.generation["metrics"]
        and pack.metrics[code].period_kind == kind
        and pack.metrics[code].supplied_by != "inspection"
        for row in _rows(pack, pack.metrics[code], period)
    )


def due_date(pack: Pack, metric: str, period: str) -> date:
    """The last day on which this fact is in time: the shortest deadline of the cards that read it."""
    days = min(card.due_working_days for card in pack.indicators if metric in card.metrics)
    return pack.calendar.working_day_after(parse_period(period).last, days)


def _rows(pack: Pack, metric: Metric, period: str) -> Iterator[FactRow]:
    due = due_date(pack, metric.code, period)
    recipe = pack.generation["metrics"][metric.code]
    planned = {
        fact["unit"]: fact["value"]
        for fact in pack.story["planned_facts"]
        if fact["metric"] == metric.code and fact["period"] == period
    }
    late = {
        fact["unit"]: datetime.fromisoformat(fact["received_at"])
        for fact in pack.story["late"]
        if fact["metric"] == metric.code and fact["period"] == period
    }
    for unit in sorted(district.code for district in pack.districts):
        rnd = Random(f"{pack.generation['seed']}/{metric.code}/{unit}/{period}")  # noqa: S311 no secret
        received = received_at(pack, rnd, period, due)
        weight = pack.generation["unit_weight_permille"].get(unit, PERMILLE)
        poor = rnd.randrange(PERMILLE * PERMILLE) < recipe["poor_permille"] * weight
        state = None if unit in planned else _state(rnd, recipe)
        value: str | Records | None = None
        if state is None:
            value = planned.get(unit) or FORMS[recipe["form"]](rnd, recipe, period, poor)
        if metric.type == "date" and isinstance(value, str):
            # Nobody knows a date before it has come.
            received = max(received, datetime.combine(date.fromisoformat(value), time(17, 30), SHANGHAI))
        yield FactRow(
            metric=metric.code,
            unit=unit,
            period=period,
            value=value,
            state=state,
            reason=None if state is None else pack.generation["reasons"][state],
            provenance="self_typed" if metric.supplied_by == "self_report" else "feed",
            submitted_by=pack.holder("unit_liaison", unit)
            if metric.supplied_by == "self_report"
            else metric.supplied_by,
            received_at=late.get(unit, received),
        )


def received_at(pack: Pack, rnd: Random, period: str, due: date) -> datetime:
    """When a fact of a period reaches the server: within four working days, a few of them after they were due."""
    end = parse_period(period).last
    if rnd.randrange(PERMILLE) < pack.generation["late_permille"]:
        day = pack.calendar.working_day_after(due, rnd.randint(1, 2))
    else:
        day = pack.calendar.working_day_after(end, rnd.randint(1, 4))
    return datetime.combine(day, time(rnd.randint(9, 16), rnd.randrange(60)), SHANGHAI)


def _state(rnd: Random, recipe: Mapping[str, Any]) -> str | None:
    drawn = rnd.randrange(PERMILLE)
    for state, share in sorted(recipe.get("states", {}).items()):
        if drawn < share:
            return str(state)
        drawn -= share
    return None
