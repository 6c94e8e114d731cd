"""What is written of cells: rows of the ledger's tables, put together from pieces that many cells share.

Belongs here: pure making of rows. Does not belong here: which cells are written and why (entering), statements
(repository).
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from services.scoring_svc.ledger.copying import NULL, binary, boolean, head, integer, moment, numeric, text, uuid
from services.scoring_svc.ledger.domain import Entry, Finding, Scored
from services.scoring_svc.ledger.evaluation import Group
from shared.contracts.scoring import Deduction

CELLS = (
    "period", "indicator_id", "unit_id", "set_id", "standing", "version", "entered_version", "state", "code", "note",
    "full_marks", "score", "loss", "entries", "inputs", "indicator_version", "rule_hash", "at",
)  # fmt: skip
VERSIONS = (
    "period", "indicator_id", "unit_id", "version", "evaluation_no", "state", "code", "note", "full_marks", "score",
    "loss", "timing", "reason", "who", "at",
)  # fmt: skip
ENTRIES = (
    "period", "indicator_id", "unit_id", "cell_version", "entry_no", "kind", "clause", "points", "reverses",
    "indicator_version", "rule_hash", "inputs", "who", "at",
)  # fmt: skip
EVALUATIONS = (
    "period", "indicator_id", "evaluation_no", "indicator_version", "rule_hash", "calendar", "inputs", "salt", "at",
)  # fmt: skip
DEDUCTIONS = ("deduction_id", "version", "set_id", "period", "indicator_id", "unit_id", "loss", "body", "at")
DEDUCTION_VERSIONS = ("deduction_id", "version", "lifted", "body", "who", "at")

_encode = msgspec.json.encode
_number = lru_cache(maxsize=1_024)(integer)


@dataclass(frozen=True)
class Occasion:
    """Why cells are entered: at confirmation or at once, for which reason, by whom, when.

    `concerns`: the units that the note speaks of; without any it is told to all.
    """

    timing: Literal["immediate", "confirmed"]
    reason: Literal["scored", "fact_amended", "ruling", "correction"]
    who: str
    at: datetime
    note: str = ""
    concerns: frozenset[UUID] = frozenset()


class CellRow(NamedTuple):
    """A cell to be written: its card's group, what was found, its version in the ledger; and the pieces of its rows."""

    group: Group
    scored: Scored
    entered: int
    found: "_Found"
    inputs: bytes


class _Found(NamedTuple):
    """A finding in pieces: its columns from state to loss, its entries in one text, and each as columns of its own."""

    finding: Finding
    columns: bytes
    entries: bytes
    each: Sequence[bytes]


