"""Breaks things and counts, one line for each promise: `python -m tests.chaos only=R5,R6 seconds=60`.

With `seconds=full` each takes as long as its promise's full size needs: its module's FULL_SECONDS, otherwise 60.
"""

import asyncio
import importlib
import sys
import tempfile
import time
from pathlib import Path

import structlog

from deploy.local.lodging import remove_lodging
from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from tests.chaos.verdict import System, Verdict

_PROMISES = 30
_SECONDS = 60.0
_HERE = Path(__file__).parent


async def _run(name: str, seconds: float | None) -> Verdict:
    """One promise on servers of its own, so that what one breaks spoils no other."""
    scenario = importlib.import_module(f"tests.chaos.{name.lower()}")
    if seconds is None:
        seconds = getattr(scenario, "FULL_SECONDS", _SECONDS)
    with tempfile.TemporaryDirectory(prefix="liandong-chaos-") as place:
        directory = Path(place)
        await asyncio.to_thread(directory.chmod, 0o711)
        postgres = await Postgres.start(directory / "postgres", settings={"max_connections": "300"})
        try:
            async with await Nats.start(directory / "nats") as nats:
                verdict: Verdict = await scenario.run(System(postgres, nats, directory), seconds=seconds)
                return verdict
        finally:
            await postgres.stop()
            remove_lodging(directory / "postgres")


def main(words: list[str]) -> int:
    options = dict(word.split("=", 1) for word in words)
    wanted = [name.upper() for name in options.pop("only", "").split(",") if name]
    given = options.pop("seconds", str(_SECONDS))
    seconds = None if given == "full" else float(given)
    if options:
        sys.stdout.write(f"unknown: {', '.join(options)}; there are only= and seconds= (a number, or full)\n")
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    failed = 0
    for name in wanted or [f"R{number}" for number in range(1, _PROMISES + 1)]:
        if not (_HERE / f"{name.lower()}.py").exists():
            sys.stdout.write(f"{name} not-built\n")
            failed += bool(wanted)
            continue
        began = time.monotonic()
        try:
            verdict = asyncio.run(_run(name, seconds))
        except Exception as error:  # noqa: BLE001 - the next promise is tried all the same
            sys.stdout.write(f"{name} broken error={error!r}\n")
            failed += 1
            continue
        failed += not verdict.passed
        sys.stdout.write(f"{verdict} took={time.monotonic() - began:.0f}s\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
