"""Inputs bound to another rule's result: evaluated in order, followed when it changes, proved from what was read."""

import asyncio
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from services.scoring_svc.copies.domain import chain_of
from services.scoring_svc.engine.domain import evaluate_group
from services.scoring_svc.ledger.domain import Finding, Scored, Standing, as_result
from services.scoring_svc.ledger.evaluation import Surroundings, prepare, result_as_read, score
from shared.contracts.identity import indicator_id
from shared.contracts.indicator import Binding, IndicatorPublished
from shared.contracts.periods import parse_period
from tests.scoring_svc.ledger.city import (
    COL1,
    DISTRICTS,
    RANKED,
    SET,
    City,
    card,
    fact,
    facts,
    per_error,
    points,
    published,
    unit_of,
)
from tests.scoring_svc.ledger.test_rulings import proof, ruling, told

JANUARY = "2015-01"


def result_of(code: str) -> Binding:
    return Binding(indicator=indicator_id(SET, code))


def total_of(code: str, *others: str, missing: Any = "refuse", exempt: Any = "not_scorable") -> IndicatorPublished:
    """A card that gives half of what other cards give together."""
    policies = {"missing": missing, "exempt": exempt}
    inputs = {
        f"from_{number}": {
            "label": {"zh": f"{other}得分", "en": f"score of {other}"}, "type": "points", "allowed": "any", **policies,
        }
        for number, other in enumerate(others)
    }  # fmt: skip
    halves = [(name, {"kind": "product", "of": [name, "0.5"]}) for name in inputs]
    rule = {"rule_language": 1, "inputs": inputs, "result": points("0", halves)}
    return card(code, rule, dict(zip(inputs, map(result_of, others), strict=True)))


LENIENT = card("COL-01", per_error("10", "-2", exempt="not_scorable"), COL1.bindings)
HALF = total_of("COL-05", "COL-01")
BOTH = total_of("COL-06", "COL-01", "COL-05")
CARDS = (LENIENT, HALF, BOTH)
TWO_ERRORS = facts(1, *(fact("M-ERR", unit, "2" if unit == "420102" else "0") for unit in DISTRICTS))


async def told_of(city: City, *cards: IndicatorPublished) -> City:
    await city.tell(published(SET, cards), *cards, TWO_ERRORS)
    return city


async def confirmed(city: City, *cards: IndicatorPublished, closed: bool = False) -> City:
    await told_of(city, *cards)
    await city.fence(1, 1)
    answer = await city.step("confirm", body={})
    assert answer.status_code == 200, answer.text
    if closed:
        assert (await city.step("close")).status_code == 200
    return city


def cell_of(one: IndicatorPublished, unit: str = "420102") -> str:
    return f"{one.indicator_id}/{unit_of(unit)}/{JANUARY}"


async def inputs(city: City, one: IndicatorPublished, unit: str = "420102") -> dict[str, Any]:
    found: dict[str, Any] = (await city.office.get(f"/v1/scores/{cell_of(one, unit)}")).json()["inputs"]
    return found


async def test_results_are_followed_for_the_units_that_changed_and_no_others(bare_city: City) -> None:
    city = await told_of(bare_city, *CARDS)
    found = await city.scores()
    assert [found[code, "420102"]["score"] for code in ("COL-01", "COL-05", "COL-06")] == ["6.00", "3.00", "4.50"]
    assert [found[code, "420103"]["score"] for code in ("COL-01", "COL-05", "COL-06")] == ["10.00", "5.00", "7.50"]
    await city.tell(facts(2, fact("M-ERR", "420102", "1", 2)))
    after = await city.scores()
    assert [after[code, "420102"]["score"] for code in ("COL-01", "COL-05", "COL-06")] == ["8.00", "4.00", "6.00"]
    assert {key for key in after if after[key] != found[key]} == {(one.code, "420102") for one in CARDS}
    assert (await proof(city, 0, cell=cell_of(HALF)))["proof"]["value"] == "4"


async def test_cards_and_facts_may_come_in_any_order(bare_city: City) -> None:
    found = []
    for order in permutations((LENIENT, HALF, BOTH, TWO_ERRORS)):
        owner = await asyncpg.connect(bare_city.service.dsns.owner)
        await owner.execute("TRUNCATE cells, card_versions, card_metrics, card_results, facts, fact_chunks")
        await owner.close()
        await bare_city.tell(published(SET, CARDS), *order, times=1)
        found.append({key: row["score"] for key, row in (await bare_city.scores()).items()})
    assert len(found[0]) == 9
    assert all(one == found[0] for one in found)


