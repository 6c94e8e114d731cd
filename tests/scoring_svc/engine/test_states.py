from typing import Any

import pytest

from tests.scoring_svc.engine.builders import (
    Json,
    category,
    dated,
    each,
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

PEERS = {"b": {"x": "2"}, "c": {"x": "5"}}


@pytest.mark.parametrize("state", ["missing", "exempt"])
@pytest.mark.parametrize(
    ("policy", "kind", "result"),
    [
        ("refuse", "refused", None),
        ("not_scorable", "not_scorable", None),
        ("peers_mean", "points", "-3.50"),
        ({"as_if": "4"}, "points", "-4.00"),
    ],
)
def test_policy_of_a_state(state: str, policy: Any, kind: str, result: str | None) -> None:
    document = rule({"x": quantity(**{state: policy})}, points(step()))
    outcome = scored(document, {"x": {"state": state, "value": "9", "reason": "停业"}}, PEERS)
    assert outcome.kind == kind
    assert outcome.result == (result or f"VALUE_{state.upper()}")


def test_absent_fact_is_missing() -> None:
    assert scored(rule({"x": quantity()}, points(step())), {}).code == "VALUE_MISSING"


def test_broken_feed_has_no_policy() -> None:
    document = rule({"x": quantity(missing={"as_if": "0"}, exempt={"as_if": "0"})}, points(step()))
    outcome = scored(document, {"x": {"state": "not_scorable", "reason": "断链"}})
    assert (outcome.kind, outcome.code) == ("not_scorable", "SOURCE_NOT_SCORABLE")
    assert outcome.proof["stopped"]["leaf"]["reason"] == "断链"


def test_exempt_fact_stays_visible_with_its_true_value() -> None:
    document = rule({"x": quantity(exempt={"as_if": "0"})}, points(step()))
    outcome = scored(document, {"x": {"state": "exempt", "value": "9", "reason": "停业"}})
    leaf = (outcome.entries[1].because or {})["of"][0]
    wanted = {"kind": "input", "name": "x", "state": "exempt", "value": "9", "reason": "停业", "counted_as": "0"}
    assert leaf == wanted


@pytest.mark.parametrize(
    ("supplied", "code"),
    [
        ({"y": "1"}, "FACT_UNKNOWN"),
        ({"x": "1,000"}, "VALUE_MALFORMED"),
        ({"x": "1e3"}, "VALUE_MALFORMED"),
        ({"x": 1}, "VALUE_MALFORMED"),
        ({"x": "9" * 5000}, "VALUE_MALFORMED"),
        ({"x": "1\n"}, "VALUE_MALFORMED"),
        ({"x": {"state": "gone"}}, "VALUE_MALFORMED"),
        ({"x": "1.5"}, "VALUE_NOT_ALLOWED"),
        ({"x": "-1"}, "VALUE_NOT_ALLOWED"),
        ({"x": "11"}, "VALUE_NOT_ALLOWED"),
        ({"x": "11", "z": "1"}, "FACT_UNKNOWN"),
    ],
)
def test_stage_0_refuses(supplied: Json, code: str) -> None:
    outcome = scored(rule({"x": quantity("count", allowed={"at_most": "10"})}, points(step())), supplied)
    assert (outcome.kind, outcome.code) == ("refused", code)


@pytest.mark.parametrize(
    ("fields", "record", "code"),
    [
        ({"d": dated()}, {"d": "2015-02-30"}, "VALUE_MALFORMED"),
        ({"d": dated()}, {"d": "2015-2-3"}, "VALUE_MALFORMED"),
        ({"k": category("a")}, {"k": "b"}, "VALUE_NOT_ALLOWED"),
        ({"k": category("a")}, {"k": "A"}, "VALUE_MALFORMED"),
        ({"p": quantity("place")}, {"p": "0"}, "VALUE_NOT_ALLOWED"),
        ({"m": quantity("marks", allowed=["60", "80"])}, {"m": "70"}, "VALUE_NOT_ALLOWED"),
    ],
)
def test_record_fields_are_judged_read_or_unread(fields: Json, record: Json, code: str) -> None:
    ask = {"kind": "state", "of": next(iter(fields)), "is": "present"}
    document = rule({"list": records(v=quantity("points"), **fields)}, points(each(only=ask)))
    assert scored(document, {"list": [{"v": "1", **record}]}).code == code


@pytest.mark.parametrize(
    ("state", "wanted"), [("present", "1000"), ("missing", "0100"), ("exempt", "0010"), ("not_scorable", "0001")]
)
def test_state_asks_and_triggers_no_policy(state: str, wanted: str) -> None:
    document = rule({"x": quantity()}, points(when({"kind": "state", "of": "x", "is": state}, "1")))
    facts: list[Any] = ["1", *({"state": one} for one in ("missing", "exempt", "not_scorable"))]
    assert [scored(document, {"x": fact}).value for fact in facts] == [f"{digit}.00" for digit in wanted]


def part(weight: str, value: str) -> Json:
    return {"weight": weight, "value": value}


@pytest.mark.parametrize(
    ("policy", "missing", "kind", "result"),
    [
        ("not_scorable", "renormalise", "points", "4.00"),
        ("not_scorable", "not_scorable", "not_scorable", "VALUE_MISSING"),
        ("refuse", "renormalise", "refused", "VALUE_MISSING"),
        ("peers_mean", "renormalise", "points", "6.00"),
    ],
)
def test_renormalise_leaves_out_exactly_what_is_not_scorable(policy: Any, missing: str, kind: str, result: str) -> None:
    mean = {
        "kind": "weighted_mean",
        "method": "arithmetic",
        "out_of": "100",
        "parts": [part("40", "x"), part("60", "y")],
        "missing": missing,
    }
    document = rule({"x": quantity("points"), "y": quantity("points", missing=policy)}, points(mean))
    outcome = scored(document, {"x": "4"}, {"b": {"x": "6", "y": "6"}})
    assert (outcome.kind, outcome.result) == (kind, result)
    nothing = scored(document, {"x": {"state": "not_scorable"}, "y": {"state": "not_scorable"}})
    assert nothing.code == ("NOTHING_SCORABLE" if missing == "renormalise" else "SOURCE_NOT_SCORABLE")


def test_peers_mean_runs_over_published_results_of_own_facts_in_the_same_class() -> None:
    policy = {"peers_mean": "k"}
    document = rule({"x": quantity(missing=policy), "k": category("a", "b")}, points(step(mode="proportional")))
    others = {
        "b": {"x": "1.005", "k": "a"},
        "c": {"x": "2", "k": "a"},
        "d": {"k": "a"},
        "e": {"x": "9", "k": "b"},
        "f": {"x": "bad", "k": "a"},
    }
    outcome = scored(document, {"k": "a"}, others)
    assert (outcome.value, outcome.substituted) == ("-1.51", True)
    assert [entry.entry for entry in outcome.entries] == ["peers_mean"]
    because = outcome.entries[0].because or {}
    assert [one["who"] for one in because["of"]] == ["b", "c"]
    assert [one["who"] for one in because["left_out"]] == ["d", "f"]


def test_peers_mean_of_nobody_is_not_scorable() -> None:
    outcome = scored(rule({"x": quantity(missing="peers_mean")}, points(step())), {}, {"b": {}})
    assert (outcome.kind, outcome.code) == ("not_scorable", "NOTHING_TO_COMBINE")


@pytest.mark.parametrize("value", [peers(combine="highest"), ranked()])
def test_other_units_whose_value_cannot_be_had_are_left_out_and_named(value: Json) -> None:
    document = rule({"x": quantity("points", exempt={"as_if": "1"})}, points(value))
    others = {"b": {}, "c": {"x": "3"}, "d": {"x": "?"}, "e": {"x": {"state": "exempt"}}}
    outcome = scored(document, {"x": "2"}, others)
    because = outcome.entries[1].because or {}
    assert because["left_out"] == [{"who": "b", "code": "VALUE_MISSING"}, {"who": "d", "code": "VALUE_MALFORMED"}]
    assert outcome.value == {"peers": "3.00", "rank": "9.00"}[value["kind"]]


@pytest.mark.parametrize("value", [peers(), ranked()])
def test_own_policy_decides_if_the_own_value_cannot_be_had(value: Json) -> None:
    document = rule({"x": quantity("points", missing="not_scorable")}, points(value))
    outcome = scored(document, {}, {"c": {"x": "3"}})
    assert (outcome.kind, outcome.code) == ("not_scorable", "VALUE_MISSING")


def test_first_failure_in_reading_order_decides() -> None:
    inputs = {"x": quantity(), "y": quantity(missing="not_scorable")}
    x_first = {"kind": "difference", "of": "x", "less": "y", "sign": "signed"}
    y_first = {"sign": "signed", "less": "x", "of": "y", "kind": "difference"}
    assert scored(rule(inputs, points(step(x_first))), {}).kind == "refused"
    assert scored(rule(inputs, points(step(y_first))), {}).kind == "not_scorable"


def test_level_limits_act_in_order_and_never_below_the_last() -> None:
    levels = [{"id": one, "zh": one, "en": one} for one in ("good", "fair", "poor")]
    test = {"kind": "compare", "left": "x", "is": "above", "right": "0"}
    limits = [{"if": test, "not_above": "fair"}, {"if": test, "lower_by": 5}]
    result = {"kind": "level", "levels": levels, "start": "k", "limits": limits}
    document = rule({"x": quantity(), "k": category("good", "fair", "poor")}, result)
    assert [scored(document, {"x": x, "k": "good"}).value for x in "01"] == ["good", "poor"]
