"""Stage 0: facts as they are supplied become facts that a rule may read, or are refused.

Belongs here: states, text of each type, allowed values. Does not belong here: policies; they act when a value
is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from services.scoring_svc.engine.language import SCALARS, WHOLE_TYPES, Input
from services.scoring_svc.engine.numbers import is_decimal, is_name, rational

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_STATES = frozenset({"missing", "exempt", "not_scorable"})
_RANK = {"FACT_UNKNOWN": 0, "VALUE_MALFORMED": 1, "VALUE_NOT_ALLOWED": 2}


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one input: a state, and (also for an exempt fact) the value with its text as supplied."""

    state: str
    value: Any = None
    text: str | None = None
    reason: str | None = None


Facts = Mapping[str, Fact]
MISSING = Fact("missing")
_ABSENT = object()


class FactRefused(Exception):
    """A supplied fact is unknown (FACT_UNKNOWN), malformed (VALUE_MALFORMED) or not allowed (VALUE_NOT_ALLOWED)."""

    def __init__(self, code: str, at: str, leaf: dict[str, Any]) -> None:
        super().__init__(f"{code}: {leaf}")
        self.code = code
        self.at = at
        self.leaf = leaf


def admit(declared: Mapping[str, Input], supplied: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts of one unit, or of one record; an absent fact is missing.

    Every supplied fact is judged, read or unread. Raises FactRefused: unknown before malformed before not
    allowed, then by name, so that the order in which facts arrive decides nothing.
    """
    return _admit(declared, supplied, {})


def _admit(declared: Mapping[str, Input], supplied: Mapping[str, Any], within: dict[str, Any]) -> dict[str, Fact]:
    refusals = [
        FactRefused("FACT_UNKNOWN", "/inputs", {**within, "name": name})
        for name in sorted(supplied.keys() - declared.keys())
    ]
    admitted = {}
    for name in sorted(declared):
        try:
            admitted[name] = _fact(declared[name], supplied.get(name, _ABSENT), {**within, "name": name})
        except FactRefused as refusal:
            refusals.append(refusal)
    if refusals:
        raise min(refusals, key=lambda refusal: _RANK[refusal.code])
    return admitted


def _fact(item: Input, found: Any, leaf: dict[str, Any]) -> Fact:
    if found is _ABSENT:
        return MISSING
    if isinstance(found, dict):
        return _with_state(item, found, leaf)
    if item.type == "records":
        return Fact("present", _records(item, found, leaf))
    return Fact("present", value_of(item, found, leaf), str(found))


def _with_state(item: Input, found: dict[str, Any], leaf: dict[str, Any]) -> Fact:
    text, reason = found.get("value"), found.get("reason")
    proper = (
        found.get("state") in _STATES
        and found.keys() <= {"state", "value", "reason"}
        and (reason is None or isinstance(reason, str))
    )
    if not proper or (text is not None and item.type == "records"):
        raise FactRefused("VALUE_MALFORMED", item.at, leaf)
    value = None if text is None else value_of(item, text, leaf)
    return Fact(str(found["state"]), value, text, reason)


def _records(item: Input, found: Any, leaf: dict[str, Any]) -> tuple[dict[str, Fact], ...]:
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise FactRefused("VALUE_MALFORMED", item.at, leaf)
    records: list[dict[str, Fact]] = []
    refusals: list[FactRefused] = []
    for index, record in enumerate(found):
        try:
            records.append(_admit(item.fields or {}, record, {"in": leaf["name"], "record": index}))
        except FactRefused as refusal:
            refusals.append(refusal)
    if refusals:
        raise min(refusals, key=lambda refusal: _RANK[refusal.code])
    return tuple(records)


def value_of(item: Input, text: Any, leaf: dict[str, Any]) -> Fraction | date | str:
    """The value of a supplied text. Raises FactRefused if it is malformed or not allowed."""
    if not isinstance(text, str):
        raise FactRefused("VALUE_MALFORMED", item.at, leaf)
    if item.type in SCALARS:
        return _number(item, text, leaf)
    if item.type == "date":
        return _date(item, text, leaf)
    if item.type == "category" and is_name(text):
        if all(choice.id != text for choice in item.choices):
            raise FactRefused("VALUE_NOT_ALLOWED", item.at, leaf)
        return text
    if item.type == "key" and text:
        return text
    raise FactRefused("VALUE_MALFORMED", item.at, leaf)


def _number(item: Input, text: str, leaf: dict[str, Any]) -> Fraction:
    if not is_decimal(text):
        raise FactRefused("VALUE_MALFORMED", item.at, leaf)
    number = rational(text)
    least = 1 if item.type == "place" else 0
    if item.type in WHOLE_TYPES and (number.denominator != 1 or number < least):
        raise FactRefused("VALUE_NOT_ALLOWED", item.at, leaf)
    if item.allowed is not None and not item.allowed.holds(number):
        raise FactRefused("VALUE_NOT_ALLOWED", item.at, leaf)
    return number


def _date(item: Input, text: str, leaf: dict[str, Any]) -> date:
    try:
        if _ISO_DATE.fullmatch(text) is None:
            raise FactRefused("VALUE_MALFORMED", item.at, leaf)
        return date.fromisoformat(text)
    except ValueError as error:
        raise FactRefused("VALUE_MALFORMED", item.at, leaf) from error
