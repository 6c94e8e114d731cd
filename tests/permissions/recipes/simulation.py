"""Recipes for scoring_svc's simulation room: the whole set for its office, own indicators for departments."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, Bureau
from tests.permissions.oracle import Permissions, reach
from tests.permissions.recipe import ALL_EVALUATED, ALL_UNITS, NONE, Ask, Recipe, Sees, Units, all_evaluated, plain
from tests.permissions.tree import EVALUATOR, OTHER_EVALUATOR, Caller

_C = "scoring_svc"
_SET = cards.SET["code"]
_ONE = ("QD1",)
_STORED = "SELECT simulation_id FROM simulations WHERE departments IS NULL ORDER BY made_at LIMIT 1"


def stands_on(permission: str) -> Sees:
    """Who reaches every evaluated unit, or a department that evaluates in the set."""

    def sees(table: Permissions, caller: Caller) -> Units:
        reached = reach(table, caller, permission)
        return ALL_UNITS if reached >= ALL_EVALUATED or reached & {EVALUATOR, OTHER_EVALUATOR} else NONE

    return sees


async def _simulate(_: Bureau, caller: Caller, __: str) -> Ask:
    own = cards.own_card("QD1") if caller.unit == OTHER_EVALUATOR else "QK-1"
    return Ask("/v1/simulations", body=cards.simulation(own))


def _stored(part: str) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    async def ask(bureau: Bureau, _: Caller, __: str) -> Ask:
        return Ask(f"/v1/simulations/{await bureau.one(_C, _STORED)}{part}")

    return ask


def _read(path: str, sees: Sees, at: Any) -> Recipe:
    return Recipe(_C, "GET", path, "object", at, sees, _ONE, shows=False, names=True)


RECIPES = (
    Recipe(_C, "POST", "/v1/simulations", "write", _simulate, stands_on("simulations.run"), _ONE),
    _read("/v1/simulations", stands_on("simulations.read"), plain("/v1/simulations", set=_SET)),
    # What stands on the whole set shows every unit's total: for its office alone.
    _read("/v1/simulations/{simulation_id}", all_evaluated("simulations.read"), _stored("")),
    _read(
        "/v1/simulations/{simulation_id}/variants/{number}", all_evaluated("simulations.read"), _stored("/variants/1")
    ),
    _read(
        "/v1/simulations/weights/{set_code}", stands_on("simulations.read"),
        plain(f"/v1/simulations/weights/{_SET}", period=CONFIRMED),
    ),
    _read(
        "/v1/diagnostics/{set_code}", stands_on("simulations.read"),
        plain(f"/v1/diagnostics/{_SET}", period=CONFIRMED),
    ),
    _read("/v1/preheats/{set_code}", stands_on("preheats.read"), plain(f"/v1/preheats/{_SET}")),
)  # fmt: skip
