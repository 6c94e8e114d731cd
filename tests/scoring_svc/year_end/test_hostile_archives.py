"""Files that were made to break their reader: a clear sentence, exit status 1, bounded memory, and soon."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.scoring_svc.year_end import format as form
from tests.scoring_svc.year_end.tampering import STRANGER, members_of, packed, resigned

_MEASURED = """
import resource, runpy, sys
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv.pop()), resource.RLIM_INFINITY))
try:
    runpy.run_module("services.scoring_svc.year_end.verify", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)
"""
_ZEROS = 300_000_000


def _members() -> dict[str, bytes]:
    """A well-formed archive that holds nothing."""
    manifest: dict[str, Any] = {
        "format": form.FORMAT, "rule_language": 1, "engine": "", "key": STRANGER.public, "set": {}, "result": {},
        "ranking": {}, "counts": {"evaluations": 0, "cells": 0}, "members": dict.fromkeys(form.MEMBERS),
    }  # fmt: skip
    return {**dict.fromkeys(form.MEMBERS, b""), form.MANIFEST: json.dumps(manifest).encode(), form.SIGNATURE: b""}


def _signed(**changed: bytes) -> bytes:
    names = {name.replace("data/", "").partition(".")[0]: name for name in form.MEMBERS}
    return resigned({**_members(), **{names[name]: content for name, content in changed.items()}})


def _bomb(name: str) -> bytes:
    """A member of hundreds of megabytes of zeros, packed a thousandfold."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for one, content in members_of(_signed()).items():
            if one != name:
                made.writestr(one, content)
        with made.open(name, "w", force_zip64=True) as member:
            for _ in range(_ZEROS // 10_000_000):
                member.write(bytes(10_000_000))
    return out.getvalue()


def _twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in [*members_of(_signed()).items(), (form.EVALUATIONS, b"{}"), ("../../etc/passwd", b"")]:
            made.writestr(name, content)
    return out.getvalue()


def _encrypted() -> bytes:
    made = bytearray(packed({form.MANIFEST: b"{}"}))
    made[6] |= 1
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


def _entry(points: str) -> bytes:
    line: dict[str, Any] = dict.fromkeys(("table_code", "bonus_class", "taken", "reverses"), None) | dict.fromkeys(
        ("entry_id", "kind", "source_id", "period", "unit_id", "due", "reason", "who", "at"), "x"
    )
    return _signed(entries=json.dumps({**line, "points": points}).encode() + b"\n")


def _speaking_to_the_terminal() -> bytes:
    members = _members()
    manifest = json.loads(members[form.MANIFEST]) | {"counts": {"\x1b[2K\rok   cells\n": 1}}
    return resigned({**members, form.MANIFEST: json.dumps(manifest).encode()})


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: _bomb(form.MANIFEST), "manifest.json has more than"),
        (lambda: _bomb(form.SIGNATURE), "signature.jws has more than"),
        (lambda: _bomb(form.RANKING), "data/ranking.json has more than"),
        (lambda: _bomb(form.EVALUATIONS), "BAD  cells"),
        (_twice, "BAD  files"),
        (_encrypted, "encrypted"),
        (lambda: _entry("1e999999999"), "is no number of an archive"),
        (lambda: _entry("٣"), "is no number of an archive"),
        (lambda: _signed(evaluations=b"[" * 1_000_000), "BAD  cells"),
        (lambda: _signed(evaluations=b'{"read":{"a":{"b":{"version":1,"value":[' + b"[]," * 10_000_000), "more memory"),
        (lambda: packed({form.MANIFEST: b"[1]"}), "BAD  archive"),
        (_speaking_to_the_terminal, "BAD  cells"),
    ],
    ids=["manifest", "signature", "ranking", "evaluations", "twice", "encrypted", "exponent", "digit", "deep", "wide",
         "type", "terminal"],
)  # fmt: skip
def test_what_was_made_to_break_its_reader_is_refused(made: Callable[[], bytes], said: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(made())
    # Where the machine allows less than the command would take, that is the bound.
    command = [sys.executable, "-c", _MEASURED, str(path), *(["900000000"] if said == "more memory" else [])]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own command
    assert ran.returncode == 1, ran.stderr
    assert said in ran.stdout
    assert "Traceback" not in ran.stderr
    assert "\x1b" not in ran.stdout
    lines = ran.stdout.splitlines()
    assert lines[-1].startswith("hostile.zip: ")
    assert all(line.startswith(("ok   ", "BAD  ", "hostile.zip")) and len(line) < 1_000 for line in lines)
    assert int(ran.stderr.splitlines()[-1]) < 1_000_000_000
