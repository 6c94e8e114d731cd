import json
import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scoring_svc.engine.cases import OWN_CASES
from services.scoring_svc.engine.domain import canonical, evaluate, evaluate_group, parse_rule, weekdays
from services.scoring_svc.engine.numbers import rational
from tests.scoring_svc.engine.builders import (
    Json,
    category,
    compare,
    peers,
    points,
    quantity,
    ranked,
    rule,
    step,
    when,
)

LINES = [json.loads(line) for line in OWN_CASES.read_text(encoding="utf-8").splitlines()]
PUBLISHED = [case for case in LINES if "refused" not in case["expect"]]
INPUTS = {"x": quantity("points", missing="peers_mean", exempt={"as_if": "1"}), "k": category("a", "b")}
RULES = {
    "local": points(step(mode="proportional"), base="10", floor="0", ceiling="9"),
    "rank": points(ranked(within="k", ties="average"), floor="1", ceiling="9.5"),
    "ranked few": points(ranked(only=compare("x", "above", "2"), if_unranked="peers_mean"), ceiling="9"),
    "peers": points(
        {
            "kind": "ratio",
            "of": "x",
            "to": peers(within="k", self="excluded", combine="mean"),
            "as": "points",
            "if_zero": "not_scorable",
        },
        when(compare("x", "above", peers(group={"by": "k", "combine": "mean"})), "-1"),
        base="3",
        floor="0",
        rounding={"mode": "half_even", "places": 1},
    ),
}


def with_used_inputs(result: Json) -> Json:
    used = INPUTS if '"k"' in json.dumps(result) else {"x": INPUTS["x"]}
    return rule(used, result)


FACT = st.one_of(
    st.decimals(-3, 12, places=2, allow_nan=False).map(str),
    st.sampled_from([{"state": "missing"}, {"state": "exempt"}, {"state": "not_scorable"}, "bad", "1.00", "7"]),
)
UNITS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.fixed_dictionaries({"x": FACT, "k": st.sampled_from("ab")}), min_size=1
)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(units=UNITS)
def test_group_equals_each_unit_and_entries_add_up(name: str, units: dict[str, Json]) -> None:
    parsed = parse_rule(with_used_inputs(RULES[name]))
    facts = {unit: {key: value for key, value in one.items() if key in parsed.inputs} for unit, one in units.items()}
    together = evaluate_group(parsed, facts)
    for unit, outcome in together.items():
        others = {other: one for other, one in facts.items() if other != unit}
        alone = evaluate(parsed, facts[unit], others, unit=unit)
        assert alone == outcome
        assert canonical(alone.proof) == canonical(outcome.proof)
        if outcome.value is not None:
            assert sum((entry.amount for entry in outcome.entries), Fraction(0)) == rational(outcome.value)
        else:
            assert outcome.entries == ()


def exact(text: str) -> Fraction:
    return Fraction(text) if "/" in text else rational(text)


@pytest.mark.parametrize(
    "case", [case for case in LINES if "refused" not in case["expect"]], ids=lambda case: case["id"]
)
def test_proof_adds_up_and_replays(case: dict[str, Any]) -> None:
    parsed = parse_rule(case["rule"])
    outcome = evaluate(parsed, case["inputs"], case.get("peers"), weekdays())
    again = evaluate(parsed, case["inputs"], dict(reversed(list(case.get("peers", {}).items()))), weekdays())
    assert canonical(outcome.proof) == canonical(again.proof)
    assert outcome.proof["rule"] == parsed.hash
    entries = outcome.proof.get("entries", [])
    if outcome.kind in {"points", "figure"}:
        assert sum((exact(one[outcome.kind]) for one in entries), Fraction(0)) == exact(outcome.proof["value"])
    else:
        assert outcome.proof["because"]["value"] == outcome.value


def test_entries_are_written_only_where_they_act() -> None:
    parsed = parse_rule(with_used_inputs(RULES["local"]))
    found = {
        x: [(one.entry, one.text) for one in evaluate(parsed, {"x": x}).entries] for x in ("1", "0", "20", "2.005")
    }
    assert found == {
        "1": [("base", "10"), ("clause", "-1")],
        "0": [("base", "10"), ("clause", "0"), ("ceiling", "-1")],
        "20": [("base", "10"), ("clause", "-20"), ("floor", "10")],
        "2.005": [("base", "10"), ("clause", "-2.005"), ("rounding", "0.005")],
    }


def test_a_unit_may_not_stand_among_its_peers() -> None:
    with pytest.raises(ValueError, match="among its peers"):
        evaluate(parse_rule(with_used_inputs(RULES["local"])), {"x": "1"}, {"u": {"x": "1"}}, unit="u")


def test_a_whole_bureau_is_scored_quickly() -> None:
    names = list(RULES)
    documents = []
    for number in range(148):
        result = {**RULES[names[number % len(names)]], "base": str(number)}
        documents.append(with_used_inputs(result))
    parsed = [parse_rule(document) for document in documents]
    units = {f"u{number}": {"x": str(number % 9), "k": "ab"[number % 2]} for number in range(17)}
    began = time.process_time()
    count = 0
    for one in parsed:
        count += len(evaluate_group(one, {u: {n: f[n] for n in one.inputs} for u, f in units.items()}, weekdays()))
    assert count == 17 * 148
    assert time.process_time() - began < 2
