from typing import Any

import pytest

from tests.scoring_svc.engine.builders import (
    Json,
    category,
    compare,
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
    scored,
    step,
    when,
)

LINE = {
    "kind": "linear",
    "of": "x",
    "through": [{"at": "0", "gives": "0"}, {"at": "10", "gives": "5"}, {"at": "20", "gives": "20"}],
    "before": "hold",
    "after": "hold",
}
BANDS = [
    {"below": "10", "gives": "1"},
    {"at_least": "10", "at_most": "20", "gives": "2"},
    {"above": "20", "gives": "3"},
]


def mean(**more: Any) -> Json:
    parts = [{"weight": "1", "value": "x"}, {"weight": "3", "value": "y"}]
    return {
        "kind": "weighted_mean",
        "method": "arithmetic",
        "out_of": "4",
        "parts": parts,
        "missing": "not_scorable",
    } | more


def ratio(**more: Any) -> Json:
    return {"kind": "ratio", "of": "x", "to": "y", "as": "number", "if_zero": "not_scorable"} | more


@pytest.mark.parametrize(
    ("value", "facts", "wanted"),
    [
        ({"kind": "sum", "of": ["x", "y", "1"]}, {"x": "2.5", "y": "-1"}, "2.500000"),
        ({"kind": "difference", "of": "x", "less": "y", "sign": "signed"}, {"x": "1", "y": "3"}, "-2.000000"),
        ({"kind": "difference", "of": "x", "less": "y", "sign": "absolute"}, {"x": "1", "y": "3"}, "2.000000"),
        (ratio(), {"x": "1", "y": "8"}, "0.125000"),
        (
            {"kind": "round", "of": {"kind": "sum", "of": ["x", "y"]}, "mode": "ceiling", "places": 1},
            {"x": "1.01", "y": "0"},
            "1.100000",
        ),
        (
            {"kind": "limit", "of": {"kind": "sum", "of": ["x", "y"]}, "floor": "-2", "ceiling": "3"},
            {"x": "9", "y": "0"},
            "3.000000",
        ),
        (
            {"kind": "limit", "of": {"kind": "sum", "of": ["x", "y"]}, "floor": "-2", "ceiling": "3"},
            {"x": "-9", "y": "0"},
            "-2.000000",
        ),
        (mean(), {"x": "1", "y": "5"}, "4.000000"),
    ],
    ids=["sum", "signed", "absolute", "ratio", "round", "ceiling", "floor", "mean"],
)
def test_arithmetic(value: Json, facts: Json, wanted: str) -> None:
    inputs = {"x": quantity(), "y": quantity()}
    unitless = value["kind"] == "ratio"
    result = figure(value, unit="") if unitless else figure(value)
    if unitless:
        result["unit"] = {"zh": "", "en": ""}
    assert scored(rule(inputs, result), facts).value == wanted


@pytest.mark.parametrize(
    ("as_", "kind", "unit", "wanted"),
    [("percent", "percent", "%", "12.50"), ({"unit": label("元/人")}, "amount", "元/人", "0.13")],
)
def test_ratio_changes_the_unit(as_: Any, kind: str, unit: str, wanted: str) -> None:
    document = rule({"x": quantity(), "y": quantity()}, figure(ratio(**{"as": as_}), 2, kind, unit))
    assert scored(document, {"x": "1", "y": "8"}).value == wanted


def test_ratio_to_points_is_declared() -> None:
    votes = rule({"x": quantity("marks"), "y": quantity("count")}, points(ratio(**{"as": "points"})))
    assert scored(votes, {"x": "7", "y": "2"}).value == "3.50"


def test_percent_factor_counts_as_hundredths() -> None:
    document = rule({"x": quantity("percent"), "y": quantity("points")}, points({"kind": "product", "of": ["x", "y"]}))
    assert scored(document, {"x": "25", "y": "8"}).value == "2.00"


@pytest.mark.parametrize(
    ("policy", "kind", "result"),
    [
        ({"as_if": "7"}, "points", "7.00"),
        ("refuse", "refused", "DIVISION_BY_ZERO"),
        ("not_scorable", "not_scorable", "DIVISION_BY_ZERO"),
        ("peers_mean", "points", "0.50"),
    ],
)
def test_division_by_zero_is_answered_by_its_policy(policy: Any, kind: str, result: str) -> None:
    document = rule(
        {"x": quantity("points"), "y": quantity("points")}, points(ratio(**{"as": "points", "if_zero": policy}))
    )
    outcome = scored(document, {"x": "1", "y": "0"}, {"b": {"x": "1", "y": "2"}})
    assert (outcome.kind, outcome.result) == (kind, result)


