"""Verifies an archive offline: `python -m services.scoring_svc.year_end.verify PATH [--key PUBLIC_KEY]`.

Needs no database and no network. Signature and hashes show that nothing was changed since; then every cell is evaluated
again by the engine from the facts in the file, and every place and grade is worked out again from the scores. One line
a check, with the first difference; exit status 1 if any was found. Nothing is unpacked to the disk, and a file that was
made to break its reader takes at most `_MEMORY`.
"""

import argparse
import hashlib
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

import msgspec

from services.scoring_svc.context.domain import figure_of, said
from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.ranking.policy_schemas import policy_of
from services.scoring_svc.ranking.schemas import RankingOut
from services.scoring_svc.year_end import format as form
from services.scoring_svc.year_end.lines import (
    CalendarLine,
    CardLine,
    ContextLine,
    EntryLine,
    GradeLine,
    Manifest,
    PlaceLine,
)
from services.scoring_svc.year_end.replaying import Difference, Replay, exact
from services.scoring_svc.year_end.reranking import graded_differently, placed_differently, published_differently
from services.scoring_svc.year_end.signing import ArchiveKey, key_of, read_key

_L = TypeVar("_L")
_MOST_MANIFEST, _MOST_SIGNATURE = 1_000_000, 10_000  # bytes
_MOST_SAID = 500
_MEMORY = 4_000_000_000  # bytes; fifteen times the longest line
_PIECE = 1 << 20


@dataclass
class Check:
    """What a check looked at, how many differences it found, and the first of them."""

    name: str
    looked_at: str = ""
    differences: int = 0
    first: str = ""

    def differs(self, text: str) -> None:
        """Note a difference."""
        self.differences += 1
        self.first = self.first or text

    def __str__(self) -> str:
        if not self.differences:
            return f"ok   {self.name:<10} {_shown(self.looked_at)}"
        return f"BAD  {self.name:<10} {self.differences} differences; the first: {_shown(self.first)}"


