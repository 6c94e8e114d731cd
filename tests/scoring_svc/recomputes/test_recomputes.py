"""Recomputes: open periods come out as if all facts had just come, confirmed ones are replayed digit for digit."""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.local.postgres import Postgres
from deploy.local.wuhan2015.generate_facts import facts as pack_facts
from services.scoring_svc.recomputes import repository, use_cases
from services.scoring_svc.recomputes.worker import recomputing
from shared.leased import Worker
from shared.testing import NOBODY_LISTENS, TestIssuer, fresh_database, running_service
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import (
    COL1,
    DISTRICTS,
    SET,
    City,
    Submission,
    fact,
    facts,
    found_city,
    published,
    serving,
)
from tests.scoring_svc.ledger.test_bindings import total_of
from tests.scoring_svc.ledger.test_rulings import ruling
from tests.support.processes import ServiceProcess

PACK, MONTH = "WH2015-DISTRICT", "2015-01"
_CELLS = (
    "SELECT period, indicator_id, unit_id, standing, entered_version, state, code, note, full_marks, score, loss, "
    "entries, inputs, indicator_version, rule_hash FROM cells ORDER BY 1, 2, 3"
)


async def january(city: City) -> None:
    """A month of three indicators, one of which ranks."""
    errors = [fact("M-ERR", unit, value) for unit, value in (("420102", "1"), ("420103", "0"), ("420104", "4"))]
    growth = [fact("M-GROWTH", unit, value) for unit, value in (("420102", "9.6"), ("420103", "3"), ("420104", "-1"))]
    sent = [fact("M-SENT", unit, "2015-02-06") for unit in ("420102", "420103", "420104")]
    await city.tell(facts(1, *errors), facts(2, *growth), facts(3, *sent))


async def asked(city: City, *periods: str, code: str = SET) -> httpx.Response:
    body = {"set": code, "periods": list(periods), "reason": "抽查"}
    return await city.office.post("/v1/recomputes", json=body)


async def ask(city: City, *periods: str, code: str = SET) -> dict[str, Any]:
    answer = await asked(city, *(periods or (MONTH,)), code=code)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/recomputes/{made['recompute_id']}"
    return made


