"""One rule that is refused for every code, next to a rule that differs in that one thing and passes."""

import copy
import json
from fractions import Fraction
from typing import Any

import pytest

from services.scoring_svc.engine.domain import (
    CODES,
    RuleRefused,
    attainable,
    check_rule,
    depends_on_peers,
    load_rule,
    parse_rule,
    rule_hash,
)
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
    step,
    when,
)

GOOD = rule({"x": quantity("count")}, points(step()))


def altered(pointer: str, value: Any, document: Json = GOOD) -> Json:
    """The document with one place set; None takes the place away."""
    changed = copy.deepcopy(document)
    *path, last = pointer.strip("/").split("/")
    target: Any = changed
    for key in path:
        target = target[int(key) if isinstance(target, list) else key]
    if value is None:
        del target[last]
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return changed


CLAUSE = "/result/clauses/0/points"
PERCENT = quantity("percent", allowed={"at_least": "0", "at_most": "100"})


def table(rows: list[Json], item: Json | None = None) -> Json:
    return rule({"x": item or PERCENT}, points({"kind": "table", "of": "x", "rows": rows}))


def line(*at: str) -> Json:
    through = [{"at": one, "gives": str(number)} for number, one in enumerate(at)]
    value = {"kind": "linear", "of": "x", "through": through, "before": "hold", "after": "hold"}
    return rule({"x": PERCENT}, points(value))


def weighted(method: str, *weights: str, least: str = "0") -> Json:
    mean: Json = {"kind": "weighted_mean", "method": method, "out_of": "100", "missing": "not_scorable"}
    mean["parts"] = [{"weight": weight, "value": "x"} for weight in weights]
    if method == "geometric":
        mean["rounding"] = {"mode": "half_up", "places": 2}
    return rule({"x": quantity("points", allowed={"at_least": least})}, points(mean))


def ratio(to: str) -> Json:
    value = {"kind": "ratio", "of": "x", "to": to, "as": "points", "if_zero": "not_scorable"}
    return rule({"x": quantity("points")}, points(value))


def limit(floor: str, ceiling: str = "none") -> Json:
    return rule({"x": PERCENT}, points({"kind": "limit", "of": step(), "floor": floor, "ceiling": ceiling}))


def level(*, then: str = "good", not_above: str = "fair", limit_if: Json | None = None) -> Json:
    start = {"cases": [{"if": compare("x", "above", "50"), "then": then}], "otherwise": "fair"}
    limits = [{"if": limit_if or compare("x", "below", "80"), "not_above": not_above}]
    levels = [{"id": one, "zh": one, "en": one} for one in ("good", "fair")]
    return rule({"x": PERCENT}, {"kind": "level", "levels": levels, "start": start, "limits": limits})


def tree(*worths: str) -> Json:
    children = [{"item": str(number), "worth": worth, "children": []} for number, worth in enumerate(worths)]
    return rule({}, {"kind": "tree", "worth": "100", "children": children})


def cases(*tests: Json) -> Json:
    listed = [{"if": test, "then": str(number)} for number, test in enumerate(tests)]
    return rule({"x": PERCENT}, points({"kind": "when", "cases": listed, "otherwise": "9"}))


