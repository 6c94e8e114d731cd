"""What every result answers, and the entries a result is explained by.

Belongs here: the result's interface, entries, the registry of results. Does not belong here: any single result.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

from services.scoring_svc.engine.cell import Cell
from services.scoring_svc.engine.columns.algebra import NO_FORM, NoColumn
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.columns.results import ResultColumn
from services.scoring_svc.engine.measure import Scope
from services.scoring_svc.engine.numbers import shortest
from services.scoring_svc.engine.reach import ANYTHING, Reach
from services.scoring_svc.engine.shape import Form, Shape
from services.scoring_svc.engine.speech import Speech


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a result: `base`, `clause`, `floor`, `ceiling`, `rounding`, `peers_mean` or `value`.

    `amount` is what the entry adds; the amounts of all entries add up to the result exactly.
    """

    entry: str
    amount: Fraction
    clause: str | None = None
    because: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The amount as the proof writes it."""
        return shortest(self.amount)

    def as_proof(self, word: str) -> dict[str, Any]:
        """The entry as JSON; `word` names the amount (`points`, `figure`)."""
        proof: dict[str, Any] = {"entry": self.entry, word: self.text}
        if self.clause is not None:
            proof["clause"] = self.clause
        if self.because is not None:
            proof["because"] = self.because
        return proof


@dataclass(frozen=True, slots=True)
class Answer:
    """A result that was had: its published text, its shortest text, its entries or the one reason."""

    text: str
    value: str
    entries: tuple[Entry, ...] = ()
    because: dict[str, Any] | None = None
    number: Fraction | None = None


@dataclass(frozen=True)
class Result(ABC):
    """What a rule results in."""

    at: str
    kind: ClassVar[str] = ""

    @abstractmethod
    def type_in(self, scope: Scope) -> None:
        """The type rule; findings go to the scope's report."""

    @abstractmethod
    def judge(self, scope: Scope) -> None:
        """The interval rule; findings go to the scope's report."""

    @abstractmethod
    def evaluate(self, cell: Cell) -> Answer:
        """The result in one cell. Raises Stop where it cannot be had."""

    @abstractmethod
    def words(self, speech: Speech) -> str:
        """The result as people read it, without the definitions."""

    def column(self, planner: Planner) -> ResultColumn:  # noqa: ARG002 - the results' common signature
        """The column form: the result of all rows at once. Raises NoColumn; then the reference evaluates."""
        raise NoColumn(NO_FORM, self.at)

    def attains(self, scope: Scope) -> Reach:  # noqa: ARG002 - only results that are numbers have ends
        """The lowest and highest attainable value, where the result is a number."""
        return ANYTHING

    @property
    def places(self) -> int | None:
        """To how many decimal places the result is rounded, where it is."""
        return None


RESULTS: dict[str, Shape] = {}
_Result = TypeVar("_Result", bound=type[Result])


def result(shape: dict[str, Shape]) -> Callable[[_Result], _Result]:
    """Register a result under its kind, with its fields."""

    def register(found: _Result) -> _Result:
        RESULTS[found.kind] = Form(found, shape)
        return found

    return register


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
