"""What every scenario of broken things says at its end, and what it runs on.

A scenario is a module `r<number>.py` with `async def run(system: System, *, seconds: float) -> Verdict`: it breaks
something for about so long, counts, and does the same once more without the protection: its control must go red.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres

Control = Literal["red", "green"]


@dataclass(frozen=True)
class System:
    """Real servers of the scenario's own to break, and a directory for logs."""

    postgres: Postgres
    nats: Nats
    directory: Path


@dataclass(frozen=True)
class Verdict:
    """`held`: the promise held. `control` red: without the protection it did not, so the test can see."""

    name: str
    held: bool
    control: Control
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.held and self.control == "red"

    def __str__(self) -> str:
        figures = "".join(f" {name}={value}" for name, value in self.figures.items())
        return f"{self.name} {'held' if self.held else 'broken'}{figures} control={self.control}"


def red_if(broken: bool) -> Control:
    return "red" if broken else "green"
