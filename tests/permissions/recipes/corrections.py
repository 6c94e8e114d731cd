"""Recipes for the routes of corrections. Each unit has two that nobody decided on, see bureau.py."""

from typing import Any

from shared.contracts.identity import unit_id
from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, Bureau
from tests.permissions.recipe import Ask, Asking, Recipe, held, plain, tag, within
from tests.permissions.tree import EVALUATED, MERGED, Caller

_C, _PATH = "scoring_svc", "/v1/corrections"
_STANDING = tuple(unit for unit in EVALUATED if unit != MERGED)
_READS = held("scores.read", CONFIRMED, EVALUATED)


def _one(verb: str = "", body: Any = None) -> Asking:
    async def ask(bureau: Bureau, _: Caller, unit: str) -> Ask:
        statement = "SELECT {0} FROM corrections WHERE unit_id = $1 ORDER BY state <> 'asked', correction_id LIMIT 1"
        key = await bureau.one(_C, statement.format("correction_id"), unit_id(unit))
        headers = tag(await bureau.one(_C, statement.format("version"), unit_id(unit))) if verb else {}
        return Ask(f"{_PATH}/{key}{verb}", body=body, headers=headers)

    return ask


async def _ask(_: Bureau, caller: Caller, unit: str) -> Ask:
    return Ask(_PATH, body=cards.correction(unit, f"更正 {unit} {caller}"))


def _decides(verb: str, body: Any) -> Recipe:
    sees = within("corrections.decide", _STANDING)
    return Recipe(_C, "POST", f"{_PATH}/{{correction_id}}{verb}", "write", _one(verb, body), sees, _STANDING)


RECIPES = (
    Recipe(_C, "GET", _PATH, "rows", plain(_PATH), _READS, unit_filter="unit", pages=True),
    Recipe(_C, "GET", f"{_PATH}/{{correction_id}}", "object", _one(), _READS),
    Recipe(_C, "POST", _PATH, "write", _ask, within("corrections.ask", _STANDING), _STANDING),
    _decides("/approval", {"text": "同意"}),
    _decides("/rejection", {"reason": "依据不足"}),
)
