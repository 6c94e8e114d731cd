"""Recipes for scoring_svc's documents room: a report is for who asked for it and for who reads all."""

from collections.abc import Awaitable, Callable

from tests.permissions import cards
from tests.permissions.bureau import CONFIRMED, Bureau
from tests.permissions.oracle import Permissions
from tests.permissions.recipe import ALL_UNITS, NONE, Ask, Recipe, Units, whole_bureau
from tests.permissions.recipes.scoring import reads
from tests.permissions.tree import Caller

_C = "scoring_svc"
_ONE = ("QD1",)
_MADE = "SELECT report_id FROM reports ORDER BY made_at LIMIT 1"  # by the office, which reads all


def _reads_any(table: Permissions, caller: Caller) -> Units:
    """Whoever reads a cell of the period may ask for a report of what they read."""
    return ALL_UNITS if reads(CONFIRMED)(table, caller) else NONE


async def _ask_for_one(_: Bureau, __: Caller, ___: str) -> Ask:
    return Ask("/v1/reports", body={"set": cards.SET["code"], "period": CONFIRMED, "format": "pdf"})


def _made(part: str) -> Callable[[Bureau, Caller, str], Awaitable[Ask]]:
    async def ask(bureau: Bureau, _: Caller, __: str) -> Ask:
        return Ask(f"/v1/reports/{await bureau.one(_C, _MADE)}{part}")

    return ask


def _read(part: str) -> Recipe:
    path, sees = f"/v1/reports/{{report_id}}{part}", whole_bureau("reports.read")
    return Recipe(_C, "GET", path, "object", _made(part), sees, _ONE, shows=False, names=True)


RECIPES = (
    Recipe(_C, "POST", "/v1/reports", "write", _ask_for_one, _reads_any, _ONE),
    _read(""),
    _read("/content"),
)
