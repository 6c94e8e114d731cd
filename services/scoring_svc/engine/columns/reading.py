"""Facts as they are supplied become columns; the same stage 0 as the reference's judges every distinct text once.

Belongs here: from JSON facts to a batch, and which rows the columns cannot hold. Does not belong here: the judgement of
a fact; that is `facts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

import numpy as np

from services.scoring_svc.engine.columns.batch import STATES, Batch, FactColumn, Flags, RecordsColumn
from services.scoring_svc.engine.columns.planning import MOST_RECORDS, Room, Scale, scale_of
from services.scoring_svc.engine.facts import FactRefused, value_of
from services.scoring_svc.engine.language import SCALARS, Input
from services.scoring_svc.engine.workdays import WorkingCalendar

REFUSALS = ("", "FACT_UNKNOWN", "VALUE_MALFORMED", "VALUE_NOT_ALLOWED")
"""What stage 0 refuses, the first first; a row's refusal is the index of its code."""
_WORST = len(REFUSALS)
_STATES = {word: index for index, word in enumerate(STATES)}
_PRESENT = _STATES["present"]


ABSENT: Any = object()
"""Stands in a column of facts where a row has none."""


@dataclass(frozen=True, slots=True)
class Table:
    """Facts of many rows by input: in each column a fact as `evaluate` takes it, or ABSENT."""

    size: int
    columns: Mapping[str, Sequence[Any]]

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "Table":
        """The same facts row by row."""
        names = dict.fromkeys(name for row in rows for name in row)
        return cls(len(rows), {name: [row.get(name, ABSENT) for row in rows] for name in names})

    def row(self, index: int) -> dict[str, Any]:
        """The facts of one row."""
        return {name: column[index] for name, column in self.columns.items() if column[index] is not ABSENT}


@dataclass(frozen=True, slots=True)
class Reading:
    """A batch, and the rows whose facts lie beyond its scale or bounds: they are the reference's."""

    batch: Batch
    beyond: Flags


Known: TypeAlias = dict[str, tuple[int, int, bool]]
"""A text as (number, refusal, whether it lies beyond the scale): pure, so that a plan may keep it."""
_MOST_KNOWN = 16_384


class Memory:
    """What a plan remembers of texts, by input: most facts of a group that is scored again are those of before."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Scale], Known] = {}

    def of(self, name: str, item: Input, scale: Scale) -> Known:
        """The texts of an input; keys are numbered anew in every batch."""
        if item.type not in SCALARS and item.type not in {"date", "category"}:
            return {}
        known = self._known.setdefault((name, scale), {})
        if len(known) > _MOST_KNOWN:
            known.clear()
        return known


@dataclass
class _Reader:
    """One input: the numbers of the texts seen so far, also in batches before."""

    item: Input
    scale: Scale
    known: Known
    keys: dict[str, int] = field(default_factory=dict)

    def text(self, text: Any) -> tuple[int, int, bool]:
        """A text as (number, refusal, beyond)."""
        if not isinstance(text, str):
            return 0, REFUSALS.index("VALUE_MALFORMED"), False
        known = self.known.get(text)
        if known is None:
            try:
                known = self._number(value_of(self.item, text, {}))
            except FactRefused as refused:
                known = (0, REFUSALS.index(refused.code), False)
            self.known[text] = known
        return known

    def _number(self, value: Any) -> tuple[int, int, bool]:
        if self.item.type in SCALARS:
            scaled = value * self.scale.den
            number = scaled.numerator
            beyond = scaled.denominator != 1 or not self.scale.low <= number <= self.scale.high
            return (0 if beyond else number), 0, beyond
        if isinstance(value, date):
            return value.toordinal(), 0, False
        if self.item.type == "category":
            return [choice.id for choice in self.item.choices].index(value), 0, False
        return self.keys.setdefault(value, len(self.keys)), 0, False

    def fact(self, found: Any) -> tuple[int, int, int, bool]:
        """A supplied fact as (number, state, refusal, beyond)."""
        if not isinstance(found, dict):
            number, refusal, beyond = self.text(found)
            return number, _PRESENT, refusal, beyond
        state, refusal = self.state(found)
        if not refusal and found.get("value") is not None:
            refusal = self.text(found["value"])[1]
        return 0, state, refusal, False

    def state(self, found: dict[str, Any]) -> tuple[int, int]:
        """A fact's state and refusal, without its value."""
        state, reason = found.get("state"), found.get("reason")
        proper = (
            isinstance(state, str)
            and _STATES.get(state, 0) > 0
            and found.keys() <= {"state", "value", "reason"}
            and (reason is None or isinstance(reason, str))
            and (found.get("value") is None or self.item.type != "records")
        )
        return (_STATES[str(state)], 0) if proper else (0, REFUSALS.index("VALUE_MALFORMED"))


