"""Recipes for scoring_svc's recomputes: the whole set's, for who reaches all its units."""

from collections.abc import Awaitable, Callable

from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, Bureau
from tests.permissions.recipe import Ask, Recipe, all_evaluated, plain
from tests.permissions.tree import Caller

_C = "scoring_svc"
_SET = cards.SET["code"]
_ONE = ("QD1",)
_STORED = "SELECT recompute_id FROM recomputes ORDER BY made_at LIMIT 1"


async def _ask(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/recomputes", body=cards.recompute(CONFIRMED))


def _stored(part: str) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    async def ask(bureau: Bureau, _: Caller, __: str) -> Ask:
        return Ask(f"/v1/recomputes/{await bureau.one(_C, _STORED)}{part}")

    return ask


_READ = all_evaluated("recomputes.read")
RECIPES = (
    Recipe(_C, "POST", "/v1/recomputes", "write", _ask, all_evaluated("recomputes.run"), _ONE),
    Recipe(
        _C, "GET", "/v1/recomputes", "object", plain("/v1/recomputes", set=_SET), _READ, _ONE, shows=False, names=True
    ),
    Recipe(_C, "GET", "/v1/recomputes/{recompute_id}", "object", _stored(""), _READ, _ONE, shows=False, names=True),
    Recipe(
        _C, "GET", "/v1/recomputes/{recompute_id}/differences", "object", _stored("/differences"), _READ, _ONE,
        shows=False, names=True,
    ),
)  # fmt: skip