@pytest.mark.parametrize(
    ("mode", "x", "wanted"),
    [
        ("whole", "2.6", "-2.00"),
        ("started", "2.6", "-3.00"),
        ("proportional", "2.6", "-2.60"),
        ("whole", "2", "-2.00"),
        ("started", "2", "-2.00"),
        ("started", "-1", "0.00"),
    ],
)
def test_step_modes(mode: str, x: str, wanted: str) -> None:
    assert scored(rule({"x": quantity()}, points(step(mode=mode))), {"x": x}).value == wanted


@pytest.mark.parametrize(("direction", "wanted"), [("above", "-2.00"), ("below", "0.00")])
def test_step_direction(direction: str, wanted: str) -> None:
    document = rule({"x": quantity(), "y": quantity()}, points(step(**{"from": "y", "direction": direction})))
    assert scored(document, {"x": "5", "y": "3"}).value == wanted


@pytest.mark.parametrize(
    ("x", "ends", "wanted"),
    [
        ("5", "hold", "2.50"),
        ("15", "hold", "12.50"),
        ("-10", "hold", "0.00"),
        ("30", "hold", "20.00"),
        ("-10", "extend", "-5.00"),
        ("30", "extend", "35.00"),
        ("10", "extend", "5.00"),
    ],
)
def test_linear(x: str, ends: str, wanted: str) -> None:
    document = rule({"x": quantity()}, points({**LINE, "before": ends, "after": ends}))
    assert scored(document, {"x": x}).value == wanted


@pytest.mark.parametrize(("y", "code"), [("0", "LINE_FLAT"), ("-1", "LINE_UNORDERED")])
def test_moving_points_that_meet_or_turn_back_are_not_scorable(y: str, code: str) -> None:
    through = [{"at": "0", "gives": "0"}, {"at": "y", "gives": "5"}, {"at": "20", "gives": "20"}]
    outcome = scored(rule({"x": quantity(), "y": quantity()}, points({**LINE, "through": through})), {"x": "1", "y": y})
    assert (outcome.kind, outcome.code) == ("not_scorable", code)


@pytest.mark.parametrize(("x", "wanted"), [("9.99", "1"), ("10", "2"), ("20", "2"), ("20.01", "3")])
def test_table_edges(x: str, wanted: str) -> None:
    document = rule({"x": quantity()}, points({"kind": "table", "of": "x", "rows": BANDS}))
    assert scored(document, {"x": x}).value == f"{wanted}.00"


def test_table_row_that_refuses() -> None:
    rows = [{"below": "10", "gives": "1"}, {"at_least": "10", "refuse": label("未规定")}]
    outcome = scored(rule({"x": quantity()}, points({"kind": "table", "of": "x", "rows": rows})), {"x": "10"})
    assert (outcome.kind, outcome.code) == ("refused", "ROW_REFUSED")
    assert outcome.proof["stopped"]["at"] == "/result/clauses/0/points/rows/1"


@pytest.mark.parametrize(
    ("is_", "holds"),
    [("below", "101"), ("at_most", "111"), ("equal", "010"), ("at_least", "011"), ("above", "001")],
)
def test_compare(is_: str, holds: str) -> None:
    document = rule({"x": quantity()}, points(when(compare("x", is_, "5"), "1")))
    found = [scored(document, {"x": x}).value for x in ("4", "5", "6")]
    wanted = {"below": "100", "at_most": "110"}.get(is_, holds)
    assert found == [f"{digit}.00" for digit in wanted]


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        ({"kind": "all", "of": [compare("x", "above", "1"), {"kind": "in", "of": "k", "any_of": ["a"]}]}, "10"),
        ({"kind": "any", "of": [compare("x", "above", "1"), {"kind": "in", "of": "k", "any_of": ["a"]}]}, "11"),
    ],
)
def test_all_and_any(test: Json, wanted: str) -> None:
    document = rule({"x": quantity(), "k": category("a", "b")}, points(when(test, "1")))
    found = [scored(document, {"x": "2", "k": kind}).value for kind in "ab"]
    assert found == [f"{digit}.00" for digit in wanted]


def test_branch_not_applied_stays_in_the_proof_and_decides_nothing() -> None:
    document = rule({"x": quantity(), "y": quantity()}, points(when(compare("x", "above", "1"), "0", step("y"))))
    outcome = scored(document, {"x": "2"})
    shadow = outcome.entries[1].because or {}
    assert outcome.value == "0.00"
    assert shadow["not_applied"][0]["code"] == "VALUE_MISSING"


LIST = records(v=quantity("points"), k=dated("key"), d=dated())
FACTS = {
    "list": [
        {"v": "1", "k": "a", "d": "2015-01-31"},
        {"v": "2", "k": "a", "d": "2015-02-01"},
        {"v": "4", "k": "b", "d": "2015-04-01"},
        {"v": "8", "k": "b", "d": "2015-07-01"},
    ]
}


