"""What runs in columns is decided at publication; bounds hold; what lies beyond them goes to the reference."""

import random
from dataclasses import replace
from typing import Any

import pytest

from services.scoring_svc.engine.columns.algebra import Column
from services.scoring_svc.engine.columns.plan import ByReference, ColumnPlan, columns_of
from services.scoring_svc.engine.columns.plan import plan_of as planned
from services.scoring_svc.engine.domain import Rule, Table, attainable, parse_rule
from services.scoring_svc.engine.nodes import Value
from services.scoring_svc.engine.primitives.stepping import Step
from tests.scoring_svc.engine.builders import (
    Json,
    category,
    dated,
    each,
    figure,
    label,
    peers,
    points,
    quantity,
    ranked,
    records,
    rule,
    step,
)
from tests.scoring_svc.engine.columns.drawing import (
    Drawer,
    Facts,
    case_rules,
    compared,
    departments,
    outside,
    pack_rules,
    plan_of,
    reference,
)

NUMBER = quantity(unit=label(""))
STEP = rule({"x": NUMBER}, points(step("x", per="0.5")))
RANKED = rule({"x": NUMBER}, points(ranked()))


def every_rule() -> dict[str, Rule]:
    return case_rules() | {code: one for name in departments() for code, one in pack_rules(name).items()}


def test_what_runs_in_columns() -> None:
    plans_ = {name: columns_of(one) for name, one in every_rule().items()}
    assert {name: plan for name, plan in plans_.items() if isinstance(plan, ByReference)} == {}
    assert sum(len(pack_rules(name)) for name in departments()) == 148


GEOMETRIC: Json = {
    "kind": "weighted_mean",
    "method": "geometric",
    "out_of": "2",
    "parts": [{"weight": "1", "value": "x"}, {"weight": "1", "value": "y"}],
    "missing": "renormalise",
    "rounding": {"mode": "half_up", "places": 2},
}
ROLLING: Json = {"by": {"rolling_days": 3, "of": "d"}, "combine": "sum"}
POSITIVE = quantity(unit=label(""), allowed={"at_least": "0"})
MEANS: Json = {"by": "k", "combine": "mean"}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (rule({"x": NUMBER}, figure({"kind": "product", "of": ["x"] * 9}, unit="")), "TOO_WIDE"),
        (rule({"x": POSITIVE, "y": POSITIVE}, figure(GEOMETRIC, unit="")), "NO_COLUMN_FORM"),
        (rule({"x": NUMBER, "d": dated()}, figure(peers("x", group=ROLLING), unit="")), "NO_COLUMN_FORM"),
        (
            rule({"x": NUMBER, "k": dated("key")}, figure(peers("x", group=MEANS, combine="sum"), unit="")),
            "MOVING_DENOMINATOR",
        ),
    ],
)
def test_what_does_not(document: Json, code: str) -> None:
    parsed = parse_rule(document)
    plan = columns_of(parsed)
    assert isinstance(plan, ByReference)
    assert plan.code == code
    assert plan.at.startswith("/result/value")


def test_a_primitive_without_column_form_is_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "column", Value.column)
    assert columns_of(parse_rule(STEP)) == ByReference("NO_COLUMN_FORM", "/result/clauses/0/points")


BEYOND = ["0.0000001", "1" + "0" * 20, "-" + "9" * 18, "1000000000001"]


@pytest.mark.parametrize("text", BEYOND)
def test_a_fact_beyond_the_scale_sends_its_row_to_the_reference(text: str) -> None:
    parsed = parse_rule(STEP)
    rows: list[Facts] = [{"x": "1.2"}, {"x": text}, {"x": "3"}]
    found = plan_of(parsed).evaluate(Table.of_rows(rows))
    assert list(found.by_reference) == [1]
    assert found.rows() == reference(parsed, [[row] for row in rows])


@pytest.mark.parametrize("text", BEYOND)
def test_among_peers_it_sends_its_whole_group(text: str) -> None:
    parsed = parse_rule(RANKED)
    groups: list[list[Facts]] = [[{"x": "1"}, {"x": "2"}], [{"x": "1"}, {"x": text}], [{"x": "5"}]]
    found = plan_of(parsed).evaluate(Table.of_rows([row for group in groups for row in group]), [0, 0, 1, 1, 2])
    assert list(found.by_reference) == [2, 3]
    assert found.rows() == reference(parsed, groups)


def test_the_largest_numbers_of_the_scale_stay_in_columns() -> None:
    parsed = parse_rule(STEP)
    plan = plan_of(parsed)
    rows: list[Facts] = [{"x": f"{sign}{plan.room.most}"} for sign in ("", "-")]
    found = plan.evaluate(Table.of_rows(rows))
    assert not found.by_reference
    assert found.rows() == reference(parsed, [[row] for row in rows])


def test_a_group_or_a_list_too_long_goes_to_the_reference() -> None:
    plan = plan_of(parse_rule(RANKED))
    rows: list[Facts] = [{"x": str(number)} for number in range(5)]
    found = replace(plan, room=replace(plan.room, units=2)).evaluate(Table.of_rows(rows), [0, 0, 1, 1, 1])
    assert list(found.by_reference) == [2, 3, 4]
    listed = parse_rule(rule({"list": records(v=quantity("points"))}, points(each("v"))))
    many = plan_of(listed).evaluate(Table.of_rows([{"list": [{"v": "1"}] * 400}, {"list": [{"v": "1"}] * 401}]))
    assert list(many.by_reference) == [1]
    assert [row.value for row in many.rows()] == ["400.00", "401.00"]