MONEY = quantity("amount", unit=label("元"))
TWO = {"x": MONEY, "y": quantity("amount", unit=label("万元"))}
FULL = [{"below": "10", "gives": "1"}, {"at_least": "10", "gives": "2"}]
PAIRS: list[tuple[str, Json, Json]] = [
    ("LANGUAGE_VERSION", altered("/rule_language", 2), GOOD),
    ("LANGUAGE_VERSION", altered("/rule_language", None), GOOD),
    ("UNKNOWN_FIELD", altered("/result/bonus", "1"), GOOD),
    ("UNKNOWN_FIELD", altered(f"{CLAUSE}/default", "1"), GOOD),
    ("UNKNOWN_KIND", altered(f"{CLAUSE}/kind", "formula"), GOOD),
    ("UNKNOWN_KIND", altered("/result/kind", "veto"), GOOD),
    ("SHAPE", altered(f"{CLAUSE}/per", 1), GOOD),
    ("SHAPE", altered(f"{CLAUSE}/mode", "rounded"), GOOD),
    ("SHAPE", altered("/result/rounding", {"mode": "half_up", "places": True}), GOOD),
    ("SHAPE", altered("/result/base", "1\n"), GOOD),
    ("SHAPE", table([{"at_least": "1", "above": "2", "gives": "1"}]), table(FULL)),
    ("SHAPE", table([{"at_least": "1", "gives": "1", "refuse": label("不")}]), table(FULL)),
    *(
        ("CHOICE_MISSING", altered(where, None), GOOD)
        for where in ("/result/floor", "/result/rounding", f"{CLAUSE}/mode", "/inputs/x/missing", "/inputs/x/exempt")
    ),
    (
        "CHOICE_MISSING",
        altered(f"{CLAUSE}/ties", None, rule({"x": MONEY}, points(ranked()))),
        rule({"x": MONEY}, points(ranked())),
    ),
    ("UNKNOWN_NAME", altered(f"{CLAUSE}/from", "line"), GOOD),
    ("UNKNOWN_NAME", altered(f"{CLAUSE}/from", "place"), GOOD),
    (
        "UNKNOWN_NAME",
        rule({"x": MONEY}, points(step("b")), b="c", c="x"),
        rule({"x": MONEY}, points(step("b")), c="x", b="c"),
    ),
    ("NAME_CLASH", rule({"place": MONEY}, points(step("place"))), GOOD),
    ("NAME_CLASH", rule({"x": MONEY}, points(step()), x="x"), rule({"x": MONEY}, points(step("y")), y="x")),
    (
        "NAME_CLASH",
        altered("/result/clauses/1/clause", "c0", rule({"x": MONEY}, points(step(), step()))),
        rule({"x": MONEY}, points(step(), step())),
    ),
    ("UNUSED_INPUT", rule(TWO | {"y": MONEY}, points(step())), rule(TWO | {"y": MONEY}, points(step(), step("y")))),
    ("UNUSED_INPUT", rule({"x": MONEY}, points(step()), d="x"), rule({"x": MONEY}, points(step("d")), d="x")),
    (
        "UNUSED_INPUT",
        rule({"list": records(v=quantity("points"), k=dated("key"))}, points(each())),
        rule({"list": records(v=quantity("points"))}, points(each())),
    ),
    (
        "TYPE_MISMATCH",
        rule(TWO, figure({"kind": "sum", "of": ["x", "y"]})),
        rule(TWO | {"y": MONEY}, figure({"kind": "sum", "of": ["x", "y"]}, unit="元")),
    ),
    ("TYPE_MISMATCH", rule({"x": PERCENT}, points("x")), rule({"x": quantity("points")}, points("x"))),
    (
        "TYPE_MISMATCH",
        rule(TWO, points(step(**{"from": "y"}))),
        rule(TWO | {"y": MONEY}, points(step(**{"from": "y"}))),
    ),
    (
        "TYPE_MISMATCH",
        rule({"x": PERCENT, "y": quantity("days")}, points(when(compare("x", "above", "y"), "1"))),
        rule({"x": PERCENT, "y": PERCENT}, points(when(compare("x", "above", "y"), "1"))),
    ),
    ("TYPE_MISMATCH", rule({"x": dated()}, points(step())), GOOD),
    (
        "MEASURE_CONSTANT",
        altered(f"{CLAUSE}/of", "3", rule({"x": MONEY}, points(step(), step()))),
        rule({"x": MONEY}, points(step(), step())),
    ),
    ("TABLE_GAP", table([{"below": "10", "gives": "1"}, {"above": "10", "gives": "2"}]), table(FULL)),
    ("TABLE_OVERLAP", table([{"at_most": "10", "gives": "1"}, {"at_least": "10", "gives": "2"}]), table(FULL)),
    (
        "TABLE_GAP",
        table([{"at_most": "9", "gives": "1"}, {"at_least": "10", "gives": "2"}]),
        table([{"at_most": "9", "gives": "1"}, {"at_least": "10", "gives": "2"}], quantity("count")),
    ),
    (
        "TABLE_GAP",
        table([{"in": ["a"], "gives": "1"}], category("a", "b")),
        table([{"in": ["a", "b"], "gives": "1"}], category("a", "b")),
    ),
    ("ROW_EMPTY", table([*FULL, {"above": "5", "below": "5", "gives": "3"}]), table(FULL)),
    (
        "ROW_EMPTY",
        table([*FULL, {"above": "5", "below": "6", "gives": "3"}], quantity("count")),
        table(FULL, quantity("count")),
    ),
    (
        "CATEGORY_UNKNOWN",
        table([{"in": ["a", "b", "z"], "gives": "1"}], category("a", "b")),
        table([{"in": ["a", "b"], "gives": "1"}], category("a", "b")),
    ),
    ("LEVEL_UNKNOWN", level(then="great"), level()),
    ("LINE_FLAT", line("5", "5"), line("5", "6")),
    ("LINE_UNORDERED", line("5", "7", "6"), line("7", "6", "5")),
    ("STEP_NOT_POSITIVE", altered(f"{CLAUSE}/per", "0"), GOOD),
    ("STEP_NOT_POSITIVE", altered(f"{CLAUSE}/per", "-1"), GOOD),
    ("STEP_WITHOUT_EFFECT", altered(f"{CLAUSE}/gives", "0.0"), GOOD),
    ("WEIGHTS_SUM", weighted("arithmetic", "50", "40"), weighted("arithmetic", "50", "50")),
    ("WEIGHTS_SUM", weighted("arithmetic", "150", "-50"), weighted("arithmetic", "50", "50")),
    ("DIVIDE_BY_ZERO", ratio("0"), ratio("2")),
    ("GEOMETRIC_NEGATIVE", weighted("geometric", "50", "50", least="-1"), weighted("geometric", "50", "50")),
    ("LIMIT_CROSSED", limit("-1", "-2"), limit("-2")),
    ("LIMIT_WITHOUT_EFFECT", limit("-2", "0"), limit("-2")),
    ("LIMIT_WITHOUT_EFFECT", limit("-100"), limit("-99")),
    ("LIMIT_WITHOUT_EFFECT", level(not_above="good"), level()),
    (
        "UNREACHABLE",
        cases(compare("x", "above", "50"), compare("x", "above", "60")),
        cases(compare("x", "above", "60"), compare("x", "above", "50")),
    ),
    ("UNREACHABLE", cases(compare("x", "at_least", "0")), cases(compare("x", "above", "0"))),
    (
        "UNREACHABLE",
        altered(f"{CLAUSE}/from", "100", rule({"x": PERCENT}, points(step()))),
        altered(f"{CLAUSE}/from", "99", rule({"x": PERCENT}, points(step()))),
    ),
    ("UNREACHABLE", level(limit_if=compare("x", "above", "100")), level()),
    (
        "UNREACHABLE",
        table([*FULL[:1], {"at_least": "10", "at_most": "100", "gives": "2"}, {"above": "100", "gives": "3"}]),
        table(FULL),
    ),
    ("PEERS_NESTED", rule({"x": MONEY}, points(ranked(peers()))), rule({"x": MONEY}, points(ranked()))),
    (
        "PEERS_NESTED",
        rule({"x": MONEY}, points(ranked("d")), d=peers()),
        rule({"x": MONEY}, points(ranked("d")), d="x"),
    ),
    (
        "PEERS_NESTED",
        rule(
            {"list": records(v=quantity("points")), "x": quantity("points")},
            points(each({"kind": "sum", "of": ["v", peers()]})),
        ),
        rule({"x": MONEY}, points(ranked())),
    ),
    (
        "RANK_READS_FACTS",
        rule({"x": quantity("points")}, points(ranked(gives="x"))),
        rule({"x": quantity("points")}, points(ranked())),
    ),
    (
        "PEERS_MEAN_WITHOUT_POINTS",
        rule({"x": quantity(missing="peers_mean")}, figure("x")),
        rule({"x": quantity(missing="peers_mean")}, points(step())),
    ),
    ("POLICY_VALUE", altered("/inputs/x/missing", {"as_if": "0.5"}), altered("/inputs/x/missing", {"as_if": "5"})),
    ("POLICY_VALUE", altered("/inputs/x/missing", {"as_if": "none"}), GOOD),
    (
        "ALLOWED_EMPTY",
        altered("/inputs/x/allowed", {"above": "5", "below": "6"}),
        altered("/inputs/x/allowed", {"above": "5", "below": "7"}),
    ),
    ("ALLOWED_EMPTY", altered("/inputs/x/allowed", ["0.5"]), altered("/inputs/x/allowed", ["5"])),
    ("TREE_SUM", tree("50", "40"), tree("50", "50")),
    ("MAY_GO_NEGATIVE", altered("/result/base", "5"), altered("/result/floor", "0", altered("/result/base", "5"))),
]