@pytest.mark.parametrize(
    ("combine", "wanted"),
    [
        ("sum", "15.00"),
        ("mean", "3.75"),
        ("highest", "8.00"),
        ("lowest", "1.00"),
        ({"kind": "trimmed_mean", "drop_highest": 1, "drop_lowest": 1}, "3.00"),
        ({"kind": "trimmed_mean", "drop_highest": 2, "drop_lowest": 2}, "0.00"),
    ],
)
def test_each_combines(combine: Any, wanted: str) -> None:
    field = {"list": records(v=quantity("points"))}
    facts = {"list": [{"v": one["v"]} for one in FACTS["list"]]}
    assert scored(rule(field, points(each(combine=combine))), facts).value == wanted


@pytest.mark.parametrize(
    ("by", "combine", "wanted"),
    [
        ("k", "highest", "10.00"),
        ({"calendar": "month", "of": "d"}, "highest", "15.00"),
        ({"calendar": "quarter", "of": "d"}, "highest", "14.00"),
        ({"calendar": "half_year", "of": "d"}, "highest", "12.00"),
        ({"calendar": "year", "of": "d"}, "highest", "8.00"),
        ({"rolling_days": 2, "of": "d"}, "sum", "16.00"),
        ({"rolling_days": 1, "of": "d"}, "sum", "15.00"),
    ],
)
def test_each_groups(by: Any, combine: str, wanted: str) -> None:
    field = "k" if by == "k" else "d"
    inputs = {"list": records(v=quantity("points"), **{field: LIST["fields"][field]})}
    facts = {"list": [{"v": one["v"], field: one[field]} for one in FACTS["list"]]}
    document = rule(inputs, points(each(group={"by": by, "combine": combine})))
    assert scored(document, facts).value == wanted


@pytest.mark.parametrize(
    ("if_empty", "wanted"),
    [({"as_if": "3"}, "3.00"), ("not_scorable", "NOTHING_TO_COMBINE"), ("refuse", "NOTHING_TO_COMBINE")],
)
def test_empty_records_are_present_and_answered_by_if_empty(if_empty: Any, wanted: str) -> None:
    document = rule({"list": records(v=quantity("points"))}, points(each(if_empty=if_empty)))
    assert scored(document, {"list": []}).result == wanted


def test_only_and_nested_names() -> None:
    inner = {**each("w"), "in": "other", "only": compare("w", "above", "v")}
    document = rule(
        {"list": records(v=quantity("points")), "other": records(w=quantity("points"))}, points(each(inner))
    )
    facts = {"list": [{"v": "1"}, {"v": "3"}], "other": [{"w": "2"}, {"w": "4"}]}
    assert scored(document, facts).value == "10.00"


PEERS = {"b": {"x": "9"}, "c": {"x": "7"}, "d": {"x": "5"}}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, "7.00"),
        ({"self": "excluded"}, "7.00"),
        ({"combine": "highest"}, "9.00"),
        ({"combine": "lowest", "only": compare("x", "above", "5")}, "7.00"),
        ({"combine": "sum", "self": "excluded"}, "21.00"),
        ({"only": compare("x", "above", "99"), "if_empty": {"as_if": "1"}}, "1.00"),
    ],
)
def test_peers(more: Json, wanted: str) -> None:
    assert scored(rule({"x": quantity("points")}, points(peers(**more))), {"x": "7"}, PEERS).value == wanted


@pytest.mark.parametrize(
    ("ties", "values"),
    [
        ("competition", ["9.00", "9.00", "7.00", "10.00"]),
        ("dense", ["9.00", "9.00", "8.00", "10.00"]),
        ("average", ["8.50", "8.50", "7.00", "10.00"]),
    ],
)
def test_rank_ties(ties: str, values: list[str]) -> None:
    facts = {"a": {"x": "7"}, **PEERS}
    facts = {"a": {"x": "7"}, "b": {"x": "7"}, "c": {"x": "1"}, "d": {"x": "9"}}
    document = rule({"x": quantity("points")}, points(ranked(ties=ties)))
    found = [scored(document, facts[unit], {k: v for k, v in facts.items() if k != unit}).value for unit in facts]
    assert found == values


def test_rank_lowest_first_and_within() -> None:
    document = rule({"x": quantity("points"), "k": category("a", "b")}, points(ranked(best="lowest", within="k")))
    others = {"b": {"x": "1", "k": "b"}, "c": {"x": "2", "k": "a"}}
    assert scored(document, {"x": "3", "k": "a"}, others).value == "9.00"


@pytest.mark.parametrize(
    ("policy", "wanted"), [({"as_if": "2"}, "2.00"), ("not_scorable", "UNRANKED"), ("refuse", "UNRANKED")]
)
def test_unranked_answers_for_units_that_only_excludes(policy: Any, wanted: str) -> None:
    document = rule({"x": quantity("points")}, points(ranked(only=compare("x", "above", "8"), if_unranked=policy)))
    assert scored(document, {"x": "7"}, PEERS).result == wanted
