"""From facts to confirmed scores, deductions and an amendment, through the real app on real PostgreSQL."""

import asyncio
import hashlib
from datetime import date
from fractions import Fraction
from itertools import permutations

import asyncpg
import msgspec

from shared.contracts.identity import deduction_id, indicator_id
from shared.contracts.indicator import Binding, CalendarDay, CalendarPublished
from shared.contracts.scoring import (
    DeductionsDigested,
    IndicatorDeducted,
    PeriodConfirmed,
    PeriodFenced,
    ScoresConfirmed,
)
from tests.scoring_svc.ledger.city import (
    CALENDAR,
    CARDS,
    COL1,
    CONDUCT,
    DISTRICTS,
    FINDING,
    RANKED_IN_CLASS,
    SET,
    City,
    card,
    fact,
    facts,
    full_month,
    in_class,
    metric,
    per_error,
    published,
    unit_of,
)

JANUARY = "2015-01"
DEDUCTION = deduction_id(COL1.indicator_id, unit_of("420102"), JANUARY)


async def confirmed_january(city: City) -> None:
    await full_month(city)
    await city.fence(last_chunk=1, chunks=1)
    answer = await city.step("confirm", body={})
    assert answer.status_code == 200, answer.text


async def test_facts_make_provisional_scores(city: City) -> None:
    await full_month(city)
    found = await city.scores()
    assert {key: row["score"] for key, row in found.items()} == {
        ("COL-01", "420102"): "6.00",
        ("COL-01", "420103"): "10.00",
        ("COL-01", "420104"): "10.00",
        ("COL-02", "420102"): "8.00",
        ("COL-02", "420103"): "10.00",
        ("COL-02", "420104"): "6.00",
        ("COL-03", "420102"): "3.00",
        ("COL-03", "420103"): "3.00",
        ("COL-03", "420104"): "2.50",
    }
    assert {row["standing"] for row in found.values()} == {"provisional"}
    assert await city.service.events(IndicatorDeducted) == []


async def test_a_peer_rule_follows_every_unit_and_a_plain_rule_only_its_own(city: City) -> None:
    await full_month(city)
    before = await city.scores()
    await city.tell(facts(2, fact("M-GROWTH", "420104", "11", 2)))
    after = await city.scores()
    assert [after["COL-02", unit]["score"] for unit in DISTRICTS] == ["6.00", "8.00", "10.00"]
    assert all(after["COL-01", unit] == before["COL-01", unit] for unit in DISTRICTS)


async def test_confirmation_enters_tells_and_digests(city: City) -> None:
    await confirmed_january(city)
    fences = await city.service.events(PeriodFenced)
    assert [(event.last_chunk, event.chunks) for event in fences] == [(1, 1)]
    confirmed = (await city.service.events(PeriodConfirmed))[0]
    assert confirmed.cells == 9
    cells = [cell for event in await city.service.events(ScoresConfirmed) for cell in event.cells]
    assert len(cells) == 9
    assert all(cell.version == 1 for cell in cells)
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    losses = {(one.indicator_id, one.unit_id): one.loss for one in told}
    assert losses == {
        (indicator_id(SET, "COL-01"), unit_of("420102")): "4",
        (indicator_id(SET, "COL-02"), unit_of("420102")): "2",
        (indicator_id(SET, "COL-02"), unit_of("420104")): "4",
        (indicator_id(SET, "COL-03"), unit_of("420104")): "0.5",
    }
    mine = next(one for one in told if one.deduction_id == DEDUCTION)
    assert (mine.version, mine.score, mine.timing, mine.reason) == (1, "6.00", "confirmed", "scored")
    assert [(clause.clause, clause.points) for clause in mine.clauses] == [("base", "10"), ("errors", "-4")]
    assert [(item.name, item.version) for item in mine.inputs] == [("errors", 1)]
    digest = (await city.service.events(DeductionsDigested))[0]
    lines = sorted(f"{one.deduction_id}:{one.version}:{one.loss}" for one in told)
    assert (digest.version, digest.count) == (1, 4)
    assert digest.digest == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert {row["standing"] for row in (await city.scores()).values()} == {"confirmed"}


