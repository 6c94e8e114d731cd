"""The forms in which a fact's value can be drawn: numbers, dates, choices, and lists of records.

A form takes a random source, its recipe of generation.json, the period, and whether the cell turns out poor.
No binary fraction takes part: numbers are drawn as whole multiples of their last decimal place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from shared.contracts.periods import parse_period

Records = list[dict[str, str]]
Recipe = Mapping[str, Any]


def _number(rnd: Random, recipe: Recipe, _period: str, poor: bool) -> str:
    low, high = recipe["poor" if poor else "good"]
    return _between(rnd, low, high, recipe["places"])


def _number_by_period(rnd: Random, recipe: Recipe, period: str, poor: bool) -> str:
    return _number(rnd, {**recipe["periods"][period], "places": recipe["places"]}, period, poor)


def _between(rnd: Random, low: str, high: str, places: int) -> str:
    drawn = rnd.randint(int(Decimal(low).scaleb(places)), int(Decimal(high).scaleb(places)))
    return format(Decimal(drawn).scaleb(-places), "f")


def _date(rnd: Random, recipe: Recipe, period: str, poor: bool) -> str:
    low, high = recipe["poor" if poor else "good"]
    return (parse_period(period).last + timedelta(days=rnd.randint(int(low), int(high)))).isoformat()


def _choice(rnd: Random, recipe: Recipe, _period: str, poor: bool) -> str:
    return str(rnd.choice(recipe["poor" if poor else "good"]))


def _forecasts(rnd: Random, _recipe: Recipe, _period: str, poor: bool) -> Records:
    # Three months; the widest tolerance is 10 %, so 11 % is out of range whatever the size.
    return [
        {
            "revenue": str(rnd.randint(800, 60000)),
            "deviation": _between(rnd, "11", "14", 1) if poor and month == 0 else _between(rnd, "-2.9", "2.9", 1),
        }
        for month in range(3)
    ]


def _tasks(rnd: Random, _recipe: Recipe, period: str, poor: bool) -> Records:
    done = [
        {"outcome": "done", "days_late": "0", "matter": f"{period}-{number}"} for number in range(rnd.randint(1, 3))
    ]
    if not poor:
        return done
    days = rnd.randint(1, 12)
    matter = f"{period}-{len(done)}"
    # The same task returned and then overdue counts once.
    return [
        *done,
        {"outcome": "returned", "days_late": str(days), "matter": matter},
        {"outcome": "overdue", "days_late": str(days + rnd.randint(0, 3)), "matter": matter},
    ]


def _alerts(rnd: Random, _recipe: Recipe, period: str, poor: bool) -> Records:
    if not poor:
        return []
    end = parse_period(period).last
    return [
        {
            "on": (end - timedelta(days=rnd.randint(0, 80))).isoformat(),
            "colour": rnd.choice(("yellow", "yellow", "red")),
        }
        for _ in range(rnd.randint(1, 3))
    ]


def _honours(rnd: Random, _recipe: Recipe, _period: str, _poor: bool) -> Records:
    return [
        {"giver": giver, "matter": f"matter-{number}"}
        for number in range(rnd.randint(0, 2))
        for giver in rnd.choice((("system",), ("province",), ("province", "system")))
    ]


def _prizes(rnd: Random, _recipe: Recipe, _period: str, _poor: bool) -> Records:
    return [
        {"contest": rnd.choice(("overall", "special")), "prize": str(rnd.randint(1, 3))}
        for _ in range(rnd.randint(0, 1))
    ]


def _marks(rnd: Random, recipe: Recipe, period: str, poor: bool) -> Records:
    return [{"mark": _number(rnd, recipe, period, poor)} for _ in range(7)]


FORMS: Mapping[str, Callable[[Random, Recipe, str, bool], str | Records]] = {
    "number": _number,
    "number_by_period": _number_by_period,
    "date": _date,
    "choice": _choice,
    "forecasts": _forecasts,
    "tasks": _tasks,
    "alerts": _alerts,
    "honours": _honours,
    "prizes": _prizes,
    "marks": _marks,
}
