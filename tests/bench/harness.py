"""How a figure is measured: product and bare in the same run, interleaved in random order, medians, all checks on.

A module beside this one has `async def run(bench: Bench) -> list[Figure]`. Figures never fail a run; they tell.
"""

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.testing import Dsns, TestIssuer, fresh_database
from tests.support.processes import ServiceProcess


@dataclass(frozen=True)
class Figure:
    """One line: a ratio to the bare limit of the same run, or milliseconds. `bare` says what bare did."""

    name: str
    value: float
    bar: float
    bare: str
    unit: str = "ratio"
    stretch: float | None = None

    def line(self) -> str:
        """`NAME ratio=0.61 bar>=0.60 stretch>=0.70 ok`, or `NAME ms=12.3 bar<=20 ok`."""
        sign, good = (">=", self.value >= self.bar) if self.unit == "ratio" else ("<=", self.value <= self.bar)
        shown = f"{self.value:.2f}" if self.unit == "ratio" else f"{self.value:.1f}"
        stretch = "" if self.stretch is None else f" stretch{sign}{self.stretch:g}"
        return f"{self.name} {self.unit}={shown} bar{sign}{self.bar:g}{stretch} {'ok' if good else 'short'}"


@dataclass
class Bench:
    """The real parts of one run: PostgreSQL with fsync, NATS with sync_interval always, services as processes."""

    directory: Path
    postgres: Postgres
    nats: Nats
    issuer: TestIssuer
    stack: AsyncExitStack
    dsns: dict[str, Dsns] = field(default_factory=dict)

    async def service(self, name: str, **settings: str) -> ServiceProcess:
        """Start a service as a process on a fresh database, ready; it is stopped when the figure is taken."""
        _, self.dsns[name] = await fresh_database(self.postgres, name)
        process = ServiceProcess(name, self.dsns[name], self.issuer, self.nats.url, self.directory, **settings)
        self.stack.push_async_callback(process.stop)
        await process.start(ready=True)
        return process


async def interleave(
    ways: Mapping[str, Callable[[int], Awaitable[object]]],
    *,
    rounds: int,
    before: Callable[[], Awaitable[object]] | None = None,
) -> dict[str, float]:
    """Median seconds of each way over so many rounds; every round runs all ways once, in random order.

    A way is called with the number of the round. `before` runs ahead of each, outside the clock.
    """
    order = random.Random(7)  # noqa: S311 - an order, not a secret
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in order.sample(list(ways), len(ways)):
            if before is not None:
                await before()
            started = time.perf_counter()
            await ways[name](number)
            if number:  # the first round warms caches and prepared statements
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def percentile(values: list[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
