"""Whatever is changed in an archive is found: by signature and hashes, and again by working everything out."""

import asyncio
import json
import random
from typing import Any

from services.scoring_svc.year_end import format as form
from services.scoring_svc.year_end.signing import ArchiveKey
from tests.scoring_svc.year_end.january import HUGE, key_of_city
from tests.scoring_svc.year_end.stage import Year
from tests.scoring_svc.year_end.tampering import bad, changed, first_line, members_of, packed, resigned, verified


async def test_whatever_is_changed_is_found(full: Year) -> None:
    await full.final()
    archive, key = await full.archived(), key_of_city(full)
    await asyncio.to_thread(_tampered_as_signed, archive, key)
    await asyncio.to_thread(_tampered_and_signed_anew, archive, key)
    await asyncio.to_thread(_flipped_anywhere, archive, key)


def _flipped_anywhere(archive: bytes, key: ArchiveKey) -> None:
    """Bytes turned over at random places of the file: an answer, never a fault, and what is read is what was signed."""
    random_places = random.Random(7)  # noqa: S311 - places, not a secret
    honest = members_of(archive)
    for _ in range(60):
        place = random_places.randrange(len(archive))
        broken = bytearray(archive)
        broken[place] ^= 1 << random_places.randrange(8)
        if not bad(verified(bytes(broken), key)):
            assert members_of(bytes(broken)) == honest, "only what nobody reads may differ unnoticed"


def _digit(old: bytes, new: bytes) -> Any:
    return lambda content: content.replace(old, new, 1)


def _tampered_as_signed(archive: bytes, key: ArchiveKey) -> None:
    """One digit anywhere, under the old signature."""
    for name in form.MEMBERS:
        if not members_of(archive)[name]:
            continue  # nobody appealed
        found = bad(verified(changed(archive, name, lambda content: content[:-2] + b" " + content[-2:]), key))
        assert name in found["files"], found
    found = bad(verified(changed(archive, form.MANIFEST, _digit(b'"cells":12', b'"cells":13')), key))
    assert set(found) == {"signature", "cells"}, found
    found = bad(verified(changed(archive, form.MANIFEST, _digit(b'"version":1', b'"version":2')), key))
    assert "signature" in found
    swapped = changed(
        archive, form.SIGNATURE, lambda text: text[:-6] + (b"A" if text[-6:-5] != b"A" else b"B") + text[-5:]
    )
    assert set(bad(verified(swapped, key))) == {"signature"}
    members = members_of(archive)
    assert "files" in bad(verified(packed({**members, "data/more.json": b"{}"}), key))
    members.pop(form.STEPS)
    assert "files" in bad(verified(packed(members), key))
    assert set(bad(verified(archive[: len(archive) // 2], key))) == {"archive"}
    assert set(bad(verified(b"", key))) == {"archive"}


def _fact(document: dict[str, Any]) -> bool:
    for read in document["read"].values():
        for told in read.values():
            if isinstance(told, dict) and (told.get("value") or "").startswith(HUGE):
                told["value"] = told["value"][:-1] + "0"  # the 31st digit
                return True
    return False


def score_off_by_one(document: dict[str, Any]) -> bool:
    for cell in document["cells"]:
        if cell["score"]:
            cell["score"] = str(int(cell["score"][0]) - 1) + cell["score"][1:]
            return True
    return False


def _entry(document: dict[str, Any]) -> bool:
    for cell in document["cells"]:
        if len(cell["entries"]) > 1:
            first, second = cell["entries"][-2:]
            first[4], second[4] = second[4], first[4]  # the sum stays
            return first[4] != second[4]
    return False


def _rule(document: dict[str, Any]) -> bool:
    document["card"]["rule"]["result"]["base"] += ".0"  # worth the same, another text
    return True


def _place(document: dict[str, Any]) -> bool:
    document["place"] += 1
    return True


def _spread(document: dict[str, Any]) -> bool:
    document["worst"] += 1
    return True


def _grade(document: dict[str, Any]) -> bool:
    document["grade"] = "excellent"
    return document["earned"] != "excellent"


def _cap(document: dict[str, Any]) -> bool:
    capped = bool(document["caps"])
    document["caps"] = []
    return capped


def _closed(document: dict[str, Any]) -> bool:
    document["closed"] = ["2015-02-09"]  # the report of 420103 is a day less late
    return True


def _points(document: dict[str, Any]) -> bool:
    document["points"] = "9"
    return True


def _shown(content: bytes) -> bytes:
    document = json.loads(content)
    document["units"][0]["total"] = "99.99"
    return json.dumps(document).encode()


def _tampered_and_signed_anew(archive: bytes, key: ArchiveKey) -> None:
    """Hashes and signature made to fit by a stranger: a pinned key finds it, and so does working it out again."""
    honest = resigned(members_of(archive))
    assert bad(verified(honest)) == {}, "the control: signing anew alone changes nothing that is worked out"
    assert set(bad(verified(honest, key))) == {"signature"}
    for name, edit, check in (
        (form.EVALUATIONS, _fact, "cells"),
        (form.EVALUATIONS, score_off_by_one, "cells"),
        (form.EVALUATIONS, _entry, "cells"),
        (form.CARDS, _rule, "cells"),
        (form.CALENDARS, _closed, "cells"),
        (form.PLACES, _place, "places"),
        (form.PLACES, _spread, "places"),
        (form.ENTRIES, _points, "places"),
        (form.GRADES, _grade, "grades"),
        (form.GRADES, _cap, "grades"),
    ):
        found = bad(verified(changed(archive, name, first_line(edit), signed_anew=True)))
        assert check in found, (name, edit.__name__, found)
        assert "signature" not in found
    found = bad(verified(changed(archive, form.RANKING, _shown, signed_anew=True)))
    assert set(found) == {"page"}, found
