"""Generated facts: the same for ever, inside what is allowed, complete, and as the story needs them."""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from deploy.local.wuhan2015.generate_facts import FactRow, default_pack, due_date, facts
from deploy.local.wuhan2015.loader import load_pack
from shared.contracts.periods import parse_period

PACK = default_pack()
LATER = ["2015-07", "2015-08", "2015-09", "2015-Q3", "2015-10", "2015-11", "2015-12", "2015-Q4", "2015-H2"]
LAST_YEAR = ["2014-01", "2014-02", "2014-12", "2014-Q1", "2014-Q4", "2014-H1", "2014-H2"]
PERIODS: list[str] = [*PACK.story["periods"], *LATER, *LAST_YEAR]
# The story's periods. Moves only with a deliberate edit of the recipes, the metrics, the calendar or the planned cells;
# whatever else the pack gains leaves these rows as they are.
DIGESTS = {
    "2015-01": "5388e745d15827e2432fb306d80bcb53f845ac15cb205105ed3c3c01b696ee5a",
    "2015-02": "0af1736c78bc8f9dab428d1e1c9413beca34c63b5bf8273acaeae19723f67d8e",
    "2015-03": "c0c3bc8221a0373a0aa78a26e0a9655b591adf57a18eed90a7af16747c6ac221",
    "2015-04": "f902418b9b356424f8bd6acc4d133eb7e2a12f45c4a95a3518637cdaf2290362",
    "2015-05": "1fc42ef96033063a170e89d1a1a8341936a7aa9a6fd2d2b286c9a72785f41e4d",
    "2015-06": "156814ac917f992cab2019373790245bb253a86be83da60e37600a7ccced2011",
    "2015-Q1": "017c31382dc1c2131780635d8042fd7baccf8c8961296b74e881c4ae18ed674b",
    "2015-Q2": "3c618ec0018bb03def0c8f55e03756f2b0e53e5c0f70cd0432068fc55b1a70d5",
    "2015-H1": "402e93a6d49224b296f09a807c234b04ae3ed96040bb81862073457c6c64c4b5",
}


