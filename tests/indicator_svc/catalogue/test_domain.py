"""Declarations of metrics, sums, bindings. Pure; no database."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.indicator_svc.catalogue.domain.declarations import faults_of, mismatch
from services.indicator_svc.catalogue.domain.sets import binding_findings, cards_hash, cycle_findings, sum_findings

UNIT = {"zh": "户", "en": "household"}
CHOICES = [{"id": "good", "zh": "好", "en": "good"}, {"id": "poor", "zh": "差", "en": "poor"}]


def metric(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "unit": None, "allowed": None, "fields": None, **more}


FIELDS = {
    "level": {"label": {"zh": "级别", "en": "level"}, "type": "category", "allowed": CHOICES},
    "on": {"label": {"zh": "日期", "en": "on"}, "type": "date"},
    "matter": {"label": {"zh": "事项", "en": "matter"}, "type": "key"},
    "sum": {
        "label": {"zh": "金额", "en": "sum"},
        "type": "amount",
        "unit": {"zh": "元", "en": "yuan"},
        "allowed": "any",
    },
}


@pytest.mark.parametrize(
    "declaration",
    [
        metric("count", unit=UNIT, allowed={"at_least": "0"}),
        metric("number", unit={"zh": "", "en": ""}, allowed="any"),
        metric("percent", allowed={"above": "-5", "at_most": "100.5"}),
        metric("marks", allowed=["0", "60", "100"]),
        metric("place", allowed={"at_least": "1"}),
        metric("category", allowed=CHOICES),
        metric("date"),
        metric("records", fields=FIELDS),
    ],
)
def test_sound_declarations(declaration: dict[str, Any]) -> None:
    assert faults_of(declaration) == []


@pytest.mark.parametrize(
    ("declaration", "pointer", "code"),
    [
        (metric("sentence"), "/type", "SHAPE"),
        (metric("key"), "/type", "SHAPE"),
        (metric("count", allowed="any"), "/unit", "CHOICE_MISSING"),
        (metric("amount", unit={"zh": "元"}, allowed="any"), "/unit", "CHOICE_MISSING"),
        (metric("percent", unit=UNIT, allowed="any"), "/unit", "UNKNOWN_FIELD"),
        (metric("percent"), "/allowed", "CHOICE_MISSING"),
        (metric("percent", allowed="some"), "/allowed", "SHAPE"),
        (metric("percent", allowed=[]), "/allowed", "SHAPE"),
        (metric("percent", allowed=[5]), "/allowed", "SHAPE"),
        (metric("percent", allowed={}), "/allowed", "SHAPE"),
        (metric("percent", allowed={"at_least": "0", "above": "1"}), "/allowed", "SHAPE"),
        (metric("percent", allowed={"up_to": "0"}), "/allowed", "SHAPE"),
        (metric("percent", allowed={"at_least": 0}), "/allowed/at_least", "SHAPE"),
        (metric("percent", allowed={"at_least": "1e3"}), "/allowed/at_least", "SHAPE"),
        (metric("percent", allowed="any", fields=FIELDS), "/fields", "UNKNOWN_FIELD"),
        (metric("category"), "/allowed", "CHOICE_MISSING"),
        (metric("category", allowed=[{"id": "Good", "zh": "好", "en": "good"}]), "/allowed/0", "SHAPE"),
        (metric("category", allowed=[CHOICES[0], CHOICES[0]]), "/allowed/1/id", "NAME_CLASH"),
        (metric("category", allowed=[{"id": "good", "zh": "好"}]), "/allowed/0", "SHAPE"),
        (metric("date", allowed="any"), "/allowed", "UNKNOWN_FIELD"),
        (metric("records"), "/fields", "CHOICE_MISSING"),
        (metric("records", fields={}), "/fields", "CHOICE_MISSING"),
        (metric("records", fields=FIELDS, allowed="any"), "/allowed", "UNKNOWN_FIELD"),
        (metric("records", fields={"Bad": {"type": "date"}}), "/fields/Bad", "SHAPE"),
        (metric("records", fields={"rows": {"type": "records"}}), "/fields/rows/type", "SHAPE"),
        (metric("records", fields={"sum": {"type": "amount", "allowed": "any"}}), "/fields/sum/unit", "CHOICE_MISSING"),
    ],
)
def test_malformed_declarations_are_named(declaration: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in {(fault.pointer, fault.code) for fault in faults_of(declaration)}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "zh", "at_least", "type"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["count", "percent", "category", "date", "records"]), json_values, json_values, json_values)
def test_no_json_breaks_the_check(kind: str, unit: Any, allowed: Any, fields: Any) -> None:
    """Whatever stands there is judged, never a fault of the program."""
    found = faults_of({"type": kind, "unit": unit, "allowed": allowed, "fields": fields})
    assert all(fault.pointer.startswith("/") and fault.code.isupper() for fault in found)
    assert isinstance(mismatch(metric("records", fields=FIELDS), {"type": kind, "allowed": allowed}), str)
    declared = {"type": kind, "unit": unit, "allowed": allowed, "fields": fields}
    assert isinstance(mismatch(declared, metric(kind, unit=unit, allowed=CHOICES, fields=FIELDS)), str)


@pytest.mark.parametrize(
    ("declared", "reads", "fits"),
    [
        (metric("count", unit=UNIT), metric("count", unit=UNIT), True),
        (metric("count", unit=UNIT), metric("count", unit={"zh": "件", "en": "case"}), False),
        (metric("count", unit=UNIT), metric("amount", unit=UNIT), False),
        ({"type": "percent"}, metric("percent"), True),
        (metric("category", allowed=CHOICES), metric("category", allowed=CHOICES[:1]), True),
        (metric("category", allowed=CHOICES[:1]), metric("category", allowed=CHOICES), False),
        (metric("records", fields=FIELDS), metric("records", fields=FIELDS), True),
        (metric("records", fields={"on": FIELDS["on"]}), metric("records", fields=FIELDS), False),
        (metric("records", fields=FIELDS), metric("records", fields={**FIELDS, "on": FIELDS["matter"]}), False),
    ],
)
def test_an_input_reads_what_has_its_type_and_unit(declared: Any, reads: Any, fits: bool) -> None:
    assert (mismatch(declared, reads) == "") is fits


def card(code: str, level1: str, level2: str, points: str) -> dict[str, Any]:
    return {"code": code, "level1": level1, "level2": level2, "points": points}


LEVELS = [{"name": "甲", "points": "3", "level2": [{"name": "一", "points": "1.1"}, {"name": "二", "points": "1.9"}]}]
EVEN = [card("1", "甲", "一", "1.1"), card("2", "甲", "二", "0.9"), card("3", "甲", "二", "1")]


def test_points_that_add_up() -> None:
    assert sum_findings("3.0", LEVELS, EVEN) == []


def test_every_level_that_does_not_add_up_is_named() -> None:
    found = sum_findings("3", LEVELS, [*EVEN[:2], card("3", "甲", "二", "1.01")])
    assert [(one.pointer, one.code) for one in found] == [
        ("/full_marks", "TREE_SUM"),
        ("/levels/0/points", "TREE_SUM"),
        ("/levels/0/level2/1/points", "TREE_SUM"),
    ]
    assert "3.01" in found[0].text
    moved = sum_findings("3", LEVELS, [*EVEN[:2], card("3", "乙", "二", "1")])
    assert {(one.pointer, one.code) for one in moved} >= {
        ("/cards/3/level1", "LEVEL_UNKNOWN"),
        ("/levels/0/points", "TREE_SUM"),
    }


@given(st.lists(st.decimals(min_value=0, max_value=100, places=3, allow_nan=False), min_size=1, max_size=40))
def test_sums_are_exact(points: list[Any]) -> None:
    cards = [card(str(number), "甲", "一", f"{value:f}") for number, value in enumerate(points)]
    assert sum_findings(f"{sum(points):f}", [], cards) == []
    off = sum_findings(f"{sum(points) + type(points[0])('0.001'):f}", [], cards)
    assert [one.code for one in off] == ["TREE_SUM"]


def test_inputs_and_bindings_are_the_same_names() -> None:
    rule = {"inputs": {"rate": {"type": "percent"}, "end": {"type": "date"}, "group": {"type": "category"}}}
    bindings = {"rate": {"metric": "M"}, "end": {"calendar": "period_end"}, "group": {"unit_group": "location"}}
    metrics = {"M": metric("percent", allowed="any")}
    assert binding_findings({"code": "C", "rule": rule, "bindings": bindings}, metrics, {}) == []
    wrong = {"rate": {"calendar": "due"}, "end": {"metric": "NONE"}, "other": {"metric": "M"}}
    found = binding_findings({"code": "C", "rule": rule, "bindings": wrong}, metrics, {})
    assert {(one.pointer.rpartition("/")[2], one.code) for one in found} == {
        ("rate", "BINDING_TYPE"), ("end", "BINDING_TYPE"), ("group", "BINDING_TYPE"), ("other", "UNKNOWN_NAME"),
    }  # fmt: skip
    assert binding_findings({"code": "C", "rule": {"inputs": 5}, "bindings": {}}, {}, {})[0].code == "SHAPE"


def reading(code: str, *others: str, kind: str = "month", result: str = "points", type_: str = "points") -> Any:
    """A card whose inputs read other cards' results."""
    inputs = {f"in_{number}": {"type": type_} for number, _ in enumerate(others)}
    bindings = {f"in_{number}": {"indicator": other} for number, other in enumerate(others)}
    rule = {"inputs": inputs, "result": {"kind": result}}
    return {"code": code, "rule": rule, "bindings": bindings, "period_kind": kind}


