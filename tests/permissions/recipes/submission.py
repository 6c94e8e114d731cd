"""Recipes for the routes of submission_svc."""

from typing import Any

from shared.contracts.identity import set_id
from shared.contracts.roles import Role
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, FEED, OPEN, VICTIM_FEED, Bureau
from tests.permissions.oracle import Permissions, evaluates_in, everywhere, reach, reach_in
from tests.permissions.recipe import (
    ALL_EVALUATED,
    ALL_UNITS,
    NONE,
    Ask,
    Recipe,
    Sees,
    Units,
    common,
    held,
    plain,
    tag,
    trail,
    whole_bureau,
    within,
)
from tests.permissions.tree import EVALUATED, EVALUATOR, MERGED, Caller, figure

_S = "submission_svc"
_ONE = ("QD1",)
# Nothing is written for an office that is gone.
_OBJECTS = tuple(unit for unit in EVALUATED if unit != MERGED)
_STANDING = frozenset(_OBJECTS)


def _reads(period: str) -> Sees:
    """Facts of the units within reach, and those of the metrics that a department evaluates."""

    def sees(table: Permissions, caller: Caller) -> Units:
        own = reach_in(table, caller, "facts.read", period)
        return (own | evaluates_in(reach(table, caller, "facts.read.evaluated"))) & ALL_EVALUATED

    return sees


def _reads_extracted(table: Permissions, caller: Caller) -> Units:
    own = reach_in(table, caller, "facts.read", CONFIRMED)
    evaluated = reach(table, caller, "facts.read.evaluated")
    return (own | (ALL_EVALUATED if EVALUATOR in evaluated else NONE)) & ALL_EVALUATED


def _writes(table: Permissions, caller: Caller) -> Units:
    """Any metric within reach; a liaison what their unit reports itself; a department what it evaluates."""
    reached = reach(table, caller, "facts.write.any") | reach(table, caller, "facts.write.self_reported")
    evaluated = reach(table, caller, "facts.write.evaluated")
    return (reached | (ALL_EVALUATED if EVALUATOR in evaluated else NONE)) & ALL_EVALUATED


def _metric(caller: Caller) -> str:
    return cards.SELF_REPORTED if caller.role is Role.UNIT_LIAISON else cards.EXTRACTED


def _row(caller: Caller, unit: str, period: str = OPEN) -> dict[str, Any]:
    # The unit's own figure with one more digit: a change, and still nobody else's.
    value = figure(unit) + caller.code[-2:].lstrip("0") + "1"
    return {"metric": _metric(caller), "unit": unit, "period": period, "value": value}


async def _batch(_: Bureau, caller: Caller, unit: str) -> Ask:
    return Ask("/v1/fact-batches", body={"mode": "partial", "rows": [_row(caller, unit)]})


async def _single(bureau: Bureau, caller: Caller, unit: str) -> Ask:
    row = _row(caller, unit)
    version = await bureau.one(
        _S,
        "SELECT f.version FROM facts f JOIN metrics m USING (metric_id) JOIN directory_unit_spans u USING (unit_id) "
        "WHERE f.period = $1 AND m.code = $2 AND u.code = $3",
        OPEN,
        row["metric"],
        unit,
    )
    return Ask(f"/v1/facts/{OPEN}/{row['metric']}/{unit}", body={"value": row["value"]}, headers=tag(version))


async def _change(_: Bureau, caller: Caller, unit: str) -> Ask:
    return Ask("/v1/fact-changes", body={"reason": "更正", "changes": [_row(caller, unit, CONFIRMED)]})


