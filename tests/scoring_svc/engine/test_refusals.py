"""More rules that are refused, so that every check is met from three sides, each beside one that passes."""

from collections import Counter
from typing import Any

import pytest

from services.scoring_svc.engine.domain import CODES, check_rule
from tests.scoring_svc.engine.builders import (
    Json,
    category,
    compare,
    each,
    figure,
    peers,
    points,
    quantity,
    ranked,
    records,
    rule,
    step,
    when,
)
from tests.scoring_svc.engine.test_publication import (
    CLAUSE,
    FULL,
    GOOD,
    PAIRS,
    PERCENT,
    altered,
    level,
    limit,
    line,
    ratio,
    table,
    tree,
    weighted,
)

POINTS = quantity("points")
LISTED = rule({"list": records(v=POINTS)}, points(each(step("v"))))
RANKED = rule({"x": POINTS}, points(ranked()))
PLACED: Json = {"kind": "sum", "of": ["10", step("place", **{"from": "1"})]}
COUNTED = rule({"x": quantity("count")}, points(step()))
BOTH = {"x": PERCENT, "y": PERCENT}
CLASSED = {"k": category("a", "b"), "x": PERCENT}


def chosen(*ids: str) -> Json:
    test: Json = {"kind": "in", "of": "k", "any_of": list(ids)}
    return rule(CLASSED, points(when(test, "1"), step()))


def nested(*worths: str) -> Json:
    inner = [{"item": f"b{number}", "worth": worth, "children": []} for number, worth in enumerate(worths)]
    return rule({}, {"kind": "tree", "worth": "100", "children": [{"item": "a", "worth": "100", "children": inner}]})


def moving(*at: Any) -> Json:
    through = [{"at": one, "gives": str(number)} for number, one in enumerate(at)]
    return rule(
        {"x": PERCENT, "y": PERCENT},
        points({"kind": "linear", "of": "x", "through": through, "before": "hold", "after": "hold"}),
    )


def divided(to: Any, **inputs: Json) -> Json:
    value = {"kind": "ratio", "of": "x", "to": to, "as": "number", "if_zero": "not_scorable"}
    return rule({"x": POINTS, **inputs}, figure(value, unit=""))


def absolute(value: Any) -> Json:
    return {"kind": "difference", "of": value, "less": "50", "sign": "absolute"}


