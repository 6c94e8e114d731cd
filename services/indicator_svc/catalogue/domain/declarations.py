"""The rules of metrics, pure: a declaration is written as an input of the rule language, version 1 (its §2).

Belongs here: whether a declaration is sound, and whether a rule's input fits the metric it is bound to. What a rule
means, and whether it can be evaluated, is scoring_svc's to say.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.errors import Detail

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_OWN_UNIT = frozenset({"count", "amount", "number"})
_QUANTITIES = _OWN_UNIT | {"percent", "days", "place", "marks", "points"}
_TYPES = _QUANTITIES | {"category", "date", "records"}
_FIELD_TYPES = _QUANTITIES | {"category", "date", "key"}
_EDGES = frozenset({"at_least", "above", "at_most", "below"})


def faults_of(declaration: Mapping[str, Any]) -> list[Detail]:
    """What is wrong with a metric's declaration (type, unit, allowed, fields), by pointers into it; empty if sound."""
    kind = declaration["type"]
    if kind not in _TYPES:
        return [Detail("/type", "SHAPE", f"a metric's type is one of {', '.join(sorted(_TYPES))}")]
    faults = [*_unit_faults(declaration, kind, "")]
    if kind != "records":
        if declaration["fields"] is not None:
            faults.append(Detail("/fields", "UNKNOWN_FIELD", "only records have fields"))
        return [*faults, *_allowed_faults(declaration, kind, "")]
    if declaration["allowed"] is not None:
        faults.append(Detail("/allowed", "UNKNOWN_FIELD", "what is allowed is said of each field of the records"))
    return [*faults, *_field_faults(declaration["fields"])]


def _field_faults(fields: Any) -> Iterator[Detail]:
    if not isinstance(fields, dict) or not fields:
        yield Detail("/fields", "CHOICE_MISSING", "records have at least one field")
        return
    for name, field in fields.items():
        at = f"/fields/{name}"
        if not _NAME.match(name) or not isinstance(field, dict):
            yield Detail(at, "SHAPE", "a field is named in small letters and is an object")
        elif str(field.get("type")) not in _FIELD_TYPES:
            yield Detail(f"{at}/type", "SHAPE", f"a field's type is one of {', '.join(sorted(_FIELD_TYPES))}")
        else:
            yield from _unit_faults(field, field["type"], at)
            yield from _allowed_faults(field, field["type"], at)


def _unit_faults(declaration: Mapping[str, Any], kind: str, at: str) -> Iterator[Detail]:
    unit = declaration.get("unit")
    if kind in _OWN_UNIT:
        if not _is_label(unit):
            yield Detail(f"{at}/unit", "CHOICE_MISSING", f"a {kind} names its own unit in zh and en")
    elif unit is not None:
        yield Detail(f"{at}/unit", "UNKNOWN_FIELD", f"the unit of {kind} is fixed and not stated")


def _allowed_faults(declaration: Mapping[str, Any], kind: str, at: str) -> Iterator[Detail]:
    allowed = declaration.get("allowed")
    if kind in {"date", "key"}:
        if allowed is not None:
            yield Detail(f"{at}/allowed", "UNKNOWN_FIELD", f"a {kind} states nothing allowed")
    elif kind == "category":
        yield from _choice_faults(allowed, at)
    elif allowed is None:
        yield Detail(f"{at}/allowed", "CHOICE_MISSING", 'say which values are allowed, or "any"')
    elif isinstance(allowed, list):
        if not allowed or not all(isinstance(one, str) and _DECIMAL.match(one) for one in allowed):
            yield Detail(f"{at}/allowed", "SHAPE", "a list of decimal numbers as text")
    elif isinstance(allowed, dict):
        yield from _interval_faults(allowed, at)
    elif allowed != "any":
        yield Detail(f"{at}/allowed", "SHAPE", '"any", a list, or an interval')


def _interval_faults(allowed: Mapping[str, Any], at: str) -> Iterator[Detail]:
    lower, upper = set(allowed) & {"at_least", "above"}, set(allowed) & {"at_most", "below"}
    if not allowed or set(allowed) - _EDGES or len(lower) > 1 or len(upper) > 1:
        yield Detail(f"{at}/allowed", "SHAPE", "an interval has at most one lower and one upper edge")
    for edge, value in allowed.items():
        if edge in _EDGES and not (isinstance(value, str) and _DECIMAL.match(value)):
            yield Detail(f"{at}/allowed/{edge}", "SHAPE", "a decimal number as text")


def _choice_faults(allowed: Any, at: str) -> Iterator[Detail]:
    if not isinstance(allowed, list) or not allowed:
        yield Detail(f"{at}/allowed", "CHOICE_MISSING", "a category lists its choices")
        return
    seen = set()
    for index, choice in enumerate(allowed):
        proper = isinstance(choice, dict) and set(choice) == {"id", "zh", "en"} and _is_label(choice, extra=1)
        if not proper or not isinstance(choice["id"], str) or not _NAME.match(choice["id"]):
            yield Detail(f"{at}/allowed/{index}", "SHAPE", "a choice has id, zh and en")
        elif choice["id"] in seen:
            yield Detail(f"{at}/allowed/{index}/id", "NAME_CLASH", "the id stands twice")
        else:
            seen.add(choice["id"])


def _is_label(label: Any, extra: int = 0) -> bool:
    texts = isinstance(label, dict) and isinstance(label.get("zh"), str) and isinstance(label.get("en"), str)
    return texts and len(label) == 2 + extra


def mismatch(declared: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    """Why a rule's input cannot read a metric, in English, or an empty text if it can (BINDING_TYPE).

    Type and unit must be equal; every category of the metric must be one the rule knows; records must have the same
    fields, each fitting in turn.
    """
    if declared.get("type") != metric.get("type"):
        return f"the input is {declared.get('type')}, the metric is {metric.get('type')}"
    if (declared.get("unit") or None) != (metric.get("unit") or None):
        return "the units of input and metric differ"
    if metric["type"] == "category":
        unknown = _ids(metric.get("allowed")) - _ids(declared.get("allowed"))
        return f"the rule does not know {', '.join(sorted(unknown))}" if unknown else ""
    return _fields_mismatch(declared, metric) if metric["type"] == "records" else ""


def _fields_mismatch(declared: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    own, theirs = declared.get("fields"), metric.get("fields") or {}
    if not isinstance(own, dict) or not all(isinstance(one, dict) for one in own.values()):
        return "the input declares no fields"
    if set(own) != set(theirs):
        return f"the fields differ: {', '.join(sorted(set(own) ^ set(theirs)))}"
    reasons = ((name, mismatch(own[name], theirs[name])) for name in sorted(own))
    return next((f"field {name}: {reason}" for name, reason in reasons if reason), "")


def _ids(choices: Any) -> set[str]:
    proper = choices if isinstance(choices, list) else []
    return {one["id"] for one in proper if isinstance(one, dict) and isinstance(one.get("id"), str)}
