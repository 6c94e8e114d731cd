"""The steps of a period: what they refuse, what holds them up, and what two people at once get."""

import asyncio
import time
from datetime import date
from typing import Any

import msgspec
import pytest

from services.scoring_svc.ledger import sweeping, use_cases
from services.scoring_svc.ledger.confirming import write_confirmed
from shared.contracts.indicator import UnitChanged, UnitSpan
from shared.contracts.scoring import IndicatorDeducted, PeriodClosed, PeriodConfirmed, PeriodFenced, ScoresConfirmed
from tests.scoring_svc.ledger.city import (
    COL1,
    DISTRICTS,
    NOON,
    SET,
    City,
    card,
    fact,
    facts,
    full_month,
    published,
    unit_of,
)


async def test_while_submission_is_down_nothing_is_half_done(city: City) -> None:
    city.submission.down = True
    answer = await city.step("fence")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    state = (await city.office.get(f"/v1/period-states/{SET}/2015-01")).json()
    assert (state["state"], state["version"]) == ("open", 0)
    assert await city.service.events(PeriodFenced) == []
    city.submission.down = False
    await city.fence(7, 2)
    state = (await city.office.get(f"/v1/period-states/{SET}/2015-01")).json()
    assert (state["state"], state["last_chunk"], state["chunks"]) == ("fenced", 7, 2)


async def test_fencing_is_repeatable_and_told_once(city: City) -> None:
    await city.fence(7, 2)
    await city.fence(7, 2)
    assert len(await city.service.events(PeriodFenced)) == 1
    assert {body["period"] for body in city.submission.asked} == {"2015-01"}


async def test_steps_out_of_order_name_the_rule(city: City) -> None:
    assert (await city.step("confirm", body={})).json()["code"] == "period_not_fenced"
    assert (await city.step("close")).json()["code"] == "period_not_confirmed"
    await full_month(city)
    await city.fence(1, 1)
    assert (await city.step("close")).json()["code"] == "period_not_confirmed"
    assert (await city.step("confirm", body={})).status_code == 200
    for verb in ("fence", "confirm"):
        assert (await city.step(verb, body={})).json()["code"] == "period_already_confirmed"
    closed = await city.step("close")
    assert closed.json()["state"] == "closed"
    assert [event.version for event in await city.service.events(PeriodClosed)] == [4]
    assert (await city.step("close")).json()["code"] == "period_closed"
    before = await city.scores()
    await city.tell(facts(2, fact("M-ERR", "420102", "9", 2), amendment="迟到的更正"))
    assert await city.scores() == before
    items = (await city.office.get("/v1/period-states", params={"set": SET})).json()["items"]
    assert [(item["period"], item["state"]) for item in items] == [("2015-01", "closed")]


async def test_what_holds_a_confirmation_up_is_listed(city: City) -> None:
    await full_month(city)
    await city.tell(facts(2, fact("M-ERR", "420103", None, 2, state="missing"), fact("M-ERR", "420104", "1.5", 2)))
    await city.fence(last_chunk=3, chunks=3)
    answer = await city.step("confirm", body={})
    assert (answer.status_code, answer.json()["code"]) == (409, "confirmation_held_up")
    expected = [
        {"code": "chunks_not_applied", "text": "1 of 3 up to chunk 3"},
        {"code": "VALUE_MISSING", "indicator": "COL-01", "unit": "420103"},
        {"code": "VALUE_NOT_ALLOWED", "indicator": "COL-01", "unit": "420104"},
    ]
    assert sorted(answer.json()["holdups"], key=str) == sorted(expected, key=str)
    listed = (await city.office.get(f"/v1/period-states/{SET}/2015-01/holdups")).json()
    assert (listed["state"], listed["count"]) == ("fenced", 3)
    assert await city.service.events(PeriodConfirmed) == []
    assert await city.service.database.reads.fetchval("SELECT count(*) FROM entries") == 0