async def test_an_amendment_reverses_and_enters_again(city: City) -> None:
    await confirmed_january(city)
    await city.tell(facts(2, fact("M-ERR", "420102", "1", 2), amendment="系统重复计数"))
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    second = told[-1]
    assert (second.deduction_id, second.version, second.loss) == (DEDUCTION, 2, "2")
    assert (second.reason, second.note) == ("fact_amended", "系统重复计数")
    await city.tell(facts(3, fact("M-ERR", "420102", "0", 3), amendment="撤销"))
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    assert (told[-1].version, told[-1].loss) == (3, "0")
    assert [event.version for event in await city.service.events(DeductionsDigested)] == [1, 2, 3]
    assert (await city.service.events(DeductionsDigested))[-1].count == 3
    path = f"{COL1.indicator_id}/{unit_of('420102')}/{JANUARY}"
    score = (await city.office.get(f"/v1/scores/{path}")).json()
    assert (score["score"], score["version"], score["standing"]) == ("10.00", 3, "confirmed")
    assert sum(Fraction(entry["points"]) for entry in score["entries"]) == Fraction(score["score"])
    reversing = [(entry["version"], entry["kind"], entry["points"]) for entry in score["entries"] if entry["reverses"]]
    assert reversing == [(2, "base", "-10"), (2, "clause", "4"), (3, "base", "-10"), (3, "clause", "2")]
    cells = [cell for event in await city.service.events(ScoresConfirmed) for cell in event.cells]
    assert [cell.version for cell in cells if cell.unit_id == unit_of("420102")][-2:] == [2, 3]


async def test_what_is_published_after_confirmation_does_not_reach_back_through_an_amendment(city: City) -> None:
    await confirmed_january(city)
    harder = card("COL-01", per_error("10", "-3"), COL1.bindings, version=2)
    worse = card("COL-02", per_error("10", "-1"), {"errors": COL1.bindings["errors"]}, version=2)
    added = card("COL-09", COL1.rule, COL1.bindings)
    closed = [CalendarDay(day=date(2015, 2, day), kind="closed", name="假") for day in (2, 3)]
    await city.tell(harder, worse, added, CalendarPublished(year=2015, version=2, days=closed))
    amended = (fact("M-ERR", "420102", "1", 2), fact("M-SENT", "420103", "2015-02-10", 2))
    await city.tell(facts(2, *amended, amendment="更正"))
    found = await city.scores()
    assert len(found) == 9
    assert found["COL-01", "420102"]["score"] == "8.00"  # 2 points an error, as when it was confirmed
    assert found["COL-02", "420102"]["score"] == "8.00"  # ranked as it was, not counted by the new card
    assert found["COL-03", "420103"]["score"] == "2.00"  # due on 6 February, not on the 10th
    await full_month(city, "2015-02", 3)
    assert (await city.scores("2015-02"))["COL-01", "420102"]["score"] == "4.00"


async def test_a_newer_card_leaves_nothing_of_what_the_older_one_gave(bare_city: City) -> None:
    fewer = msgspec.structs.replace(COL1, version=2, evaluated_unit_ids=COL1.evaluated_unit_ids[1:])
    other = card("COL-04", per_error("5", "-1"), {"errors": metric("M-QERR")})
    newer = msgspec.structs.replace(other, version=2, bindings=COL1.bindings)
    told = facts(1, *(fact(code, unit, "1") for code in ("M-ERR", "M-QERR") for unit in DISTRICTS[:2]))
    found = []
    for order in ((COL1, other, told, fewer, newer), (COL1, other, fewer, newer, told)):
        async with bare_city.service.database.transaction("test") as uow:
            await (await uow.driver()).execute("DELETE FROM cells")
        await _wipe_kept(bare_city)
        await bare_city.tell(published(SET, [COL1, other]), *order)
        found.append({key: row["score"] for key, row in (await bare_city.scores()).items()})
    assert found[0] == found[1]
    assert found[0] == {("COL-01", "420103"): "8.00", ("COL-04", "420102"): "4.00", ("COL-04", "420103"): "4.00"}


async def test_a_unit_regrouped_after_confirmation_stays_among_its_peers_of_then(bare_city: City) -> None:
    ranked = card("COL-02", RANKED_IN_CLASS, {"growth": metric("M-GROWTH"), "class": Binding(unit_group="class")})
    await bare_city.tell(*(in_class(unit, "urban") for unit in DISTRICTS), published(SET, [ranked]), ranked)
    await bare_city.tell(facts(1, *(fact("M-GROWTH", unit, str(n)) for n, unit in enumerate(DISTRICTS))))
    await bare_city.fence(1, 1)
    assert (await bare_city.step("confirm", body={})).status_code == 200
    await bare_city.tell(in_class("420103", "rural", version=3))
    await bare_city.tell(facts(2, fact("M-GROWTH", "420102", "0.5", 2), amendment="更正"))
    found = await bare_city.scores()
    assert [found["COL-02", unit]["score"] for unit in DISTRICTS] == ["6.00", "8.00", "10.00"]


