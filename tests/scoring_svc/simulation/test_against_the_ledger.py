"""A simulation says what the ledger would say: rule by rule on the pack, and against a rule that was published."""

from datetime import date
from fractions import Fraction
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from deploy.local.wuhan2015.generate_facts import facts as drawn
from services.scoring_svc.engine.domain import evaluate_group, parse_rule
from services.scoring_svc.simulation import evaluating
from services.scoring_svc.simulation.evaluating import SCORED, Block, evaluate_all
from shared.contracts.indicator import IndicatorPublished
from shared.contracts.submission import Fact
from tests.scoring_svc.ledger import city as small
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import (
    CALENDAR,
    CARDS,
    COL1,
    DISTRICTS,
    RANKED,
    SET,
    City,
    fact,
    facts,
    full_month,
    per_error,
    published,
    unit_of,
)
from tests.scoring_svc.ledger.test_bindings import result_of, total_of
from tests.scoring_svc.ledger.test_rulings import ruling
from tests.scoring_svc.simulation.build import constants, found, january, simulate

PACK, MONTH = "WH2015-DISTRICT", "2015-01"


def reworded(card: IndicatorPublished) -> dict[str, Any]:
    """The card's rule under another hash: one label says something else."""
    rule: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(card.rule))
    next(iter(rule["inputs"].values()))["label"]["zh"] += "（改）"
    return {"kind": "rule", "indicator": card.code, "rule": rule}


async def test_every_rule_of_the_pack_gives_what_was_confirmed(bare_city: City) -> None:
    city, cards, chunks = bare_city, wuhan.cards(PACK), list(wuhan.chunks(MONTH, drawn(MONTH)))
    await city.tell(*wuhan.units(), *wuhan.calendars(), wuhan.indicator_set(PACK, cards), *cards, *chunks, times=1)
    await city.service.seed_person("PO1", "420100", "performance_office", scope="all")
    await city.fence(last_chunk=len(chunks), chunks=len(chunks), period=MONTH, code=PACK)
    assert (await city.step("confirm", MONTH, PACK, {})).status_code == 200
    changes = [reworded(card) for card in cards if card.period_kind == "month"]
    city.service.app.state.settings.simulation_cells_at_once = 10_000
    try:
        # The last change is there so that something does change: the control of all comparisons.
        shifted = [*changes[1:], constants("0.5", changes[0]["indicator"], "/result/base")]
        made = await simulate(city, changes, shifted, code=PACK, period=MONTH)
    finally:
        city.service.app.state.settings.simulation_cells_at_once = 3_000
    same, other = await found(city, made, 1), await found(city, made, 2)
    assert {one["cells"]["changed"] for one in same["indicators"]} == {0}
    assert sum(one["cells"]["scored"] for one in same["indicators"]) > 1_500
    assert (same["units"], same["cells"], same["kendall"], same["spearman"]) == ([], [], "1.0000", "1.0000")
    changed = {one["indicator"] for one in other["indicators"] if one["cells"]["changed"]}
    assert changed == {changes[0]["indicator"]}
    ranking = (await city.office.get("/v1/rankings/provisional", params={"set": PACK, "period": MONTH})).json()
    real = {row["unit"]: (row["place"], Fraction(row["total"])) for row in ranking["units"]}
    assert len(other["units"]) == len(real) == len(wuhan.DISTRICTS)
    assert {row["unit"]: (row["real_place"], Fraction(row["real_total"])) for row in other["units"]} == real


async def test_a_rule_that_was_published_scores_as_it_was_simulated(city: City) -> None:
    await january(city)
    rule, since = per_error("10", "-1"), date(2015, 2, 1)
    milder = msgspec.structs.replace(COL1, version=2, rule=rule, effective_from=since)
    await city.tell(published(SET, (milder, *CARDS[1:]), version=2), milder)
    await full_month(city, "2015-02", chunk=2)
    city.submission.last_chunk, city.submission.chunks = 2, 1
    assert (await city.step("fence", "2015-02")).status_code == 200
    simulated = await found(city, await simulate(city, [constants("-1")]))
    confirmed = await city.step("confirm", "2015-02", body={"exclusions": []})
    assert confirmed.status_code == 200, confirmed.text
    ranking = (await city.office.get("/v1/rankings/provisional", params={"set": SET, "period": "2015-02"})).json()
    real = {row["unit"]: Fraction(row["total"]) for row in ranking["units"]}
    assert {row["unit"]: Fraction(row["simulated_total"]) for row in simulated["units"]}["420102"] == real["420102"]
    # Over both months the mean of 6 and 8 counts; a change reaches the cards of both.
    both = await found(city, await simulate(city, [constants("-3")], period="2015-02-YTD"))
    row = next(row for row in both["units"] if row["unit"] == "420102")
    assert (Fraction(row["real_total"]), Fraction(row["simulated_total"])) == (18, 15)


