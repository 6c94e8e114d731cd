"""R7: nobody reads or changes another unit's data, tried by every role at ten places on every object of every route.

The control is the list of planted holes: each must be noticed by the same matrix.
"""

import tempfile
from pathlib import Path

from shared.testing import issuer_for_tests
from tests.chaos.verdict import System, Verdict, red_if
from tests.permissions.founding import founded
from tests.permissions.holes import HOLES
from tests.permissions.matrix import Matrix
from tests.permissions.planting import unnoticed
from tests.permissions.recipes.all import RECIPES
from tests.permissions.tree import FULL

_LEAST = 20_000


async def run(system: System, *, seconds: float) -> Verdict:
    """The whole matrix once, however long it takes; `seconds` is not needed to find a leak."""
    del seconds
    with issuer_for_tests() as issuer, tempfile.TemporaryDirectory(dir=system.directory) as directory:
        async with founded(system.postgres, issuer, Path(directory), FULL) as bureau:
            matrix = Matrix(bureau, RECIPES, wide=True)
            await matrix.forbidden_and_reads(bureau.callers)
            missed = await unnoticed(bureau)
            await matrix.allowed_changes(bureau.callers)
    tally = matrix.tally
    for complaint in tally.complaints[:20]:
        print(f"R7 {complaint}")  # noqa: T201 - a scenario reports on the terminal
    return Verdict(
        "R7",
        held=not tally.complaints and not matrix.missing() and tally.requests >= _LEAST,
        control=red_if(not missed),
        figures={
            "routes": len(matrix.permissions),
            "requests": tally.requests,
            "checks": tally.checks,
            "leaks": len(tally.complaints),
            "holes_noticed": f"{len(HOLES) - len(missed)}/{len(HOLES)}",
        },
    )
