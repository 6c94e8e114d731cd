"""Archives that somebody changed: a member rewritten, left as it was signed or signed anew by a stranger."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from joserfc.jwk import OKPKey

from services.scoring_svc.year_end import format as form
from services.scoring_svc.year_end.signing import ArchiveKey
from services.scoring_svc.year_end.verify import Check, Verification

STRANGER = ArchiveKey(OKPKey.generate_key("Ed25519"))
Edit = Callable[[bytes], bytes]


def members_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


def changed(archive: bytes, name: str, edit: Edit, *, signed_anew: bool = False) -> bytes:
    """The archive with one member edited. Signed anew: hashes, key and signature are made to fit."""
    members = members_of(archive)
    before = members[name]
    members[name] = edit(before)
    assert members[name] != before, f"nothing to change in {name}"
    return resigned(members) if signed_anew else packed(members)


def resigned(members: dict[str, bytes]) -> bytes:
    manifest = json.loads(members[form.MANIFEST])
    for name in manifest["members"]:
        content = members[name]
        manifest["members"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    manifest["key"] = STRANGER.public
    members[form.MANIFEST] = json.dumps(manifest).encode()
    members[form.SIGNATURE] = STRANGER.sign(members[form.MANIFEST]).encode()
    return packed(members)


def verified(archive: bytes, key: ArchiveKey | None = None) -> list[Check]:
    return Verification(io.BytesIO(archive), key).run()


def bad(checks: list[Check]) -> dict[str, str]:
    """The checks that found something, with the first difference of each."""
    return {check.name: check.first for check in checks if check.differences}


def first_line(edit: Callable[[dict[str, Any]], bool]) -> Edit:
    """Edits the first line for which `edit` says that it changed it."""

    def apply(content: bytes) -> bytes:
        lines = content.splitlines()
        for place, text in enumerate(lines):
            document = json.loads(text)
            if edit(document):
                lines[place] = json.dumps(document, ensure_ascii=False).encode()
                break
        return b"\n".join(lines) + b"\n"

    return apply
