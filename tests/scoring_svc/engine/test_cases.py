import json
from pathlib import Path
from typing import Any

import pytest

from services.scoring_svc.engine.cases import OWN_CASES, differences, main
from services.scoring_svc.engine.domain import evaluate, facts_line, parse_rule, sentence, weekdays

LINES = [json.loads(line) for line in OWN_CASES.read_text(encoding="utf-8").splitlines()]
WORKED = json.loads(OWN_CASES.with_name("worked.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["id"])
def test_case_agrees(case: dict[str, Any]) -> None:
    assert differences(case) == []


def test_command_counts_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines() == ["cases 116/116"]


def test_command_names_every_differing_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [
        {**LINES[0], "expect": {"points": "1.7"}},
        {**LINES[1], "expect": {"refused": "TREE_SUM"}},
        {**LINES[2], "expect": {**LINES[2]["expect"], "exempt": ["rate"]}},
        LINES[3],
    ]
    path = tmp_path / "wrong.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in wrong), encoding="utf-8")
    assert main([str(path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed[:-1]] == ["C001", "C002", "C004a"]
    assert printed[-1] == "cases 1/4"


@pytest.mark.parametrize("example", WORKED, ids=lambda example: example["title"])
def test_worked_example(example: dict[str, Any]) -> None:
    rule = parse_rule(example["rule"])
    assert sentence(rule, "zh") == example["zh"]
    assert sentence(rule, "en") == example["en"]
    assert evaluate(rule, example["inputs"], example["peers"], weekdays()).value == example["value"]


def test_facts_line_says_what_follows() -> None:
    assert facts_line(parse_rule(WORKED[0]["rule"]), "zh") == WORKED[0]["facts_zh"]
    assert facts_line(parse_rule(WORKED[0]["rule"]), "en") == (
        "unregistered-taxpayer rate (if missing must be supplied, no exemption)"
    )


def test_every_case_has_a_sentence_without_gaps() -> None:
    said = []
    for case in LINES:
        if case["expect"] == {"refused": "TREE_SUM"}:
            continue
        rule = parse_rule(case["rule"])
        said += [sentence(rule, lang) for lang in ("zh", "en")]
    assert all(text and "None" not in text and "{" not in text for text in said)


def test_rules_that_differ_have_different_sentences() -> None:
    by_sentence: dict[str, set[str]] = {}
    for case in LINES:
        if "refused" not in case["expect"]:
            rule = parse_rule(case["rule"])
            text = sentence(rule, "zh") + facts_line(rule, "zh")
            by_sentence.setdefault(text, set()).add(json.dumps(case["rule"]["result"], sort_keys=True))
    assert [text for text, rules in by_sentence.items() if len(rules) > 1] == []
