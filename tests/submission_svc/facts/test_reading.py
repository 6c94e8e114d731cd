"""Reading a batch: a name that stands twice is refused, however it is written; honest bodies read as they are."""

import json

import pytest

from services.submission_svc.facts.reading import read_batch
from shared.errors import Malformed

_ROW = '"metric": "M", "unit": "420102", "period": "2015-01"'
_GOOD = f'{{{_ROW}, "value": "1"}}'

TWICE = (
    '{"mode": "partial", "mode": "atomic", "rows": []}',
    f'{{"mode": "atomic", "rows": [{_GOOD}], "rows": []}}',
    f'{{"mode": "atomic", "rows": [{{{_ROW}, "value": "1", "value": "2"}}]}}',
    f'{{"mode": "atomic", "rows": [{{{_ROW}, "value": "1", "value": null}}]}}',
    f'{{"mode": "atomic", "rows": [{{{_ROW}, "value": "1", "v\\u0061lue" : "2"}}]}}',
    f'{{"mode": "atomic", "rows": [{{{_ROW}, "unit": "420103", "value": "1"}}, {_GOOD}]}}',
    f'{{"mode": "atomic", "dry_run": false, "rows": [{{{_ROW}, "value": [{{"a": "1", "a": "2"}}]}}]}}',
    f'{{"mode": "partial", "rows": [7, {{{_ROW}, "value": "1", "value": "2"}}]}}',
)


@pytest.mark.parametrize("text", TWICE)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_batch(text.encode())
    assert [detail.code for detail in refused.value.details] == ["json_name_twice"]


@pytest.mark.parametrize("spaced", [(", ", ": "), (",", ":"), (" , ", " : ")])
def test_an_honest_batch_reads_as_it_is(spaced: tuple[str, str]) -> None:
    row = {"metric": "M:1", "unit": "420102", "period": "2015-01"}
    rows = [
        {**row, "value": "1"},
        {**row, "value": None, "state": "missing", "reason": "停机：10:30 至 11:00"},
        {**row, "value": [{"revenue": "1", "level": "a:b"}]},
    ]
    sent = {"mode": "partial", "dry_run": False, "strategy": "create", "id_scheme": "code", "rows": rows}
    batch, faults = read_batch(json.dumps(sent, separators=spaced).encode())
    assert not faults
    assert [(each.metric, each.value, each.state) for each in batch.rows] == [
        ("M:1", "1", None),
        ("M:1", None, "missing"),
        ("M:1", [{"revenue": "1", "level": "a:b"}], None),
    ]
    assert (batch.mode, batch.strategy, batch.dry_run) == ("partial", "create", False)