@dataclass
class Verification:
    """An archive under verification. `key`: the public key that is trusted; None: the one that the file brings."""

    file: IO[bytes] | Path
    key: ArchiveKey | None = None
    checks: list[Check] = field(default_factory=list)

    def run(self) -> list[Check]:
        """All checks in their order; those after a file that is no archive are left out."""
        try:
            with zipfile.ZipFile(self.file) as opened:
                self._zip = opened
                manifest = self._whole(form.MANIFEST, _MOST_MANIFEST)
                self._manifest = _manifest_of(manifest)
                self._check("signature", lambda check: self._signature(check, manifest))
                self._check("files", self._files)
                replay = Replay()
                self._check("cells", lambda check: self._cells(check, replay))
                self._check("places", lambda check: self._places(check, replay))
                self._check("grades", lambda check: self._grades(check, replay))
                self._check("page", self._page)
                if form.CONTEXT in form.MEMBERS_OF[self._manifest.format]:
                    self._check("context", self._context)
        except Exception as error:  # noqa: BLE001 - a file that was made to break its reader knows more ways than we do
            self.checks.append(Check("archive", differences=1, first=_said(error)))
        return self.checks

    def _check(self, name: str, look: Callable[[Check], None]) -> None:
        check = Check(name)
        try:
            look(check)
        except Exception as error:  # noqa: BLE001 - as above
            check.differs(_said(error))
        self.checks.append(check)

    def _whole(self, name: str, most: int) -> bytes:
        """A member of at most so many bytes; how large it says that it is, is not believed."""
        with self._zip.open(name) as opened:
            content = opened.read(most + 1)
        if len(content) > most:
            raise Difference(f"{name} has more than {most} bytes")
        return content

    def _lines(self, name: str, kind: type[_L]) -> Iterator[_L]:
        """The lines of a member, one in memory at a time."""
        decode = msgspec.json.Decoder(kind).decode
        with self._zip.open(name) as opened:
            while text := opened.readline(form.LONGEST_LINE):
                yield decode(text)

    def _signature(self, check: Check, manifest: bytes) -> None:
        key = self.key or key_of(self._manifest.key)
        if not key.signed(manifest, self._whole(form.SIGNATURE, _MOST_SIGNATURE).decode("ascii")):
            raise Difference(f"the manifest is not signed by the key {key.thumbprint}")
        own = "" if self.key else ", which the file itself brings: compare it with the key that was made known"
        check.looked_at = f"Ed25519 by the key {key.thumbprint}{own}"

    def _files(self, check: Check) -> None:
        known, found = self._manifest.members, self._zip.namelist()
        expected = [*sorted(known), form.MANIFEST, form.SIGNATURE]
        if found != expected or set(known) != set(form.MEMBERS_OF[self._manifest.format]):
            check.differs(f"members {found}, expected {expected}")
        for name, told in sorted(known.items()):
            digest, size = hashlib.sha256(), 0
            with self._zip.open(name) as opened:
                while piece := opened.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
            if (digest.hexdigest(), size) != (told["sha256"], told["size"]):
                check.differs(f"{name} has the sha256 {digest.hexdigest()}, the manifest says {told['sha256']}")
        check.looked_at = f"sha256 and size of {len(known)} files"

    def _cells(self, check: Check, replay: Replay) -> None:
        replay.read_calendars(self._lines(form.CALENDARS, CalendarLine))
        replay.read_cards(self._lines(form.CARDS, CardLine))
        with self._zip.open(form.EVALUATIONS) as opened:
            while text := opened.readline(form.LONGEST_LINE):
                for difference in replay.evaluate(text):
                    check.differs(difference)
        counted = {"evaluations": replay.evaluations, "cells": replay.cells}
        if counted != self._manifest.counts:
            check.differs(f"{counted}, the manifest says {self._manifest.counts}")
        for entry in self._lines(form.ENTRIES, EntryLine):
            replay.add_entry(entry)
        check.looked_at = f"{replay.cells} cells of {replay.evaluations} evaluations: score, entries and rule hash" + (
            "" if self._manifest.engine == form.engine_digest() else "; another version of the engine than then"
        )

    def _ranking(self) -> RankingOut:
        return RankingOut.model_validate_json(self._whole(form.RANKING, form.LONGEST_LINE))

    def _places(self, check: Check, replay: Replay) -> None:
        looked_at = 0
        members: dict[str, set[str]] = {}
        for line in self._lines(form.PLACES, PlaceLine):
            looked_at += 1
            if line.board == "total":
                members.setdefault(line.peers, set()).add(line.unit_id)
        boards = groupby(self._lines(form.PLACES, PlaceLine), key=lambda line: (line.board, line.peers))
        ranking = self._ranking()
        if ranking.rules is None:
            raise Difference("the ranking states no policy")
        blend = policy_of(ranking.rules, ranking.rules.version).over(parse_span(ranking.period))
        # Archives that do not say who stood are of rankings of all units.
        standing = {line["unit_id"] for line in self._lines(form.UNITS, dict[str, Any]) if line.get("stood")}
        for difference in placed_differently(boards, members, replay.boards(blend), ranking, standing):
            check.differs(difference)
        check.looked_at = f"{looked_at} places on all boards"

    def _totals(self) -> list[PlaceLine]:
        return [line for line in self._lines(form.PLACES, PlaceLine) if line.board == "total"]

    def _grades(self, check: Check, replay: Replay) -> None:
        grades = list(self._lines(form.GRADES, GradeLine))
        for difference in graded_differently(grades, self._totals(), self._ranking(), replay.vetoed):
            check.differs(difference)
        check.looked_at = f"{len(grades)} grades"

    def _page(self, check: Check) -> None:
        ranking = self._ranking()
        grades = {UUID(line.unit_id): line.grade for line in self._lines(form.GRADES, GradeLine)}
        totals = [line for line in self._totals() if line.peers == "all"]
        for difference in published_differently(ranking, totals, grades):
            check.differs(difference)
        head = {"ranking_id": str(ranking.ranking_id), "version": ranking.version, "period": ranking.period}
        if head != self._manifest.ranking:
            check.differs(f"{head}, the manifest says {self._manifest.ranking}")
        check.looked_at = f"the ranking as published: {ranking.period}, version {ranking.version}"

    def _context(self, check: Check) -> None:
        span = parse_span(self._manifest.ranking["period"])
        looked_at = 0
        for line in self._lines(form.CONTEXT, ContextLine):
            looked_at += 1
            by_month = {month: exact(text) for month, text in line.months.items()}
            figure = figure_of(by_month, span)
            recorded = (line.value, line.year_before, line.growth, line.reason)
            worked_out = (said(figure.value), said(figure.before), figure.growth, figure.reason)
            if recorded != worked_out:
                check.differs(f"{line.metric} {line.unit_id}: {recorded} recorded, {worked_out} worked out")
        check.looked_at = f"{looked_at} figures beside the scores: sums of months and growth"


def _manifest_of(text: bytes) -> Manifest:
    manifest = msgspec.json.decode(text, type=Manifest)
    if manifest.format not in form.MEMBERS_OF:
        raise Difference(f"format {manifest.format}, not {form.FORMAT} or before")
    return manifest


def _said(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than an archive does"
    return str(error) if isinstance(error, Difference) else f"{type(error).__name__}: {error}"


def _shown(text: str) -> str:
    """Text of the archive on one line, without what would move the cursor of who reads it."""
    plain = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[: _MOST_SAID + 1])
    return plain if len(plain) <= _MOST_SAID else f"{plain[:_MOST_SAID]}…"


def _bound_memory() -> None:
    """Take no more than `_MEMORY`, or what the machine allows if that is less."""
    told = resource.getrlimit(resource.RLIMIT_AS)
    known = [limit for limit in told if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([_MEMORY, *known]), told[1]))


def main(arguments: list[str]) -> int:
    """Verify the archive that the command line names; the exit status."""
    parser = argparse.ArgumentParser(prog="verify", description="Verify the archive of a year, offline.")
    parser.add_argument("path", type=Path, help="the archive")
    parser.add_argument("--key", type=Path, help="the public key that is trusted: a JWK or PEM file")
    told = parser.parse_args(arguments)
    try:
        key = read_key(told.key) if told.key else None
    except (OSError, ValueError) as error:
        parser.error(f"--key: {error}")
    checks = Verification(told.path, key).run()
    for check in checks:
        print(check)  # noqa: T201 - the command's answer
    bad = sum(check.differences for check in checks)
    print(f"{_shown(told.path.name)}: {f'{bad} differences' if bad else '0 differences'}")  # noqa: T201 - see above
    return 1 if bad else 0


if __name__ == "__main__":
    _bound_memory()
    sys.exit(main(sys.argv[1:]))
