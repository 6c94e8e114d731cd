"""Archives: self-contained, deterministic, verified offline; whatever is changed in one is found."""

import asyncio
import json
import random
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio

from deploy.local.wuhan2015.generate_facts import facts as facts_of_pack
from services.scoring_svc.year_end import format as form
from services.scoring_svc.year_end.signing import ArchiveKey, key_at
from shared.clock import SHANGHAI
from tests.scoring_svc.bonus.awards import TABLE, loss, request, table
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import (
    CALENDAR,
    COL1,
    COL2,
    COL3,
    QUARTER,
    SET,
    card,
    fact,
    facts,
    in_class,
    metric,
    per_error,
    published,
)
from tests.scoring_svc.ranking.test_publishing import POLICY
from tests.scoring_svc.year_end.stage import AFTER, APPEAL, SAID, Year, code_of
from tests.scoring_svc.year_end.tampering import (
    STRANGER,
    bad,
    changed,
    first_line,
    members_of,
    packed,
    resigned,
    verified,
)

ROOT = Path(__file__).resolve().parents[3]
VETO = card("VET-01", per_error("2", "-1", missing={"as_if": "0"}), {"errors": metric("M-VETO")}, marks="2")
VETO = type(VETO)(**{**{name: getattr(VETO, name) for name in VETO.__struct_fields__}, "type": "veto"})
ALL_CARDS = (COL1, COL2, COL3, QUARTER, VETO)
# Far beyond what a float tells apart.
HUGE = "123456789012345678901234567890"


def key_of_city(year: Year) -> ArchiveKey:
    return key_at(year.city.service.app.state.settings.archive_key_file)


async def everything(year: Year) -> None:
    """January with a veto, peers told apart by their 30th digit, an exclusion, amendments, an award, a loss, grades."""
    city = year.city
    await city.tell(CALENDAR, published(SET, ALL_CARDS), *ALL_CARDS)
    await city.tell(in_class("420102", "urban"), in_class("420103", "urban"), in_class("420104", "rural"))
    await city.tell(
        facts(
            1,
            *(fact("M-ERR", unit, value) for unit, value in (("420102", "2"), ("420103", "0"), ("420104", "0"))),
            fact("M-GROWTH", "420102", f"{HUGE}.2"),
            fact("M-GROWTH", "420103", f"{HUGE}.3"),
            fact("M-GROWTH", "420104", f"{HUGE}.1"),
            *(fact("M-SENT", unit, day) for unit, day in (("420102", "2015-02-05"), ("420103", "2015-02-10"))),
            fact("M-VETO", "420103", "1"),
        )
    )  # fmt: skip
    assert (await city.office.post("/v1/ranking-policies", json={**POLICY, "spread": "1.5"})).status_code == 201
    await city.fence(1, 1)
    excluded = [{"indicator": "COL-03", "unit": "420104", "state": "exempt", "reason": "因自然灾害免予考核"}]
    answer = await city.step("confirm", body={"exclusions": excluded})
    assert answer.status_code == 200, answer.text
    await year.amend("1")
    await city.tell(facts(3, fact("M-GROWTH", "420104", f"{HUGE}.9", 2), amendment="核实"))
    assert (await city.office.put(f"/v1/bonus-tables/{TABLE}", json=table())).is_success
    await city.service.seed_person("PO2", "PO", "performance_office", scope="all")
    made = (await city.person("L2").post("/v1/bonus-requests", json=request())).json()
    at = f"/v1/bonus-requests/{made['request_id']}"
    sent = await city.person("L2").post(f"{at}/submission", headers={"if-match": '"1"'})
    given = await city.office.post(f"{at}/approval", json={"text": "属实"}, headers={"if-match": sent.headers["etag"]})
    assert given.status_code == 200, given.text
    assert (await city.office.post("/v1/external-losses", json=loss())).status_code == 201
    await year.rank()


@pytest_asyncio.fixture
async def full(bare_year: Year) -> Year:
    await everything(bare_year)
    return bare_year


