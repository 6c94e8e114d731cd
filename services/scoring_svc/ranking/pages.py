"""Published rankings kept in memory as bytes, under an id that never means other bytes; who may see them is asked anew.

A published version never changes, so its bytes are read once. What may change is the reader: token, permission and
grants are checked by the route at every request; where the units of the party stand and stood is remembered for a
second, as grants are.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from shared.auth import Actor, Reach

_MOST_BYTES = 64_000_000
_REMEMBER_SECONDS = 1.0
_NOBODY: frozenset[UUID] = frozenset()


class _Row(msgspec.Struct):
    unit_id: UUID


@dataclass(frozen=True)
class Page:
    """A published ranking: whole as bytes, and row by row for readers who see only some."""

    ranking_id: UUID
    set_id: UUID
    span: str
    shows: str
    whole: bytes
    head: Mapping[str, msgspec.Raw]
    rows: Sequence[msgspec.Raw]
    row_of: Mapping[UUID, int]
    headers: Mapping[str, str]

    def some(self, units: frozenset[UUID]) -> bytes:
        """The page with only those units' rows."""
        rows = [self.rows[number] for number in sorted(self.row_of[unit] for unit in units if unit in self.row_of)]
        return msgspec.json.encode({**self.head, "units": rows})


def page_of(row: Mapping[str, Any]) -> Page:
    """The page of a row of `rankings`."""
    whole = row["body"].encode()
    head = msgspec.json.decode(whole, type=dict[str, msgspec.Raw])
    rows = msgspec.json.decode(head["units"], type=list[msgspec.Raw])
    row_of = {msgspec.json.decode(one, type=_Row).unit_id: number for number, one in enumerate(rows)}
    headers = {"etag": f'"{row["version"]}"', "cache-control": "private, max-age=31536000, immutable"}
    return Page(row["ranking_id"], row["set_id"], row["period"], row["shows"], whole, head, rows, row_of, headers)


@dataclass(frozen=True)
class Party:
    """The evaluated and evaluating units of a set: whom its published rankings are for.

    `roots`: their places in today's tree. `below`: by code of a unit, those of the party that stood at or below it
    today or in the span; the reading rule of `shared.directory.held`, for readers who are told by grants alone.
    """

    roots: frozenset[str]
    units: frozenset[UUID]
    below: Mapping[str, frozenset[UUID]]

    def includes(self, actor: Actor, reach: Reach) -> bool:
        """Whether the actor reads all or a unit of the party, or serves in one or below one today."""
        return (
            reach.everything
            or not self.units.isdisjoint(reach.units)
            or any(_last(root) in self.below for root in reach.subtrees)
            or any(not self.roots.isdisjoint(_upwards(grant.path)) for grant in actor.grants)
        )

    def within(self, reach: Reach) -> frozenset[UUID] | None:
        """The units of the party whose rows the reader sees as their own: held today or in the span; None: all."""
        if reach.everything:
            return None
        found = self.units.intersection(reach.units)
        return found.union(*(self.below.get(_last(root), _NOBODY) for root in reach.subtrees))


def party_of(stood: Iterable[tuple[UUID, str, bool]]) -> Party:
    """The party of units, by where they stood: unit, path, whether that is today's."""
    below: dict[str, set[UUID]] = {}
    roots, units = set(), set()
    for unit, path, today in stood:
        units.add(unit)
        for code in path.rstrip("/").split("/"):
            below.setdefault(code, set()).add(unit)
        if today:
            roots.add(path)
    return Party(frozenset(roots), frozenset(units), {code: frozenset(found) for code, found in below.items()})


def _last(root: str) -> str:
    """The code of the unit that a path leads to."""
    return root.rstrip("/").rpartition("/")[2]


def _upwards(path: str) -> Iterable[str]:
    """A path and everything above it: `a/b/` gives `a/` and `a/b/`."""
    return [path[: end + 1] for end, letter in enumerate(path) if letter == "/"]


class Pages:
    """The pages last read, up to so many bytes, and the parties looked up within the last second."""

    def __init__(self, most_bytes: int = _MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock, self._held = most_bytes, clock, 0
        self._pages: OrderedDict[UUID, Page] = OrderedDict()
        self._parties: dict[UUID, tuple[float, Party]] = {}

    def page(self, ranking_id: UUID) -> Page | None:
        """The page, if it is here."""
        return self._pages.get(ranking_id)

    def keep(self, page: Page) -> None:
        """Keep a page; the ones kept longest make room. One that is larger than all the room is not kept."""
        size = _size(page)
        if page.ranking_id in self._pages or size > self._most:
            return
        self._pages[page.ranking_id] = page
        self._held += size
        while self._held > self._most:
            _, gone = self._pages.popitem(last=False)
            self._held -= _size(gone)
            self._parties.pop(gone.ranking_id, None)

    def party(self, ranking_id: UUID) -> Party | None:
        """The party of a ranking, if it was looked up within the last second."""
        known = self._parties.get(ranking_id)
        return known[1] if known and known[0] > self._clock() else None

    def remember(self, ranking_id: UUID, party: Party) -> None:
        """Remember a party for a second."""
        self._parties[ranking_id] = (self._clock() + _REMEMBER_SECONDS, party)


def _size(page: Page) -> int:
    return 2 * len(page.whole)  # the rows are copies