async def test_a_year_between_published_ones_is_unknown_not_free_of_holidays(bare_city: City) -> None:
    late = CARDS[2]
    around = [CalendarPublished(year=year, version=1, days=[]) for year in (2014, 2016)]
    await bare_city.tell(published(SET, [late]), late, *around, facts(1, fact("M-SENT", "420104", "2015-02-09")))
    cell = (await bare_city.scores())["COL-03", "420104"]
    assert (cell["state"], cell["code"]) == ("refused", "CALENDAR_UNKNOWN")
    await bare_city.tell(CALENDAR)
    assert (await bare_city.scores())["COL-03", "420104"]["score"] == "2.50"


async def test_an_amendment_that_leaves_no_score_leaves_the_confirmed_one(city: City) -> None:
    await confirmed_january(city)
    await city.tell(facts(2, fact("M-ERR", "420102", None, 2, state="missing"), amendment="误报"))
    assert (await city.scores())["COL-01", "420102"]["score"] == "6.00"
    outcome = await city.service.database.reads.fetchval("SELECT outcome FROM trail WHERE object_type = 'cell'")
    assert outcome == "refused:VALUE_MISSING"


async def test_a_proof_is_replayed_from_kept_inputs_and_hides_peers(city: City) -> None:
    await confirmed_january(city)
    path = f"/v1/proofs/{CARDS[1].indicator_id}/{unit_of('420102')}/{JANUARY}"
    first = (await city.office.get(path)).json()
    assert (first["version"], first["proof"]["value"]) == (1, "8")
    assert '"fact":"v1"' in (await city.office.get(path)).text.replace(" ", "")
    assert str(unit_of("420103")) in str(first["proof"])
    await city.tell(facts(2, fact("M-GROWTH", "420104", "11", 2), amendment="更正"))
    again = (await city.office.get(path, params={"version": 1})).json()
    assert again == first
    assert (await city.office.get(path)).json()["proof"]["value"] == "6"
    shown = (await city.person("L2").get(path)).json()["proof"]
    assert str(unit_of("420103")) not in str(shown)
    assert "value_hash" in str(shown)
    assert shown["value"] == "6"
    assert (await city.person("L3").get(path)).status_code == 404
    assert (await city.office.get(path, params={"version": 9})).status_code == 404
    assert (await city.office.get(path, params={"version": 2**31})).status_code == 422


async def test_a_provisional_proof_adds_up(city: City) -> None:
    await full_month(city)
    path = f"/v1/proofs/{COL1.indicator_id}/{unit_of('420102')}/{JANUARY}"
    proof = (await city.office.get(path)).json()
    assert proof["version"] == 0
    assert sum(Fraction(entry["points"]) for entry in proof["proof"]["entries"]) == 6


async def test_an_immediate_indicator_is_deducted_at_once_and_not_again(city: City) -> None:
    await city.tell(facts(1, fact("M-COND", "420103", "1")))
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    assert [(one.version, one.loss, one.timing) for one in told] == [(1, "1", "immediate")]
    await city.tell(facts(2, fact("M-COND", "420103", "2", 2)))
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    assert [(one.version, one.loss, one.reason) for one in told][-1] == (2, "2", "scored")
    await city.fence(last_chunk=2, chunks=2, code=CONDUCT)
    answer = await city.step("confirm", code=CONDUCT, body={})
    assert answer.json()["cells"] == 3
    assert len(await city.service.events(IndicatorDeducted)) == 2
    assert (await city.service.events(DeductionsDigested))[0].count == 1
    score = (await city.office.get(f"/v1/scores/{FINDING.indicator_id}/{unit_of('420103')}/{JANUARY}")).json()
    assert sum(Fraction(entry["points"]) for entry in score["entries"]) == 0
    assert (score["version"], score["standing"]) == (2, "confirmed")


async def test_a_unit_that_a_newer_card_drops_has_its_immediate_deduction_lifted(city: City) -> None:
    counts = {"420102": "1", "420103": "2", "420104": "0"}
    await city.tell(facts(1, *(fact("M-COND", unit, value) for unit, value in counts.items())))
    fewer = [unit for unit in FINDING.evaluated_unit_ids if unit != unit_of("420102")]
    narrowed = msgspec.structs.replace(FINDING, version=2, evaluated_unit_ids=fewer)
    again = msgspec.structs.replace(narrowed, version=3)
    await city.tell(narrowed, again, published(CONDUCT, [again], 2))
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    assert [
        (one.version, one.loss, one.reason, one.note, one.score) for one in told if one.unit_id == unit_of("420102")
    ] == [(1, "1", "scored", "", "1.00"), (2, "0", "correction", "指标第2版不再考核该单位", "2")]
    assert [one.loss for one in told if one.unit_id == unit_of("420103")][-1] == "2"
    cell = (await city.scores(code=CONDUCT))["CON-01", "420102"]
    assert (cell["state"], cell["score"], cell["loss"]) == ("not_scorable", None, "0")
    entries = "SELECT sum(points::numeric) FROM entries WHERE unit_id = $1"
    assert await city.service.database.reads.fetchval(entries, unit_of("420102")) == 0
    proof = await city.office.get(f"/v1/proofs/{cell['indicator_id']}/{cell['unit_id']}/2015-01", params={"version": 2})
    assert proof.status_code == 200, proof.text
    await city.fence(1, 1, code=CONDUCT)
    assert (await city.step("confirm", code=CONDUCT, body={})).status_code == 200
    (digest,) = await city.service.events(DeductionsDigested)
    assert digest.count == 1
    # The unit comes back in a later version of the card: so does its loss, in the next month as in this one never.
    await city.tell(facts(2, fact("M-COND", "420102", "1"), period="2015-02"))
    back = msgspec.structs.replace(FINDING, version=4)
    await city.tell(back)
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    assert [(one.period, one.loss) for one in told if one.unit_id == unit_of("420102")][2:] == [("2015-02", "1")]