async def shown(city: City, made: dict[str, Any], part: str = "") -> dict[str, Any]:
    answer = await city.office.get(f"/v1/recomputes/{made['recompute_id']}{part}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def done(city: City, made: dict[str, Any], within: float = 30) -> dict[str, Any]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while (await shown(city, made))["state"] not in {"done", "failed"}:  # noqa: ASYNC110 - written by others
                await asyncio.sleep(0.02)
    return await shown(city, made)


async def cells(city: City) -> list[dict[str, Any]]:
    return [dict(row) for row in await city.service.database.reads.fetch(_CELLS)]


async def owner_of(city: City, *statements: str) -> None:
    owner = await asyncpg.connect(city.service.dsns.owner)
    try:
        for statement in statements:
            await owner.execute(statement)
    finally:
        await owner.close()


async def test_an_open_period_is_scored_anew_and_what_stood_right_is_not_touched(city: City) -> None:
    await january(city)
    before = await cells(city)
    assert len(before) == 9
    await owner_of(
        city,
        "DELETE FROM cells WHERE indicator_id IN (SELECT indicator_id FROM card_versions WHERE code = 'COL-02')",
        "UPDATE cells SET score = 0.5, loss = 9.5, inputs = '{}' WHERE ctid IN (SELECT ctid FROM cells LIMIT 2)",
    )
    assert await cells(city) != before  # the control: it was really broken
    made = await ask(city)
    assert (made["pieces"]["all"], made["total"]) == (1, 9)
    told = await done(city, made)
    assert (told["state"], told["cells"], told["changed"], told["differences"]) == ("done", 9, 5, 0)
    assert await cells(city) == before
    again = await done(city, await ask(city))
    assert (again["cells"], again["changed"]) == (9, 0)
    listed = (await city.office.get("/v1/recomputes", params={"set": SET, "limit": 1})).json()
    assert [one["recompute_id"] for one in listed["items"]] == [again["recompute_id"]]
    rest = await city.office.get("/v1/recomputes", params={"set": SET, "cursor": listed["next"]})
    assert [one["recompute_id"] for one in rest.json()["items"]] == [told["recompute_id"]]


async def test_a_confirmed_month_of_the_pack_is_replayed_to_the_last_digit(bare_city: City) -> None:
    city = bare_city
    cards = wuhan.cards(PACK)
    chunks = list(wuhan.chunks(MONTH, pack_facts(MONTH)))
    await city.tell(*wuhan.units(), *wuhan.calendars(), wuhan.indicator_set(PACK, cards), *cards, *chunks, times=1)
    await city.service.seed_person("PO1", "420100", "performance_office", scope="all")
    await city.fence(last_chunk=len(chunks), chunks=len(chunks), period=MONTH, code=PACK)
    assert (await city.step("confirm", MONTH, PACK, {})).status_code == 200
    before = await cells(city)
    told = await done(city, await ask(city, code=PACK))
    count = len([card for card in cards if card.period_kind == "month"]) * len(wuhan.DISTRICTS)
    assert (told["state"], told["cells"], told["changed"], told["differences"]) == ("done", count, 0, 0)
    # The control: one digit of a fact that was read, one score, one entry.
    await owner_of(
        city,
        "UPDATE cells SET score = score - 0.01 WHERE ctid = (SELECT ctid FROM cells WHERE score > 1 ORDER BY score, "
        "indicator_id LIMIT 1)",
        "UPDATE cells SET entries = replace(entries, '\"base\"', '\"bass\"') WHERE ctid = (SELECT ctid FROM cells "
        "WHERE entries LIKE '%base%' ORDER BY score DESC, indicator_id LIMIT 1)",
        "UPDATE facts SET value = '\"977\"' WHERE (period, metric_id, unit_id) = (SELECT c.period, m.metric_id, "
        "c.unit_id FROM cells c JOIN card_versions v USING (indicator_id) JOIN card_metrics m USING (indicator_id) "
        "WHERE v.code = 'COL-01' ORDER BY c.unit_id LIMIT 1)",
    )
    broken = await cells(city)
    again = await done(city, await ask(city, code=PACK))
    assert again["differences"] >= 3
    listed = await shown(city, again, "/differences?limit=500")
    assert len(listed["items"]) == again["differences"]
    assert all(one["stored"] != one["found"] for one in listed["items"])
    assert await cells(city) == broken != before  # a replay tells, it mends nothing


async def test_facts_that_come_meanwhile_are_not_lost(city: City) -> None:
    await january(city)
    worker = worker_of(city)
    draw = random.Random(5)  # noqa: S311 - which facts, not a secret
    events = [
        facts(
            10 + number,
            fact("M-ERR", draw.choice(("420102", "420103", "420104")), str(draw.randrange(5)), version=2 + number),
            fact("M-GROWTH", draw.choice(("420102", "420103")), f"{draw.randrange(90)}.5", version=2 + number),
        )
        for number in range(30)
    ]
    city.service.app.state.settings.recompute_cells_a_piece = 3

    async def recomputed_again_and_again() -> None:
        for _ in range(4):
            made = await ask(city)
            while await worker.turn():
                pass
            assert (await done(city, made))["pieces"] == {"all": 3, "done": 3, "failed": 0}

    try:
        await asyncio.gather(recomputed_again_and_again(), *(city.service.deliver(event, times=1) for event in events))
    finally:
        city.service.app.state.settings.recompute_cells_a_piece = 4_000
    left = await cells(city)
    assert (await done(city, await ask(city)))["changed"] == 0
    assert await cells(city) == left


def worker_of(city: City, lease: float = 5.0) -> Worker:
    return recomputing(city.service.database, city.service.app.state.clock, lease, poll=0.05)


async def test_bad_recomputes_are_refused(city: City) -> None:
    await january(city)

    async def refused(**changes: Any) -> tuple[int, str]:
        body = {"set": SET, "periods": [MONTH], "reason": "抽查", **changes}
        answer = await city.office.post("/v1/recomputes", json=body)
        return answer.status_code, answer.json()["code"]

    assert await refused(set="NO-SET") == (404, "not_found")
    assert await refused(periods=["2014-01"]) == (404, "period_unknown")
    assert await refused(periods=["2015-13"]) == (422, "malformed")
    assert await refused(periods=[MONTH, MONTH]) == (422, "malformed")
    assert await refused(periods=[]) == (422, "malformed")
    assert await refused(reason="") == (422, "malformed")
    unknown = await city.office.get("/v1/recomputes/00000000-0000-0000-0000-000000000001")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "recompute_unknown")