async def test_what_was_ruled_is_simulated_as_it_was_ruled(city: City) -> None:
    await january(city)
    await city.tell(ruling("value", "1"), ruling("score", "7.25", unit="420103", appeal=uuid4()))
    changes = [reworded(CARDS[0]), reworded(CARDS[1])]
    made = await simulate(city, changes, [constants("-3")])
    same, other = await found(city, made, 1), await found(city, made, 2)
    assert {one["cells"]["changed"] for one in same["indicators"]} == {0}
    assert same["units"] == []
    # One error as ruled, not the two that were recorded; the fixed score follows no rule.
    assert {cell["unit"]: cell["simulated_score"] for cell in other["cells"]} == {"420102": "7.0000"}


def _ranked_by(code: str, other: str) -> IndicatorPublished:
    """A card that gives points by the place of another card's result."""
    rule: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(RANKED))
    rule["inputs"]["growth"] |= {"type": "points", "label": {"zh": "得分", "en": "score"}}
    return small.card(code, rule, {"growth": result_of(other)})


HALF, BOTH, PLACE = total_of("COL-05", "COL-01"), total_of("COL-06", "COL-01", "COL-05"), _ranked_by("COL-07", "COL-05")
CHAIN = (COL1, HALF, BOTH, PLACE)


def _errors() -> list[Fact]:
    return [fact("M-ERR", unit, errors) for unit, errors in zip(DISTRICTS, ("6", "5", "0"), strict=True)]


async def _chain(city: City) -> None:
    """January: at two points an error the first two districts tie at nought."""
    await city.tell(published(SET, CHAIN), *CHAIN, CALENDAR, facts(1, *_errors()))
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200


def _scores(found: dict[str, Any], real: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], Fraction]:
    """Every cell under a variant: as simulated where it is listed, as it is where it did not change."""
    now = {(cell["indicator"], cell["unit"]): Fraction(cell["simulated_score"]) for cell in found["cells"]}
    return {cell: now.get(cell, Fraction(row["score"])) for cell, row in real.items()}


async def test_cards_that_read_a_changed_result_follow_it_as_a_published_set_does(bare_city: City) -> None:
    city = bare_city
    await _chain(city)
    milder = msgspec.structs.replace(COL1, version=2, rule=per_error("10", "-1"), effective_from=date(2015, 2, 1))
    await city.tell(published(SET, (milder, *CHAIN[1:]), version=2), milder, facts(2, *_errors(), period="2015-02"))
    city.submission.last_chunk, city.submission.chunks = 2, 1
    assert (await city.step("fence", "2015-02")).status_code == 200
    assert (await city.step("confirm", "2015-02", body={})).status_code == 200
    january, february = await city.scores(), await city.scores("2015-02")
    changed = {cell[0] for cell in january if january[cell]["score"] != february[cell]["score"]}
    assert changed == {one.code for one in CHAIN}
    made = await simulate(city, [constants("-1")], [reworded(COL1)], [constants("-1"), reworded(PLACE)])
    for number in (1, 3):
        simulated = await found(city, made, number)
        assert _scores(simulated, january) == {cell: Fraction(row["score"]) for cell, row in february.items()}
        assert {one["indicator"]: one["kind"] for one in simulated["indicators"]} == {
            "COL-01": "constants", "COL-05": "follows", "COL-06": "follows",
            "COL-07": "follows" if number == 1 else "rule",
        }  # fmt: skip
        ranking = (await city.office.get("/v1/rankings/provisional", params={"set": SET, "period": "2015-02"})).json()
        real = {row["unit"]: (row["place"], Fraction(row["total"])) for row in ranking["units"]}
        moved = {
            row["unit"]: (row["simulated_place"], Fraction(row["simulated_total"])) for row in simulated["units"]
        }  # fmt: skip
        assert moved == {unit: real[unit] for unit in ("420102", "420103")}
    same = await found(city, made, 2)
    assert ({one["cells"]["changed"] for one in same["indicators"]}, same["units"]) == ({0}, [])


