"""The column form of results: one value, its published text, and the entries that add up to it.

Belongs here: what a result hands to the plan. Does not belong here: any single result; it stands with the result.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.scoring_svc.engine.columns.algebra import Column, Test, nothing
from services.scoring_svc.engine.columns.batch import Batch, Flags, Small


@dataclass(frozen=True, slots=True)
class EntryColumn:
    """One entry of all rows: what it adds, and where it stands (everywhere if None)."""

    entry: str
    amount: Column
    clause: str | None = None
    acts: Test | None = None


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A result of all rows: whole numbers, the published text of one, and the entries."""

    kind: str
    value: Column
    text: Callable[[int], str]
    entries: tuple[EntryColumn, ...] = ()


def moved(entry: str, amount: Column) -> EntryColumn:
    """The entry of what a step of the result moved, where it moved anything."""

    def run(batch: Batch) -> tuple[Flags, Small]:
        return amount.of(batch).num != 0, nothing(batch)

    return EntryColumn(entry, amount, acts=Test(run))


def decimal_text(scaled: int, places: int) -> str:
    """The text of a number scaled by a power of ten, with exactly so many places."""
    digits = str(abs(scaled)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if scaled < 0 else text