async def test_an_archive_is_whole_and_verifies(full: Year) -> None:
    await full.noticed()
    await full.done("appeals", APPEAL)
    await full.done("appeals/1/decision", {"outcome": "refused", **SAID}, "K2")
    full.on(AFTER)
    await full.done("finalisation")
    archive = await full.archived()
    checks = verified(archive, key_of_city(full))
    assert bad(checks) == {}
    assert [check.name for check in checks] == ["signature", "files", "cells", "places", "grades", "page"]
    members = members_of(archive)
    assert list(members) == [*form.MEMBERS, form.MANIFEST, form.SIGNATURE]
    manifest = json.loads(members[form.MANIFEST])
    cells = await full.city.service.database.reads.fetchval("SELECT count(*) FROM cells WHERE period = '2015-01'")
    assert manifest["counts"]["cells"] == cells == 12
    evaluations = [json.loads(line) for line in members[form.EVALUATIONS].splitlines()]
    versions = [cell["version"] for line in evaluations for cell in line["cells"]]
    assert max(versions) == 2, "the amended cells stand in their newer version"
    assert sum(bool(cell["excluded"]) for line in evaluations for cell in line["cells"]) == 1
    assert len(members[form.ENTRIES].splitlines()) == 3
    assert any(json.loads(line)["caps"] for line in members[form.GRADES].splitlines())
    peers = {json.loads(line)["peers"] for line in members[form.PLACES].splitlines()}
    assert peers == {"all", "class:urban", "class:rural"}
    people = {json.loads(line)["code"] for line in members[form.PEOPLE].splitlines()}
    assert {"PO1", "K1", "K2", "L2"} <= people
    assert [json.loads(line)["outcome"] for line in members[form.APPEALS].splitlines()] == ["refused"]


async def test_the_same_result_gives_the_same_bytes_whatever_was_amended_since(full: Year) -> None:
    await full.final()
    reads = full.city.service.database.reads
    first = await full.archived()
    # Asked for again as if it had failed, after an amendment: the result rests on what it rested on.
    await full.amend("5", version=3, chunk=4)
    owner_says = "DELETE FROM year_archive_pieces; DELETE FROM year_archives; UPDATE year_results SET state = 'final'"
    owner = await asyncpg.connect(full.city.service.dsns.owner)
    await owner.execute(owner_says)
    await owner.close()
    await full.read()
    again = await full.archived()
    assert again == first
    # The control: the cell has a newer version by now.
    assert await reads.fetchval("SELECT max(entered_version) FROM cells") == 3


async def test_who_downloads_it_and_how(year: Year) -> None:
    await year.final()
    path = f"{year.at}/archive"
    assert code_of(await year.city.office.get(path)) == (404, "not_found")
    asked = await year.step("archive", None)
    assert asked.status_code == 202
    assert code_of(await year.city.office.get(path)) == (409, "archive_not_ready")
    assert code_of(await year.step("archive", None)) == (409, "archive_under_way")
    assert await year.city.service.app.state.archives.turn()
    answer = await year.city.person("A1").get(path)
    shown = await year.read()
    tag = f'"{shown["archive"]["sha256"]}"'
    assert (answer.status_code, answer.headers["etag"], answer.headers["content-type"]) == (200, tag, "application/zip")
    assert len(answer.content) == shown["archive"]["size"] == int(answer.headers["content-length"])
    assert (shown["state"], shown["archive"]["state"], shown["steps"][-1]["step"]) == ("archived", "done", "archived")
    assert shown["archive"]["signed_by"] == key_of_city(year).thumbprint
    same = await year.city.office.get(path, headers={"if-none-match": tag})
    assert (same.status_code, same.content) == (304, b"")
    assert code_of(await year.city.person("L2").get(path)) == (403, "forbidden")
    assert code_of(await year.city.person("DPO").get(path)) == (403, "outside_scope")


async def test_without_a_key_none_is_written(year: Year) -> None:
    await year.final()
    state = year.city.service.app.state
    worker, state.archives = state.archives, None
    try:
        assert code_of(await year.step("archive", None)) == (409, "archive_key_missing")
    finally:
        state.archives = worker


