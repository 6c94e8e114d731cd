"""`make bench [only=NAME]`: one line a figure, the line before it says what bare did. Always exits 0."""

import asyncio
import importlib
import sys
import tempfile
import traceback
from contextlib import AsyncExitStack
from pathlib import Path

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.testing import issuer_for_tests
from tests.bench.harness import Bench

NAMES = (
    "deduction_to_problem",
    "intake_batch",
    "card_read",
    "ranking_page",
    "explanation",
    "whatif",
    "score_city_year",
    "rescore_latency",
    "score_national_month",
)


async def measure(name: str) -> None:
    """Measure one figure on parts of its own and print it."""
    module = importlib.import_module(f"tests.bench.{name}")
    with tempfile.TemporaryDirectory(prefix="liandong-bench-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        async with AsyncExitStack() as stack:
            issuer = stack.enter_context(issuer_for_tests())
            postgres = await Postgres.start(directory / "postgres")
            stack.push_async_callback(postgres.wipe)
            nats = await Nats.start(directory / "nats")
            stack.push_async_callback(nats.stop)
            bench = Bench(directory, postgres, nats, issuer, stack)
            for figure in await module.run(bench):
                sys.stdout.write(f"  {figure.bare}\n{figure.line()}\n")
                sys.stdout.flush()


def main() -> None:
    """Measure what was asked for."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    if only and only not in NAMES:
        sys.stdout.write(f"{only} not-built (there are: {' '.join(NAMES)})\n")
        return
    for name in [only] if only else NAMES:
        try:
            asyncio.run(measure(name))
        except Exception:  # noqa: BLE001 - a benchmark that fails is told, the next one is measured
            traceback.print_exc()
            sys.stdout.write(f"{name} failed\n")


if __name__ == "__main__":
    main()
