"""Facts as columns: whole numbers with a scale, a small number for the state, records with their counts.

Belongs here: columns of facts, a batch of rows, the rows of records below it. Does not belong here: where facts come
from (reading), what a name means (planning).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from services.scoring_svc.engine.workdays import WorkingCalendar

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]
STATES = ("present", "missing", "exempt", "not_scorable")
"""A fact's state is the index of its word."""


@dataclass(frozen=True, slots=True)
class FactColumn:
    """One input of all rows: `values` are scaled numbers, days, or indices of categories and keys; 0 where unknown."""

    values: Ints
    states: Small

    def taken(self, rows: Ints) -> "FactColumn":
        """The column at other rows."""
        return FactColumn(self.values[rows], self.states[rows])


@dataclass(frozen=True, slots=True)
class RecordsColumn:
    """One records input of all rows: how many records each row has, and every field of all records in a row's order."""

    counts: Ints
    states: Small
    fields: Mapping[str, FactColumn]


@dataclass(eq=False)
class Batch:
    """Rows that are evaluated together: units, or the records of units, or places.

    `groups` says which rows are peers; `refused` is not 0 where stage 0 refused the row. `owner` is each row's row in
    the batch `above`, whose records these are. `memory` keeps what was found, by the column that found it.
    """

    size: int
    facts: Mapping[str, FactColumn | RecordsColumn]
    groups: Ints
    refused: Small
    calendar: WorkingCalendar | None = None
    depth: int = 0
    above: "Batch | None" = None
    owner: Ints | None = None
    places: Ints | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    def ancestor(self, depth: int) -> "tuple[Batch, Ints | None]":
        """The batch so deep, and each row's row in it; None if it is this one."""
        here, rows = self, None
        while here.depth > depth and here.above is not None and here.owner is not None:
            rows = here.owner if rows is None else here.owner[rows]
            here = here.above
        return here, rows

    def remembered(self, key: Any, find: Callable[[], Any]) -> Any:
        """What was found once in this batch."""
        if key not in self.memory:
            self.memory[key] = find()
        return self.memory[key]

    def opened(self, name: str) -> "tuple[Batch, Ints]":
        """One row per record of a records input, and each record's row here."""
        found: tuple[Batch, Ints] = self.remembered(("records", name), lambda: self._open(name))
        return found

    def _open(self, name: str) -> "tuple[Batch, Ints]":
        root, rows = self.ancestor(0)
        records = root.facts[name]
        if not isinstance(records, RecordsColumn):
            raise TypeError(name)
        first, counts = np.cumsum(records.counts) - records.counts, records.counts
        if rows is not None:
            first, counts = first[rows], counts[rows]
        owner = np.repeat(np.arange(self.size), counts)
        within = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
        taken = first[owner] + within
        opened = Batch(
            size=owner.size,
            facts={field: column.taken(taken) for field, column in records.fields.items()},
            groups=self.groups[owner],
            refused=self.refused[owner],
            calendar=self.calendar,
            depth=self.depth + 1,
            above=self,
            owner=owner,
        )
        return opened, owner


def of_places(count: int) -> Batch:
    """A batch that knows nothing but the places 1 to `count`."""
    nothing = np.zeros(count, np.int64)
    return Batch(count, {}, nothing, nothing.astype(np.int16), places=np.arange(1, count + 1))