class _Rows:
    """What stage 0 and the scale say of each row while inputs are read."""

    def __init__(self, count: int) -> None:
        self.refused = np.full(count, _WORST, np.int16)
        self.beyond = np.zeros(count, np.bool_)

    def note(self, row: int, refusal: int, *, beyond: bool) -> None:
        """Keep the first of a row's refusals: unknown before malformed before not allowed."""
        if refusal and refusal < self.refused[row]:
            self.refused[row] = refusal
        if beyond:
            self.beyond[row] = True


def read_facts(
    inputs: Mapping[str, Input],
    room: Room,
    table: Table,
    groups: Sequence[int] | None = None,
    calendar: WorkingCalendar | None = None,
    memory: Memory | None = None,
) -> Reading:
    """The batch of a table of facts. `groups` says which rows are peers; None: all."""
    memory = memory or Memory()
    noted, size = _Rows(table.size), table.size
    for name in table.columns.keys() - inputs.keys():
        _unknown(table.columns[name], range(size), noted)
    owner, nothing = range(size), [ABSENT] * size
    facts: dict[str, FactColumn | RecordsColumn] = {
        name: (_fact if item.fields is None else _records)(
            name, item, room, table.columns.get(name, nothing), owner, noted, memory
        )
        for name, item in inputs.items()
    }
    refused = np.where(noted.refused == _WORST, 0, noted.refused).astype(np.int16)
    together = np.zeros(size, np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    return Reading(Batch(size, facts, together.astype(np.int64), refused, calendar), noted.beyond)


def _unknown(column: Sequence[Any], owner: Sequence[int], noted: _Rows) -> None:
    for index, found in enumerate(column):
        if found is not ABSENT:
            noted.note(owner[index], REFUSALS.index("FACT_UNKNOWN"), beyond=False)


def _fact(
    name: str, item: Input, room: Room, column: Sequence[Any], owner: Sequence[int], noted: _Rows, memory: Memory
) -> FactColumn:
    scale = scale_of(item, room)
    reader = _Reader(item, scale, memory.of(name, item, scale))
    known = reader.known
    values, states = [0] * len(column), [_PRESENT] * len(column)
    for index, found in enumerate(column):
        told = known.get(found) if found.__class__ is str else None
        if told is None:
            if found is ABSENT:
                states[index] = _STATES["missing"]
                continue
            number, states[index], refusal, beyond = reader.fact(found)
        else:
            number, refusal, beyond = told
        values[index] = number
        if refusal or beyond:
            noted.note(owner[index], refusal, beyond=beyond)
    return FactColumn(np.array(values, np.int64), np.array(states, np.int16))


def _records(
    name: str, item: Input, room: Room, column: Sequence[Any], owner: Sequence[int], noted: _Rows, memory: Memory
) -> RecordsColumn:
    reader, fields = _Reader(item, scale_of(item, room), {}), item.fields or {}
    counts = np.zeros(len(column), np.int64)
    states = np.zeros(len(column), np.int16)
    records: list[Mapping[str, Any]] = []
    below: list[int] = []
    malformed = REFUSALS.index("VALUE_MALFORMED")
    for index, found in enumerate(column):
        if found is ABSENT:
            states[index] = _STATES["missing"]
        elif isinstance(found, dict):
            states[index], refusal = reader.state(found)
            noted.note(owner[index], refusal, beyond=False)
        elif not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            noted.note(owner[index], malformed, beyond=False)
        elif len(found) > MOST_RECORDS:
            noted.note(owner[index], 0, beyond=True)
        else:
            counts[index] = len(found)
            records += found
            below += [owner[index]] * len(found)
    table = Table.of_rows(records)
    for other in table.columns.keys() - fields.keys():
        _unknown(table.columns[other], below, noted)
    nothing = [ABSENT] * len(records)
    columns = {
        field: _fact(f"{name}/{field}", one, room, table.columns.get(field, nothing), below, noted, memory)
        for field, one in fields.items()
    }
    return RecordsColumn(counts, states, columns)