async def test_an_immediate_deduction_that_is_lifted_says_why(city: City) -> None:
    await city.tell(facts(1, fact("M-COND", "420103", "1"), fact("M-COND", "420104", "1")))
    await city.tell(facts(2, fact("M-COND", "420103", "0", 2)))
    await city.fence(last_chunk=2, chunks=2, code=CONDUCT)
    await city.tell(facts(3, fact("M-COND", "420104", "0", 2), amendment="督查发现撤回"))
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    lifted = [(one.unit_id, one.timing, one.reason, one.note) for one in told if one.loss == "0"]
    assert lifted == [
        (unit_of("420103"), "immediate", "fact_amended", ""),
        (unit_of("420104"), "immediate", "fact_amended", "督查发现撤回"),
    ]


async def test_whatever_the_order_the_cells_are_the_same(bare_city: City) -> None:
    events = [
        COL1,
        CALENDAR,
        CARDS[2],
        facts(1, fact("M-ERR", "420102", "2"), fact("M-SENT", "420104", "2015-02-09")),
        facts(2, fact("M-ERR", "420102", "1", 2), fact("M-ERR", "420103", "3")),
    ]
    await bare_city.tell(published(SET, CARDS))
    tables = "cells, card_versions, card_metrics, facts, fact_chunks, directory_calendar_years, directory_calendar_days"
    states = set()
    for number, order in enumerate(permutations(events)):
        if number % 4:  # a quarter of the 120 orders
            continue
        async with bare_city.service.database.transaction("test") as uow:
            driver = await uow.driver()
            for table in tables.split(", "):
                if table not in {"card_versions", "card_metrics", "facts", "fact_chunks"}:
                    await driver.execute(f"DELETE FROM {table}")
        await _wipe_kept(bare_city)
        await bare_city.tell(*order, times=1)
        rows = await bare_city.service.database.reads.fetch(
            "SELECT indicator_id, unit_id, state, code, score, loss, entries, inputs FROM cells ORDER BY 1, 2"
        )
        states.add(str([dict(row) for row in rows]))
    assert len(states) == 1
    assert "Decimal('8.00')" in states.pop()


async def _wipe_kept(city: City) -> None:
    """The service's own role may not delete what is only ever added to; the owner of the database may."""
    owner = await asyncpg.connect(city.service.dsns.owner)
    try:
        await owner.execute("TRUNCATE card_versions, card_metrics, facts, fact_chunks")
    finally:
        await owner.close()


async def test_two_consumers_at_once_lose_nothing(city: City) -> None:
    growths = [facts(n, fact("M-GROWTH", DISTRICTS[n % 3], str(n), n)) for n in range(1, 13)]
    await asyncio.gather(*(city.service.deliver(event, times=1) for event in growths))
    found = await city.scores()
    # The newest versions are 12 (420102), 10 (420103), 11 (420104), and so are the values.
    assert [found["COL-02", unit]["score"] for unit in DISTRICTS] == ["10.00", "6.00", "8.00"]


async def test_a_card_and_its_facts_at_the_same_moment_meet(bare_city: City) -> None:
    await bare_city.tell(published(SET, CARDS))
    for number in range(1, 6):
        period = f"2015-0{number}"
        newer = [facts(number, fact("M-ERR", unit, "1"), period=period) for unit in DISTRICTS]
        changed = COL1 if number == 1 else None
        work = [bare_city.service.deliver(event, times=1) for event in newer]
        if changed:
            work.append(bare_city.service.deliver(changed, times=1))
        await asyncio.gather(*work)
        assert {row["score"] for row in (await bare_city.scores(period)).values()} == {"8.00"}
