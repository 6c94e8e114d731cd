"""Recipes for scoring_svc's year end: one result is for all units, so its steps are for who reaches all of them."""

from typing import Any

from shared.contracts.roles import Role, Scope
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, OFFICE, YEAR_SPAN, Bureau
from tests.permissions.recipe import Ask, Asking, Recipe, Sees, all_evaluated, common, held, holders, tag
from tests.permissions.tree import EVALUATED, Caller

_C = "scoring_svc"
_SET = cards.SET["code"]
_ONE = ("QD1",)
_AT = "/v1/year-results/{result_id}"
_SAID = {"document": "武绩委〔2015〕3号", "reason": "审议通过"}
_RANKING = "SELECT ranking_id FROM rankings WHERE period = $1 ORDER BY version DESC LIMIT 1"


def _result(part: str, state: str, body: Any = None, *, last: bool = False) -> Asking:
    """Do something with a result in a state where that works, if there is one; `last`: of those in it, the last."""

    async def ask(bureau: Bureau, _: Caller, __: str) -> Ask:
        where = f"FROM year_results ORDER BY state <> $1, year {'DESC' if last else ''} LIMIT 1"
        key = await bureau.one(_C, f"SELECT result_id {where}", state)
        version = await bureau.one(_C, f"SELECT version {where}", state)
        told = body
        if part == "/revision":
            told = {**body, "ranking_id": str(await bureau.one(_C, _RANKING, YEAR_SPAN))}
        return Ask(f"/v1/year-results/{key}{part}", body=told, headers=tag(version) if part else {})

    return ask


def _rows(part: str, state: str) -> Recipe:
    async def ask(bureau: Bureau, _: Caller, __: str) -> Ask:
        table = f"year_{'appeals' if part == 'appeals' else 'result_uses'}"
        key = await bureau.one(
            _C, f"SELECT result_id FROM year_results WHERE state = $1 AND result_id IN (SELECT result_id FROM {table}) "
            "ORDER BY year LIMIT 1", state,
        )  # fmt: skip
        return Ask(f"/v1/year-results/{key}/{part}")

    sees = held("year_end.read", CONFIRMED, EVALUATED)
    return Recipe(_C, "GET", f"{_AT}/{part}", "rows", ask, sees, EVALUATED, unit_filter="unit", pages=True)


async def _draft(bureau: Bureau, _: Caller, __: str) -> Ask:
    ranking = await bureau.one(_C, _RANKING, YEAR_SPAN)
    return Ask("/v1/year-results", body={"set": _SET, "ranking_id": str(ranking), **_SAID})


async def _decide(bureau: Bureau, _: Caller, __: str) -> Ask:
    first = "FROM year_appeals a JOIN year_results r USING (result_id) ORDER BY a.outcome IS NOT NULL, number LIMIT 1"
    key, number, version = [await bureau.one(_C, f"SELECT {one} {first}") for one in ("result_id", "number", "version")]
    at = f"/v1/year-results/{key}/appeals/{number}/decision"
    return Ask(at, body={"outcome": "refused", **_SAID}, headers=tag(version))


async def _finalise(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    """Whoever may do it finds a result on a ranking that still says what the scores say."""
    if caller.role is Role.PERFORMANCE_OFFICE and caller.scope is Scope.ALL:
        again = {"set": _SET, "period": YEAR_SPAN, "reason": "更正"}
        await bureau.ask(_C, OFFICE).post("/v1/rankings", json=again)  # refused where nothing differs
        await bureau.one(
            _C,
            "UPDATE year_results SET (ranking_id, ranking_version) = (SELECT ranking_id, version FROM rankings "
            "WHERE period = $1 ORDER BY version DESC LIMIT 1) WHERE state = 'noticed'",
            YEAR_SPAN,
        )
    return await _result("/finalisation", "noticed", _SAID, last=True)(bureau, caller, unit)


def _step(part: str, ask: Asking, permission: str = "year_end.run") -> Recipe:
    return Recipe(_C, "POST", f"{_AT}{part}", "write", ask, all_evaluated(permission), _ONE)


def _read(path: str, sees: Sees, ask: Asking) -> Recipe:
    return Recipe(_C, "GET", path, "object", ask, sees, _ONE, shows=False, names=True)


_NOTICE = {"first_day": "2015-02-10", "working_days": 5, **_SAID}
_APPEAL = {"unit": "QD1", "matter": "事由", "filed_by": "V-00", "filed_on": "2015-02-10"}
_USES = {"uses": [{"unit": "QD1", "kind": "training", "text": "培训"}], **_SAID}

RECIPES = (
    common(_C, "year_end.read", "/v1/year-results", query={"set": _SET}),
    _read(_AT, holders("year_end.read"), _result("", "noticed")),
    _rows("appeals", "noticed"),
    _rows("uses", "final"),
    _read(f"{_AT}/archive", all_evaluated("archives.read"), _result("/archive", "archived")),
    Recipe(_C, "POST", "/v1/year-results", "write", _draft, all_evaluated("year_end.run"), _ONE),
    _step("/revision", _result("/revision", "drafted", _SAID)),
    _step("/approval", _result("/approval", "drafted", _SAID), "year_end.approve"),
    _step("/notice", _result("/notice", "approved", _NOTICE)),
    _step("/appeals", _result("/appeals", "noticed", _APPEAL)),
    _step("/appeals/{number}/decision", _decide, "year_end.approve"),
    _step("/finalisation", _finalise),
    _step("/archive", _result("/archive", "final")),
    _step("/uses", _result("/uses", "final", _USES)),
    _step("/uses/{number}/withdrawal", _result("/uses/1/withdrawal", "final", _SAID)),
)
