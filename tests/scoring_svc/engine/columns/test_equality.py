"""Columns and reference agree digit for digit, entries included; and the comparison can fail."""

import random
import re
from collections.abc import Mapping

import pytest

from services.scoring_svc.engine.columns import algebra
from services.scoring_svc.engine.columns.plan import ColumnPlan, columns_of
from services.scoring_svc.engine.columns.rounding import ROUNDS
from services.scoring_svc.engine.domain import Rule
from tests.scoring_svc.engine.columns.drawing import (
    Comparison,
    Drawer,
    case_rules,
    compared,
    departments,
    pack_rules,
    plan_of,
    reference,
)

ROWS = 160
_PARTS = 6


def drawn(name: str, rule: Rule, seed: int = 0) -> tuple[list[list[dict[str, object]]], Rule]:
    return Drawer(rule, random.Random(f"{name} {seed}")).groups(ROWS), rule  # noqa: S311 - the same in every run


def compare_all(rules: Mapping[str, Rule]) -> Comparison:
    total = Comparison()
    for name, rule in rules.items():
        plan = columns_of(rule)
        if isinstance(plan, ColumnPlan):
            groups, _ = drawn(name, rule)
            total += compared(name, plan, groups, reference(rule, groups))
    return total


@pytest.mark.parametrize("part", range(_PARTS))
def test_rules_of_the_cases(part: int) -> None:
    rules = list(case_rules().items())[part::_PARTS]
    total = compare_all(dict(rules))
    assert not total.differences, total.differences[0]
    assert total.in_columns >= 0.9 * total.rows > 0
    assert {"refused", "not_scorable", "points"} <= {*total.kinds}


@pytest.mark.parametrize("department", departments())
def test_rules_of_the_pack(department: str) -> None:
    total = compare_all(pack_rules(department))
    assert not total.differences, total.differences[0]
    assert total.in_columns >= 0.9 * total.rows > 0
    assert {"refused", "points"} <= {*total.kinds}


EXCHANGED = {"at_least": "above", "at_most": "below", "above": "at_least", "below": "at_most"}


def using(how: str) -> dict[str, Rule]:
    """Some rules that compare in this way themselves: in a condition or at the edge of a row."""
    every = {**case_rules(), **pack_rules("D-TAX1"), **pack_rules("D-REV")}
    found = [(name, rule) for name, rule in every.items() if re.search(f"is_='{how}'|{how}='", repr(rule.result))]
    return dict(found[:6])


@pytest.mark.parametrize("how", EXCHANGED)
def test_control_an_exchanged_edge_is_found(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = using(how)
    assert not compare_all(rules).differences
    monkeypatch.setitem(algebra.COMPARES, how, algebra.COMPARES[EXCHANGED[how]])
    assert compare_all(rules).differences


@pytest.mark.parametrize(("mode", "instead"), [("half_up", "half_even"), ("floor", "ceiling")])
def test_control_an_exchanged_rounding_is_found(mode: str, instead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROUNDS, mode, ROUNDS[instead])
    assert compare_all(dict(list(case_rules().items())[::3])).differences


def test_control_a_lost_entry_is_found() -> None:
    name, rule = next(iter(case_rules().items()))
    groups, _ = drawn(name, rule)
    wanted = reference(rule, groups)
    spoiled = [type(one)(one.kind, one.value, one.code, one.entries[:-1], one.substituted) for one in wanted]
    assert compared(name, plan_of(rule), groups, spoiled).differences
