"""Recipes for the routes of scoring_svc's bonus room. Each unit has requests and a loss, see bureau.py."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts.identity import unit_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, Bureau
from tests.permissions.oracle import Permissions, reach, reach_in
from tests.permissions.recipe import (
    ALL_EVALUATED,
    NONE,
    Ask,
    Recipe,
    Sees,
    Units,
    common,
    held,
    plain,
    tag,
    whole_bureau,
    within,
)
from tests.permissions.tree import EVALUATED, EVALUATOR, MERGED, Caller

_C = "scoring_svc"
_ONE = ("QD1",)
_STANDING = tuple(unit for unit in EVALUATED if unit != MERGED)
_AT, _LOSS = "/v1/bonus-requests/{request_id}", "/v1/external-losses/{loss_id}"
_REASON = {"reason": "理由"}
Asking = Callable[[Bureau, Caller, str], Awaitable[Ask]]


def _reads(table: Permissions, caller: Caller) -> Units:
    """Requests of the units within reach, and those on which a department within reach is asked for its opinion."""
    reached = reach_in(table, caller, "bonus.read", CONFIRMED)
    return (reached | (ALL_EVALUATED if EVALUATOR in reached else NONE)) & ALL_EVALUATED


def _opines(table: Permissions, caller: Caller) -> Units:
    return ALL_EVALUATED if EVALUATOR in reach(table, caller, "bonus.opine") else NONE


def _request(verb: str, state: str, body: Callable[[str], Any] | None = None, bonus_class: str = "free") -> Asking:
    """Do something with a unit's request of a class, if there is one in a state where that works."""

    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        where = "unit_ids[1] = $1 AND bonus_class = $3 ORDER BY state <> $2, opened_at DESC LIMIT 1"
        values = (unit_id(unit), state, bonus_class)
        key = await bureau.one(_C, f"SELECT request_id FROM bonus_requests WHERE {where}", *values)
        version = await bureau.one(_C, f"SELECT version FROM bonus_requests WHERE {where}", *values)
        at = f"/v1/bonus-requests/{key}{verb}"
        return Ask(at, body=body(unit) if body else None, headers=tag(version))

    return ask


def _loss(verb: str = "", body: Any = None) -> Asking:
    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        statement = (
            "SELECT l.{0} FROM external_losses l JOIN unit_entries e ON e.source_id = l.loss_id "
            "WHERE e.unit_id = $1 ORDER BY l.state <> 'standing', l.loss_id LIMIT 1"
        )
        key = await bureau.one(_C, statement.format("loss_id"), unit_id(unit))
        headers = tag(await bureau.one(_C, statement.format("version"), unit_id(unit))) if verb else {}
        return Ask(f"/v1/external-losses/{key}{verb}", body=body, headers=headers)

    return ask


async def _draft(_: Bureau, caller: Caller, unit: str) -> Ask:
    return Ask("/v1/bonus-requests", body=cards.bonus_request(unit, f"新事项 {unit} {caller}"))


async def _enter(_: Bureau, caller: Caller, unit: str) -> Ask:
    return Ask("/v1/external-losses", body=cards.external_loss(unit, f"新失分 {unit} {caller}"))


async def _publish(bureau: Bureau, _: Caller, __: str) -> Ask:
    version = await bureau.one(_C, "SELECT max(version) FROM bonus_tables WHERE code = 'QB2'")
    return Ask("/v1/bonus-tables/QB2", body=cards.bonus_table(), headers=tag(version))


def _edited(unit: str) -> Any:
    return cards.bonus_request(unit, f"改写 {unit}")


def _step(verb: str, sees: Sees, ask: Asking, method: str = "POST") -> Recipe:
    return Recipe(_C, method, f"{_AT}{verb}", "write", ask, sees)


def _rows(path: str, sees: Sees, *, names: bool = False) -> Recipe:
    return Recipe(_C, "GET", path, "rows", plain(path), sees, unit_filter="unit", pages=True, names=names)


# Requests name the department that is asked, which is no secret of the unit.
RECIPES = (
    common(_C, "bonus_tables.read", "/v1/bonus-tables"),
    common(_C, "bonus_tables.read", "/v1/bonus-tables/{code}/{version}", code="QB", version=1),
    Recipe(_C, "PUT", "/v1/bonus-tables/{code}", "write", _publish, whole_bureau("bonus_tables.publish"), _ONE),
    _rows("/v1/bonus-requests", _reads, names=True),
    Recipe(_C, "GET", _AT, "object", _request("", "drafted"), held("bonus.read", CONFIRMED, EVALUATED)),
    Recipe(_C, "GET", _AT, "object", _request("", "submitted", bonus_class="heard"), _reads, names=True),
    _rows("/v1/external-losses", held("scores.read", CONFIRMED, EVALUATED)),
    Recipe(_C, "GET", _LOSS, "object", _loss(), held("scores.read", CONFIRMED, EVALUATED)),
    _rows("/v1/unit-entries", held("scores.read", CONFIRMED, EVALUATED)),
    _step("", within("bonus.write", EVALUATED), _request("", "drafted", _edited), "PUT"),
    _step("/submission", within("bonus.write", EVALUATED), _request("/submission", "drafted")),
    _step(
        "/opinion",
        _opines,
        _request("/opinion", "submitted", lambda _: {"supported": True, "text": "属实"}, "heard"),
    ),
    _step("/approval", within("bonus.decide", EVALUATED), _request("/approval", "submitted", lambda _: {"text": ""})),
    _step("/refusal", within("bonus.decide", EVALUATED), _request("/refusal", "reviewed", lambda _: _REASON, "heard")),
    _step("/revocation", within("bonus.decide", EVALUATED), _request("/revocation", "approved", lambda _: _REASON)),
    Recipe(_C, "POST", "/v1/bonus-requests", "write", _draft, within("bonus.write"), _STANDING),
    _step("/withdrawal", within("bonus.write", EVALUATED), _request("/withdrawal", "drafted", lambda _: _REASON)),
    Recipe(_C, "POST", "/v1/external-losses", "write", _enter, within("external_losses.write"), _STANDING),
    Recipe(
        _C,
        "POST",
        f"{_LOSS}/withdrawal",
        "write",
        _loss("/withdrawal", _REASON),
        within("external_losses.write", EVALUATED),
    ),
)
