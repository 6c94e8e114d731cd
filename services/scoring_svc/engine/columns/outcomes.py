"""What columns found: values, states and entries of all rows, and the same of one row as the reference says it.

Belongs here: columns of outcomes, a row as text. Does not belong here: proofs; the reference makes them on demand.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import repeat
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

    def told(self, row: int) -> tuple[str, str | None, str]:
        """The entry of a row as (entry, clause, amount as the proof writes it)."""
        den = int(self.den[row]) if np.ndim(self.den) else int(self.den)
        return self.entry, self.clause, shortest(Fraction(int(self.num[row]), den))


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
        """All rows as text; one object for all rows of which the same was found."""
        found, which = self.distinct()
        return [found[index] for index in which]

    def distinct(self) -> tuple[list[RowOutcome], list[int]]:
        """The different outcomes, and which of them each row has."""
        columns: list[Any] = [self.stop, self.value, self.substituted]
        for entry in self.entries:
            columns += [entry.num, entry.stands, *([entry.den] if np.ndim(entry.den) else [])]
        # A column in which all rows are the same tells none of them apart.
        telling = [column.tolist() for column in columns if (column != column[:1]).any()]
        known: dict[Any, int] = {}
        first: list[int] = []
        which: list[int] = []
        for row, key in enumerate(zip(*telling, strict=True) if telling else repeat(None, self.value.size)):
            place = known.get(key)
            if place is None:
                place = known[key] = len(first)
                first.append(row)
            which.append(place)
        found = [self._told(row) for row in first]
        for row, outcome in self.by_reference.items():
            which[row] = len(found)
            found.append(row_of(outcome))
        return found, which

    def _told(self, row: int) -> RowOutcome:
        if self.stop[row]:
            reason = self.reasons[self.stop[row]]
            return RowOutcome(reason.how, None, reason.code, (), substituted=False)
        entries = tuple(entry.told(row) for entry in self.entries if entry.stands[row])
        text = self.result.text(int(self.value[row]))
        return RowOutcome(self.result.kind, text, None, entries, bool(self.substituted[row]))


def row_of(outcome: Outcome) -> RowOutcome:
    """What the reference found, without its proof."""
    entries = tuple((entry.entry, entry.clause, entry.text) for entry in outcome.entries)
    return RowOutcome(outcome.kind, outcome.value, outcome.code, entries, outcome.substituted)
