"""Small rules for the tests of the engine."""

from typing import Any

from services.scoring_svc.engine.domain import Outcome, evaluate, parse_rule, weekdays

Json = dict[str, Any]
HALF_UP = {"mode": "half_up", "places": 2}


def label(text: str) -> Json:
    return {"zh": text, "en": text}


def quantity(kind: str = "number", **more: Any) -> Json:
    item: Json = {"label": label("数"), "type": kind, "allowed": "any", "missing": "refuse", "exempt": "refuse"}
    if kind in {"count", "amount", "number"}:
        item["unit"] = label("个")
    return item | more


def category(*ids: str, **more: Any) -> Json:
    choices = [{"id": one, **label(one)} for one in ids]
    return {
        "label": label("类"),
        "type": "category",
        "allowed": choices,
        "missing": "refuse",
        "exempt": "refuse",
    } | more


def dated(kind: str = "date", **more: Any) -> Json:
    return {"label": label("日"), "type": kind, "missing": "refuse", "exempt": "refuse"} | more


def records(**fields: Json) -> Json:
    return {"label": label("录"), "type": "records", "fields": fields, "missing": "refuse", "exempt": "refuse"}


def step(of: Any = "x", **more: Any) -> Json:
    return {
        "kind": "step",
        "of": of,
        "from": "0",
        "direction": "above",
        "per": "1",
        "gives": "-1",
        "mode": "whole",
    } | more


def points(*clauses: Any, **more: Any) -> Json:
    listed = [{"clause": f"c{number}", "points": value} for number, value in enumerate(clauses)]
    return {
        "kind": "points",
        "base": "0",
        "clauses": listed,
        "floor": "none",
        "ceiling": "none",
        "rounding": HALF_UP,
    } | more


def rule(inputs: Json, result: Json, **define: Any) -> Json:
    document: Json = {"rule_language": 1, "inputs": inputs, "result": result}
    if define:
        document["define"] = {name: {"label": label(name), "value": value} for name, value in define.items()}
    return document


def figure(value: Any, places: int = 6, kind: str = "number", unit: str = "个") -> Json:
    rounding = {"mode": "half_up", "places": places}
    return {"kind": "figure", "type": kind, "unit": label(unit), "value": value, "rounding": rounding}


def scored(document: Json, facts: Json, peers: Json | None = None, calendar: Any = None) -> Outcome:
    return evaluate(parse_rule(document), facts, peers, calendar or weekdays())


def ranked(of: Any = "x", **more: Any) -> Json:
    return {
        "kind": "rank",
        "of": of,
        "within": "all",
        "only": "all",
        "best": "highest",
        "ties": "competition",
        "gives": {"kind": "sum", "of": ["10", step("place", **{"from": "1"})]},
        "if_unranked": "not_scorable",
    } | more


def peers(gives: Any = "x", **more: Any) -> Json:
    return {
        "kind": "peers",
        "within": "all",
        "only": "all",
        "self": "included",
        "gives": gives,
        "group": "none",
        "combine": "mean",
        "if_empty": "not_scorable",
    } | more


def each(gives: Any = "v", **more: Any) -> Json:
    return {
        "kind": "each",
        "in": "list",
        "only": "all",
        "gives": gives,
        "group": "none",
        "combine": "sum",
        "if_empty": {"as_if": "0"},
    } | more


def compare(left: Any, is_: str, right: Any) -> Json:
    return {"kind": "compare", "left": left, "is": is_, "right": right}


def when(test: Json, then: Any, otherwise: Any = "0") -> Json:
    return {"kind": "when", "cases": [{"if": test, "then": then}], "otherwise": otherwise}