@pytest.mark.parametrize(
    ("card", "other", "said"),
    [
        (reading("B", "A"), reading("A"), None),
        (reading("B", "A"), reading("A", result="tree"), None),
        (reading("B", "A"), reading("Z"), "no card A"),
        (reading("B", "A", type_="marks"), reading("A"), "the input is marks"),
        (reading("B", "A", type_="percent"), reading("A"), "the input is percent"),
        (reading("B", "A"), reading("A", result="figure"), "no points"),
        (reading("B", "A"), reading("A", result="level"), "no points"),
        (reading("B", "A"), reading("A", kind="quarter"), "by quarter"),
    ],
)
def test_an_input_reads_another_cards_points_of_the_same_kind_of_period(
    card: Any, other: Any, said: str | None
) -> None:
    found = binding_findings(card, {}, {other["code"]: other, card["code"]: card})
    assert [(one.pointer, one.code) for one in found] == (
        [] if said is None else [("/cards/B/bindings/in_0", "BINDING_TYPE")]
    )
    assert said is None or said in found[0].text


@pytest.mark.parametrize(
    ("cards", "circles"),
    [
        ([reading("A"), reading("B", "A"), reading("C", "A", "B")], []),
        ([reading("A", "GONE")], []),
        ([reading("A", "A")], ["A → A"]),
        ([reading("A", "B"), reading("B", "A")], ["A → B → A"]),
        ([reading("A", "B"), reading("B", "C"), reading("C", "D", "B"), reading("D")], ["B → C → B"]),
        ([reading("A", "B"), reading("B", "A"), reading("C", "D"), reading("D", "C")], ["A → B → A", "C → D → C"]),
    ],
)
def test_rules_that_feed_each_other_are_named_as_a_circle(cards: list[Any], circles: list[str]) -> None:
    for order in (cards, cards[::-1]):
        found = cycle_findings({one["code"]: one for one in order})
        assert {one.code for one in found} <= {"RULE_CYCLE"}
        assert [one.text.removeprefix("rules feed each other: ") for one in found] == circles


def test_the_hash_does_not_depend_on_the_order() -> None:
    cards = [(UUID(int=2), 1), (UUID(int=1), 3)]
    assert cards_hash(cards) == cards_hash(reversed(cards)) != cards_hash([(UUID(int=2), 1), (UUID(int=1), 4)])