def test_a_large_group_gets_fewer_digits_not_the_reference() -> None:
    narrow = {
        name: (one, plan, wide)
        for name, one in every_rule().items()
        if isinstance(plan := planned(one, 30), ColumnPlan)
        and isinstance(wide := planned(one, 23_600), ColumnPlan)
        and plan.room.units < wide.room.units
    }
    assert "SVC-01" in narrow
    for name, (one, roomy, wide) in narrow.items():
        assert (wide.room.units, wide.room.places * wide.room.most < roomy.room.places * roomy.room.most) == (
            32_768,
            True,
        )
        groups = Drawer(one, random.Random(name)).groups(20)  # noqa: S311 - the same in every run
        assert not compared(name, wide, groups, reference(one, groups)).differences
    units: list[Facts] = [{"mean_waiting_time": f"{number % 97}.25"} for number in range(5_000)]
    wide = planned(narrow["SVC-01"][0], 5_000)
    assert isinstance(wide, ColumnPlan)
    assert not wide.evaluate(Table.of_rows(units)).by_reference


def test_of_a_few_rules_large_groups_are_the_references() -> None:
    """Which those are is known: whoever has thousands of units under one of them waits."""
    assert {
        name
        for name, one in every_rule().items()
        if one.reads_peers and isinstance(plan := planned(one, 23_600), ColumnPlan) and plan.room.units < 23_600
    } == {"C111"}


@pytest.mark.parametrize("name", sorted(every_rule())[::2])
def test_no_intermediate_leaves_its_bounds(name: str) -> None:
    one = every_rule()[name]
    plan = plan_of(one)
    drawer = Drawer(one, random.Random(name))  # noqa: S311 - the same in every run
    rows = [facts for group in drawer.groups(40) for facts in group]
    rows += [{**facts, **_ends(plan, facts, high=high)} for high in (True, False) for facts in rows[:5]]
    reading = plan.read(Table.of_rows(rows), [row % 7 for row in range(len(rows))])
    plan.run(reading.batch)
    assert not outside(reading.batch)


def _ends(plan: ColumnPlan, facts: Facts, *, high: bool) -> Facts:
    """The widest numbers that the plan takes, where the rule sets no ends of its own."""
    texts = {}
    for name, item in plan.rule.inputs.items():
        text = str(plan.room.most if high else -plan.room.most)
        allowed = item.allowed
        if name in facts and allowed is not None and allowed.listed is None and item.type != "place":
            interval = allowed.interval
            least = None if interval is None else interval.at_least or interval.above
            most = None if interval is None else interval.at_most or interval.below
            texts[name] = (most or text) if high else (least or ("0" if item.type == "count" else text))
    return texts


def test_a_quotient_may_leave_its_interval_by_what_counts_instead() -> None:
    ratio: Json = {"kind": "ratio", "of": "x", "to": "y", "as": "number", "if_zero": {"as_if": "5"}}
    parsed = parse_rule(rule({"x": NUMBER | {"allowed": ["0"]}, "y": NUMBER}, figure(ratio, 2, unit="")))
    assert attainable(parsed) == (0, 5)
    rows: list[Facts] = [{"x": "0", "y": y} for y in ("0", "-1", "2")]
    assert [row.value for row in plan_of(parsed).evaluate(Table.of_rows(rows)).rows()] == ["5.00", "0.00", "0.00"]


def test_control_narrower_bounds_are_found_to_be_left() -> None:
    plan = plan_of(parse_rule(STEP))
    reading = plan.read(Table.of_rows([{"x": "7"}]))
    plan.run(reading.batch)
    assert not outside(reading.batch)
    column = max((one for one in reading.batch.memory if isinstance(one, Column)), key=lambda one: one.high)
    reading.batch.memory[replace(column, high=0)] = reading.batch.memory[column]
    assert outside(reading.batch)


def test_facts_of_all_kinds_are_refused_as_by_the_reference() -> None:
    document = rule(
        {
            "n": quantity("count", allowed=["1", "2"]),
            "c": category("one", "two"),
            "list": records(v=quantity("percent", allowed={"above": "0"}), d=dated()),
        },
        points(
            {"kind": "table", "of": "c", "rows": [{"in": ["one", "two"], "gives": "0"}]},
            {"kind": "table", "of": "n", "rows": [{"equal": "1", "gives": "0"}, {"equal": "2", "gives": "1"}]},
            each(step("v"), group={"by": {"calendar": "month", "of": "d"}, "combine": "sum"}),
        ),
    )
    good: Facts = {"n": "1", "c": "one", "list": [{"v": "1", "d": "2015-01-01"}]}
    bad: list[Any] = [
        {"n": value}
        for value in ("3", "1.5", "-1", "01", 1, None, "", [], {"state": "x"}, {"state": "exempt", "value": "3"})
    ]
    bad += [{"n": {"state": "missing", "more": 1}}, {"n": {"state": "missing", "reason": 3}}, {"gone": "1"}]
    bad += [{"c": value} for value in ("three", "One", "", 3, {"state": "missing", "value": "four"})]
    bad += [{"list": value} for value in ("x", [1], {"state": "missing", "value": []}, [{}], [], [{"u": "1"}])]
    bad += [{"list": [{"v": v, "d": d}]} for v, d in (("0", "2015-01-01"), ("1", "2015-02-30"), ("1", "15-1-1"))]
    bad += [{"list": [{"v": "?"}], "gone": "1"}, {"list": [{"v": "0"}], "n": "?"}]
    parsed = parse_rule(document)
    groups: list[list[Facts]] = [[{**good, **one}] for one in [{}, *bad]]
    found = compared("stage 0", plan_of(parsed), groups, reference(parsed, groups))
    assert not found.differences, found.differences[0]
    assert found.in_columns == found.rows == len(bad) + 1


def test_a_batch_may_be_empty() -> None:
    for document in (STEP, RANKED):
        assert plan_of(parse_rule(document)).evaluate(Table.of_rows([])).rows() == []
