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

    def texts(self) -> list[str]:
        """The amount of every row as the proof writes it; of rows where the entry does not stand it means nothing."""
        if np.ndim(self.den) == 0:
            den = int(self.den)
            return _texts(self.num, lambda num: shortest(Fraction(num, den)))
        return [shortest(Fraction(num, den)) for num, den in zip(self.num.tolist(), self.den.tolist(), strict=True)]


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
        texts = _texts(self.value, self.result.text)
        columns = [(entry.entry, entry.clause, entry.stands.tolist(), entry.texts()) for entry in self.entries]
        found = []
        for row, (stop, substituted) in enumerate(zip(self.stop.tolist(), self.substituted.tolist(), strict=True)):
            known = self.by_reference.get(row)
            if known is not None:
                found.append(row_of(known))
            elif stop:
                reason = self.reasons[stop]
                found.append(RowOutcome(reason.how, None, reason.code, (), substituted=False))
            else:
                entries = tuple((name, clause, said[row]) for name, clause, stands, said in columns if stands[row])
                found.append(RowOutcome(self.result.kind, texts[row], None, entries, substituted))
        return found


def row_of(outcome: Outcome) -> RowOutcome:
    """What the reference found, without its proof."""
    entries = tuple((entry.entry, entry.clause, entry.text) for entry in outcome.entries)
    return RowOutcome(outcome.kind, outcome.value, outcome.code, entries, outcome.substituted)


def _texts(numbers: Ints, say: Callable[[int], str]) -> list[str]:
    distinct, which = np.unique(numbers, return_inverse=True)
    said = [say(number) for number in distinct.tolist()]
    return [said[index] for index in which.reshape(-1).tolist()]
