"""Archives: self-contained, deterministic, verified offline; whatever is changed in one is found."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.wuhan2015.generate_facts import facts as facts_of_pack
from services.scoring_svc.year_end import format as form
from shared.clock import SHANGHAI
from tests.scoring_svc.context.test_context_figures import TAX, collected, figures
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import COL2, fact, facts
from tests.scoring_svc.ledger.test_rulings import ruling
from tests.scoring_svc.year_end.january import key_of_city
from tests.scoring_svc.year_end.stage import AFTER, APPEAL, SAID, SPAN, Year, code_of
from tests.scoring_svc.year_end.tampering import (
    STRANGER,
    bad,
    changed,
    first_line,
    members_of,
    resigned,
    verified,
)
from tests.scoring_svc.year_end.test_tampering import score_off_by_one

ROOT = Path(__file__).resolve().parents[3]


async def test_an_archive_is_whole_and_verifies(full: Year) -> None:
    await full.noticed()
    await full.done("appeals", APPEAL)
    await full.done("appeals/1/decision", {"outcome": "refused", **SAID}, "K2")
    full.on(AFTER)
    await full.done("finalisation")
    archive = await full.archived()
    checks = verified(archive, key_of_city(full))
    assert bad(checks) == {}
    assert [check.name for check in checks] == ["signature", "files", "cells", "places", "grades", "page", "context"]
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


async def test_the_command_needs_nothing_but_the_file(full: Year, tmp_path: Path) -> None:
    await full.final()
    archive = await full.archived()
    key_file = full.city.service.app.state.settings.archive_key_file
    good, wrong, stranger = tmp_path / "good.zip", tmp_path / "wrong.zip", tmp_path / "stranger.json"
    good.write_bytes(archive)
    wrong.write_bytes(changed(archive, form.EVALUATIONS, first_line(score_off_by_one), signed_anew=True))
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
        ["ok", name] for name in ("signature", "files", "cells", "places", "grades", "page", "context")
    ]
    assert wrong_status == 1
    assert any(line.startswith("BAD  cells") and "2015-01 COL-" in line for line in wrong_said), wrong_said
    assert strange_status == 1
    assert strange_said[0].startswith("BAD  signature")


async def test_context_figures_are_those_of_the_route_when_it_became_final(year: Year) -> None:
    await collected(year.city)
    await year.final()
    shown = await figures(year.city, period=SPAN)
    late = fact(TAX, "420102", "999", 2)
    await year.city.tell(facts(30, late, amendment="核实"))
    assert await figures(year.city, period=SPAN) != shown, "the control: the figure is another by now"
    archive = await year.archived()
    assert bad(verified(archive, key_of_city(year))) == {}
    lines = [json.loads(line) for line in members_of(archive)[form.CONTEXT].splitlines()]
    units = {line["unit_id"]: line["code"] for line in map(json.loads, members_of(archive)[form.UNITS].splitlines())}
    same = ("metric", "name", "value", "year_before", "growth", "reason")
    assert {units[line["unit_id"]]: [{name: line[name] for name in same}, line["measured_in"]] for line in lines} == {
        one["unit"]: [{name: one["figures"][0][name] for name in same}, one["figures"][0]["unit"]]
        for one in shown["items"]
    }
    assert lines[0]["months"] == {"2014-01": "100", "2015-01": "110.05"}
    for name, other in (("growth", "11.0"), ("value", "110.06"), ("year_before", None), ("reason", "missing")):
        spoilt = changed(archive, form.CONTEXT, first_line(partial(_put, name, other)), signed_anew=True)
        assert set(bad(verified(spoilt, STRANGER))) == {"context"}
    assert set(bad(verified(changed(archive, form.CONTEXT, lambda text: text + b"{}")))) >= {"files", "context"}


def _put(name: str, value: Any, document: dict[str, Any]) -> bool:
    document[name] = value
    return True


async def test_a_result_that_kept_no_figures_has_an_archive_without_them(year: Year) -> None:
    """It became final before figures were kept; those of today are none of its."""
    await collected(year.city)
    await year.final()
    owner = await asyncpg.connect(year.city.service.dsns.owner)
    await owner.execute("UPDATE year_results SET basis = (basis::jsonb - 'context')::text")
    await owner.close()
    archive = await year.archived()
    assert bad(verified(archive, key_of_city(year))) == {}
    assert members_of(archive)[form.CONTEXT] == b""


async def test_an_archive_of_the_first_form_is_verified_too(year: Year) -> None:
    await year.final()
    members = members_of(await year.archived())
    manifest = json.loads(members[form.MANIFEST])
    del members[form.CONTEXT], manifest["members"][form.CONTEXT]
    # The control: the second form has all its members.
    members[form.MANIFEST] = json.dumps(manifest).encode()
    assert "files" in bad(verified(resigned(members), STRANGER))
    members[form.MANIFEST] = json.dumps({**manifest, "format": 1}).encode()
    checks = verified(resigned(members), STRANGER)
    assert bad(checks) == {}
    assert [check.name for check in checks] == ["signature", "files", "cells", "places", "grades", "page"]


async def test_rulings_are_in_the_archive_and_read_again(year: Year) -> None:
    """A ruled value, an exemption and a fixed score, all in cells whose peers are compared with them."""
    identities = [UUID(int=number) for number in (1, 2, 3)]
    told = (
        ruling(unit="420102", appeal=identities[0]),
        ruling("exempt", unit="420103", appeal=identities[1]),
        ruling("score", "7.5", unit="420104", appeal=identities[2]),
        ruling(value="1.5", unit="420104", indicator=COL2.indicator_id, name="growth", appeal=UUID(int=4)),
    )
    await year.city.tell(*told)
    await year.rank(reason="申诉成立")
    await year.final(ranking_id=await year.ranking_id(2))
    archive = await year.archived()
    assert bad(verified(archive, key_of_city(year))) == {}
    lines = [json.loads(line) for line in members_of(archive)[form.EVALUATIONS].splitlines()]
    decided = [one for line in lines for one in line["decided"]]
    assert sorted(one["kind"] for one in decided if one["source_id"] != str(UUID(int=4))) == [
        "exempt",
        "score",
        "value",
    ]
    # The control: another decision, or none, gives other digits.
    for before, after in (('"value":"7.5"', '"value":"7.6"'), ('"kind":"exempt"', '"kind":"score"')):
        edit = partial(_replaced, before.encode(), after.encode())
        spoilt = changed(archive, form.EVALUATIONS, edit, signed_anew=True)
        assert "cells" in bad(verified(spoilt, STRANGER))


def _replaced(before: bytes, after: bytes, text: bytes) -> bytes:
    return text.replace(before, after, 1)


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
