"""Batches that create: all rows or none, with a pointer and a code for every row that is refused.

Belongs here: gathering refusals over the rows of a batch. Which rules a row must meet is its room's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from shared.errors import Detail, Refused


class RowsRefused(Refused):
    """Some rows break a rule, so nothing of the batch was written."""

    code = "rows_refused"
    zh, en = "有 {count} 行不符合规则，整批未写入", "{count} rows break a rule; nothing of the batch was written"


class DuplicateRow(Refused):
    """Two rows of one batch are the same object."""

    code = "duplicate_row"
    zh, en = "批次内重复", "Another row of this batch is the same object"


@dataclass(frozen=True)
class RowOutcome:
    """What became of one row: `unchanged` if it said nothing new."""

    code: str
    id: UUID
    version: int
    outcome: Literal["created", "unchanged"]


@dataclass(frozen=True)
class BatchOutcome:
    """What became of the rows of a batch, in their order."""

    rows: Sequence[RowOutcome]

    @property
    def created(self) -> int:
        """How many rows made something new."""
        return sum(row.outcome == "created" for row in self.rows)

    @property
    def unchanged(self) -> int:
        """How many rows said nothing new."""
        return len(self.rows) - self.created


@dataclass
class Refusals:
    """The refusals of a batch so far. `root` is the pointer of the list of rows."""

    root: str
    details: list[Detail] = field(default_factory=list)

    @contextmanager
    def of_row(self, index: int, member: str = "") -> Iterator[None]:
        """Note a refusal raised inside as this row's, and go on with the next one."""
        try:
            yield
        except Refused as refusal:
            self.add(index, refusal, member)

    def add(self, index: int, refusal: Refused, member: str = "") -> None:
        """Note a refusal of a row; `member` is the offending field."""
        place = f"{self.root}/{index}" + (f"/{member}" if member else "")
        if refusal.details:
            self.details += [Detail(f"{place}{one.pointer}", one.code, one.text) for one in refusal.details]
        else:
            self.details.append(Detail(place, refusal.code, refusal.text("zh") + " / " + refusal.text("en")))

    def demand_none(self) -> None:
        """Raise RowsRefused with every refusal noted, if there is any."""
        if self.details:
            raise RowsRefused(details=self.details, count=len({one.pointer for one in self.details}))
