"""The nearest change that gains points, against trying every value; and what cannot be told is said."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from services.scoring_svc.engine.domain import RuleRefused, evaluate, parse_rule, weekdays
from services.scoring_svc.reports import remedies
from services.scoring_svc.reports.remedies import Change, Situation, nearest
from tests.scoring_svc.ledger.city import LATE, RANKED, per_error, points

_CASES = Path(__file__).parents[2] / "fixtures" / "rules" / "cases.jsonl"


def situation(rule: Any, units: dict[str, dict[str, Any]]) -> Situation:
    return Situation(parse_rule(rule), "own", units, None)


def gain(rule: Any, name: str, units: dict[str, dict[str, Any]]) -> remedies.Answer:
    found = situation(rule, units)
    peers = {unit: facts for unit, facts in units.items() if unit != "own"}
    now = evaluate(found.rule, units["own"], peers, None, unit="own")
    return nearest(found, name, rule, Fraction(str(now.value)), above=True)


def _cases() -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in _CASES.read_text().splitlines() if line]
    return [line for line in lines if "rule" in line and "points" in line.get("expect", {})]


def test_every_change_is_the_nearest_of_all_values() -> None:
    """All cases of the language: no value nearer to the fact, on its grid, would have gained anything."""
    changes = 0
    for case in _cases():
        units = {"own": case["inputs"], **case.get("peers", {})}
        try:
            found = situation(case["rule"], units)
        except RuleRefused:
            continue
        before = Fraction(case["expect"]["points"])
        for name, item in found.rule.inputs.items():
            answer = nearest(found, name, case["rule"], before, above=True)
            if not isinstance(answer, Change) or item.type in {"category", "date"}:
                continue
            changes += 1
            assert found.score_with(name, answer.after) == Fraction(answer.score) > before, case["id"]
            places = len(answer.after.partition(".")[2])
            step, now = Fraction(1, 10**places), Fraction(answer.before)
            away = int(abs(Fraction(answer.after) - now) / step)
            for number in range(1, min(away, 400)):
                for side in (-1, 1):
                    score = found.score_with(name, remedies.fixed(now + side * number * step, places))
                    assert score is None or score <= before, (case["id"], name, number * side)
    assert changes > 50


def test_a_search_that_passes_over_too_much_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without the stretches near the fact the answer is another one."""
    units = {"own": {"errors": "9"}}
    assert gain(per_error("10", "-2"), "errors", units) == Change("9", "4", "2.00")
    may = remedies._Search._may
    monkeypatch.setattr(remedies._Search, "_may", lambda self, low, high: high <= 3 and may(self, low, high))
    assert gain(per_error("10", "-2"), "errors", units) != Change("9", "4", "2.00")


def test_a_place_is_won_by_passing_or_meeting_the_next_unit() -> None:
    units = {"own": {"growth": "7.5"}, "b": {"growth": "9"}, "c": {"growth": "5"}}
    assert gain(RANKED, "growth", units) == Change("7.5", "9.0", "10.00")
    assert gain(RANKED, "growth", {**units, "own": {"growth": "9.5"}}) == "impossible"


def test_what_cannot_be_told_is_said() -> None:
    rule = per_error("10", "-2", missing={"as_if": "9"})
    assert gain(rule, "errors", {"own": {}}) == "fact_not_there"
    assert gain(per_error("10", "-2"), "errors", {"own": {"errors": "0"}}) == "impossible"
    records = {
        "rule_language": 1,
        "inputs": {
            "cases": {
                "label": {"zh": "案件", "en": "cases"},
                "type": "records",
                "fields": {"n": per_error("1", "-1")["inputs"]["errors"]},
                "missing": "refuse",
                "exempt": "refuse",
            }
        },
        "result": points(
            "5",
            [
                (
                    "found",
                    {
                        "kind": "each", "in": "cases", "only": "all", "gives": "-1", "group": "none",
                        "combine": "sum", "if_empty": {"as_if": "0"},
                    },
                )
            ],
        ),
    }  # fmt: skip
    records["result"]["clauses"][0]["points"]["gives"] = {
        "kind": "step", "of": "n", "from": "0", "direction": "above", "per": "1", "gives": "-1", "mode": "whole",
    }  # fmt: skip
    assert gain(records, "cases", {"own": {"cases": [{"n": "1"}]}}) == "records"


def test_a_date_is_moved_day_by_day() -> None:
    found = Situation(parse_rule(LATE), "own", {"own": {"due": "2015-02-06", "sent": "2015-02-10"}}, weekdays())
    assert nearest(found, "sent", LATE, Fraction("3"), above=False) == Change("2015-02-10", "2015-02-08", "3.00")