@pytest.mark.parametrize(("code", "refused", "passes"), PAIRS, ids=[f"{n}-{pair[0]}" for n, pair in enumerate(PAIRS)])
def test_code(code: str, refused: Json, passes: Json) -> None:
    assert next((finding.code for finding in check_rule(refused)), None) == code
    assert check_rule(passes) == []


def test_every_code_has_a_pair() -> None:
    assert {code for code, _, _ in PAIRS} == set(CODES)


def test_refusal_bears_the_first_code_and_lists_the_rest() -> None:
    bad = altered("/inputs/y", quantity(), altered(f"{CLAUSE}/per", "0"))
    with pytest.raises(RuleRefused) as caught:
        parse_rule(bad)
    assert caught.value.code == "UNUSED_INPUT"
    assert caught.value.pointer == "/inputs/y"
    assert [finding.code for finding in caught.value.findings] == ["UNUSED_INPUT", "STEP_NOT_POSITIVE"]


def test_warning_does_not_refuse() -> None:
    warned = parse_rule(altered("/result/base", "5"))
    assert [(finding.code, finding.severity) for finding in warned.findings] == [("MAY_GO_NEGATIVE", "warning")]


@pytest.mark.parametrize("document", [None, [], "rule", 1, {"rule_language": True}])
def test_anything_that_is_no_rule_is_refused(document: Any) -> None:
    with pytest.raises(RuleRefused) as caught:
        parse_rule(document)
    assert caught.value.code in {"SHAPE", "LANGUAGE_VERSION"}


