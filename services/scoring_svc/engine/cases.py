"""The acceptance cases of the rule language: `python -m services.scoring_svc.engine.cases [FILE]`.

Belongs here: reading a file of cases, evaluating each line, printing what differs.
Does not belong here: any rule of its own; the engine answers everything.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.scoring_svc.engine.domain import (
    Outcome,
    RuleRefused,
    WorkingCalendar,
    evaluate_group,
    parse_rule,
    weekdays,
)
from services.scoring_svc.engine.rule import load

OWN_CASES = Path(__file__).parents[3] / "tests" / "fixtures" / "rules" / "cases.jsonl"
UNIT = "unit"
"""The id of the unit that is scored; its peers bear their own."""


def differences(case: Mapping[str, Any]) -> list[str]:
    """What differs between a case's expectation and the engine's answer, one text each."""
    expect = case["expect"]
    try:
        rule = parse_rule(case["rule"])
    except RuleRefused as refusal:
        if expect == {"refused": refusal.code}:
            return []
        return [f"expected {expect}, the rule is refused: {refusal}"]
    days = case.get("calendar")
    calendar = weekdays()
    if days is not None:
        calendar = WorkingCalendar.from_days("case", closed=days["closed"], open_days=days["open"])
    outcomes = evaluate_group(rule, {**case.get("peers", {}), UNIT: case["inputs"]}, calendar)
    found = [_different(UNIT, expect, outcomes[UNIT])]
    found += [_different(who, wanted, outcomes[who]) for who, wanted in expect.get("peers", {}).items()]
    exempt = _exempt_names(outcomes[UNIT].proof)
    found += [f"the proof does not show {name} as exempt" for name in expect.get("exempt", []) if name not in exempt]
    return [text for text in found if text]


def _different(who: str, wanted: Mapping[str, Any], outcome: Outcome) -> str:
    said = {outcome.kind: outcome.result}
    if outcome.kind == "not_scorable":
        said = {"state": "not_scorable"}
    expected = {key: value for key, value in wanted.items() if key not in {"peers", "exempt"}}
    return "" if said == expected else f"{who}: expected {expected}, found {said} ({outcome.code})"


def _exempt_names(proof: Any) -> set[str]:
    if isinstance(proof, list):
        return {name for part in proof for name in _exempt_names(part)}
    if not isinstance(proof, dict):
        return set()
    own = {proof["name"]} if proof.get("state") == "exempt" and "name" in proof else set()
    return own | {name for part in proof.values() for name in _exempt_names(part)}


def main(arguments: list[str]) -> int:
    """Evaluate every line of a file; 0 if all agree, 1 if any differs or none was read, 2 if it cannot be read."""
    path = Path(arguments[0]) if arguments else OWN_CASES
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"The file of cases {path} cannot be read: {error.strerror}.\n")
        return 2
    except UnicodeDecodeError:
        sys.stderr.write(f"The file of cases {path} is no text in UTF-8.\n")
        return 2
    lines = [line for line in text.splitlines() if line.strip()]
    agreed = 0
    for line in lines:
        case = load(line)
        found = differences(case)
        agreed += not found
        for text in found:
            sys.stdout.write(f"{case['id']}: {text}\n")
    sys.stdout.write(f"cases {agreed}/{len(lines)}\n")
    return 0 if lines and agreed == len(lines) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
