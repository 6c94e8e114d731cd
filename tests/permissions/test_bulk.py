"""A batch with one row of one's own and one of somebody else's: the foreign row is named, and nothing of it lands."""

from typing import Any

import httpx
import pytest

from shared.contracts.roles import Role
from shared.testing import RunningService
from tests.permissions.bureau import Bureau
from tests.permissions.matrix import digests_of
from tests.permissions.recipe import Recipe
from tests.permissions.recipes.all import RECIPES
from tests.permissions.tree import Caller
from tests.permissions.verdicts import marked

OWN, FOREIGN = "QD1", "QD3"
_ROWS = {
    "/v1/unit-batches": "units",
    "/v1/person-batches": "people",
    "/v1/appointment-batches": "appointments",
    "/v1/indicator-sets/{code}/card-batches": "cards",
    "/v1/fact-batches": "rows",
    "/v1/fact-changes": "changes",
}
BATCHES = [recipe for recipe in RECIPES if recipe.kind == "write" and recipe.path in _ROWS]


def _office_of_a_district(bureau: Bureau) -> Caller:
    return next(one for one in bureau.callers if one.role is Role.PERFORMANCE_OFFICE and one.unit == OWN)


async def _sent(bureau: Bureau, recipe: Recipe, **changes: Any) -> httpx.Response:
    caller, member = _office_of_a_district(bureau), _ROWS[recipe.path]
    own, foreign = [await recipe.ask(bureau, caller, unit) for unit in (OWN, FOREIGN)]
    body = {**own.body, **changes, member: [*own.body[member], *foreign.body[member]]}
    return await bureau.ask(recipe.service, caller).post(own.path, json=body)


def _names_the_foreign_row_only(recipe: Recipe, answer: httpx.Response) -> None:
    found = [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert found, answer.text
    place = f"/{_ROWS[recipe.path]}/1"
    assert all(pointer.startswith(place) and code == "outside_scope" for pointer, code in found), found
    assert marked(recipe, answer.text, [FOREIGN]) == frozenset()


def test_every_route_that_takes_rows_is_here(bureau: Bureau) -> None:
    assert {recipe.path for recipe in BATCHES} == set(_ROWS)
    takes_rows = {
        path
        for service in bureau.services.values()
        for path in service.app.openapi()["paths"]
        if path.endswith(("-batches", "-changes"))
    }
    # Metrics belong to no unit; the matrix asks for them as a whole.
    assert takes_rows - {"/v1/metric-batches"} == set(_ROWS)


@pytest.mark.parametrize("recipe", BATCHES, ids=str)
async def test_all_or_none_means_none_with_a_foreign_row(bureau: Bureau, recipe: Recipe) -> None:
    service: RunningService = bureau.services[recipe.service]
    before = await digests_of(service)
    answer = await _sent(bureau, recipe, **({"mode": "atomic"} if recipe.path == "/v1/fact-batches" else {}))
    assert not answer.is_success, answer.text
    _names_the_foreign_row_only(recipe, answer)
    assert await digests_of(service) == before


async def test_a_partial_batch_lands_without_the_foreign_row(bureau: Bureau) -> None:
    recipe = next(one for one in BATCHES if one.path == "/v1/fact-batches")
    statement = "SELECT count(*) FROM fact_versions v JOIN directory_unit_spans u USING (unit_id) WHERE u.code = $1"
    before = {unit: await bureau.one(recipe.service, statement, unit) for unit in (OWN, FOREIGN)}
    answer = await _sent(bureau, recipe, mode="partial")
    assert (answer.status_code, answer.json()["rejected"], answer.json()["rows"]) == (200, 1, 2)
    _names_the_foreign_row_only(recipe, answer)
    after = {unit: await bureau.one(recipe.service, statement, unit) for unit in (OWN, FOREIGN)}
    assert after == {OWN: before[OWN] + 1, FOREIGN: before[FOREIGN]}