class Rows:
    """Makes the rows of a group's cells. Pieces are known again by the object that they were made of."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._found: dict[int, _Found] = {}
        self._inputs: dict[int, tuple[Mapping[str, int | str], bytes]] = {}

    def row(self, cell: Scored, entered: int) -> CellRow:
        """A cell to be written."""
        _, finding, inputs = cell
        found = self._found.get(id(finding))
        if found is None:
            found = self._found[id(finding)] = _found(finding)
        read = self._inputs.get(id(inputs))
        if read is None:
            # What is known by its id is kept, so that nothing else gets that id.
            read = self._inputs[id(inputs)] = inputs, text(inputs_text(inputs))
        return CellRow(self._group, cell, entered, found, read[1])


def cell_rows(rows: Iterable[CellRow], *, confirmed: bool, at: datetime) -> Iterator[bytes]:
    """New cells."""
    standing = text("confirmed" if confirmed else "provisional") + integer(1)
    for group, these in _by_group(rows):
        first, second = head(CELLS) + _key(group), uuid(group.card.set_id) + standing
        last = integer(group.card.version) + text(group.rule.hash) + moment(at)
        for _, cell, entered, found, inputs in these:
            yield b"".join(
                (first, uuid(cell.unit_id), second, _number(entered), found.columns, found.entries, inputs, last)
            )


def version_rows(changed: Iterable[CellRow], evaluations: Mapping[UUID, int], occasion: Occasion) -> Iterator[bytes]:
    """Versions of cells; `evaluations`: the number of the evaluation that they come from, by indicator."""
    last = text(occasion.timing) + text(occasion.reason) + text(occasion.who) + moment(occasion.at)
    for group, these in _by_group(changed):
        first, number = head(VERSIONS) + _key(group), integer(evaluations[group.card.indicator_id])
        for _, cell, entered, found, __ in these:
            yield b"".join((first, uuid(cell.unit_id), _number(entered), number, found.columns, last))


def entry_rows(
    changed: Iterable[CellRow], before: Mapping[tuple[UUID, UUID], Sequence[Entry]], occasion: Occasion
) -> Iterator[bytes]:
    """Entries of versions; one after the first begins with what takes the version before back."""
    last = text(occasion.who) + moment(occasion.at)
    for group, these in _by_group(changed):
        first, rule = head(ENTRIES) + _key(group), integer(group.card.version) + text(group.rule.hash)
        indicator = group.card.indicator_id
        for _, cell, entered, found, inputs in these:
            each = found.each
            if entered > 1:
                taken_back = before.get((indicator, cell.unit_id), ())
                each = [*(_entry(one.reversed(), integer(entered - 1)) for one in taken_back), *each]
            here = first + uuid(cell.unit_id) + _number(entered)
            end = b"".join((rule, inputs, last))
            for number, entry in enumerate(each, 1):
                yield b"".join((here, _number(number), entry, end))


def evaluation_row(group: Group, number: int, at: datetime) -> bytes:
    """What an evaluation read, with a new salt."""
    card, edition = group.card, group.calendar.version if group.calendar else ""
    rule = integer(number) + integer(card.version) + text(group.rule.hash)
    inputs = text(_encode(group.inputs, order="sorted").decode())
    salt = binary(secrets.token_bytes(16))
    return b"".join((head(EVALUATIONS), _key(group), rule, text(edition), inputs, salt, moment(at)))


def deduction_row(one: Deduction, body: bytes, set_id: UUID, at: datetime) -> bytes:
    """A deduction as it stands first."""
    return b"".join(
        (
            head(DEDUCTIONS), uuid(one.deduction_id), integer(1), uuid(set_id), text(one.period),
            uuid(one.indicator_id), uuid(one.unit_id), _loss(one.loss), binary(body), moment(at),
        )
    )  # fmt: skip


def deduction_version_row(one: Deduction, body: bytes, occasion: Occasion) -> bytes:
    """A version of a deduction."""
    lifted, by = boolean(one.loss == "0"), text(occasion.who) + moment(occasion.at)
    return b"".join((head(DEDUCTION_VERSIONS), uuid(one.deduction_id), integer(one.version), lifted, binary(body), by))


def entries_text(entries: Iterable[Entry]) -> str:
    """Entries as they are stored with a cell: kind, clause, points."""
    return _encode(entries).decode()


def inputs_text(inputs: Mapping[str, int | str]) -> str:
    """Inputs as they are stored: the version of the fact, or the text, by input."""
    return _encode(inputs, order="sorted").decode()


@lru_cache(maxsize=4_096)
def _loss(told: str) -> bytes:
    return numeric(Decimal(told))


def _by_group(rows: Iterable[CellRow]) -> Iterator[tuple[Group, Sequence[CellRow]]]:
    """Rows as they follow each other, under the group that they are of."""
    for _, these in groupby(rows, lambda row: id(row.group)):
        together = list(these)
        yield together[0].group, together


def _key(group: Group) -> bytes:
    return text(group.period.key) + uuid(group.card.indicator_id)


def _found(finding: Finding) -> _Found:
    columns = (
        text(finding.state), text(finding.code), text(finding.note), numeric(finding.full_marks),
        numeric(finding.score), numeric(finding.loss),
    )  # fmt: skip
    each = [_entry(entry, NULL) for entry in finding.entries]
    return _Found(finding, b"".join(columns), text(entries_text(finding.entries)), each)


def _entry(entry: Entry, reverses: bytes) -> bytes:
    return text(entry.kind) + text(entry.clause) + text(entry.points) + reverses
