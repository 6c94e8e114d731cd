"""Plants the holes one after another and asks the part of the matrix that each of them touches."""

from collections.abc import Sequence

from tests.permissions.bureau import Bureau
from tests.permissions.holes import HOLES, Hole
from tests.permissions.matrix import Matrix, Tally
from tests.permissions.recipe import Recipe
from tests.permissions.recipes.all import RECIPES


def touched(hole: Hole) -> list[Recipe]:
    """The recipes of the routes that the hole opens."""
    found = [one for one in RECIPES if one.service == hole.service and one.path.endswith(hole.routes)]
    assert found, hole.name
    return found


async def asked_with(bureau: Bureau, hole: Hole) -> Tally:
    """What the matrix says while the hole is there."""
    matrix = Matrix(bureau, touched(hole))
    _forget_callers(bureau)
    with hole.plant(bureau):
        await matrix.forbidden_and_reads(bureau.callers)
    _forget_callers(bureau)
    return matrix.tally


async def unnoticed(bureau: Bureau, holes: Sequence[Hole] = HOLES) -> list[str]:
    """The holes of which the matrix says nothing."""
    return [hole.name for hole in holes if not (await asked_with(bureau, hole)).complaints]


def _forget_callers(bureau: Bureau) -> None:
    for service in bureau.services.values():
        service.app.state.authenticator._actors.clear()
