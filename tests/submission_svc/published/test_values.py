"""The two readings of a metric's form, in Python for records and in SQL for single values, agree."""

from typing import Any

import pytest

from services.submission_svc.published.domain import form_of, records_fault, value_fault
from tests.submission_svc.bureau import METRICS, Bureau, codes, row

VALUES = (
    "0", "-0", "5", "5.0", "10", "100", "100.0", "100.001", "-1", "+1", ".5", "5.", "1e2", "NaN", "", " ", " 5", "5 ",
    "五", "2015-01-31", "2015-02-29", "2016-02-29", "2015-1-1", "good", "GOOD", "9" * 40, "9" * 41, "x" * 1_001,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "allowed", "span"),
    [
        ("percent", "any", "(,)"),
        ("count", "any", "[0,)"),
        ("place", {"at_most": "17"}, "[1,17]"),
        ("percent", {"above": "0", "below": "100"}, "(0,100)"),
        ("amount", {"at_least": "-5"}, "[-5,)"),
    ],
)
def test_spans(kind: str, allowed: Any, span: str) -> None:
    assert form_of(kind, allowed).span == span


def test_records() -> None:
    fields = {"n": {"type": "count", "allowed": "any"}, "k": {"type": "key"}}
    assert records_fault(fields, [{"n": "1", "k": "x"}, {"n": "2"}]) is None
    assert records_fault(fields, [{}]) == "value_malformed"
    assert records_fault(fields, [{"n": "1.5"}]) == "value_malformed"
    assert records_fault(fields, ["n"]) == "value_malformed"


async def test_sql_and_python_agree_on_every_value(bureau: Bureau) -> None:
    cells = [
        (code, kind, allowed) for code, kind, allowed, period, _ in METRICS if kind != "records" and period == "month"
    ]
    for value in VALUES:
        rows = [row(code, value=value) for code, _, _ in cells]
        found = codes(await bureau.post(rows, by=bureau.office, dry_run=True))
        for place, (code, kind, allowed) in enumerate(cells):
            assert found.get(f"/rows/{place}") == value_fault(form_of(kind, allowed), value), (code, value)
