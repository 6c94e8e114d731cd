"""What a value of a metric must look like, read off the metric's type and allowed values (rule language §2).

Pure. The batch statement checks single values in SQL by the same three things: form, span and choices; records are
checked here, field by field.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

DECIMAL_FORM = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
WHOLE_FORM = r"^(0|[1-9][0-9]*)$"
DATE_FORM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
LONGEST_NUMBER = 40
LONGEST_TEXT = 1_000
MOST_RECORDS = 2_000

_WHOLE_FROM = {"count": "0", "place": "1"}
_OTHER_FORMS = {"category": "category", "date": "date", "key": "key", "records": "records"}


@dataclass(frozen=True)
class ValueForm:
    """How values are checked: `form` of the text, `span` as a range of numbers, `choices` as the closed list."""

    form: str
    span: str
    choices: tuple[str, ...] | None


def form_of(kind: str, allowed: Any) -> ValueForm:
    """The form of a metric of type `kind` whose allowed values are "any", a list, or an interval by its edges."""
    if kind in _OTHER_FORMS:
        choices = tuple(str(choice["id"]) for choice in allowed or ()) if kind == "category" else None
        return ValueForm(_OTHER_FORMS[kind], "(,)", choices)
    form = "whole" if kind in _WHOLE_FROM else "decimal"
    if isinstance(allowed, list):
        return ValueForm(form, "(,)", tuple(str(choice) for choice in allowed))
    edges: Mapping[str, str] = allowed if isinstance(allowed, dict) else {}
    low = edges.get("at_least", edges.get("above", _WHOLE_FROM.get(kind, "")))
    high = edges.get("at_most", edges.get("below", ""))
    opening = "(" if not low or "above" in edges else "["
    closing = "]" if high and "at_most" in edges else ")"
    return ValueForm(form, f"{opening}{low},{high}{closing}", None)


def value_fault(form: ValueForm, value: object) -> str | None:
    """The code of what is wrong with one text value, or None."""
    if not isinstance(value, str):
        return "value_not_text"
    if len(value.encode()) > (LONGEST_NUMBER if form.form in {"decimal", "whole"} else LONGEST_TEXT):
        return "value_too_long"
    if form.form in {"decimal", "whole"}:
        pattern = DECIMAL_FORM if form.form == "decimal" else WHOLE_FORM
        if not re.match(pattern, value) or value.endswith("\n"):
            return "value_malformed"
        return None if _within(form, Decimal(value)) else "value_not_allowed"
    if form.form == "category":
        return None if value in (form.choices or ()) else "value_not_allowed"
    formed = _is_date(value) if form.form == "date" else bool(value.strip())
    return None if formed else "value_malformed"


def records_fault(fields: Mapping[str, Mapping[str, Any]], records: Sequence[object]) -> str | None:
    """The code of what is wrong with a list of records, or None. A field that a record leaves out is missing there."""
    if len(records) > MOST_RECORDS:
        return "value_too_long"
    forms = {name: form_of(field["type"], field.get("allowed")) for name, field in fields.items()}
    for record in records:
        if not isinstance(record, dict) or not record or set(record) - set(forms):
            return "value_malformed"
        for name, value in record.items():
            fault = value_fault(forms[name], value)
            if fault:
                return fault
    return None


def _within(form: ValueForm, number: Decimal) -> bool:
    if form.choices is not None:
        return any(Decimal(choice) == number for choice in form.choices)
    low, high = form.span[1:-1].split(",")
    above = not low or number > Decimal(low) or (form.span[0] == "[" and number == Decimal(low))
    below = not high or number < Decimal(high) or (form.span[-1] == "]" and number == Decimal(high))
    return above and below


def _is_date(text: str) -> bool:
    if not re.fullmatch(DATE_FORM, text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