GEOMETRIC = weighted("geometric", "50", "50")
NEGATIVE = quantity("points", allowed=["-1", "2"])
MORE: list[tuple[str, Json, Json]] = [
    ("LANGUAGE_VERSION", altered("/rule_language", "1"), GOOD),
    ("UNKNOWN_FIELD", altered("/inputs/x/default", "0"), GOOD),
    ("UNKNOWN_KIND", altered(CLAUSE, when({"kind": "not", "of": []}, "1")), GOOD),
    (
        "MEASURE_CONSTANT",
        rule(BOTH, points(step(), step("y"), when(compare("1", "below", "2"), "1"))),
        rule(BOTH, points(step(), step("y"), when(compare("x", "below", "2"), "1"))),
    ),
    (
        "MEASURE_CONSTANT",
        rule({"x": POINTS}, points(step(), ranked("c")), c="3"),
        rule({"x": POINTS}, points(step(), ranked("c")), c="x"),
    ),
    ("TABLE_OVERLAP", table([{"below": "10", "gives": "1"}, {"at_least": "9", "gives": "2"}]), table(FULL)),
    (
        "TABLE_OVERLAP",
        table([{"in": ["a", "b"], "gives": "1"}, {"in": ["b"], "gives": "2"}], category("a", "b")),
        table([{"in": ["a"], "gives": "1"}, {"in": ["b"], "gives": "2"}], category("a", "b")),
    ),
    (
        "ROW_EMPTY",
        table([*FULL, {"equal": "0.5", "gives": "3"}], quantity("count")),
        table(FULL, quantity("count")),
    ),
    ("CATEGORY_UNKNOWN", chosen("z"), chosen("a")),
    ("CATEGORY_UNKNOWN", chosen("a", "z"), chosen("a")),
    ("LEVEL_UNKNOWN", level(not_above="great"), level()),
    (
        "LEVEL_UNKNOWN",
        altered("/result/start/otherwise", "great", level()),
        level(),
    ),
    ("LINE_FLAT", line("5", "6", "5"), line("5", "6", "7")),
    ("LINE_FLAT", moving("5", "y", "5"), moving("5", "y", "7")),
    ("LINE_UNORDERED", line("1", "3", "2", "4"), line("1", "2", "3", "4")),
    ("LINE_UNORDERED", line("7", "5", "6"), line("7", "6", "5")),
    ("STEP_NOT_POSITIVE", altered(f"{CLAUSE}/gives/per", "0", LISTED), LISTED),
    ("STEP_WITHOUT_EFFECT", altered(f"{CLAUSE}/gives", "-0"), GOOD),
    ("STEP_WITHOUT_EFFECT", altered(f"{CLAUSE}/gives/of/1/gives", "0", RANKED), RANKED),
    ("WEIGHTS_SUM", weighted("geometric", "50", "60"), GEOMETRIC),
    ("DIVIDE_BY_ZERO", ratio("0.00"), ratio("0.01")),
    (
        "DIVIDE_BY_ZERO",
        divided("y", y=quantity("points", allowed=["0"])),
        divided("y", y=quantity("points", allowed=["0", "1"])),
    ),
    ("GEOMETRIC_NEGATIVE", altered("/inputs/x/allowed", "any", GEOMETRIC), GEOMETRIC),
    ("GEOMETRIC_NEGATIVE", altered("/inputs/x", NEGATIVE, GEOMETRIC), GEOMETRIC),
    ("LIMIT_CROSSED", limit("-2", "-2"), limit("-2")),
    ("LIMIT_CROSSED", altered("/result/ceiling", "-1", altered("/result/floor", "0")), altered("/result/floor", "0")),
    ("RANK_READS_FACTS", altered(f"{CLAUSE}/gives/of/0", "x", RANKED), RANKED),
    (
        "RANK_READS_FACTS",
        rule({"x": POINTS}, points(ranked(gives={"kind": "sum", "of": [PLACED, "c"]})), c="x"),
        rule({"x": POINTS}, points(ranked(gives={"kind": "sum", "of": [PLACED, "c"]}), "x"), c="1"),
    ),
    (
        "PEERS_MEAN_WITHOUT_POINTS",
        rule({"x": quantity()}, figure(peers(if_empty="peers_mean"))),
        rule({"x": quantity()}, figure(peers())),
    ),
    (
        "PEERS_MEAN_WITHOUT_POINTS",
        altered("/inputs/x/exempt", "peers_mean", level()),
        level(),
    ),
    (
        "POLICY_VALUE",
        altered("/inputs/k/missing", {"as_if": "z"}, chosen("a")),
        altered("/inputs/k/missing", {"as_if": "b"}, chosen("a")),
    ),
    ("ALLOWED_EMPTY", altered("/inputs/x/allowed", {"below": "0"}, COUNTED), COUNTED),
    ("TREE_SUM", tree("100", "0.01"), tree("99.99", "0.01")),
    ("TREE_SUM", nested("60", "50"), nested("60", "40")),
    (
        "MAY_GO_NEGATIVE",
        rule({"x": PERCENT}, points(step(gives="-0.1"), base="9.99")),
        rule({"x": PERCENT}, points(step(gives="-0.1"), base="10")),
    ),
    (
        "MAY_GO_NEGATIVE",
        rule({"x": PERCENT}, points(step(absolute("x")), base="49")),
        rule({"x": PERCENT}, points(step(absolute("x")), base="50")),
    ),
]


@pytest.mark.parametrize(("code", "refused", "passes"), MORE, ids=[f"{n}-{pair[0]}" for n, pair in enumerate(MORE)])
def test_code(code: str, refused: Json, passes: Json) -> None:
    assert next((finding.code for finding in check_rule(refused)), None) == code
    assert check_rule(passes) == []


def test_every_code_is_met_from_three_sides() -> None:
    counts = Counter(code for code, _, _ in (*PAIRS, *MORE))
    assert {code for code in CODES if counts[code] < 3} == set()