async def test_a_period_has_one_unfinished_recompute(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two requests at once one wins; another period is free; when the pieces are done so is the period."""
    await january(city)
    go_on, real = asyncio.Event(), use_cases.score_again

    async def later(*told: Any) -> Any:
        await go_on.wait()
        return await real(*told)

    monkeypatch.setattr(use_cases, "score_again", later)
    answers = await asyncio.gather(*(asked(city, MONTH) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    made = next(answer.json() for answer in answers if answer.status_code == 202)
    refusal = next(answer.json() for answer in answers if answer.status_code == 409)
    assert refusal["code"] == "recompute_under_way"
    assert all(made["recompute_id"] in text and MONTH in text for text in refusal["texts"].values())
    assert (await asked(city, "2015-02", MONTH)).status_code == 409
    assert (await asked(city, "2015-02")).status_code == 202
    go_on.set()
    assert (await done(city, made))["state"] == "done"
    assert (await asked(city, MONTH)).status_code == 202


async def test_control_without_the_lock_two_requests_at_once_both_queue(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    await january(city)
    both, real = asyncio.Barrier(2), repository.unfinished

    async def nothing(*_: Any) -> None:
        """Hold nothing."""

    async def read_together(*told: Any) -> Any:
        found = await real(*told)
        await both.wait()
        return found

    monkeypatch.setattr(repository, "hold_recomputes", nothing)
    monkeypatch.setattr(repository, "unfinished", read_together)
    assert [one.status_code for one in await asyncio.gather(asked(city, MONTH), asked(city, MONTH))] == [202, 202]


@pytest.mark.parametrize("taken_up", [True, False], ids=["lease of a second", "control: lease of an hour"])
async def test_processes_that_are_killed_lose_nothing(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path, *, taken_up: bool
) -> None:
    """Two processes share the pieces of a month; one after the other is killed; the cells come out as undisturbed."""
    name, dsns = await fresh_database(postgres, "scoring_svc")
    async with (
        serving(Submission(issuer)) as submission,
        running_service(
            "scoring_svc", postgres, issuer, database=(name, dsns), recompute_worker=False,
            recompute_cells_a_piece=40, **submission.settings,
        ) as service,
    ):  # fmt: skip
        city = await found_city(service, submission)
        cards = wuhan.cards(PACK)
        chunks = list(wuhan.chunks(MONTH, pack_facts(MONTH)))
        await city.tell(*wuhan.units(), *wuhan.calendars(), wuhan.indicator_set(PACK, cards), *cards, *chunks, times=1)
        await service.seed_person("PO1", "420100", "performance_office", scope="all")
        undisturbed = await cells(city)
        await owner_of(city, "DELETE FROM cells")
        made = await ask(city, code=PACK)
        assert made["pieces"]["all"] > 30
        settings = {
            "recompute_lease_seconds": "1" if taken_up else "3600", "recompute_poll_seconds": "0.1",
            "recompute_at_once": "2", "simulation_worker": "false",
        }  # fmt: skip
        processes = [
            ServiceProcess("scoring_svc", dsns, issuer, NOBODY_LISTENS, tmp_path, **settings) for _ in range(2)
        ]
        # Both take two pieces and stand before their end, so that the kill is in the middle for certain.
        owner = await asyncpg.connect(dsns.owner)
        async with owner.transaction():
            await owner.execute("LOCK TABLE cells IN SHARE MODE")
            for process in processes:
                await process.start()
            await _running(owner, 4)
            for process in processes:
                await process.kill()
        await owner.close()
        try:
            for process in processes:
                await process.start()
            if taken_up:
                await asyncio.sleep(0.5)
                await processes[0].kill()
                await processes[0].start()
            told = await done(city, made, within=40 if taken_up else 6)
        finally:
            for process in processes:
                await process.stop()
        assert told["state"] == ("done" if taken_up else "running")
        assert told["pieces"]["failed"] == 0
        if taken_up:
            assert await cells(city) == undisturbed
        else:
            assert told["pieces"]["done"] == told["pieces"]["all"] - 4


async def _running(owner: asyncpg.Connection, count: int) -> None:
    async with asyncio.timeout(20):
        statement = "SELECT count(*) FROM recompute_pieces WHERE state = 'running'"
        while await owner.fetchval(statement) < count:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.05)


async def test_rulings_and_results_of_other_rules_are_recomputed_and_replayed(bare_city: City) -> None:
    city, half = bare_city, total_of("COL-05", "COL-01")
    told = facts(1, *(fact("M-ERR", unit, "2") for unit in DISTRICTS))
    await city.tell(published(SET, [COL1, half]), COL1, half, told)
    await city.tell(ruling(), ruling("exempt", appeal=uuid4(), unit="420103"))
    before = await cells(city)
    open_again = await done(city, await ask(city))
    assert (open_again["state"], open_again["cells"], open_again["changed"]) == ("done", 6, 0)
    await owner_of(city, "DELETE FROM cells")  # the control: all of it can be made again
    assert (await done(city, await ask(city)))["changed"] == 6
    assert await cells(city) == before
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200
    await city.tell(ruling("score", "9.5", appeal=uuid4(), unit="420104"))
    replayed = await done(city, await ask(city))
    assert (replayed["state"], replayed["cells"], replayed["differences"]) == ("done", 6, 0)


async def test_a_confirmation_that_comes_between_is_replayed(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece sees an open period, waits for the confirmation that holds it, and must not call nothing done."""
    await january(city)
    await city.fence(last_chunk=3, chunks=3)
    made = await ask(city)
    looked, confirmed = asyncio.Event(), asyncio.Event()
    real = use_cases.score_again

    async def later(*told: Any) -> Any:
        looked.set()
        await confirmed.wait()
        return await real(*told)

    monkeypatch.setattr(use_cases, "score_again", later)
    turn = asyncio.ensure_future(worker_of(city).turn())
    await asyncio.wait_for(looked.wait(), 5)
    assert (await city.step("confirm", body={})).status_code == 200
    confirmed.set()
    await turn
    told = await done(city, made)
    assert (told["state"], told["cells"], told["changed"], told["differences"]) == ("done", 9, 0, 0)


async def test_a_piece_that_waits_too_long_for_a_lock_is_taken_again_and_not_counted(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    await january(city)
    real, busy = use_cases.score_again, [True] * 4  # more often than a piece that is at fault may break

    async def sometimes(*told: Any) -> Any:
        if busy:
            busy.pop()
            raise asyncpg.LockNotAvailableError
        return await real(*told)

    monkeypatch.setattr(use_cases, "score_again", sometimes)
    monkeypatch.setattr("shared.leased._AGAIN_SECONDS", 0.05)
    told = await done(city, await ask(city))
    assert not busy
    assert (told["state"], told["cells"], told["pieces"]["failed"]) == ("done", 9, 0)


async def test_a_piece_that_breaks_while_it_writes_fails_after_three_tries(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    await january(city)

    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(use_cases, "score_again", broken)
    monkeypatch.setattr("shared.leased._AGAIN_SECONDS", 0.05)
    told = await done(city, await ask(city))
    assert (told["state"], told["pieces"]) == ("failed", {"all": 1, "done": 0, "failed": 1})
