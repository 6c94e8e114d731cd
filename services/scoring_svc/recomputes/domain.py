"""What a recompute is made of: pieces small enough for one short transaction, and how two scores of a cell differ.

Belongs here: pure functions. Does not belong here: scoring (ledger), who works on a piece (worker).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.scoring_svc.ledger.domain import Scored
from shared.errors import Refused


class RecomputeUnknown(Refused):
    """No such recompute, or none whose units the reader reaches."""

    status, code = 404, "recompute_unknown"
    zh, en = "没有这次重算", "There is no such recompute"


class RecomputeUnderWay(Refused):
    """A set has at most one unfinished recompute over a period: nobody queues work without end."""

    code = "recompute_under_way"
    zh, en = (
        "重算 {recompute} 尚未完成，其考核期与本次重叠：{periods}",
        "Recompute {recompute} is not finished and covers some of these periods: {periods}",
    )


@dataclass(frozen=True)
class Card:
    """What cutting needs to know of a card."""

    indicator_id: UUID
    units: Sequence[UUID]
    reads_peers: bool


@dataclass(frozen=True)
class Piece:
    """Indicators that are scored together in a period: for all their units, or for these."""

    indicators: Sequence[UUID]
    units: Sequence[UUID] | None
    cells: int


def cut(cards: Iterable[Card], most: int) -> list[Piece]:
    """The pieces of one period, in the order of the cards.

    Small indicators go together up to `most` cells; a large one is cut by units. One whose units see each other is a
    piece whatever its size: a place among peers needs them all.
    """
    pieces: list[Piece] = []
    together: list[Card] = []

    def close() -> None:
        if together:
            cells = sum(len(card.units) for card in together)
            pieces.append(Piece([card.indicator_id for card in together], None, cells))
            together.clear()

    for card in cards:
        count = len(card.units)
        if count > most:
            units = sorted(card.units)
            step = count if card.reads_peers else most
            for start in range(0, count, step):
                slice_ = units[start : start + step]
                pieces.append(Piece([card.indicator_id], None if step == count else slice_, len(slice_)))
            continue
        if sum(len(one.units) for one in together) + count > most:
            close()
        if count:
            together.append(card)
    close()
    return pieces


class Difference(NamedTuple):
    """A cell of the ledger that its stored inputs do not give again."""

    indicator_id: UUID
    unit_id: UUID
    version: int
    stored: str
    found: str


def difference(indicator: UUID, version: int, stored: Scored, found: Scored) -> Difference | None:
    """How a replayed cell differs from the ledger's, None if it is the same to the last digit, entries included."""
    if _told(stored) == _told(found):
        return None
    return Difference(indicator, stored.unit_id, version, _told(stored), _told(found))


def _told(cell: Scored) -> str:
    found = cell.finding
    score = found.code or found.state if found.score is None else format(found.score, "f")
    return " ".join((score, *(f"{entry.kind}:{entry.clause or ''}:{entry.points}" for entry in found.entries)))