async def test_an_amendment_makes_one_version_of_each_cell_behind_it_and_old_proofs_stand(bare_city: City) -> None:
    city = await confirmed(bare_city, *CARDS)
    assert await inputs(city, BOTH) == {"from_0": "v1 6.00", "from_1": "v1 3.00"}
    before = await proof(city, cell=cell_of(BOTH))
    await city.tell(facts(2, fact("M-ERR", "420102", "1", 2), amendment="更正"))
    found = await city.scores()
    versions = {key: row["version"] for key, row in found.items()}
    assert versions == {(one.code, unit): 1 + (unit == "420102") for one in CARDS for unit in DISTRICTS}
    assert (found["COL-06", "420102"]["score"], await inputs(city, BOTH)) == (
        "6.00",
        {"from_0": "v2 8.00", "from_1": "v2 4.00"},
    )
    last = (await told(city, BOTH.indicator_id))[-1]
    assert (last.version, last.loss, last.reason, last.note) == (2, "4", "fact_amended", "更正")
    assert await proof(city, 1, cell=cell_of(BOTH)) == before
    assert (await proof(city, 2, cell=cell_of(BOTH)))["proof"]["value"] == "6"
    entries = (await city.office.get(f"/v1/scores/{cell_of(BOTH)}")).json()["entries"]
    assert sum(Fraction(entry["points"]) for entry in entries) == 6


@pytest.mark.parametrize("closed", [False, True], ids=["confirmed", "closed"])
async def test_a_ruling_reaches_what_reads_its_cell(bare_city: City, *, closed: bool) -> None:
    city = await confirmed(bare_city, *CARDS, closed=closed)
    await city.tell(ruling("score", "9"))
    found = await city.scores()
    assert [found[code, "420102"]["score"] for code in ("COL-01", "COL-05", "COL-06")] == ["9", "4.50", "6.75"]
    assert (await told(city, HALF.indicator_id))[-1].reason == "ruling"
    assert {found[code, "420103"]["version"] for code in ("COL-01", "COL-05", "COL-06")} == {1}


@pytest.mark.parametrize(
    ("state", "told_as", "policies", "found"),
    [
        ("exempt", "exempt", {}, ("exempt", "VALUE_EXEMPT", None)),
        ("exempt", "exempt", {"exempt": {"as_if": "10"}}, ("scored", None, "5.00")),
        ("exempt", "exempt", {"exempt": "refuse"}, ("refused", "VALUE_EXEMPT", None)),
        ("not_scorable", "not_scorable", {}, ("not_scorable", "SOURCE_NOT_SCORABLE", None)),
        ("missing", "refused", {}, ("refused", "VALUE_MISSING", None)),
        ("missing", "refused", {"missing": {"as_if": "0"}}, ("scored", None, "0.00")),
        ("missing", "refused", {"missing": "not_scorable"}, ("not_scorable", "VALUE_MISSING", None)),
    ],
)
async def test_the_state_of_a_result_is_the_state_of_the_input(
    bare_city: City, state: str, told_as: str, policies: dict[str, Any], found: tuple[Any, ...]
) -> None:
    half = total_of("COL-05", "COL-01", **policies)
    city = await told_of(bare_city, LENIENT, half)
    await city.tell(facts(2, fact("M-ERR", "420102", None, 2, state=state, reason="停机")))
    cells = await city.scores()
    assert cells["COL-01", "420102"]["state"] == told_as
    cell = cells["COL-05", "420102"]
    assert (cell["state"], cell["code"], cell["score"]) == found
    await city.fence(2, 2)
    held = {(one["indicator"], one["unit"]) for one in (await city.step("confirm", body={})).json().get("holdups", ())}
    refused = {("COL-01", "420102")} if told_as == "refused" else set()
    assert held == refused | ({("COL-05", "420102")} if found[0] == "refused" else set())


async def test_a_rank_over_results_follows_for_all_its_units(bare_city: City) -> None:
    rule = msgspec.json.decode(msgspec.json.encode(RANKED))
    rule["inputs"]["growth"] |= {"type": "points"}
    ranked = card("COL-07", rule, {"growth": result_of("COL-01")})
    city = await confirmed(bare_city, LENIENT, ranked)
    assert [(await city.scores())["COL-07", unit]["score"] for unit in DISTRICTS] == ["6.00", "10.00", "10.00"]
    await city.tell(facts(2, fact("M-ERR", "420103", "3", 2), amendment="更正"))
    found = await city.scores()
    assert [found["COL-07", unit]["score"] for unit in DISTRICTS] == ["8.00", "6.00", "10.00"]
    shown = await proof(city, person="L2", cell=cell_of(ranked))
    assert shown["proof"]["value"] == "8"
    assert str(unit_of("420103")) not in str(shown)


