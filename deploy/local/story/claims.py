"""Claims: every sentence of the story that could be untrue is checked when it is printed, and counted.

What belongs here: holding a sentence against what was found, and the count. What does not: how it looks (screen.py)
and where the expectation comes from - always from the pack or a recount of its own (expectation.py), never from the
service that is being checked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Claim:
    """A printed sentence, and whether it held."""

    text: str
    held: bool


@dataclass
class Claims:
    """All claims so far. `tell` prints one: the sentence, whether it held, and what was found if not."""

    tell: Callable[[str, bool, str], None]
    made: list[Claim] = field(default_factory=list)

    def claim(self, text: str, held: bool, found: object = "") -> bool:
        """Print a sentence and remember whether it held; `found` is shown when it did not. Returns `held`."""
        self.made.append(Claim(text, held))
        self.tell(text, held, str(found))
        return held

    def equal(self, text: str, found: object, expected: object) -> bool:
        """A claim that what the services answer is what was expected independently."""
        return self.claim(text, found == expected, f"expected {expected!r}, found {found!r}")

    @property
    def held(self) -> int:
        """How many held."""
        return sum(claim.held for claim in self.made)

    @property
    def summary(self) -> str:
        """The last line of the story."""
        return f"{len(self.made)} claims checked, {self.held} held"

    @property
    def status(self) -> int:
        """The exit status: 0 when there were claims and all held."""
        return 0 if self.made and self.held == len(self.made) else 1
