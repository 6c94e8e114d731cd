"""What a ruling or a correction does to a cell: pure rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from services.scoring_svc.engine.domain import parse_rule
from services.scoring_svc.ledger.adjudication import (
    Adjudication,
    AdjudicationUnreadable,
    ScoreNotPossible,
    adjudicated,
    counting,
    demand_possible,
    demand_readable,
    fixed,
    proof_with,
    settled,
)
from services.scoring_svc.ledger.domain import Exclusion, Finding, Scored
from services.scoring_svc.ledger.evaluation import Group
from shared.contracts.periods import parse_period
from tests.scoring_svc.ledger.city import COL1, COL2, count_input, points, unit_of

DAY = datetime(2015, 3, 1, tzinfo=UTC)
UNIT = unit_of("420102")
OUT = Exclusion("exempt", "机构撤并")


def decided(kind: Any, value: Any = None, *, name: str | None = None, day: int = 0, no: int = 1) -> Adjudication:
    return Adjudication("ruling", UUID(int=no), 1, kind, name, value, "申诉成立", "C1", DAY + timedelta(days=day))


def evaluated(*decisions: Adjudication) -> Scored:
    marks = {one.mark: one.reference for one in counting(decisions).values()}
    return Scored(UNIT, Finding("scored", Decimal(10), Decimal(6)), {"errors": 1, **marks})


def test_the_later_decision_counts_in_whatever_order_they_come() -> None:
    made = [
        decided("value", "3", name="errors", day=1, no=1),
        decided("value", "1", name="errors", day=2, no=2),
        decided("value", "5", name="other", day=0, no=3),
        decided("score", "8", day=0, no=4),
        decided("exempt", day=0, no=5),
    ]
    for order in permutations(made):
        found = counting(order)
        told = {mark: (one.kind, one.value) for mark, one in found.items()}
        assert told == {
            "adjudicated:errors": ("value", "1"),
            "adjudicated:other": ("value", "5"),
            "adjudicated:*": ("exempt", None),
        }


def test_values_take_the_place_of_facts_and_both_stand_in_the_inputs() -> None:
    other = unit_of("420103")
    facts = {str(UNIT): {"errors": "2"}, str(other): {"errors": "0"}}
    inputs = {str(UNIT): {"errors": 4}, str(other): {"errors": 1}}
    group = Group.of_rows(COL1, parse_period("2015-01"), facts, inputs, None)
    standing = {(COL1.indicator_id, UNIT): [decided("value", "1", name="errors"), decided("value", "9", name="gone")]}
    found = adjudicated(group, standing)
    assert found.facts == {str(UNIT): {"errors": "1"}, str(other): {"errors": "0"}}
    assert found.inputs[str(UNIT)] == {"errors": 4, "adjudicated:errors": f"ruling:{UUID(int=1)}:1"}
    assert found.inputs[str(other)] == {"errors": 1}
    assert adjudicated(found, standing) == found, "what is replayed is the same again"
    assert group.facts[str(UNIT)] == {"errors": "2"}


@pytest.mark.parametrize(
    ("decisions", "state", "score", "note"),
    [
        ([], "exempt", None, "机构撤并"),
        ([decided("value", "1", name="errors")], "scored", Decimal(6), None),
        ([decided("exempt")], "exempt", None, "申诉成立"),
        ([decided("score", "8.50")], "scored", Decimal("8.50"), "申诉成立"),
        ([decided("score", "8"), decided("value", "1", name="errors", day=9, no=2)], "scored", Decimal(8), "申诉成立"),
    ],
)
def test_a_decision_stands_above_an_exclusion_and_the_whole_above_values(
    decisions: list[Adjudication], state: str, score: Decimal | None, note: str | None
) -> None:
    found = settled(evaluated(*decisions), OUT, decisions)
    assert (found.state, found.score, found.finding.note) == (state, score, note)
    assert fixed(found.inputs) is any(one.kind != "value" for one in decisions)


def test_a_decision_that_the_cell_did_not_read_leaves_the_exclusion() -> None:
    assert settled(evaluated(), OUT, [decided("value", "1", name="gone")]).state == "exempt"


def test_a_fixed_score_is_one_entry_of_its_own_kind_and_its_proof_adds_up() -> None:
    ruled = decided("score", "8.50")
    (entry,) = settled(evaluated(ruled), None, [ruled]).finding.entries
    assert (entry.kind, entry.clause, entry.points) == ("ruling", None, "8.50")
    inner = {"rule": "sha256:1", "rule_language": 1, "result": "points", "value": "6", "entries": []}
    proof = proof_with(ruled, inner)
    assert (proof["value"], proof["entries"]) == ("8.50", [{"entry": "ruling", "points": "8.50"}])
    assert proof["because"] == {"kind": "ruling", "decision": ruled.reference, "replaced": inner}
    assert proof_with(decided("exempt"), inner)["result"] == "exempt"
    assert proof_with(None, inner) == inner


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("value", None, "1"),
        ("value", "errors", None),
        ("exempt", "errors", None),
        ("exempt", None, "1"),
        ("score", None, None),
        ("score", None, "eight"),
        ("score", None, 8),
        ("score", "errors", "8"),
    ],
)
def test_a_decision_says_what_its_kind_needs_and_nothing_else(kind: Any, name: str | None, value: Any) -> None:
    with pytest.raises(AdjudicationUnreadable):
        demand_readable(kind, name, value)


@pytest.mark.parametrize("nought", ["-0", "-0.00", "0.00"])
def test_a_score_of_nought_has_no_sign(nought: str) -> None:
    ruled = decided("score", nought)
    score = settled(evaluated(ruled), None, [ruled]).score
    assert score is not None
    assert format(score, "f") == nought.removeprefix("-")


def by_case(gives: str, base: str = "10", **edges: str) -> Any:
    """A rule that gives so much for every case that was found."""
    step = {
        "kind": "step", "of": "cases", "from": "0", "direction": "above", "per": "1", "gives": gives, "mode": "whole",
    }  # fmt: skip
    result = points(base, [("found", step)], **edges)
    return {"rule_language": 1, "inputs": {"cases": count_input()}, "result": result}


@pytest.mark.parametrize(
    ("rule", "possible", "not_possible"),
    [
        (COL1.rule, ("0", "10", "9.99", "-0"), ("10.01", "-0.01", "9.999", "9999")),
        (COL2.rule, ("0", "10"), ("10.5", "-1")),
        (by_case("0.5", ceiling="12"), ("10", "10.5", "12", "12.00"), ("12.01", "9.99", "12.000")),
        (by_case("0.5"), ("10", "12.01", "9999"), ("9.99", "10.001")),
        (by_case("-1", "0", floor="none"), ("0", "-9999"), ("0.01", "-0.001")),
    ],
    ids=["deduction", "rank", "bonus with a ceiling", "bonus without an end", "no floor"],
)
def test_a_score_is_possible_between_the_ends_of_the_rule_and_to_its_places(
    rule: Any, possible: tuple[str, ...], not_possible: tuple[str, ...]
) -> None:
    parsed = parse_rule(rule)
    for score in possible:
        demand_possible(parsed, score)
    for score in not_possible:
        with pytest.raises(ScoreNotPossible):
            demand_possible(parsed, score)
