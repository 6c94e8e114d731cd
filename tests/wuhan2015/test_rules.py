"""The pack's rules in the engine: publishable, readable, and able to score every period's facts."""

import json
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from deploy.local.wuhan2015.generate_facts import FactRow, default_pack, facts
from deploy.local.wuhan2015.loader import Indicator, Unit
from services.scoring_svc.engine import domain as engine
from services.scoring_svc.engine.domain import (
    FactsJson,
    Outcome,
    WorkingCalendar,
    attainable,
    check_rule,
    evaluate_group,
    parse_rule,
    sentence,
)
from shared.contracts.periods import parse_period
from tests.wuhan2015.test_facts import PERIODS

PACK = default_pack()
CALENDAR = WorkingCalendar(
    version="cn-2015",
    closed=frozenset(PACK.calendar.closed),
    open=frozenset(PACK.calendar.working),
    first=date(2014, 1, 1),
    last=date(2016, 1, 31),
)
# A vote mean divides sums of the same ballots; bounded apart, they show no highest value.
UNBOUNDED = {"vote_mean", "awards_highest_of_matter"}

Arrived = Mapping[tuple[str, str], FactRow]


def arrived(period: str) -> dict[tuple[str, str], FactRow]:
    return {(row.metric, row.unit): row for row in facts(period)}


def inputs(card: Indicator, unit: Unit, period: str, rows: Arrived) -> FactsJson:
    end = parse_period(period).last
    days = {"period_end": end, "due": PACK.calendar.working_day_after(end, card.due_working_days)}
    found: dict[str, object] = {}
    for name, binding in card.bindings.items():
        if "calendar" in binding:
            found[name] = days[binding["calendar"]].isoformat()
        elif "unit_group" in binding:
            found[name] = unit.groups[binding["unit_group"]]
        elif (row := rows.get((binding["metric"], unit.code))) is not None:
            found[name] = row.value if row.state is None else {"state": row.state, "reason": row.reason}
    return found


def scored(card: Indicator, period: str, rows: Arrived) -> Mapping[str, Outcome]:
    units = {unit.code: inputs(card, unit, period, rows) for unit in PACK.districts}
    return evaluate_group(parse_rule(card.rule), units, CALENDAR)


def cards_of(period: str) -> list[Indicator]:
    return [card for card in PACK.indicators if card.period_kind == parse_period(period).kind]


def card(code: str) -> Indicator:
    return next(one for one in PACK.indicators if one.code == code)


@pytest.mark.parametrize("one", PACK.indicators, ids=lambda one: one.code)
def test_each_rule_may_be_published_and_reads_as_a_sentence(one: Indicator) -> None:
    assert check_rule(one.rule) == []
    for language in ("zh", "en"):
        assert len(sentence(parse_rule(one.rule), language)) > 10


def test_rules_fit_the_published_schema() -> None:
    schema = Path(engine.__file__).with_name("rule_language_1.schema.json").read_text(encoding="utf-8")
    validator = Draft202012Validator(json.loads(schema))
    assert [one.code for one in PACK.indicators if not validator.is_valid(one.rule)] == []
    broken = {**PACK.indicators[0].rule, "rule_language": "1"}
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("one", PACK.indicators, ids=lambda one: one.code)
def test_full_marks_can_be_reached(one: Indicator) -> None:
    low, high = attainable(parse_rule(one.rule))
    assert low is not None
    assert low >= 0
    if one.method not in UNBOUNDED:
        assert high is not None
        assert high >= Fraction(one.points)


@pytest.mark.parametrize("period", PERIODS)
def test_every_cell_of_a_period_is_scored(period: str) -> None:
    rows = arrived(period)
    cells = {
        (one.code, unit): outcome for one in cards_of(period) for unit, outcome in scored(one, period, rows).items()
    }
    assert len(cells) == 17 * len(cards_of(period))
    assert [(key, outcome.code) for key, outcome in cells.items() if outcome.value is None] == []
    points = {one.code: Fraction(one.points) for one in cards_of(period)}
    losing = [key for key, outcome in cells.items() if Fraction(outcome.value or "0") < points[key[0]]]
    if parse_period(period).kind != "half_year":
        assert Fraction(9, 100) < Fraction(len(losing), len(cells)) < Fraction(17, 100)


def test_each_method_but_the_bonuses_loses_points_somewhere() -> None:
    methods = {one.method for one in PACK.indicators if one.type == "regular"}
    for period in PACK.story["periods"]:
        rows = arrived(period)
        for one in cards_of(period):
            if one.method in methods and any(
                Fraction(outcome.value or "0") < Fraction(one.points) for outcome in scored(one, period, rows).values()
            ):
                methods.discard(one.method)
    assert methods == set()


def test_the_red_deduction_is_red_and_cured_in_the_next_month() -> None:
    red = PACK.story["red_deduction"]
    one = card(red["indicator"])
    before, after = (
        scored(one, period, arrived(period))[red["unit"]].value for period in (red["period"], red["cured_period"])
    )
    assert (before, after) == ("0.36", "9.00")
    loss = Fraction(one.points) - Fraction(before or "")
    threshold = next(
        condition["share_at_least"] for condition in PACK.policy.tiers[0].any_of if "share_at_least" in condition
    )
    assert loss / Fraction(one.points) >= Fraction(threshold)


def test_amended_facts_shrink_one_loss_and_lift_the_other() -> None:
    for cell in PACK.story["amendments"]:
        one, period = card(cell["indicator"]), cell["period"]
        rows = arrived(period)
        key = (cell["metric"], cell["unit"])
        first = Fraction(scored(one, period, rows)[cell["unit"]].value or "")
        units = {unit.code: inputs(one, unit, period, rows) for unit in PACK.districts}
        name = next(name for name, binding in one.bindings.items() if binding.get("metric") == key[0])
        units[cell["unit"]] = {**units[cell["unit"]], name: cell["amended_value"]}
        outcome = evaluate_group(parse_rule(one.rule), units, CALENDAR)[cell["unit"]]
        amended = Fraction(outcome.value or "")
        assert first < amended <= Fraction(one.points)
        assert (amended == Fraction(one.points)) == (cell["loss"] == "lifted")


@pytest.mark.parametrize(("count", "points"), [(None, "2.00"), ("1", "1.00"), ("2", "0.00"), ("5", "0.00")])
def test_findings_of_conduct(count: str | None, points: str) -> None:
    rule = parse_rule(card("CON-04").rule)
    units: dict[str, FactsJson] = {"420105": {} if count is None else {"findings": count}}
    assert evaluate_group(rule, units, CALENDAR)["420105"].value == points


def test_a_missing_fact_without_a_policy_holds_the_cell_back() -> None:
    cell = PACK.story["missing"][0]
    one = next(one for one in PACK.indicators if cell["metric"] in one.metrics)
    rows = arrived(cell["period"])
    del rows[cell["metric"], cell["unit"]]
    outcomes = scored(one, cell["period"], rows)
    assert outcomes[cell["unit"]].code == "VALUE_MISSING"
    assert [unit for unit, outcome in outcomes.items() if outcome.value is None] == [cell["unit"]]
