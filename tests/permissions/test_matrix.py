"""R7: nobody reads or changes another unit's data. A new route appears in the matrix by itself, and fails it by its
name until somebody has said how it is asked.
"""

import pytest

from tests.permissions.bureau import Bureau
from tests.permissions.holes import HOLES, Hole
from tests.permissions.matrix import Matrix
from tests.permissions.planting import asked_with
from tests.permissions.recipes.all import RECIPES


def test_every_route_has_a_recipe_and_every_recipe_a_route(bureau: Bureau) -> None:
    matrix = Matrix(bureau, RECIPES)
    assert matrix.missing() == [], "routes that nobody asks; write a recipe in tests/permissions/recipes"
    assert matrix.unknown() == []
    assert len(matrix.permissions) >= 80


async def test_nobody_reads_or_changes_what_lies_outside_their_reach(bureau: Bureau) -> None:
    matrix = Matrix(bureau, RECIPES)
    await matrix.forbidden_and_reads(bureau.callers)
    assert matrix.tally.complaints == []
    assert matrix.tally.requests >= 4_000
    assert matrix.tally.checks >= 40_000


def test_at_least_twenty_holes_are_planted() -> None:
    assert len({hole.name for hole in HOLES}) >= 20
    assert {hole.service for hole in HOLES} == {"indicator_svc", "submission_svc", "scoring_svc", "audit_svc"}


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.name)
async def test_a_planted_hole_is_noticed(bureau: Bureau, hole: Hole) -> None:
    tally = await asked_with(bureau, hole)
    assert tally.complaints, f"of {tally.requests} requests none noticed: {hole.name}"


async def test_everybody_may_do_what_their_appointment_says(bureau: Bureau) -> None:
    # Last of all, because it changes the bureau: a matrix of refusals alone would be content with a closed door.
    matrix = Matrix(bureau, RECIPES)
    await matrix.allowed_changes(bureau.callers)
    assert matrix.tally.complaints == []
