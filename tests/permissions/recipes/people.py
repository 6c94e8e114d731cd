"""Recipes for scoring_svc's people room: everybody their own, leaders their units', the office all. See bureau.py.

In each evaluated unit one person is marked in January; callers themselves serve in their units and have no marks.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts.identity import person_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, OPEN, Bureau, victim
from tests.permissions.oracle import Permissions, reach, reach_in, with_own
from tests.permissions.recipe import (
    Ask,
    Recipe,
    Sees,
    Units,
    common,
    held,
    holders,
    tag,
    whole_bureau,
    within,
)
from tests.permissions.tree import EVALUATED, MERGED, STANDING, UNITS, Caller

_C = "scoring_svc"
_ONE = ("QD1",)
_REASON = {"reason": "更正"}
_AT = "/v1/personal-rounds/{round_id}"
_ROUND = "SELECT {0} FROM personal_rounds WHERE scheme_code = 'QP' AND period = $1 ORDER BY opened_at LIMIT 1"
Asking = Callable[[Bureau, Caller, str], Awaitable[Ask]]


def _own_or_read(table: Permissions, caller: Caller) -> Units:
    return with_own(reach_in(table, caller, "personal.read", CONFIRMED), caller)


def _marks(table: Permissions, caller: Caller) -> Units:
    return reach(table, caller, "personal.run") | reach(table, caller, "personal.lead")


def _round(part: str = "", period: str = CONFIRMED, **query: Any) -> Asking:
    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        key = await bureau.one(_C, _ROUND.format("round_id"), period)
        return Ask(f"/v1/personal-rounds/{key}{part.format(victim=victim(unit))}", query)

    return ask


def _step(part: str, body: Callable[[Caller, str], Any], period: str = OPEN) -> Asking:
    """Change a round as it now stands."""

    async def ask(bureau: Bureau, caller: Caller, unit: str) -> Ask:
        told = await _round(part, period)(bureau, caller, unit)
        version = await bureau.one(_C, _ROUND.format("version"), period)
        return Ask(told.path, body=body(caller, unit), headers=tag(version))

    return ask


async def _mark(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    told = await _round("/marks/{victim}/WORK", OPEN)(bureau, caller, unit)
    statement = (
        "SELECT k.version FROM personal_marks k JOIN personal_rounds r USING (round_id) WHERE r.period = $1 "
        "AND k.person_id = $2 AND k.evaluator = $3"
    )
    who = str(person_id(caller.code))
    version = await bureau.one(_C, statement, OPEN, person_id(victim(unit)), who)
    return Ask(told.path, body={"mark": "60", "text": ""}, headers=tag(version))


async def _recuse(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    told = await _round("/recusals", OPEN)(bureau, caller, unit)
    return Ask(told.path, body={"person": victim(unit), "reason": "回避"})


async def _publish_scheme(bureau: Bureau, _: Caller, __: str) -> Ask:
    version = await bureau.one(_C, "SELECT max(version) FROM personal_schemes WHERE code = 'QP2'")
    return Ask("/v1/personal-schemes/QP2", body=cards.personal_scheme(), headers=tag(version))


async def _open(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask("/v1/personal-rounds", body={"scheme": "QP", "period": "2015-Q1", "unit": unit, "panel": []})


async def _result(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    """A caller's own result where they serve, else that of somebody there."""
    key = await bureau.one(_C, _ROUND.format("round_id"), CONFIRMED)
    whose = caller.code if caller.unit == unit and not caller.is_client else victim(unit)
    return Ask(f"/v1/personal-results/{key}/{whose}")


async def _results(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/personal-results")


async def _chain(bureau: Bureau, _: Caller, unit: str) -> Ask:
    key = await bureau.one(_C, _ROUND.format("round_id"), CONFIRMED)
    return Ask(f"/v1/personal-units/{unit}", {"round": str(key)})


def _postings(_: Caller, unit: str) -> Any:
    row = {"unit": unit, "post": "STAFF", "first": "2015-02-01", "until": "2015-02-20"}
    return {"postings": [] if unit == MERGED else [row], "reason": "调任"}


def _publication(caller: Caller, unit: str) -> Any:
    return {"reason": "更正", "caps": [{"person": victim(unit), "not_above": "fair", "reason": f"{caller} {unit}"}]}


def _rows(path: str, sees: Sees, ask: Asking, objects: tuple[str, ...] = EVALUATED, **more: Any) -> Recipe:
    return Recipe(_C, "GET", path, "rows", ask, sees, objects, **{"pages": True, **more})


def _shared(path: str, ask: Asking) -> Recipe:
    """Everybody whom the bureau's round assesses sees that there is one."""
    return Recipe(_C, "GET", path, "object", ask, holders("personal.own"), _ONE, shows=False, names=True)


def _write(method: str, path: str, sees: Sees, ask: Asking, objects: tuple[str, ...] = EVALUATED) -> Recipe:
    return Recipe(_C, method, path, "write", ask, sees, objects)


async def _rounds(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/personal-rounds")


RECIPES = (
    common(_C, "personal.own", "/v1/personal-schemes"),
    common(_C, "personal.own", "/v1/personal-schemes/{code}/{version}", code="QP", version=1),
    _shared("/v1/personal-rounds", _rounds),
    _shared(_AT, _round()),
    _rows(f"{_AT}/people", _own_or_read, _round("/people"), UNITS, unit_filter="unit"),
    _rows(f"{_AT}/marks", held("personal_marks.read", CONFIRMED, EVALUATED), _round("/marks")),
    _rows(f"{_AT}/tasks", _marks, _round("/tasks", OPEN), UNITS),
    _rows(
        f"{_AT}/publications/{{version}}",
        held("personal.read", CONFIRMED, EVALUATED),
        _round("/publications/2"),
        pages=False,
    ),
    _rows("/v1/personal-results", _own_or_read, _results, UNITS, unit_filter="unit"),
    Recipe(_C, "GET", "/v1/personal-results/{round_id}/{person}", "object", _result, _own_or_read),
    Recipe(_C, "GET", "/v1/personal-units/{unit}", "object", _chain, _own_or_read),
    _write("PUT", "/v1/personal-schemes/{code}", whole_bureau("personal.run"), _publish_scheme, _ONE),
    _write("POST", "/v1/personal-rounds", within("personal.run"), _open, STANDING),
    _write("PUT", f"{_AT}/people/{{person}}", whole_bureau("personal.run"), _step("/people/{victim}", _postings)),
    _write("PUT", f"{_AT}/marks/{{person}}/{{item}}", _marks, _mark),
    _write("POST", f"{_AT}/recusals", _marks, _recuse),
    _write("POST", f"{_AT}/closing", whole_bureau("personal.run"), _step("/closing", lambda *_: None)),
    _write("POST", f"{_AT}/publication", whole_bureau("personal.run"), _step("/publication", _publication, CONFIRMED)),
    _write(
        "POST", f"{_AT}/reopening", whole_bureau("personal.run"), _step("/reopening", lambda *_: _REASON, CONFIRMED)
    ),
)
