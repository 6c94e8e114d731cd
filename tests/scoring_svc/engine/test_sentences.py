"""Two rules that differ in any field of their result have different sentences."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.scoring_svc.engine.cases import OWN_CASES
from services.scoring_svc.engine.domain import RuleRefused, parse_rule, sentence
from tests.scoring_svc.engine.builders import (
    Json,
    category,
    compare,
    dated,
    each,
    peers,
    points,
    quantity,
    ranked,
    records,
    rule,
    step,
)

LINES = [json.loads(line) for line in OWN_CASES.read_text(encoding="utf-8").splitlines()]
WORDS: dict[str, list[Any]] = {
    "sign": ["signed", "absolute"],
    "as": ["percent", "number", "points", {"unit": {"zh": "元/人", "en": "yuan a head"}}],
    "method": ["arithmetic"],
    "direction": ["above", "below"],
    "before": ["hold", "extend"],
    "after": ["hold", "extend"],
    "best": ["highest", "lowest"],
    "ties": ["competition", "dense", "average"],
    "self": ["included", "excluded"],
    "is": ["below", "at_most", "equal", "at_least", "above", "present", "missing", "exempt", "not_scorable"],
    "start": ["day_after", "same_day"],
    "month_end": ["last_day", "first_of_next"],
    "if_closed": ["keep", "next_working_day", "previous_working_day"],
    "combine": ["sum", "mean", "highest", "lowest", {"kind": "trimmed_mean", "drop_highest": 1, "drop_lowest": 2}],
    "missing": ["not_scorable", "renormalise"],
    "floor": ["none", "-0.5", "0"],
    "ceiling": ["none", "3"],
    "group": ["none"],
    "rolling_days": [30, 60],
    "calendar": ["month", "quarter", "half_year", "year"],
    "places": [0, 1, 2, 3],
    "lower_by": [1, 2],
    "in": ["days", "working_days"],
}
ANSWERS: list[Any] = ["refuse", "not_scorable", "peers_mean", {"as_if": "0"}, {"as_if": "5"}]
WORDS |= dict.fromkeys(("if_zero", "if_empty", "if_unranked"), ANSWERS)
MODES = ["half_up", "half_even", "floor", "ceiling", "whole", "started", "proportional"]
SILENT = {"clause", "kind", "item", "zh", "en"}
"""Fields that name a part and say nothing: ids, the kind that the words themselves show, and labels of one language."""


def variants(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place of a result with another word or number for it."""
    if isinstance(node, dict):
        for key, value in node.items():
            here = (*path, key)
            if key in SILENT:
                continue
            words: list[Any] = list(WORDS.get(key, []))
            if key == "mode" and not (node.get("kind") == "step" and node.get("per") == "1"):
                words = MODES
            if isinstance(value, str) and value.lstrip("-")[:1].isdigit():
                words = [*words, f"{value}.5" if "." not in value else f"{value}7"]
            yield from ((here, word) for word in words if word != value)
            yield from variants(value, here)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from variants(value, (*path, index))


def put(document: Json, path: tuple[Any, ...], value: Any) -> Json:
    changed = copy.deepcopy(document)
    target: Any = changed["result"]
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return changed


LIST = {"list": records(v=quantity("points"), d=dated(), k=category("a", "b"))}
UNIT = {"x": quantity("points"), "k": category("a", "b")}
BY_TIME = {"by": {"calendar": "month", "of": "d"}, "combine": "sum"}
ROLLING = {"by": {"rolling_days": 7, "of": "d"}, "combine": "sum"}
ONLY = {"kind": "in", "of": "k", "any_of": ["a"]}
MORE = [
    rule(LIST, points(each(group=BY_TIME, only=ONLY))),
    rule(LIST, points(each(group=ROLLING, only=ONLY, combine="highest"))),
    rule(LIST | {"list": records(v=quantity("points"), k=category("a", "b"))}, points(each(only=ONLY))),
    rule(UNIT, points(peers(within="k"))),
    rule(UNIT, points(peers(group={"by": "k", "combine": "mean"}))),
    rule({"x": quantity("points")}, points(ranked(only=compare("x", "above", "3")))),
    rule({"x": quantity("points")}, points(ranked())),
    rule({"x": quantity()}, points(step(per="2", **{"from": "3"}))),
]
DOCUMENTS = {
    json.dumps(document["result"], sort_keys=True): document
    for document in [*MORE, *(case["rule"] for case in LINES if case["rule"]["result"]["kind"] != "tree")]
}
"""Each result once; several cases share a rule."""


def test_every_change_is_heard() -> None:
    heard = 0
    same: list[str] = []
    for document in DOCUMENTS.values():
        plain = {lang: sentence(parse_rule(document), lang) for lang in ("zh", "en")}
        for path, word in variants(document["result"]):
            try:
                changed = parse_rule(put(document, path, word))
            except RuleRefused:
                continue
            heard += 1
            same += [f"{path} {word}: {text}" for lang, text in plain.items() if sentence(changed, lang) == text]
    assert same == []
    assert heard > 900


@pytest.mark.parametrize(
    ("more", "zh", "en"),
    [
        ({"gives": "-0.5"}, "数每2个扣0.5分（不足一档不计）", "Minus 0.5 for every 2 cases of 数 (whole steps only)"),
        ({"gives": "2"}, "数每2个加2分（不足一档不计）", "Plus 2 for every 2 cases of 数 (whole steps only)"),
        (
            {"direction": "below", "from": "4", "mode": "started"},
            "数低于4个的差额，每2个扣1分（不足一档按一档计）",
            "Minus 1 for every 2 cases that 数 is below 4 cases (each started step counts)",
        ),
    ],
)
def test_step_sentences(more: Json, zh: str, en: str) -> None:
    unit = {"zh": "个", "en": "case"}
    parsed = parse_rule(rule({"x": quantity(unit=unit)}, points(step(**({"per": "2"} | more)))))
    assert sentence(parsed, "zh") == f"{zh}。不设下限，不设上限，四舍五入保留2位小数。"
    assert sentence(parsed, "en") == f"{en}. No floor, no ceiling, half up to 2 places."
