"""Small domains exhausted: every combination of a few numbers, categories, states, records and peers."""

import itertools
from typing import Any

import pytest

from services.scoring_svc.engine.domain import parse_rule
from tests.scoring_svc.engine.builders import (
    Json,
    category,
    compare,
    dated,
    each,
    figure,
    label,
    peers,
    points,
    quantity,
    ranked,
    records,
    rule,
    step,
    when,
)
from tests.scoring_svc.engine.columns.drawing import Facts, compared, plan_of, reference

HALF = {"mode": "half_up", "places": 1}
MODES = ("half_up", "half_even", "floor", "ceiling")
_STATED: list[Any] = [{"state": "missing"}, {"state": "exempt", "value": "1"}, {"state": "not_scorable"}]
NUMBER = quantity(unit=label(""))


def agree(document: Json, groups: list[list[Facts]]) -> None:
    parsed = parse_rule(document)
    wanted = reference(parsed, groups)
    found = compared("small", plan_of(parsed), groups, wanted)
    assert not found.differences, found.differences[0]
    assert found.in_columns == found.rows > 0


def alone(name: str, texts: list[Any]) -> list[list[Facts]]:
    return [[{name: text}] for text in texts]


def tenths(low: int, high: int) -> list[str]:
    return [f"{'-' if tenth < 0 else ''}{abs(tenth) // 10}.{abs(tenth) % 10}" for tenth in range(low, high + 1)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("places", [0, 1, 2])
def test_rounding_at_every_tie_on_both_sides_of_nought(mode: str, places: int) -> None:
    value: Json = {"kind": "product", "of": ["x", "0.25"]}
    result = figure(value, places, unit="") | {"rounding": {"mode": mode, "places": places}}
    agree(rule({"x": NUMBER}, result), alone("x", [*tenths(-60, 60), *_STATED]))


@pytest.mark.parametrize("mode", MODES)
def test_rounding_of_fractions_with_denominators_of_their_own(mode: str) -> None:
    ratio: Json = {"kind": "ratio", "of": "x", "to": "y", "as": "percent", "if_zero": {"as_if": "-7"}}
    result = figure(ratio, 1, "percent", "%") | {"rounding": {"mode": mode, "places": 1}}
    pairs = itertools.product(map(str, range(-9, 10)), map(str, range(-9, 10)))
    agree(rule({"x": NUMBER, "y": NUMBER}, result), [[{"x": x, "y": y}] for x, y in pairs])


@pytest.mark.parametrize("mode", ["whole", "started", "proportional"])
@pytest.mark.parametrize("direction", ["above", "below"])
def test_steps(mode: str, direction: str) -> None:
    one = step("x", **{"from": "1.5"}, per="0.4", gives="-0.3", mode=mode, direction=direction)
    capped: Json = {"kind": "limit", "of": one, "floor": "-2", "ceiling": "none"}
    result = points(capped, base="1", floor="-0.5", ceiling="0.7")
    agree(rule({"x": quantity("percent")}, result), alone("x", tenths(-50, 80)))


@pytest.mark.parametrize(("before", "after"), list(itertools.product(["hold", "extend"], repeat=2)))
@pytest.mark.parametrize("ats", [("1", "2", "4"), ("3", "0", "-1")])
def test_lines(before: str, after: str, ats: tuple[str, ...]) -> None:
    through = [{"at": at, "gives": gives} for at, gives in zip(ats, ("6", "7.1", "3"), strict=True)]
    line: Json = {"kind": "linear", "of": "x", "through": through, "before": before, "after": after}
    agree(rule({"x": NUMBER}, points(line)), alone("x", tenths(-40, 60)))


def test_lines_whose_points_move_meet_or_turn_back() -> None:
    through = [{"at": name, "gives": gives} for name, gives in (("a", "1"), ("b", "2.5"), ("c", "9"))]
    facts = [
        [{"a": a, "b": b, "c": c, "x": x}]
        for a, b, c, x in itertools.product("0123", "0123", "0123", ["-1", "0", "0.5", "2", "3", "4"])
    ]
    for before, after in (("hold", "extend"), ("extend", "hold")):
        line: Json = {"kind": "linear", "of": "x", "through": through, "before": before, "after": after}
        agree(rule(dict.fromkeys("abcx", NUMBER), points(line)), facts)


@pytest.mark.parametrize("parts", [("all", "any"), ("any", "all")])
def test_conditions_stop_when_decided(parts: tuple[str, str]) -> None:
    inner: Json = {"kind": parts[1], "of": [compare("y", "at_least", "1"), compare("x", "below", "y")]}
    state: Json = {"kind": "state", "of": "z", "is": "exempt"}
    test: Json = {"kind": parts[0], "of": [compare("x", "at_least", "1"), inner, state]}
    values: list[Any] = ["0", "1", "2", *_STATED]
    inputs = {
        "x": quantity(missing="not_scorable"),
        "y": quantity(missing={"as_if": "1"}, exempt="not_scorable"),
        "z": quantity(exempt={"as_if": "5"}),
    }
    facts = [[{"x": x, "y": y, "z": z}] for x, y, z in itertools.product(values, values, values)]
    agree(rule(inputs, points(when(test, "3", step("z")))), facts)


@pytest.mark.parametrize("missing", ["not_scorable", "renormalise"])
def test_weighted_means(missing: str) -> None:
    weighted = [{"weight": weight, "value": name} for weight, name in (("0.5", "x"), ("1", "y"), ("1.5", "z"))]
    mean: Json = {
        "kind": "weighted_mean",
        "method": "arithmetic",
        "out_of": "3",
        "parts": weighted,
        "missing": missing,
    }
    values: list[Any] = ["0", "-1.5", "2.3", *_STATED]
    inputs = {
        "x": quantity("points", missing="not_scorable"),
        "y": quantity("points", missing="peers_mean", exempt="not_scorable"),
        "z": quantity("points", missing="not_scorable", exempt={"as_if": "0.1"}),
    }
    facts = [[{"x": x, "y": y, "z": z}] for x, y, z in itertools.product(values, values, values)]
    agree(rule(inputs, points(mean)), facts)


COMBINE: list[Any] = [
    "sum",
    "mean",
    "highest",
    "lowest",
    {"kind": "trimmed_mean", "drop_highest": 1, "drop_lowest": 1},
    {"kind": "trimmed_mean", "drop_highest": 2, "drop_lowest": 0},
]
UNITS: list[Any] = ["-1", "0.5", "2", {"state": "missing"}]


@pytest.mark.parametrize("self_", ["included", "excluded"])
@pytest.mark.parametrize("combine", COMBINE, ids=str)
def test_peers_in_every_group_of_up_to_four(combine: Any, self_: str) -> None:
    value = peers("x", combine=combine, self=self_, if_empty={"as_if": "100"}, only=compare("x", "above", "-0.5"))
    groups = [
        [{"x": one} for one in chosen]
        for size in (1, 2, 3, 4)
        for chosen in itertools.combinations_with_replacement(UNITS, size)
    ]
    agree(rule({"x": quantity("points", missing="not_scorable")}, points(value)), groups)


@pytest.mark.parametrize("ties", ["competition", "dense", "average"])
@pytest.mark.parametrize("best", ["highest", "lowest"])
def test_places_in_every_group_of_up_to_five(ties: str, best: str) -> None:
    ladder: Json = {
        "kind": "table",
        "of": "place",
        "rows": [
            {"equal": "1", "gives": "9"},
            {"equal": "2", "gives": "7"},
            {"equal": "3", "refuse": label("none")},
            {"at_least": "4", "gives": step("place", **{"from": "3"}, gives="-0.3")},
        ],
    }
    of: Json = {"kind": "ratio", "of": "x", "to": "y", "as": "number", "if_zero": "not_scorable"}
    for gives in (ladder, {"kind": "sum", "of": ["10", step("place", **{"from": "1"})]}):
        value = ranked(of, best=best, ties=ties, gives=gives, only=compare("x", "above", "0"), if_unranked="refuse")
        # 1/3 = 2/6 and 2/3 = 4/6 tie exactly; 0 is excluded, a divisor of 0 leaves out.
        pool = [("1", "3"), ("2", "6"), ("4", "6"), ("2", "3"), ("0", "1"), ("1", "0")]
        groups = [
            [{"x": x, "y": y} for x, y in chosen]
            for size in (1, 2, 3, 5)
            for chosen in itertools.combinations_with_replacement(pool, size)
        ]
        agree(rule({"x": NUMBER, "y": NUMBER}, points(value)), groups)


@pytest.mark.parametrize("within", ["all", "room", ["room", "house"]], ids=str)
def test_the_mean_of_peers_replaces_a_result(within: Any) -> None:
    inputs: Json = {
        "x": quantity("points", missing="peers_mean" if within == "all" else {"peers_mean": within}),
        "room": category("one", "two", missing="not_scorable"),
        "house": category("a", "b", exempt={"as_if": "a"}),
    }
    if within == "all":
        inputs = {"x": inputs["x"]}
    value: Any = "x"
    if within == "room":
        inputs.pop("house")
    if within != "all":
        room: Json = {"kind": "table", "of": "room", "rows": [{"in": ["one", "two"], "gives": "0"}]}
        value = {"kind": "sum", "of": ["x", room]}
        if within != "room":
            house: Json = {"kind": "table", "of": "house", "rows": [{"in": ["a", "b"], "gives": "0"}]}
            value["of"].append(house)
    units = [
        {"x": x, "room": room, "house": house}
        for x in ("1.005", "2", None)
        for room in ("one", "two", {"state": "missing"})
        for house in ("a", {"state": "exempt"})
    ]
    kept = [{name: fact for name, fact in unit.items() if name in inputs and fact is not None} for unit in units]
    groups = [list(chosen) for chosen in itertools.combinations(kept, 3)]
    agree(rule(inputs, points(value)), groups)


RECORDS: list[Any] = [
    {"v": "1", "k": "a", "d": "2015-01-31"},
    {"v": "-2.5", "k": "b", "d": "2015-02-01"},
    {"v": "3", "k": "a", "d": "2015-04-01"},
    {"v": {"state": "not_scorable"}, "k": "b", "d": "2015-02-02"},
]
BY: list[Any] = ["none", "k", *({"calendar": one, "of": "d"} for one in ("month", "quarter", "half_year", "year"))]
BY += [{"rolling_days": days, "of": "d"} for days in (1, 2, 60, 1000)]


@pytest.mark.parametrize("by", BY, ids=str)
def test_records_in_every_order_and_grouping(by: Any) -> None:
    lists = [list(chosen) for size in (0, 1, 2, 3) for chosen in itertools.product(RECORDS, repeat=size)]
    facts: list[list[Facts]] = [[{"list": chosen}] for chosen in lists] + [[{"list": one}] for one in _STATED[::2]]
    held: Json = records(v=quantity("points"), k=dated("key"), d=dated())
    for inner, outer in (("sum", "highest"), ("highest", "sum"), ("mean", "lowest"), ("lowest", "mean")):
        group: Any = by if by == "none" else {"by": by, "combine": inner}
        value = each("v", group=group, combine=outer, only=compare("v", "above", "-3"), if_empty="not_scorable")
        used = {"v"} | ({"k"} if by == "k" else set()) | ({"d"} if isinstance(by, dict) else set())
        fields = {name: one for name, one in held["fields"].items() if name in used}
        agree(rule({"list": held | {"fields": fields}}, points(value)), [[_only(one, used)] for [one] in facts])


@pytest.mark.parametrize("outer", ["sum", "mean", "highest"])
@pytest.mark.parametrize("inner", ["mean", {"kind": "trimmed_mean", "drop_highest": 1, "drop_lowest": 0}], ids=str)
def test_means_of_group_means(inner: Any, outer: str) -> None:
    group: Json = {"by": "c", "combine": inner}
    pool = [{"x": x, "c": c} for x in ("1", "-2.5") for c in ("one", "two", "three")]
    chosen = [list(some) for size in (1, 2, 3, 4) for some in itertools.combinations_with_replacement(pool, size)]
    value = peers("x", group=group, combine=outer, if_empty={"as_if": "9"})
    inputs = {"x": quantity("points"), "c": category("one", "two", "three")}
    agree(rule(inputs, points(value)), [list(map(dict, some)) for some in chosen])
    listed = each("x", group=group, combine=outer, if_empty="not_scorable")
    agree(rule({"list": records(**inputs)}, points(listed)), [[{"list": some}] for some in [[], *chosen]])


def _only(facts: Facts, used: set[str]) -> Facts:
    if not isinstance(facts["list"], list):
        return facts
    return {"list": [{name: one for name, one in record.items() if name in used} for record in facts["list"]]}


def test_records_inside_records() -> None:
    inner: Json = {"kind": "each", "in": "other", "only": compare("w", "above", "v"), "gives": "w"}
    inner |= {"group": "none", "combine": "sum", "if_empty": {"as_if": "-1"}}
    inputs = {"list": records(v=quantity("points")), "other": records(w=quantity("points"))}
    lists = [[], ["1"], ["2", "1"], ["3", "0", "2"]]
    facts: list[list[Facts]] = [
        [{"list": [{"v": v} for v in one], "other": [{"w": w} for w in two]}] for one in lists for two in lists
    ]
    agree(rule(inputs, points(each(inner, combine="mean"))), facts)


DAYS = [f"2015-{month:02}-{day:02}" for month, day in itertools.product((1, 2, 12), (1, 14, 15, 27, 28))]


@pytest.mark.parametrize("in_", ["days", "working_days", "months"])
@pytest.mark.parametrize("closed", ["keep", "next_working_day", "previous_working_day"])
def test_deadlines_and_days_between(in_: str, closed: str) -> None:
    days = [*DAYS, "2014-12-31", "2016-03-31", "2016-04-01", "2015-01-31", "9999-12-31", "2015-10-01"]
    facts: list[list[Facts]] = [[{"a": one, "b": two}] for one, two in itertools.product(days, days)]
    choices = ["last_day", "first_of_next"] if in_ == "months" else ["day_after", "same_day"]
    for choice in choices:
        key = "month_end" if in_ == "months" else "start"
        due: Json = {"kind": "deadline", "from": "a", "count": "3", "in": in_, "if_closed": closed, key: choice}
        agree(
            rule({"a": dated()}, {"kind": "date", "value": due}),
            [[{"a": unit[0]["a"]}] for unit in facts[:: len(days)]],
        )
        between: Json = {
            "kind": "days_between",
            "from": due,
            "to": "b",
            "in": "days" if in_ == "days" else "working_days",
        }
        agree(rule({"a": dated(), "b": dated()}, points(step(between, gives="-0.5"))), facts)


def test_levels() -> None:
    names = [{"id": one, **label(one)} for one in ("best", "good", "fair", "poor")]
    start: Json = {
        "cases": [
            {"if": compare("x", "at_least", "2"), "then": "best"},
            {"if": compare("x", "above", "1"), "then": "good"},
        ],
        "otherwise": "fair",
    }
    limits: list[Json] = [
        {"if": compare("y", "at_least", "2"), "not_above": "fair"},
        {"if": compare("y", "equal", "1"), "lower_by": 2},
    ]
    values: list[Any] = ["0", "1", "2", {"state": "missing"}, {"state": "not_scorable"}]
    facts: list[list[Facts]] = [[{"x": x, "y": y}] for x, y in itertools.product([*values, "1.5"], values)]
    level: Json = {"kind": "level", "levels": names, "start": start, "limits": limits}
    inputs = {"x": quantity(), "y": quantity("count", missing="not_scorable")}
    agree(rule(inputs, level), facts)
    by_category = level | {"start": "c"}
    of_class = category("poor", "best", "good", missing={"as_if": "good"})
    facts = [[{"c": c, "y": y}] for c, y in itertools.product(["best", "good", "poor", values[3]], values)]
    agree(rule({"c": of_class, "y": inputs["y"]}, by_category), facts)
