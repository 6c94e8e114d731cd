"""What columns found: values, states and entries of all rows, and the same of one row as the reference says it.

Belongs here: columns of outcomes, a row as text. Does not belong here: proofs; the reference makes them on demand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from services.scoring_svc.engine.columns.batch import Flags, Ints, Small
from services.scoring_svc.engine.columns.planning import Reason
from services.scoring_svc.engine.columns.results import ResultColumn
from services.scoring_svc.engine.evaluation import Outcome
from services.scoring_svc.engine.numbers import shortest


@dataclass(frozen=True, slots=True)
class EntryAmounts:
    """One entry of all rows: `num` over `den`, where it stands."""

    entry: str
    clause: str | None
    num: Ints
    den: Any
    stands: Flags

    def told(self) -> list[tuple[str, str | None, str] | None]:
        """The entry of every row as (entry, clause, amount as the proof writes it); None where it does not stand."""
        entry, clause = self.entry, self.clause
        found: list[tuple[str, str | None, str] | None]
        if np.ndim(self.den) == 0:
            den = int(self.den)
            found = _distinct(self.num, lambda num: (entry, clause, shortest(Fraction(num, den))))
        else:
            pairs = zip(self.num.tolist(), self.den.tolist(), strict=True)
            found = [(entry, clause, shortest(Fraction(num, den))) for num, den in pairs]
        for row in np.flatnonzero(~self.stands).tolist():
            found[row] = None
        return found


class RowOutcome(NamedTuple):
    """One row as the reference's Outcome says it, without the proof; entries are (entry, clause, amount)."""

    kind: str
    value: str | None
    code: str | None
    entries: tuple[tuple[str, str | None, str], ...]
    substituted: bool


@dataclass(frozen=True)
class ColumnOutcomes:
    """All rows: `value` scaled as published (days, levels: numbers), `stop` the reason (0: none) and the entries.

    `by_reference` holds the rows that the reference evaluated; their places in the columns mean nothing.
    """

    result: ResultColumn
    reasons: tuple[Reason, ...]
    value: Ints
    stop: Small
    substituted: Flags
    entries: tuple[EntryAmounts, ...]
    by_reference: dict[int, Outcome] = field(default_factory=dict)

    def rows(self) -> list[RowOutcome]:
        """All rows as text; every distinct number is written once."""
        texts = _distinct(self.value, self.result.text)
        columns = [entry.told() for entry in self.entries]
        entries = list(zip(*columns, strict=True)) if columns else [()] * len(texts)
        if not all(entry.stands.all() for entry in self.entries):
            entries = [tuple(one for one in row if one is not None) for row in entries]
        kind = self.result.kind
        found = [
            RowOutcome(kind, text, None, told, substituted)
            for text, told, substituted in zip(texts, entries, self.substituted.tolist(), strict=True)
        ]
        for row in np.flatnonzero(self.stop).tolist():
            reason = self.reasons[self.stop[row]]
            found[row] = RowOutcome(reason.how, None, reason.code, (), substituted=False)
        for row, known in self.by_reference.items():
            found[row] = row_of(known)
        return found


def row_of(outcome: Outcome) -> RowOutcome:
    """What the reference found, without its proof."""
    entries = tuple((entry.entry, entry.clause, entry.text) for entry in outcome.entries)
    return RowOutcome(outcome.kind, outcome.value, outcome.code, entries, outcome.substituted)


def _distinct(numbers: Ints, say: Callable[[int], Any]) -> list[Any]:
    """What is said of every number; of each distinct one once."""
    distinct, which = np.unique(numbers, return_inverse=True)
    said = [say(number) for number in distinct.tolist()]
    return [said[index] for index in which.reshape(-1).tolist()]
