"""The form of an archive, version 2: a zip of JSON lines with a signed manifest. Pure: no database, no clock.

    data/appeals.jsonl      appeals with their decisions
    data/calendars.jsonl    working calendars that evaluations were made under
    data/cards.jsonl        card versions that were evaluated or ranked, with their rules and bindings
    data/context.jsonl      figures that stand beside the scores of units, with their months (not in version 1)
    data/entries.jsonl      awards and external losses that count in totals
    data/evaluations.jsonl  by period and indicator: what each evaluation read, and the cells that it gave
    data/grades.jsonl       grades with the caps that held them back
    data/people.jsonl       the persons that these files name by id
    data/places.jsonl       every place of every unit on every board among every group of peers
    data/ranking.json       the ranking as published, its policy included
    data/steps.jsonl        who took which step of the year's result, when, on which document, why
    data/units.jsonl        the units that these files name by id, and whether they stood on the span's last day
    manifest.json           what this is; sha256 and size of every file above; the public key
    signature.jws           Ed25519 over manifest.json

Members are in the order of their names and bear one time, so that the same content gives the same bytes (with the same
zlib); hashes and signature are over the content and hold whatever the zip was packed with.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from services.scoring_svc.engine.domain import LANGUAGE
from services.scoring_svc.year_end.signing import ArchiveKey

FORMAT = 2
MANIFEST, SIGNATURE = "manifest.json", "signature.jws"
APPEALS, CALENDARS, CARDS = "data/appeals.jsonl", "data/calendars.jsonl", "data/cards.jsonl"
CONTEXT, ENTRIES = "data/context.jsonl", "data/entries.jsonl"
EVALUATIONS, GRADES = "data/evaluations.jsonl", "data/grades.jsonl"
PEOPLE, PLACES, RANKING = "data/people.jsonl", "data/places.jsonl", "data/ranking.json"
STEPS, UNITS = "data/steps.jsonl", "data/units.jsonl"
MEMBERS = (APPEALS, CALENDARS, CARDS, CONTEXT, ENTRIES, EVALUATIONS, GRADES, PEOPLE, PLACES, RANKING, STEPS, UNITS)
MEMBERS_OF: dict[int, tuple[str, ...]] = {1: tuple(name for name in MEMBERS if name != CONTEXT), FORMAT: MEMBERS}
"""By the version of the form: archives are kept for longer than a form."""
LONGEST_LINE = 256_000_000  # one evaluation: all units of an indicator in a period
_EPOCH = (1980, 1, 1, 0, 0, 0)


def engine_digest() -> str:
    """sha256 over the sources of the engine: which one evaluated, exactly."""
    root = Path(__file__).parent.parent / "engine"
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def line(document: Any) -> bytes:
    """A document on a line of its own: members in the order of their names."""
    return msgspec.json.encode(document, order="sorted") + b"\n"


class Member:
    """A member that is being written: bytes go into the zip, its hash and size are kept."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._digest, self.size = out, hashlib.sha256(), 0

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self._out.write(content)
        self._digest.update(content)
        self.size += len(content)

    def write_all(self, documents: Iterable[Any]) -> None:
        """Add documents, a line each."""
        for document in documents:
            self.write(line(document))

    @property
    def told(self) -> dict[str, Any]:
        """Hash and size, as the manifest tells them."""
        return {"sha256": self._digest.hexdigest(), "size": self.size}


class ArchiveWriter:
    """Writes an archive into a file member by member; memory holds one line at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._members: dict[str, dict[str, Any]] = {}
        self._last = ""

    @contextmanager
    def member(self, name: str) -> Iterator[Member]:
        """Write the next member. Raises ValueError for one out of order."""
        if name <= self._last:
            raise ValueError(f"{name} comes before {self._last}")
        self._last = name
        with self._zip.open(_info(name), "w", force_zip64=True) as out:
            made = Member(out)
            yield made
        self._members[name] = made.told

    def end(self, head: dict[str, Any], key: ArchiveKey) -> None:
        """Write manifest and signature; `head` says what is archived."""
        manifest = line(
            {
                **head, "format": FORMAT, "rule_language": LANGUAGE, "engine": engine_digest(), "key": key.public,
                "members": self._members,
            }
        )  # fmt: skip
        for name, content in ((MANIFEST, manifest), (SIGNATURE, key.sign(manifest).encode())):
            self._zip.writestr(_info(name), content)
        self._zip.close()

    def give_up(self) -> None:
        """Leave off: what was written is no archive."""
        self._zip.close()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system, info.external_attr = 3, 0o644 << 16
    return info
