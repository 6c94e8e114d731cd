"""Recipes for the routes of scoring_svc's context room: who reads a unit's scores reads what stands beside them."""

from shared.contracts.identity import set_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, OPEN, Bureau
from tests.permissions.recipe import Ask, Recipe, common, plain, tag, whole_bureau
from tests.permissions.recipes.scoring import reads
from tests.permissions.tree import Caller

_C, _SET = "scoring_svc", cards.SET["code"]
_DECLARED, _FIGURES = "/v1/context-metrics/{set_code}", "/v1/context-figures"


async def _declare(bureau: Bureau, _: Caller, __: str) -> Ask:
    version = await bureau.one(_C, "SELECT max(version) FROM context_metrics WHERE set_id = $1", set_id(_SET))
    return Ask(_DECLARED.format(set_code=_SET), body={"metrics": []}, headers=tag(version))


def _rows(period: str, path: str = _FIGURES) -> Recipe:
    ask = plain(path, set=_SET, period=period)
    return Recipe(_C, "GET", path, "rows", ask, reads(period), unit_filter="unit", pages=True)


RECIPES = (
    common(_C, "scores.read", _DECLARED, set_code=_SET),
    Recipe(_C, "PUT", _DECLARED, "write", _declare, whole_bureau("context.declare"), ("QD1",)),
    _rows(CONFIRMED),
    _rows(OPEN),
)
