"""What is written of cells: rows of the ledger's tables, put together from pieces that many cells share.

Belongs here: pure making of rows. Does not belong here: which cells are written and why (entering), statements
(repository).
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from services.scoring_svc.ledger.copying import NULL, binary, boolean, head, integer, moment, numeric, text, uuid
from services.scoring_svc.ledger.domain import Entry, Finding, Scored, plain
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
    def loss(self) -> Decimal:
        """What is missing to full marks."""
        return self.finding.loss

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


@dataclass(frozen=True, eq=False)
class Block:
    """Cells of a group that are to be written: units, and beside each what it shares with others."""

    group: Group
    units: Sequence[UUID]
    told: Sequence[Told]

    def __iter__(self) -> Iterator[tuple[UUID, Told]]:
        return zip(self.units, self.told, strict=True)

    def only(self, units: Collection[UUID]) -> "Block":
        """The cells of some units."""
        found = [(unit, told) for unit, told in self if unit in units]
        return Block(self.group, [unit for unit, _ in found], [told for _, told in found])


class Words:
    """What cells of a group share, put into words once; known again by the objects that it was made of."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, int, int], Told] = {}

    def of(self, cell: Scored, entered: int) -> Told:
        """A cell's, under its version in the ledger."""
        key = id(cell.finding), id(cell.inputs), entered
        told = self._told.get(key)
        if told is None:
            # It keeps the objects, so that no others get their ids.
            told = self._told[key] = Told(cell.finding, cell.inputs, entered)
        return told


def whole(group: Group, cells: Cells, entered: int) -> Block:
    """All cells of a group, under the same version in the ledger."""
    made: dict[tuple[int, int], Told] = {}
    told = []
    for index, inputs in zip(cells.which, cells.read, strict=True):
        key = index, id(inputs)
        if key not in made:
            made[key] = Told(cells.findings[index], inputs, entered)
        told.append(made[key])
    return Block(group, cells.units, told)


def cell_rows(block: Block, *, confirmed: bool, at: datetime) -> list[bytes]:
    """New cells."""
    card = block.group.card
    before = uuid(card.set_id) + text("confirmed" if confirmed else "provisional") + integer(1)
    after = integer(card.version) + text(block.group.rule.hash) + moment(at)

    def end(told: Told) -> bytes:
        entries = text(entries_text(told.finding.entries))
        return b"".join((before, integer(told.entered), told.columns, entries, told.read, after))

    first = head(CELLS) + _key(block.group)
    return [first + uuid(unit) + rest for unit, _, rest in _with_ends(block, end)]


def version_rows(changed: Block, evaluation: int, occasion: Occasion) -> list[bytes]:
    """Versions of cells, with the number of the evaluation that they come from."""
    number = integer(evaluation)
    last = text(occasion.timing) + text(occasion.reason) + text(occasion.who) + moment(occasion.at)

    def end(told: Told) -> bytes:
        return b"".join((integer(told.entered), number, told.columns, last))

    first = head(VERSIONS) + _key(changed.group)
    return [first + uuid(unit) + rest for unit, _, rest in _with_ends(changed, end)]


def entry_rows(
    changed: Block, before: Mapping[tuple[UUID, UUID], Sequence[Entry]], occasion: Occasion
) -> Iterator[bytes]:
    """Entries of versions; one after the first begins with what takes the version before back."""
    card = changed.group.card
    rule, last = integer(card.version) + text(changed.group.rule.hash), text(occasion.who) + moment(occasion.at)

    def ends(told: Told, taken_back: Sequence[Entry] = ()) -> list[bytes]:
        version, end = integer(told.entered), b"".join((rule, told.read, last))
        all_ = [_entry(one.reversed(), integer(told.entered - 1)) for one in taken_back]
        all_ += [_entry(one, NULL) for one in told.finding.entries]
        return [b"".join((version, integer(number), one, end)) for number, one in enumerate(all_, 1)]

    first = head(ENTRIES) + _key(changed.group)
    for unit, told, own in _with_ends(changed, ends):
        begin = first + uuid(unit)
        for one in own if told.entered == 1 else ends(told, before.get((card.indicator_id, unit), ())):
            yield begin + one


def _with_ends(block: Block, end: Callable[[Told], T]) -> Iterator[tuple[UUID, Told, T]]:
    """Units with what follows them in a row; made once for all that share it."""
    made = {key: end(told) for key, told in {id(told): told for told in block.told}.items()}
    return zip(block.units, block.told, [made[id(told)] for told in block.told], strict=True)


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


def _key(group: Group) -> bytes:
    return text(group.period.key) + uuid(group.card.indicator_id)


def _entry(entry: Entry, reverses: bytes) -> bytes:
    return text(entry.kind) + text(entry.clause) + text(entry.points) + reverses
