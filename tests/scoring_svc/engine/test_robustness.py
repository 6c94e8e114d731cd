"""Whatever is put in: checks answer with codes, evaluation answers with outcomes inside the attainable span."""

import copy
import json
import random
from datetime import date, timedelta
from typing import Any

import pytest

from services.scoring_svc.engine.cases import OWN_CASES
from services.scoring_svc.engine.domain import (
    CODES,
    Rule,
    RuleRefused,
    attainable,
    check_rule,
    evaluate_group,
    parse_rule,
    sentence,
    weekdays,
)
from services.scoring_svc.engine.language import Input
from services.scoring_svc.engine.numbers import rational
from tests.scoring_svc.engine.builders import Json

RULES = list(
    {
        json.dumps(case["rule"], sort_keys=True): case["rule"]
        for case in (json.loads(line) for line in OWN_CASES.read_text(encoding="utf-8").splitlines())
        if "refused" not in case["expect"]
    }.values()
)
JUNK: list[Any] = [
    None,
    1,
    -1,
    True,
    "",
    "0",
    "-5",
    "100",
    "x",
    "place",
    "all",
    "none",
    [],
    {},
    {"kind": "sum", "of": ["1"]},
]
KINDS = {"points", "figure", "date", "level", "not_scorable", "refused"}


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))]


def get(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def spoiled(document: Json, dice: random.Random) -> Json:
    """The rule with one place replaced by junk or by another place, or taken away."""
    changed = copy.deepcopy(document)
    every = places(document)
    path = dice.choice(every[1:])
    holder = get(changed, path[:-1])
    how = dice.randrange(3)
    if how == 0:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(dice.choice(JUNK) if how == 1 else get(document, dice.choice(every)))
    return changed


def number(item: Input, dice: random.Random) -> str:
    listed = None if item.allowed is None else item.allowed.listed
    if listed is not None:
        return dice.choice(listed)
    whole = item.type in {"count", "place"}
    return str(dice.randint(1, 9)) if whole else f"{dice.randint(-20, 120)}.{dice.randint(0, 9)}"


def fact(item: Input, dice: random.Random) -> Any:
    if dice.random() < 0.05:
        return {"state": dice.choice(["missing", "exempt", "not_scorable"])}
    if item.fields is not None:
        count = dice.randint(0, 4)
        return [{name: fact(field, dice) for name, field in item.fields.items()} for _ in range(count)]
    if item.choices:
        return dice.choice(item.choices).id
    if item.type == "date":
        return (date(2015, 1, 1) + timedelta(days=dice.randint(0, 400))).isoformat()
    return dice.choice("abc") if item.type == "key" else number(item, dice)


def group_of(rule: Rule, dice: random.Random) -> dict[str, Json]:
    return {unit: {name: fact(item, dice) for name, item in rule.inputs.items()} for unit in "abcd"}


def inside_the_attainable_span(rule: Rule, dice: random.Random) -> int:
    """Evaluates a group of random facts; how many units have a number, each of which was inside the span."""
    low, high = attainable(rule)
    count = 0
    for outcome in evaluate_group(rule, group_of(rule, dice), weekdays()).values():
        assert outcome.kind in KINDS
        if outcome.kind in {"points", "figure"}:
            assert outcome.value is not None
            value = rational(outcome.value)
            assert low is None or value >= low
            assert high is None or value <= high
            count += 1
    return count


@pytest.mark.parametrize("seed", range(2))
def test_spoiled_rules_are_refused_by_code_or_evaluate(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - the same rules are spoiled in every run
    refused: set[str] = set()
    accepted = 0
    for document in RULES:
        for _ in range(12):
            changed = spoiled(document, dice)
            findings = check_rule(changed)
            assert {finding.code for finding in findings} <= set(CODES)
            try:
                rule = parse_rule(changed)
            except RuleRefused as refusal:
                refused.add(refusal.code)
                continue
            accepted += 1
            inside_the_attainable_span(rule, dice)
            sentence(rule, "zh")
    assert accepted > 50
    assert {"UNKNOWN_KIND", "SHAPE", "CHOICE_MISSING", "UNKNOWN_NAME", "UNUSED_INPUT", "TYPE_MISMATCH"} <= refused


def test_every_case_rule_stays_inside_its_attainable_span() -> None:
    dice = random.Random(2015)  # noqa: S311 - the same facts are drawn in every run
    counted = sum(inside_the_attainable_span(parse_rule(document), dice) for document in RULES for _ in range(20))
    assert counted > 2000