async def test_what_was_written_before_a_cell_held_the_confirmation_up_is_taken_back(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_CELLS_A_BATCH", 1)  # a card each
    written: list[str] = []

    async def watched(*given: Any) -> None:
        written.extend(group.card.code for group in given[3].groups)
        await write_confirmed(*given)

    monkeypatch.setattr(use_cases, "write_confirmed", watched)
    await full_month(city)
    whole = await city.scores()
    await city.tell(facts(2, fact("M-SENT", "420104", None, 2, state="missing")))
    await city.fence(2, 2)
    assert (await city.step("confirm", body={})).json()["code"] == "confirmation_held_up"
    assert written
    assert set(written) < {"COL-01", "COL-02", "COL-03"}
    for table in ("entries", "cell_versions", "evaluations", "deductions", "deduction_versions", "calendar_editions"):
        kept = await city.service.database.reads.fetchval(f"SELECT count(*) FROM {table}")
        assert kept == (1 if table == "calendar_editions" else 0), table
    assert await city.service.events(ScoresConfirmed) == []
    assert {cell["standing"] for cell in (await city.scores()).values()} == {"provisional"}

    await city.tell(facts(3, fact("M-SENT", "420104", "2015-02-09", 3)))
    await city.fence(3, 3)
    written.clear()
    assert (await city.step("confirm", body={})).status_code == 200
    assert sorted(written) == ["COL-01", "COL-02", "COL-03"]
    confirmed = await city.scores()
    assert {key: cell["score"] for key, cell in confirmed.items()} == {
        key: cell["score"] for key, cell in whole.items()
    }
    told = [cell for event in await city.service.events(ScoresConfirmed) for cell in event.cells]
    assert len(told) == len(confirmed) == 9
    (done,) = await city.service.events(PeriodConfirmed)
    assert done.cells == 9


async def test_a_batch_that_breaks_breaks_the_sweep_after_its_thread_has_ended() -> None:
    running: list[int] = []

    def work(batch: list[Any]) -> int:
        running.append(1)
        time.sleep(0.05)
        running.pop()
        if batch == [3]:
            raise ValueError("the third")
        return batch[0]

    sweep = sweeping._ahead(work, iter([[1], [2], [3], [4]]))
    assert [await anext(sweep), await anext(sweep)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        await anext(sweep)

    sweep = sweeping._ahead(work, iter([[1], [2], [4]]))
    assert await anext(sweep) == 1
    await sweep.aclose()  # a writer that failed
    assert running == []


async def test_cells_are_taken_out_with_a_reason_and_stay_out(city: City) -> None:
    await full_month(city)
    await city.tell(facts(2, fact("M-ERR", "420103", None, 2, state="missing")))
    await city.fence(2, 2)
    body = {"exclusions": [{"indicator": "COL-01", "unit": "420103", "state": "exempt", "reason": "机构撤并"}]}
    assert (await city.step("confirm", body=body)).status_code == 200
    cell = (await city.scores())["COL-01", "420103"]
    assert (cell["state"], cell["score"], cell["loss"], cell["note"]) == ("exempt", None, "0", "机构撤并")
    assert (await city.office.get(f"/v1/period-states/{SET}/2015-01/holdups")).json()["count"] == 0
    states = [
        one.state
        for event in await city.service.events(ScoresConfirmed)
        for one in event.cells
        if one.indicator_id == COL1.indicator_id and one.unit_id == unit_of("420103")
    ]
    assert states == ["exempt"]
    await city.tell(facts(3, fact("M-ERR", "420103", "5", 3), amendment="补报"))
    assert (await city.scores())["COL-01", "420103"]["state"] == "exempt"


async def test_bad_exclusions_are_pointed_at(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    good = {"indicator": "COL-01", "unit": "420103", "state": "exempt", "reason": "x"}
    bad: list[tuple[list[dict[str, str]], str]] = [
        ([{**good, "indicator": "NO"}], "/exclusions/0"),
        ([{**good, "unit": "PO"}], "/exclusions/0"),
        ([good, good], "/exclusions/1"),
        ([{**good, "state": "gone"}], "/exclusions/0/state"),
        ([{**good, "reason": ""}], "/exclusions/0/reason"),
        ([{**good, "reason": " \n"}], "/exclusions/0/reason"),
        ([{**good, "reason": "a\x00b"}], "/exclusions/0/reason"),
    ]
    for exclusions, pointer in bad:
        answer = await city.step("confirm", body={"exclusions": exclusions})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_an_incomplete_set_is_not_confirmed(bare_city: City) -> None:
    extra = card("COL-09", COL1.rule, COL1.bindings)
    await bare_city.tell(published(SET, [COL1, extra]), COL1)
    await bare_city.tell(facts(1, *(fact("M-ERR", unit, "0") for unit in DISTRICTS)))
    await bare_city.fence(1, 1)
    held = (await bare_city.step("confirm", body={})).json()
    assert [item["code"] for item in held["holdups"]] == ["set_incomplete"]
    await bare_city.tell(extra)
    assert (await bare_city.step("confirm", body={})).json()["cells"] == 6


async def test_two_confirmations_at_once_are_one(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    answers = await asyncio.gather(*(city.step("confirm", body={}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert len(await city.service.events(PeriodConfirmed)) == 1
    assert await city.service.database.reads.fetchval("SELECT max(cell_version) FROM entries") == 1


async def test_an_amendment_during_the_confirmation_is_never_lost(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    late = facts(2, fact("M-ERR", "420102", "1", 2), amendment="更正")
    await asyncio.gather(city.step("confirm", body={}), city.service.deliver(late, times=1))
    assert (await city.scores())["COL-01", "420102"]["score"] == "8.00"
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    assert [one.loss for one in told if one.indicator_id == COL1.indicator_id][-1] == "2"


async def test_unknown_sets_and_periods(city: City) -> None:
    unknown = {
        "NOPE/2015-01": (404, "not_found"),
        f"{SET}/2014-01": (404, "period_unknown"),
        f"{SET}/2015-H1": (404, "period_unknown"),
        f"{SET}/2015-13": (422, "malformed"),
    }
    for path, expected in unknown.items():
        for verb in ("fence", "close"):
            answer = await city.office.post(f"/v1/period-states/{path}/{verb}")
            assert (answer.status_code, answer.json()["code"]) == expected
        answer = await city.office.get(f"/v1/period-states/{path}")
        assert (answer.status_code, answer.json()["code"]) == expected


async def test_an_office_runs_and_ranks_its_own_units_also_when_one_of_them_is_gone_since(bare_city: City) -> None:
    sections = [unit_of("420102-PO"), unit_of("420102-S1")]
    own = msgspec.structs.replace(COL1, evaluated_unit_ids=sections)
    await bare_city.tell(published(SET, [own]), own)
    await bare_city.tell(facts(1, fact("M-ERR", "420102-PO", "1"), fact("M-ERR", "420102-S1", "0")))
    span = UnitSpan(
        effective_from=date(2015, 1, 1), effective_to=date(2015, 2, 1), recorded_at=NOON, code="420102-S1",
        name="一科", kind="section", parent_id=unit_of("420102"), path="420100/420102/420102-S1/", groups={},
    )  # fmt: skip
    await bare_city.tell(UnitChanged(unit_id=unit_of("420102-S1"), version=2, spans=[span]))
    bare_city.submission.last_chunk, bare_city.submission.chunks = 1, 1
    office = bare_city.person("DPO")
    for verb in ("fence", "confirm"):
        answer = await office.post(f"/v1/period-states/{SET}/2015-01/{verb}", json={})
        assert answer.status_code == 200, answer.text
    made = await office.post("/v1/rankings", json={"set": SET, "period": "2015-01"})
    assert (made.status_code, made.json()["ranked"]) == (201, 2)


async def test_only_the_citys_performance_office_runs_periods(city: City) -> None:
    await full_month(city)
    for person, code in (("L2", "forbidden"), ("E1", "forbidden"), ("A1", "forbidden"), ("DPO", "outside_scope")):
        for verb in ("fence", "confirm", "close"):
            answer = await city.person(person).post(f"/v1/period-states/{SET}/2015-01/{verb}", json={})
            assert (answer.status_code, answer.json()["code"]) == (403, code)
        answer = await city.person(person).get(f"/v1/period-states/{SET}/2015-01/holdups")
        assert answer.json()["code"] == code
