"""What is written of cells: rows of the ledger's tables, put together from pieces that many cells share.

Belongs here: pure making of rows. Does not belong here: which cells are written and why (entering), statements
(repository).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from services.scoring_svc.ledger.copying import NULL, binary, boolean, head, integer, moment, numeric, text, uuid
from services.scoring_svc.ledger.domain import NOTHING, Entry, Finding, Scored, plain
from services.scoring_svc.ledger.evaluation import Cells, Group
from shared.contracts.scoring import ClauseLoss, Deduction, InputVersion

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

T = TypeVar("T")
_encode = msgspec.json.encode


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


@dataclass(frozen=True, eq=False)
class Told:
    """What many cells of a group share word for word: what was found, what was read, and the version in the ledger."""

    finding: Finding
    inputs: Mapping[str, int | str]
    entered: int

    @cached_property
    def columns(self) -> bytes:
        """The columns from state to loss."""
        found = self.finding
        points = numeric(found.full_marks) + numeric(found.score) + numeric(found.loss)
        return text(found.state) + text(found.code) + text(found.note) + points

    @cached_property
    def read(self) -> bytes:
        """The column of inputs."""
        return text(inputs_text(self.inputs))

    @cached_property
    def lost(self) -> bool:
        """Whether anything is missing to full marks."""
        return self.finding.loss > NOTHING

    @cached_property
    def points(self) -> tuple[str, str | None, str]:
        """Full marks, score (its places count) and loss as events tell them."""
        found = self.finding
        return plain(found.full_marks), None if found.score is None else format(found.score, "f"), plain(found.loss)

    @cached_property
    def clauses(self) -> list[ClauseLoss]:
        """What each entry gave or took, as deductions tell it."""
        return [ClauseLoss(clause=entry.clause or entry.kind, points=entry.points) for entry in self.finding.entries]

    @cached_property
    def versions(self) -> list[InputVersion]:
        """The versions of the facts that were read, as deductions tell them."""
        read = sorted(self.inputs.items())
        return [InputVersion(name=name, version=told) for name, told in read if isinstance(told, int) and told]


class CellRow(NamedTuple):
    """A cell to be written: its card's group, what was found, its version in the ledger; and pieces of its rows."""

    group: Group
    scored: Scored
    entered: int
    unit: bytes
    told: Told


class Rows:
    """Makes the rows of a group's cells. What cells share is known again by the objects that it was made of."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._told: dict[tuple[int, int, int], Told] = {}

    def row(self, cell: Scored, entered: int) -> CellRow:
        """A cell to be written."""
        unit, finding, inputs = cell
        key = id(finding), id(inputs), entered
        told = self._told.get(key)
        if told is None:
            # It keeps the objects, so that no others get their ids.
            told = self._told[key] = Told(finding, inputs, entered)
        return CellRow(self._group, cell, entered, uuid(unit), told)


def cell_rows(rows: Iterable[CellRow], *, confirmed: bool, at: datetime) -> Iterator[bytes]:
    """New cells."""
    for group, these in _by_group(rows):
        first = head(CELLS) + _key(group)
        for row, after in _with_rest(these, _cell_ends(group, confirmed=confirmed, at=at)):
            yield first + row.unit + after


def whole_group(group: Group, cells: Cells, at: datetime) -> Iterator[bytes]:
    """The same for all cells of a group, provisional and without a version in the ledger."""
    first, end = head(CELLS) + _key(group), _cell_ends(group, confirmed=False, at=at)
    made: dict[tuple[int, int], bytes] = {}
    for unit, index, inputs in zip(cells.units, cells.which, cells.read, strict=True):
        key = index, id(inputs)
        if key not in made:
            made[key] = end(Told(cells.findings[index], inputs, 0))
        yield first + uuid(unit) + made[key]


def _cell_ends(group: Group, *, confirmed: bool, at: datetime) -> Callable[[Told], bytes]:
    """What makes of what cells share that which follows their unit."""
    before = uuid(group.card.set_id) + text("confirmed" if confirmed else "provisional") + integer(1)
    after = integer(group.card.version) + text(group.rule.hash) + moment(at)

    def end(told: Told) -> bytes:
        entries = text(entries_text(told.finding.entries))
        return b"".join((before, integer(told.entered), told.columns, entries, told.read, after))

    return end


def version_rows(changed: Iterable[CellRow], evaluations: Mapping[UUID, int], occasion: Occasion) -> Iterator[bytes]:
    """Versions of cells; `evaluations`: the number of the evaluation that they come from, by indicator."""
    last = text(occasion.timing) + text(occasion.reason) + text(occasion.who) + moment(occasion.at)
    for group, these in _by_group(changed):
        first, number = head(VERSIONS) + _key(group), integer(evaluations[group.card.indicator_id])

        def rest(told: Told, number: bytes = number) -> bytes:
            return b"".join((integer(told.entered), number, told.columns, last))

        for row, after in _with_rest(these, rest):
            yield first + row.unit + after


def entry_rows(
    changed: Iterable[CellRow], before: Mapping[tuple[UUID, UUID], Sequence[Entry]], occasion: Occasion
) -> Iterator[bytes]:
    """Entries of versions; one after the first begins with what takes the version before back."""
    last = text(occasion.who) + moment(occasion.at)
    for group, these in _by_group(changed):
        first, rule = head(ENTRIES) + _key(group), integer(group.card.version) + text(group.rule.hash)
        indicator = group.card.indicator_id

        def numbered(told: Told, entries: Sequence[bytes], start: int = 1, rule: bytes = rule) -> list[bytes]:
            version, end = integer(told.entered), b"".join((rule, told.read, last))
            return [b"".join((version, integer(number), one, end)) for number, one in enumerate(entries, start)]

        def own(told: Told) -> list[bytes]:
            return numbered(told, [_entry(one, NULL) for one in told.finding.entries])

        for row, entries in _with_rest(these, own):
            if row.entered > 1:
                taken_back = before.get((indicator, row.scored.unit_id), ())
                back = [_entry(one.reversed(), integer(row.entered - 1)) for one in taken_back]
                entries = numbered(row.told, back) + numbered(  # noqa: PLW2901 - only here a row has more than its own
                    row.told, [_entry(one, NULL) for one in row.told.finding.entries], len(back) + 1
                )
            begin = first + row.unit
            for one in entries:
                yield begin + one


def _with_rest(rows: Sequence[CellRow], rest: Callable[[Told], T]) -> Iterator[tuple[CellRow, T]]:
    """Rows with what comes after their unit; made once for all that share it."""
    known = {id(row.told): row.told for row in rows}
    made = {key: rest(told) for key, told in known.items()}
    return zip(rows, [made[id(row.told)] for row in rows], strict=True)


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
    for _, these in groupby(rows, itemgetter(0)):
        together = list(these)
        yield together[0].group, together


def _key(group: Group) -> bytes:
    return text(group.period.key) + uuid(group.card.indicator_id)


def _entry(entry: Entry, reverses: bytes) -> bytes:
    return text(entry.kind) + text(entry.clause) + text(entry.points) + reverses
