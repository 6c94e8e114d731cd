"""What columns found: values, states and entries of all rows, and the same of one row as the reference says it.

Belongs here: columns of outcomes, a row as text. Does not belong here: proofs; the reference makes them on demand.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

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


@dataclass(frozen=True, slots=True)
class RowOutcome:
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

    def row(self, row: int) -> RowOutcome:
        """One row as text."""
        known = self.by_reference.get(row)
        if known is not None:
            entries = tuple((entry.entry, entry.clause, entry.text) for entry in known.entries)
            return RowOutcome(known.kind, known.value, known.code, entries, known.substituted)
        reason = self.reasons[self.stop[row]]
        if self.stop[row]:
            return RowOutcome(reason.how, None, reason.code, (), substituted=False)
        return RowOutcome(
            self.result.kind,
            self.result.text(int(self.value[row])),
            None,
            tuple(
                (entry.entry, entry.clause, amount_text(int(entry.num[row]), _den(entry.den, row)))
                for entry in self.entries
                if entry.stands[row]
            ),
            bool(self.substituted[row]),
        )

    def rows(self) -> list[RowOutcome]:
        """All rows as text."""
        return [self.row(row) for row in range(self.value.size)]


def _den(den: Any, row: int) -> int:
    return int(den) if np.ndim(den) == 0 else int(den[row])


@lru_cache(maxsize=1 << 16)
def amount_text(num: int, den: int) -> str:
    """An amount as the proof writes it."""
    return shortest(Fraction(num, den))
