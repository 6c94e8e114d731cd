"""Rules that nobody wrote: whatever may be published, columns and reference agree on it."""

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scoring_svc.engine.columns.plan import ColumnPlan, columns_of
from services.scoring_svc.engine.domain import RuleRefused, Table, parse_rule
from tests.scoring_svc.engine.builders import Json, category, dated, label, quantity, records
from tests.scoring_svc.engine.columns.drawing import CALENDAR, Drawer, compared, outside, reference

NUMBERS = st.sampled_from(["0", "1", "-1", "2", "0.5", "3", "-0.25", "1.75", "7"])
ABOVE_NOUGHT = st.sampled_from(["1", "0.5", "3", "0.3"])
COMPARES = st.sampled_from(["below", "at_most", "equal", "at_least", "above"])
POLICIES = st.sampled_from(["refuse", "not_scorable", {"as_if": "0"}, {"as_if": "1.5"}])
STATE_POLICIES = st.one_of(POLICIES, st.sampled_from(["peers_mean", {"peers_mean": "c"}]))
COMBINE = st.sampled_from(
    ["sum", "mean", "highest", "lowest", {"kind": "trimmed_mean", "drop_highest": 1, "drop_lowest": 0}]
)
MODES = st.sampled_from(["half_up", "half_even", "floor", "ceiling"])
KIND = ["sum", "difference", "product", "ratio", "round", "limit", "step", "linear", "table", "when", "weighted_mean"]


def _kind(kind: str, **fields: Any) -> st.SearchStrategy[Json]:
    choices = {name: st.just(one) if isinstance(one, str | list | dict) else one for name, one in fields.items()}
    return st.fixed_dictionaries({"kind": st.just(kind), **choices})


def conditions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    tests = st.one_of(
        _kind("compare", left=inner, **{"is": COMPARES}, right=inner),
        _kind("in", of="c", any_of=st.sampled_from([["one"], ["one", "two"]])),
        _kind("state", of=st.sampled_from(["x", "y"]), **{"is": st.sampled_from(["present", "missing", "exempt"])}),
    )
    joined = st.lists(tests, min_size=2, max_size=3)
    return st.one_of(tests, _kind("all", of=joined), _kind("any", of=joined))


def _rows(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Json]]:
    return st.tuples(NUMBERS, inner, inner).map(
        lambda row: [{"below": row[0], "gives": row[1]}, {"at_least": row[0], "gives": row[2]}]
    )


def _points(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Json]]:
    return st.lists(st.fixed_dictionaries({"at": inner, "gives": NUMBERS}), min_size=2, max_size=3)


def compositions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.tuples(inner, inner).map(
        lambda two: [{"weight": "1", "value": two[0]}, {"weight": "2", "value": two[1]}]
    )
    cases = st.lists(st.fixed_dictionaries({"if": conditions(inner), "then": inner}), min_size=1, max_size=2)
    edges = st.sampled_from([("none", "2"), ("-1", "none"), ("-0.5", "0.75")])
    hold = st.sampled_from(["hold", "extend"])
    return st.one_of(
        _kind("sum", of=st.lists(inner, min_size=2, max_size=3)),
        _kind("difference", of=inner, less=inner, sign=st.sampled_from(["signed", "absolute"])),
        _kind("product", of=st.lists(inner, min_size=2, max_size=2)),
        _kind("ratio", of=inner, to=inner, **{"as": st.sampled_from(["number", "points"])}, if_zero=POLICIES),
        _kind("round", of=inner, mode=MODES, places=st.integers(0, 3)),
        st.builds(lambda of, e: {"kind": "limit", "of": of, "floor": e[0], "ceiling": e[1]}, inner, edges),
        _kind(
            "step",
            of=inner,
            **{"from": inner},
            direction=st.sampled_from(["above", "below"]),
            per=ABOVE_NOUGHT,
            gives=st.sampled_from(["1", "-0.3", "0.07"]),
            mode=st.sampled_from(["whole", "started", "proportional"]),
        ),
        _kind("linear", of=inner, through=_points(inner), before=hold, after=hold),
        _kind("table", of=inner, rows=_rows(inner)),
        _kind("when", cases=cases, otherwise=inner),
        _kind(
            "weighted_mean",
            method="arithmetic",
            out_of="3",
            parts=parts,
            missing=st.sampled_from(["not_scorable", "renormalise"]),
        ),
    )