async def test_a_veto_that_went_holds_the_final_result_up(full: Year) -> None:
    """No place moves, a grade does."""
    await full.noticed()
    full.on(AFTER)
    await full.city.tell(facts(4, fact("M-VETO", "420103", "0", 2), amendment="核实"))
    held = await full.step("finalisation")
    assert held.json()["holdups"] == [{"code": "ranking_outdated", "text": "1"}]
    newer = await full.rank(reason="否决解除")
    assert (await full.step("revision", {"ranking_id": newer, **SAID})).status_code == 200


async def test_a_result_made_final_while_a_score_is_amended_is_one_or_the_other(full: Year) -> None:
    await full.noticed()
    full.on(AFTER)
    answer, _ = await asyncio.gather(full.step("finalisation"), full.amend("5", version=3, chunk=4))
    if answer.status_code == 200:
        assert bad(verified(await full.archived(), key_of_city(full))) == {}
    else:
        assert answer.json()["holdups"] == [{"code": "ranking_outdated", "text": "1"}]


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


def _score(document: dict[str, Any]) -> bool:
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
        (form.EVALUATIONS, _score, "cells"),
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


async def test_the_command_needs_nothing_but_the_file(full: Year, tmp_path: Path) -> None:
    await full.final()
    archive = await full.archived()
    key_file = full.city.service.app.state.settings.archive_key_file
    good, wrong, stranger = tmp_path / "good.zip", tmp_path / "wrong.zip", tmp_path / "stranger.json"
    good.write_bytes(archive)
    wrong.write_bytes(changed(archive, form.EVALUATIONS, first_line(_score), signed_anew=True))
    stranger.write_text(json.dumps(STRANGER.public))
    assert "d" not in json.loads(key_file.with_suffix(".public.json").read_text()), "the public half holds no secret"

    def run(*arguments: Any) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "services.scoring_svc.year_end.verify", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
        return done.returncode, done.stdout.splitlines()

    answers = await asyncio.gather(
        asyncio.to_thread(run, good, "--key", key_file.with_suffix(".public.json")),
        asyncio.to_thread(run, wrong),
        asyncio.to_thread(run, good, "--key", stranger),
    )
    (status, said), (wrong_status, wrong_said), (strange_status, strange_said) = answers
    assert (status, said[-1]) == (0, "good.zip: 0 differences"), said
    assert [line.split()[:2] for line in said[:-1]] == [
        ["ok", name] for name in ("signature", "files", "cells", "places", "grades", "page")
    ]
    assert wrong_status == 1
    assert any(line.startswith("BAD  cells") and "2015-01 COL-" in line for line in wrong_said), wrong_said
    assert strange_status == 1
    assert strange_said[0].startswith("BAD  signature")


async def test_a_month_of_the_pack_comes_back_with_no_difference(bare_year: Year) -> None:
    """R10 over the whole small set: every rule of the pack, 17 districts."""
    year, code, month = bare_year, "WH2015-DISTRICT", "2015-01"
    cards = wuhan.cards(code)
    chunks = list(wuhan.chunks(month, facts_of_pack(month)))
    await year.city.tell(
        *wuhan.units(), *wuhan.calendars(), wuhan.indicator_set(code, cards), *cards, *chunks, times=1
    )  # fmt: skip
    for person, role in (("PO1", "performance_office"), ("K1", "committee")):
        await year.city.service.seed_person(person, "420100", role, scope="all")
    await year.city.fence(len(chunks), len(chunks), month, code)
    answer = await year.city.step("confirm", month, code, {})
    assert answer.status_code == 200, answer.text
    await year.rank(code)
    await year.noticed(set=code)
    # The pack's calendar has the Spring Festival from 18 February on.
    year.on(datetime(2015, 3, 1, 9, tzinfo=SHANGHAI))
    await year.done("finalisation")
    archive = await year.archived()
    checks = await asyncio.to_thread(verified, archive, key_of_city(year))
    assert bad(checks) == {}
    manifest = json.loads(members_of(archive)[form.MANIFEST])
    assert manifest["counts"]["cells"] == answer.json()["cells"] > 1_000
