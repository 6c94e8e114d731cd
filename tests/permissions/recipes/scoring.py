"""Recipes for the routes of scoring_svc."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts.identity import indicator_id, unit_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, OPEN, Bureau
from tests.permissions.oracle import Permissions, audience, evaluates_in, reach_in
from tests.permissions.recipe import (
    ALL_EVALUATED,
    NONE,
    Ask,
    Recipe,
    Sees,
    Units,
    all_evaluated,
    common,
    held,
    holders,
    plain,
    trail,
)
from tests.permissions.tree import EVALUATED, EVALUATOR, OTHER_EVALUATOR, Caller

_C = "scoring_svc"
_SET = cards.SET["code"]
_ONE = ("QD1",)


def reads(period: str) -> Sees:
    """Cells of the units within reach, and those that a department within reach evaluates."""

    def sees(table: Permissions, caller: Caller) -> Units:
        reached = reach_in(table, caller, "scores.read", period)
        return (reached | evaluates_in(reached)) & ALL_EVALUATED

    return sees


def reads_first_card(table: Permissions, caller: Caller) -> Units:
    """The confirmed cells of the card that one department evaluates for everybody."""
    reached = reach_in(table, caller, "scores.read", CONFIRMED)
    return (reached | (ALL_EVALUATED if EVALUATOR in reached else NONE)) & ALL_EVALUATED


def _party(table: Permissions, caller: Caller) -> Units:
    """A published ranking is for who reads all, evaluates in the set, or serves in an evaluated unit or above."""
    parties = ALL_EVALUATED | {EVALUATOR, OTHER_EVALUATOR}
    return ALL_EVALUATED if audience(table, caller, "rankings.read", parties) else NONE


def _cell(path: str) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    async def ask(_: Bureau, __: Caller, unit: str) -> Ask:
        return Ask(f"/v1/{path}/{indicator_id(_SET, 'QK-1')}/{unit_id(unit)}/{CONFIRMED}")

    return ask


def _ranking(part: str = "", **query: Any) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        key = await bureau.one(_C, "SELECT ranking_id FROM rankings WHERE period = $1 ORDER BY 1 LIMIT 1", CONFIRMED)
        return Ask(
            f"/v1/rankings/{key}{part}", {name: unit if value is None else value for name, value in query.items()}
        )

    return ask


def _of_ranking(part: str, **query: Any) -> Recipe:
    """What a published ranking says beside its page: for its party."""
    path = f"/v1/rankings/{{ranking_id}}{part}"
    return Recipe(_C, "GET", path, "object", _ranking(part, **query), _party, _ONE, shows=False, names=True)


async def _make_policy(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/ranking-policies", body={**cards.RANKING_POLICY, "spread": "1"})


def _computes(path: str) -> Recipe:
    async def ask(_: Bureau, __: Caller, ___: str) -> Ask:
        return Ask(path, body={"rules": [{"id": "one", "rule": cards.RULE}]})

    return Recipe(_C, "POST", path, "write", ask, holders("rules.check"), _ONE)


def _step(verb: str) -> Recipe:
    path = f"/v1/period-states/{{set_code}}/{{period}}/{verb}"

    async def ask(_: Bureau, __: Caller, ___: str) -> Ask:
        at = path.format(set_code=_SET, period=OPEN)
        return Ask(at, body={"exclusions": []} if verb == "confirm" else None)

    return Recipe(_C, "POST", path, "write", ask, all_evaluated("periods.run"), _ONE)


async def _publish(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/rankings", body={"set": _SET, "period": CONFIRMED, "reason": "办法修订"})


def _rows(path: str, sees: Any, period: str = CONFIRMED, **more: Any) -> Recipe:
    return Recipe(_C, "GET", path, "rows", plain(path, set=_SET, period=period), sees, EVALUATED, **more)


RECIPES = (
    _computes("/v1/rule-checks"),
    _computes("/v1/rule-sentences"),
    common(_C, "rules.check", "/v1/rule-schema"),
    common(_C, "rules.check", "/v1/rule-presets"),
    common(_C, "periods.read", "/v1/period-states", query={"set": _SET}),
    common(_C, "periods.read", "/v1/period-states/{set_code}/{period}", set_code=_SET, period=CONFIRMED),
    Recipe(
        _C,
        "GET",
        "/v1/period-states/{set_code}/{period}/holdups",
        "object",
        plain(f"/v1/period-states/{_SET}/{OPEN}/holdups"),
        all_evaluated("periods.run"),
        _ONE,
        shows=False,
        names=True,
    ),
    _rows("/v1/scores", reads(CONFIRMED), unit_filter="unit", pages=True),
    _rows("/v1/scores", reads(OPEN), OPEN),
    Recipe(_C, "GET", "/v1/scores/{indicator_id}/{unit_id}/{period}", "object", _cell("scores"), reads_first_card),
    Recipe(
        _C,
        "GET",
        "/v1/proofs/{indicator_id}/{unit_id}/{period}",
        "object",
        _cell("proofs"),
        reads_first_card,
    ),
    _rows("/v1/deductions", reads(CONFIRMED), unit_filter="unit", pages=True),
    _rows("/v1/points-balance", reads(CONFIRMED)),
    _rows("/v1/rankings/provisional", held("rankings.read", CONFIRMED, EVALUATED)),
    _rows("/v1/rankings/provisional", held("rankings.read", OPEN, EVALUATED), OPEN),
    Recipe(
        _C,
        "GET",
        "/v1/rankings",
        "rows",
        plain("/v1/rankings", set=_SET),
        _party,
        _ONE,
        marks=lambda _: (f'"period":"{CONFIRMED}"',),
        names=True,
    ),
    Recipe(_C, "GET", "/v1/rankings/{ranking_id}", "object", _ranking(), _party, _ONE, names=True),
    _of_ranking("/boards"),
    _of_ranking("/places", board="indicator:QK-1"),
    _of_ranking("/changes"),
    Recipe(
        _C,
        "GET",
        "/v1/rankings/{ranking_id}/leading-losses",
        "object",
        _ranking("/leading-losses", unit=None),
        held("rankings.read", CONFIRMED, EVALUATED),
        shows=False,
    ),
    _rows("/v1/grades", held("rankings.read", CONFIRMED, EVALUATED), unit_filter="unit"),
    # All units of this bureau are tied, so nobody is at the bottom; its rows are told apart beside the room.
    common(_C, "rankings.read", "/v1/rankings/bottom", query={"set": _SET, "from": CONFIRMED, "to": CONFIRMED}),
    common(_C, "rankings.read", "/v1/ranking-policies/{set_code}", set_code=_SET),
    trail(_C),
    _step("fence"),
    _step("confirm"),
    _step("close"),
    Recipe(_C, "POST", "/v1/ranking-policies", "write", _make_policy, all_evaluated("rankings.publish"), _ONE),
    Recipe(_C, "POST", "/v1/rankings", "write", _publish, all_evaluated("rankings.publish"), _ONE),
)