LOCAL = st.recursive(st.one_of(st.sampled_from(["x", "y", "x", "y"]), NUMBERS), compositions, max_leaves=7)
SHALLOW = st.recursive(st.one_of(st.sampled_from(["x", "y"]), NUMBERS), compositions, max_leaves=3)
WITHIN = st.sampled_from(["all", "c"])
ONLY = st.one_of(st.just("all"), conditions(st.one_of(st.sampled_from(["x", "y"]), NUMBERS)))
PEER = st.one_of(
    _kind(
        "peers",
        within=WITHIN,
        only=ONLY,
        self=st.sampled_from(["included", "excluded"]),
        gives=SHALLOW,
        group=st.one_of(st.just("none"), st.fixed_dictionaries({"by": st.just("c"), "combine": COMBINE})),
        combine=COMBINE,
        if_empty=POLICIES,
    ),
    _kind(
        "rank",
        of=SHALLOW,
        within=WITHIN,
        only=ONLY,
        best=st.sampled_from(["highest", "lowest"]),
        ties=st.sampled_from(["competition", "dense", "average"]),
        gives=st.sampled_from(
            [
                {
                    "kind": "step",
                    "of": "place",
                    "from": "1",
                    "direction": "above",
                    "per": "1",
                    "gives": "-1",
                    "mode": "whole",
                },
                {
                    "kind": "table",
                    "of": "place",
                    "rows": [{"equal": "1", "gives": "5"}, {"above": "1", "gives": "0.5"}],
                },
            ]
        ),
        if_unranked=POLICIES,
    ),
)
FIELD = st.one_of(st.sampled_from(["v", "v", "x"]), NUMBERS)
BY = st.sampled_from(["k", {"calendar": "quarter", "of": "d"}, {"rolling_days": 40, "of": "d"}])
EACH = _kind(
    "each",
    **{"in": "list"},
    only=st.one_of(st.just("all"), _kind("compare", left=FIELD, **{"is": COMPARES}, right=FIELD)),
    gives=st.one_of(st.just("v"), compositions(FIELD)),
    group=st.one_of(st.just("none"), st.fixed_dictionaries({"by": BY, "combine": COMBINE})),
    combine=COMBINE,
    if_empty=POLICIES,
)
VALUE = st.one_of(LOCAL, PEER, EACH, compositions(st.one_of(SHALLOW, PEER)), compositions(st.one_of(SHALLOW, EACH)))


def declared(policies: list[Any], value: Any, rounding: Json, edges: tuple[str, str]) -> Json:
    """The rule with just the inputs and fields that the value reads."""
    text = str(value)
    number = {"unit": label(""), "allowed": {"at_least": "-3", "at_most": "9"}}
    every: Json = {
        "x": quantity(**number, missing=policies[0], exempt=policies[1]),
        "y": quantity(**number, missing=policies[2], exempt="refuse"),
        "c": category("one", "two", "three", missing="not_scorable", exempt={"as_if": "one"}),
        "list": records(v=quantity(**number, missing="not_scorable"), k=dated("key"), d=dated()),
    }
    fields = every["list"]["fields"]
    every["list"]["fields"] = {name: one for name, one in fields.items() if f"'{name}'" in text} or fields
    read = {name: one for name, one in every.items() if f"'{name}'" in text}
    if "c" not in read and "{'peers_mean': 'c'}" in str(read):
        read["c"] = every["c"]
    points: Json = {
        "kind": "product",
        "of": ["1", {"kind": "ratio", "of": value, "to": "1", "as": "points", "if_zero": "refuse"}],
    }
    result = {
        "kind": "points",
        "base": "1",
        "clauses": [{"clause": "drawn", "points": points}, {"clause": "fixed", "points": "0.125"}],
        "floor": edges[0],
        "ceiling": edges[1],
        "rounding": rounding,
    }
    return {"rule_language": 1, "inputs": read, "result": result}


RULES = st.builds(
    declared,
    st.lists(STATE_POLICIES, min_size=3, max_size=3),
    VALUE,
    st.fixed_dictionaries({"mode": MODES, "places": st.integers(0, 3)}),
    st.sampled_from([("none", "none"), ("0", "none"), ("0", "2"), ("none", "1.5")]),
)


def test_generated_rules() -> None:
    counts = {"refused": 0, "columns": 0, "reference": 0}
    kinds: set[str] = set()

    @settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(RULES)
    def agree(document: Json) -> None:
        try:
            rule = parse_rule(document)
        except RuleRefused:
            counts["refused"] += 1
            return
        plan = columns_of(rule)
        if not isinstance(plan, ColumnPlan):
            counts["reference"] += 1
            return
        counts["columns"] += 1
        groups = Drawer(rule, random.Random(7)).groups(40)  # noqa: S311 - facts are the same in every run
        found = compared("generated", plan, groups, reference(rule, groups))
        assert not found.differences, found.differences[0]
        batch = plan.read(Table.of_rows([facts for group in groups for facts in group]), calendar=CALENDAR).batch
        plan.run(batch)
        assert not outside(batch)
        kinds.update(_kinds(document["result"]))

    agree()
    assert counts["columns"] >= 120, counts
    assert counts["reference"] <= 0.4 * counts["columns"], counts
    assert kinds >= {*KIND, "rank", "peers", "each", "compare", "state", "in", "all", "any"}


def _kinds(node: Any) -> set[str]:
    if isinstance(node, list):
        return {kind for part in node for kind in _kinds(part)}
    if not isinstance(node, dict):
        return set()
    own = {node["kind"]} if "kind" in node else set()
    return own | {kind for part in node.values() for kind in _kinds(part)}