async def test_a_unit_that_the_read_card_no_longer_evaluates_has_no_result_any_more(bare_city: City) -> None:
    city = await told_of(bare_city, LENIENT, HALF)
    fewer = msgspec.structs.replace(LENIENT, version=2, evaluated_unit_ids=LENIENT.evaluated_unit_ids[1:])
    await city.tell(fewer)
    found = await city.scores()
    assert ("COL-01", "420102") not in found
    assert (found["COL-05", "420102"]["state"], found["COL-05", "420102"]["code"]) == ("refused", "VALUE_MISSING")
    assert found["COL-05", "420103"]["score"] == "5.00"


async def test_a_card_and_the_facts_behind_its_result_at_the_same_moment_both_count(bare_city: City) -> None:
    await bare_city.tell(published(SET, CARDS), LENIENT)
    more = [facts(n, fact("M-ERR", "420103", str(n), n)) for n in (2, 3, 4)]
    await asyncio.gather(
        *(bare_city.service.deliver(event, times=1) for event in (TWO_ERRORS, BOTH, *more, HALF)),
    )
    found = await bare_city.scores()
    assert [found[code, "420102"]["score"] for code in ("COL-01", "COL-05", "COL-06")] == ["6.00", "3.00", "4.50"]
    assert [found[code, "420103"]["score"] for code in ("COL-01", "COL-05", "COL-06")] == ["2.00", "1.00", "1.50"]


def test_depths_put_whoever_reads_after_what_is_read_and_end_in_a_circle() -> None:
    chain = chain_of([BOTH, HALF, LENIENT])
    levels = chain.levels([BOTH, LENIENT, HALF])
    assert [[one.code for one in level] for level in levels] == [["COL-01"], ["COL-05"], ["COL-06"]]
    assert chain.readers == {
        LENIENT.indicator_id: sorted([HALF.indicator_id, BOTH.indicator_id]),
        HALF.indicator_id: [BOTH.indicator_id],
    }
    assert chain_of([LENIENT]).levels([LENIENT]) == [[LENIENT]]
    around = chain_of([total_of("COL-05", "COL-06"), total_of("COL-06", "COL-05")])
    assert set(around.depths.values()) <= {1, 2}


def test_a_result_says_its_version_and_is_read_back_from_what_it_says() -> None:
    cell = Scored(unit_of("420102"), Finding("scored", Decimal(10), Decimal("8.50")))
    exempt = Scored(unit_of("420102"), Finding("exempt", Decimal(10)))
    known = Standing(cell, 3, confirmed=True, card_version=1)
    assert as_result(None) is None
    assert (as_result(known), as_result(known, cell), as_result(known, exempt)) == ("v3 8.50", "v3 8.50", "v4 exempt")
    assert as_result(None, cell) == "v1 8.50"
    read = [result_as_read(text) for text in ("v3 8.50", "v4 exempt", "v1 not_scorable", "v0 refused")]
    assert read == ["8.50", {"state": "exempt"}, {"state": "not_scorable"}, {"state": "missing"}]


def test_columns_read_results_as_the_reference_does() -> None:
    units = [UUID(int=number) for number in range(1, 9)]
    half = msgspec.structs.replace(total_of("COL-05", "COL-01"), evaluated_unit_ids=units)
    texts = ["v1 8.50", "v2 exempt", "v1 not_scorable", "v0 refused", "v1 0", "v9 10.00", "v1 -2.5"]
    results = {(indicator_id(SET, "COL-01"), unit): text for unit, text in zip(units, texts, strict=False)}
    group = prepare(half, parse_period(JANUARY), {}, Surroundings(None), None, results)
    outcomes = evaluate_group(group.rule, group.facts, None)
    found = {str(cell.unit_id): (cell.score, cell.finding.code) for cell in score(group)}
    assert found == {
        unit: (None if one.value is None else Decimal(one.value), one.code) for unit, one in outcomes.items()
    }
    assert found[str(units[-1])] == (None, "VALUE_MISSING"), "no cell at all"
