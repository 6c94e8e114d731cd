"""Recipes for the routes of scoring_svc's reports room: what a reader of single scores sees, put together."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts.identity import indicator_id, unit_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, OPEN, Bureau
from tests.permissions.oracle import Permissions
from tests.permissions.recipe import Ask, Recipe, Units, plain
from tests.permissions.recipes.scoring import reads, reads_first_card
from tests.permissions.tree import EVALUATED, Caller

_C = "scoring_svc"
_SET, _INDICATOR = cards.SET["code"], "QK-1"
_CELL = indicator_id(_SET, _INDICATOR)
Asking = Callable[[Bureau, Caller, str], Awaitable[Ask]]


def _asked(path: str, **query: Any) -> Asking:
    async def ask(_: Bureau, __: Caller, unit: str) -> Ask:
        told = {name: unit if value is None else value for name, value in query.items()}
        return Ask(path.format(unit=unit, cell=_CELL, unit_id=unit_id(unit)), told)

    return ask


def _reads_either(table: Permissions, caller: Caller) -> Units:
    return reads(CONFIRMED)(table, caller) | reads(OPEN)(table, caller)


def _one(path: str, at: str, sees: Any, *, shows: bool = True, **query: Any) -> Recipe:
    return Recipe(_C, "GET", path, "object", _asked(at, **query), sees, EVALUATED, shows=shows)


RECIPES = (
    _one("/v1/score-cards/{unit}", "/v1/score-cards/{unit}", reads(CONFIRMED), set=_SET, period=CONFIRMED),
    _one("/v1/score-cards/{unit}", "/v1/score-cards/{unit}", reads(OPEN), set=_SET, period=OPEN, format="csv"),
    Recipe(
        _C,
        "GET",
        "/v1/indicator-scores",
        "rows",
        plain("/v1/indicator-scores", set=_SET, period=CONFIRMED, indicator=_INDICATOR),
        reads_first_card,
        pages=True,
    ),
    Recipe(
        _C, "GET", "/v1/heat-map", "rows", plain("/v1/heat-map", set=_SET, period=CONFIRMED), reads(CONFIRMED),
        pages=True,
    ),
    Recipe(_C, "GET", "/v1/heat-map", "rows", plain("/v1/heat-map", set=_SET, period=OPEN), reads(OPEN)),
    _one("/v1/trends", "/v1/trends", _reads_either, shows=False, set=_SET, unit=None),
    _one(
        "/v1/remedies/{indicator_id}/{unit_id}/{period}", f"/v1/remedies/{{cell}}/{{unit_id}}/{CONFIRMED}",
        reads_first_card,
    ),
    _one("/v1/explanations/{subject}", f"/v1/explanations/{{cell}}:{{unit_id}}:{CONFIRMED}", reads_first_card),
)  # fmt: skip