def test_keys_that_stand_twice_are_refused() -> None:
    text = json.dumps(GOOD)
    assert load_rule(text) is parse_rule(GOOD)
    with pytest.raises(RuleRefused, match="stands twice"):
        load_rule(text[:-1] + ', "rule_language": 1}')


def test_a_rule_nested_without_end_is_refused_by_name() -> None:
    value: Any = "x"
    for _ in range(300):
        value = {"kind": "sum", "of": [value]}
    assert {finding.code for finding in check_rule(rule({"x": quantity("points")}, points(value)))} == {"SHAPE"}


def test_definitions_that_multiply_are_refused_by_name() -> None:
    define: Json = {"d0": "x"}
    for number in range(40):
        define[f"d{number + 1}"] = {"kind": "sum", "of": [f"d{number}", f"d{number}"]}
    document = rule({"x": quantity("points")}, points("d40"), **define)
    assert [finding.code for finding in check_rule(document)] == ["SHAPE"]


def test_a_chain_of_definitions_without_end_is_refused_by_name() -> None:
    define: Json = {"d0": "x"}
    for number in range(150):
        define[f"d{number + 1}"] = {"kind": "sum", "of": [f"d{number}", "1"]}
    assert [finding.code for finding in check_rule(rule({"x": quantity("points")}, points("d150"), **define))] == [
        "SHAPE"
    ]


def test_weights_too_fine_for_a_geometric_mean_are_refused_by_name() -> None:
    assert [finding.code for finding in check_rule(weighted("geometric", "33.333333", "66.666667"))] == ["SHAPE"]
    assert check_rule(weighted("arithmetic", "33.333333", "66.666667")) == []


def test_a_number_of_endless_digits_is_refused_by_name() -> None:
    assert [finding.code for finding in check_rule(altered("/result/base", "9" * 5000))] == ["SHAPE"]


def test_hash_does_not_depend_on_the_order_of_keys() -> None:
    other = dict(reversed(list(copy.deepcopy(GOOD).items())))
    assert rule_hash(parse_rule(GOOD)) == rule_hash(parse_rule(other))
    assert rule_hash(parse_rule(GOOD)).startswith("sha256:")
    assert rule_hash(parse_rule(GOOD)) != rule_hash(parse_rule(altered(f"{CLAUSE}/per", "2")))


def test_attainable_and_peers() -> None:
    held = rule({"x": PERCENT}, points(step(gives="-0.1"), base="2", floor="0"))
    assert attainable(parse_rule(held)) == (Fraction(0), Fraction(2))
    assert attainable(parse_rule(GOOD)) == (None, Fraction(0))
    assert not depends_on_peers(parse_rule(GOOD))
    assert depends_on_peers(parse_rule(rule({"x": MONEY}, points(ranked()))))
    assert depends_on_peers(parse_rule(rule({"x": quantity(missing="peers_mean")}, points(step()))))