async def _fact(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask(f"/v1/facts/{CONFIRMED}/{cards.EXTRACTED}/{unit}")


async def _versions(_: Bureau, __: Caller, unit: str) -> Ask:
    return Ask(f"/v1/facts/{CONFIRMED}/{cards.EXTRACTED}/{unit}/versions")


async def _receipt(bureau: Bureau, _: Caller, __: str) -> Ask:
    key = await bureau.one(_S, "SELECT receipt_id FROM receipts WHERE author = $1 ORDER BY seq LIMIT 1", FEED)
    return Ask(f"/v1/receipts/{key}")


async def _source(_: Bureau, caller: Caller, __: str) -> Ask:
    body = {"client_id": f"cl-new-{caller.code}", "name": "新系统", "metric_codes": [cards.EXTRACTED]}
    return Ask("/v1/source-systems", body=body)


async def _source_metrics(bureau: Bureau, _: Caller, __: str) -> Ask:
    version = await bureau.one(_S, "SELECT version FROM source_systems WHERE client_id = $1", VICTIM_FEED)
    body = {"metric_codes": [cards.EXTRACTED, cards.OWN_CARD]}
    return Ask(f"/v1/source-systems/{VICTIM_FEED}/metrics", body=body, headers=tag(version))


async def _fence(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/fences", body={"set_id": str(set_id(cards.SET["code"])), "period": "2015-06"})


def _owes(period: str, asked: frozenset[str] = ALL_EVALUATED) -> Sees:
    """Tasks of the units within reach, and those of the cards that a department within reach evaluates."""

    def sees(table: Permissions, caller: Caller) -> Units:
        reached = reach_in(table, caller, "tasks.read", period)
        return (reached | (ALL_EVALUATED if EVALUATOR in reached else NONE)) & asked

    return sees


def _all_receipts(table: Permissions, caller: Caller) -> Units:
    return ALL_UNITS if everywhere(table, caller, "receipts.read.all") else NONE


def _rows(path: str, sees: Sees, **query: Any) -> Recipe:
    return Recipe(_S, "GET", path, "rows", plain(path, **query), sees)


RECIPES = (
    Recipe(
        _S,
        "GET",
        "/v1/facts",
        "rows",
        plain("/v1/facts", period=CONFIRMED),
        _reads(CONFIRMED),
        unit_filter="unit",
        pages=True,
    ),
    _rows("/v1/facts", _reads(OPEN), period=OPEN),
    Recipe(_S, "GET", "/v1/facts/{period}/{metric}/{unit}", "object", _fact, _reads_extracted),
    Recipe(_S, "GET", "/v1/facts/{period}/{metric}/{unit}/versions", "object", _versions, _reads_extracted),
    Recipe(
        _S,
        "GET",
        "/v1/receipts",
        "rows",
        plain("/v1/receipts"),
        _all_receipts,
        _ONE,
        marks=lambda _: (f'"{FEED}"',),
        names=True,
        pages=True,
    ),
    Recipe(_S, "GET", "/v1/receipts/{receipt_id}", "object", _receipt, _all_receipts, _ONE, shows=False),
    Recipe(
        _S,
        "GET",
        "/v1/tasks",
        "rows",
        plain("/v1/tasks", period=OPEN),
        _owes(OPEN, _STANDING),
        unit_filter="unit",
        pages=True,
    ),
    _rows("/v1/tasks", _owes(CONFIRMED), period=CONFIRMED),
    _rows("/v1/completeness", held("tasks.read", CONFIRMED, EVALUATED), set=cards.SET["code"], period=CONFIRMED),
    common(_S, "burden.read", "/v1/burden", query={"set": cards.SET["code"]}),
    common(_S, "sources.read", "/v1/source-systems"),
    trail(_S),
    Recipe(_S, "POST", "/v1/fact-batches", "write", _batch, _writes, _OBJECTS),
    Recipe(_S, "PUT", "/v1/facts/{period}/{metric}/{unit}", "write", _single, _writes, _OBJECTS),
    Recipe(_S, "POST", "/v1/fact-changes", "write", _change, within("facts.amend", EVALUATED), _OBJECTS),
    Recipe(_S, "POST", "/v1/source-systems", "write", _source, whole_bureau("sources.write"), _ONE),
    Recipe(
        _S,
        "PUT",
        "/v1/source-systems/{client_id}/metrics",
        "write",
        _source_metrics,
        whole_bureau("sources.write"),
        _ONE,
    ),
    Recipe(_S, "POST", "/v1/fences", "write", _fence, whole_bureau("fences.write"), _ONE),
)