def digest(rows: tuple[FactRow, ...]) -> str:
    lines = [
        json.dumps([row.wire(), row.provenance, row.submitted_by, row.received_at.isoformat()], sort_keys=True)
        for row in rows
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_the_seed_decides_everything() -> None:
    assert digest(facts("2015-02")) == digest(facts("2015-02", load_pack()))
    assert {period: digest(facts(period)) for period in DIGESTS} == DIGESTS
    assert sorted(DIGESTS) == sorted(PACK.story["periods"])


def test_another_seed_gives_other_facts() -> None:
    other = replace(PACK, generation={**PACK.generation, "seed": "another"})
    assert digest(facts("2015-02", other)) != DIGESTS["2015-02"]


def test_an_edited_recipe_leaves_all_other_cells_alone() -> None:
    code = "M-SVC-MATTERS-OVERDUE"
    recipes = {**PACK.generation["metrics"], code: {**PACK.generation["metrics"][code], "poor_permille": 1000}}
    other = replace(PACK, generation={**PACK.generation, "metrics": recipes})
    changed = {
        before.metric
        for before, after in zip(facts("2015-03"), facts("2015-03", other), strict=True)
        if before != after
    }
    assert changed == {code}


@pytest.mark.parametrize("period", PERIODS)
def test_each_metric_of_the_kind_has_one_fact_per_district(period: str) -> None:
    rows = facts(period)
    keys = [(row.metric, row.unit) for row in rows]
    kind = parse_period(period).kind
    assert sorted(keys) == sorted(
        (code, unit.code)
        for code, metric in PACK.metrics.items()
        if metric.period_kind == kind and metric.supplied_by != "inspection"
        for unit in PACK.districts
    )
    assert all(row.received_at.date() > parse_period(period).last for row in rows)


def within(value: str, allowed: Any) -> bool:
    if isinstance(allowed, list):
        return value in [item if isinstance(item, str) else item["id"] for item in allowed]
    if allowed == "any":
        return Decimal(value).is_finite()
    number = Decimal(value)
    low, high = Decimal(allowed.get("at_least", "-Infinity")), Decimal(allowed.get("at_most", "Infinity"))
    return low <= number <= high and "above" not in allowed and "below" not in allowed


def fault(value: Any, kind: str, allowed: Any) -> str:
    """Empty, or why the value is not one of this type."""
    if kind == "records":
        faults = [
            fault(record.get(name), field["type"], field.get("allowed"))
            for record in value
            for name, field in allowed.items()
        ]
        return next((one for one in faults if one), "")
    if not isinstance(value, str) or not value:
        return f"{value!r} is no text"
    if kind == "date":
        return "" if date.fromisoformat(value).isoformat() == value else f"{value} is no date"
    if kind == "key":
        return ""
    if kind in ("count", "place") and not value.isdecimal():
        return f"{value} is not whole"
    return "" if within(value, allowed) else f"{value} is not allowed"


@pytest.mark.parametrize("period", PERIODS)
def test_values_lie_within_what_the_metric_allows(period: str) -> None:
    faults = [
        (row.metric, row.unit, problem)
        for row in facts(period)
        if row.state is None
        and (problem := fault(row.value, PACK.metrics[row.metric].type, PACK.metrics[row.metric].allowed))
    ]
    assert faults == []


def test_states_come_only_where_the_rule_has_a_policy() -> None:
    states = {(row.metric, row.state, row.reason) for period in PERIODS for row in facts(period) if row.state}
    # The adjusted task is asked for by a state condition, which needs no policy.
    answered = {"M-REV-ADJUSTED-TASK"} | {
        binding["metric"]
        for card in PACK.indicators
        for name, binding in card.bindings.items()
        if "metric" in binding
        and any(card.rule["inputs"][name][policy] != "refuse" for policy in ("missing", "exempt"))
    }
    assert {metric for metric, _, _ in states} <= answered
    assert {state for _, state, _ in states} == {"missing", "exempt"}
    assert all(reason for _, _, reason in states)


def test_who_submits() -> None:
    clients = {code: system.client_id for system in PACK.source_systems for code in system.metrics}
    for row in facts("2015-04"):
        if row.provenance == "feed":
            assert row.submitted_by == clients[row.metric]
        else:
            assert row.provenance == "self_typed"
            assert PACK.person_by_code[row.submitted_by].unit_code == row.unit


def test_the_planned_cells_are_there() -> None:
    drawn = {(row.metric, row.unit, row.period): row.value for period in PERIODS for row in facts(period)}
    for cell in PACK.story["planned_facts"]:
        assert drawn[cell["metric"], cell["unit"], cell["period"]] == cell["value"]
    red = PACK.story["red_deduction"]
    assert drawn[red["metric"], red["unit"], red["period"]] == red["value"]
    assert drawn[red["metric"], red["unit"], red["cured_period"]] == red["cured_value"]
    for cell in PACK.story["amendments"]:
        assert drawn[cell["metric"], cell["unit"], cell["period"]] == cell["value"] != cell["amended_value"]


def test_the_late_rows_are_late_and_most_are_not() -> None:
    arrived = {(row.metric, row.unit): row for row in facts("2015-01")}
    arrived |= {(row.metric + "/02", row.unit): row for row in facts("2015-02")}
    for cell in PACK.story["late"]:
        suffix = "" if cell["period"] == "2015-01" else "/02"
        row = arrived[cell["metric"] + suffix, cell["unit"]]
        assert row.received_at == datetime.fromisoformat(cell["received_at"])
        assert row.received_at.date() > due_date(PACK, cell["metric"], cell["period"])
    late = [row for row in arrived.values() if row.received_at.date() > due_date(PACK, row.metric, row.period)]
    assert 10 < len(late) < len(arrived) // 20


def test_refused_rows_name_their_code_and_no_two_are_the_same_fact() -> None:
    for part in PACK.story["refused"]:
        assert part["code"].islower()
        assert part["by"] in {system.client_id for system in PACK.source_systems}
    assert len({part["code"] for part in PACK.story["refused"]}) >= 5
    # Within a batch the same key twice would be refused as a duplicate, whatever else is wrong with it.
    keys = [
        (part["by"], *(part["row"][name] for name in ("metric", "unit", "period"))) for part in PACK.story["refused"]
    ]
    assert len(set(keys)) == len(keys)


def test_no_period_no_facts() -> None:
    with pytest.raises(ValueError, match="2015-13"):
        facts("2015-13")