async def test_readers_follow_what_goes_what_is_weighed_anew_and_what_was_decided(bare_city: City) -> None:
    city = bare_city
    await _chain(city)
    await city.tell(ruling("score", "2", unit="420103"))
    january = await city.scores()
    assert january["COL-05", "420103"]["score"] == "1.00"
    made = await simulate(
        city,
        [{"kind": "remove", "indicator": "COL-01"}],
        [{"kind": "full_marks", "indicator": "COL-01", "points": "3"}],
        [{"kind": "full_marks", "indicator": "COL-05", "points": "5"}, constants("-1")],
        [constants("-3"), constants("0.1", "COL-05", "/result/clauses/0/points/of/1")],
    )
    gone, weighed, both, two = [await found(city, made, number) for number in (1, 2, 3, 4)]
    # COL-05 refuses without the result; COL-07 takes its refusal for a result that is missing.
    states = {one["indicator"]: (one["cells"]["refused"], one["cells"]["not_scorable"]) for one in gone["indicators"]}
    assert states == {"COL-01": (0, 0), "COL-05": (3, 0), "COL-06": (3, 0), "COL-07": (0, 3)}
    # 0, 2 (as it was ruled) and 10 of 10 are 0, 0.6 and 3 of 3; half of that is read.
    assert _told(weighed, january, "COL-05") == [0, Fraction("0.3"), Fraction("1.5")]
    # 4, 2 and 10 under the milder rule; half of it, and that counts half.
    assert _told(both, january, "COL-05") == [1, Fraction("0.5"), Fraction("2.5")]
    assert _told(both, january, "COL-06") == [Fraction("2.5"), Fraction("1.25"), Fraction("6.25")]
    # 0, 2 and 10 under the harsher rule; a tenth of it.
    assert _told(two, january, "COL-05") == [0, Fraction("0.2"), 1]
    assert _told(two, january, "COL-06") == [0, Fraction("1.1"), Fraction("5.5")]


def _told(found: dict[str, Any], real: dict[tuple[str, str], dict[str, Any]], code: str) -> list[Fraction]:
    return [_scores(found, real)[code, unit] for unit in DISTRICTS]


async def test_a_department_follows_its_own_indicators_and_leaves_the_others(bare_city: City) -> None:
    law = msgspec.structs.replace(BOTH, evaluating_unit_id=unit_of("D-LAW"))
    cards = (COL1, HALF, law)
    await bare_city.tell(published(SET, cards), *cards, CALENDAR, facts(1, *_errors()))
    await bare_city.fence(1, 1)
    assert (await bare_city.step("confirm", body={})).status_code == 200
    made = await simulate(bare_city, [constants("-1")], who="E1")
    told = await found(bare_city, made, who="E1")
    assert {one["indicator"] for one in told["indicators"]} == {"COL-01", "COL-05"}


def test_columns_and_reference_give_the_same_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [card for card in wuhan.cards(PACK) if card.period_kind == "month"][:40]
    rows = {(row.metric, row.unit): row for row in drawn(MONTH)}
    metrics = {card.code: one.bindings for card, one in zip(cards, _indicators(cards), strict=True)}
    compared = 0
    for card in cards:
        if any("metric" not in bound for bound in metrics[card.code].values()):
            continue
        facts_of_units = [
            {name: row.value if row.state is None else {"state": row.state} for name, row in named.items()}
            for named in (
                {name: rows[bound["metric"], unit.code] for name, bound in metrics[card.code].items()
                 if (bound["metric"], unit.code) in rows}
                for unit in wuhan.DISTRICTS
            )
        ]  # fmt: skip
        rule, block = parse_rule(card.rule), Block(facts_of_units, [0] * len(facts_of_units), None)
        marks = evaluate_all(rule, card.rule, [block])
        outcomes = evaluate_group(rule, {str(row): told for row, told in enumerate(facts_of_units)}, None)
        expected = [None if one.value is None else Fraction(one.value) for one in outcomes.values()]
        given = [
            Fraction(int(value), marks.below) if state == SCORED else None
            for value, state in zip(marks.values, marks.states, strict=True)
        ]
        assert given == expected, card.code
        with monkeypatch.context() as patched:
            patched.setattr(evaluating, "plan_of", lambda *_: evaluating.ByReference("TOO_WIDE", ""))
            slow = evaluate_all(rule, card.rule, [block])
        assert [Fraction(int(value), slow.below) for value in slow.values] == [
            Fraction(int(value), marks.below) for value in marks.values
        ]
        assert slow.states.tolist() == marks.states.tolist()
        compared += len(given)
    assert compared > 300


def _indicators(cards: list[IndicatorPublished]) -> list[Any]:
    by_code = {one.code: one for one in wuhan.PACK.indicators if one.set_code == PACK}
    return [by_code[card.code] for card in cards]


def test_numbers_beyond_64_bits_stay_exact() -> None:
    rule = per_error("10", "-2")
    rule["result"]["base"] = "90000000000000000.01"
    rule["result"]["floor"] = "none"
    block = Block([{"errors": "3"}, {"errors": "0"}], [0, 0], None)
    marks = evaluate_all(parse_rule(rule), rule, [block])
    assert [Fraction(int(value), marks.below) for value in marks.values] == [
        Fraction("89999999999999994.01"), Fraction("90000000000000000.01"),
    ]  # fmt: skip
    wide = evaluating.times(marks.values, 10**6)
    assert [int(value) for value in wide] == [int(value) * 10**6 for value in marks.values]


async def test_a_closed_period_may_be_simulated(city: City) -> None:
    await january(city)
    assert (await city.step("close")).status_code == 200
    assert (await found(city, await simulate(city, [constants("-1")])))["changed"] == 2
