"""Batches: every bad row named, nothing half written, summaries exact, chunks on the wire."""

import asyncio
import random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from shared.contracts.identity import metric_id
from shared.contracts.submission import FactsRecorded
from tests.submission_svc.bureau import DISTRICTS, Bureau, codes, row, unit

LIST = [{"revenue": "12.5", "level": "a"}]

BAD: tuple[tuple[dict[str, Any], str], ...] = (
    (row("M-NONE"), "metric_unknown"),
    (row(unit="999999"), "unit_unknown"),
    (row(period="2015-13"), "period_unknown"),
    (row(period="1999-01"), "period_not_prepared"),
    (row(period="2015-Q1"), "period_kind_wrong"),
    (row("M-GROWTH", period="2015-01"), "period_kind_wrong"),
    (row(unit="420100"), "unit_not_evaluated"),
    (row("M-SELF"), "metric_not_registered"),
    (row("M-MARKS", value="5"), "metric_not_registered"),
    (row(value=5), "value_not_text"),
    (row(value=None), "value_missing"),
    (row(value=True), "value_not_text"),
    (row(value={"a": "b"}), "value_not_text"),
    (row(value="1" * 1_000_000), "value_too_long"),
    (row(value="NaN"), "value_malformed"),
    (row(value="1e5"), "value_malformed"),
    (row(value="224E10000913"), "value_malformed"),
    (row(value=""), "value_malformed"),
    (row(value="５"), "value_malformed"),
    (row(value="5\n"), "value_malformed"),
    (row(value="01"), "value_malformed"),
    (row(value="100.01"), "value_not_allowed"),
    (row(value="-0.01"), "value_not_allowed"),
    (row(value=[]), "value_malformed"),
    (row(value="a\u0000b"), "row_malformed"),
    (row("M-COUNT", value="1.5"), "value_malformed"),
    (row("M-COUNT", value="-1"), "value_malformed"),
    (row("M-DATE", value="2015-02-30"), "value_malformed"),
    (row("M-DATE", value="today"), "value_malformed"),
    (row("M-CLASS", value="bad"), "value_not_allowed"),
    (row("M-RECORDS", value="12"), "value_malformed"),
    (row("M-RECORDS", value="[]"), "value_malformed"),
    (row("M-RECORDS", value=[{"revenue": 1}]), "value_not_text"),
    (row("M-RECORDS", value=[{"unknown": "1"}]), "value_malformed"),
    (row("M-RECORDS", value=[{"revenue": "-1"}]), "value_not_allowed"),
    (row("M-RECORDS", value=[{"revenue": "a\u0000"}]), "row_malformed"),
    (row(value=None, state="missing"), "reason_missing"),
    (row(value=None, state="exempt", reason="免考"), "state_not_yours"),
    (row(value=None, state="lost", reason="?"), "state_unknown"),
    (row(value=None, state="missing", reason="长" * 1_001), "reason_too_long"),
    ({"metric": "M-RATE"}, "row_malformed"),
    ({**row(), "extra": 1}, "row_malformed"),
    ({**row(), "unit": 420102}, "row_malformed"),
)
GOOD: tuple[dict[str, Any], ...] = (
    row(),
    row(unit="420103", value="0"),
    row(unit="420104", value="100"),
    row("M-COUNT", value="0"),
    row("M-DATE", value="2015-01-31"),
    row("M-CLASS", value="good"),
    row("M-RECORDS", value=LIST),
    row("M-RECORDS", unit="420103", value=[]),
    row("M-GROWTH", period="2015-Q1", value="-3.25"),
    row("M-COUNT", unit="420103", value=None, state="not_scorable", reason='来源"中断"'),
)


def apart() -> list[list[tuple[dict[str, Any], str]]]:
    """The bad rows in batches in which no two stand under one key: a duplicate would be named as such."""
    batches: list[dict[tuple[str, ...], tuple[dict[str, Any], str]]] = []
    for place, (bad, code) in enumerate(BAD):
        movable = bad.get("period") == "2015-01" and code != "period_kind_wrong"
        moved = {**bad, "period": f"2015-{3 + place % 10:02d}"} if movable else bad
        key = tuple(str(moved.get(name, "")) for name in ("metric", "unit", "period"))
        home = next((batch for batch in batches if key not in batch), None)
        if home is None:
            batches.append(home := {})
        home[key] = (moved, code)
    return [list(batch.values()) for batch in batches]


@pytest.mark.parametrize("mode", ["partial", "atomic"])
async def test_every_bad_row_is_named_and_no_good_one_stopped(bureau: Bureau, mode: str) -> None:
    for batch in apart():
        answer = await bureau.post([*GOOD, *(bad for bad, _ in batch)], mode=mode)
        assert answer.status_code == (200 if mode == "partial" else 422)
        assert codes(answer) == {f"/rows/{len(GOOD) + place}": code for place, (_, code) in enumerate(batch)}
    stored = await bureau.service.database.reads.fetchval("SELECT count(*) FROM facts")
    assert stored == (len(GOOD) if mode == "partial" else 0)


async def test_summary_is_exact_and_the_chunks_decode(bureau: Bureau) -> None:
    first = await bureau.post(GOOD)
    assert first.status_code == 200, first.text
    assert {k: first.json()[k] for k in ("rows", "created", "updated", "unchanged", "rejected")} == {
        "rows": len(GOOD), "created": len(GOOD), "updated": 0, "unchanged": 0, "rejected": 0,
    }  # fmt: skip
    again = await bureau.post(
        [row(), row(unit="420103", value="1"), row("M-COUNT", unit="420104", value="7"), row("M-NONE")]
    )
    assert [again.json()[k] for k in ("rows", "created", "updated", "unchanged", "rejected")] == [4, 1, 1, 1, 1]
    chunks = await bureau.service.events(FactsRecorded)
    assert sum(len(chunk.facts) for chunk in chunks) == len(GOOD) + 2
    assert [chunk.period for chunk in chunks] == ["2015-01", "2015-Q1", "2015-01"]
    assert len({chunk.chunk_no for chunk in chunks}) == 3
    sent = {(f.metric_id, f.unit_id, f.version): f for chunk in chunks for f in chunk.facts}
    records = sent[metric_id("M-RECORDS"), unit("420102"), 1]
    assert (records.value, records.state) == (LIST, "present")
    assert {chunk.provenance for chunk in chunks} == {"feed"}
    broken = sent[metric_id("M-COUNT"), unit("420103"), 1]
    assert (broken.state, broken.reason, broken.value) == ("not_scorable", '来源"中断"', None)
    assert sent[metric_id("M-RATE"), unit("420103"), 2].value == "1"
    assert {chunk.received_at.date().isoformat() for chunk in chunks[:2]} == {"2015-02-05"}
    assert chunks[2].batch_id == UUID(again.json()["receipt_id"])
    versions = await bureau.office.get("/v1/facts/2015-01/M-RATE/420103/versions")
    assert [(v["version"], v["value"]) for v in versions.json()["items"]] == [(1, "0"), (2, "1")]
    receipt = await bureau.feed.get(f"/v1/receipts/{again.json()['receipt_id']}")
    assert receipt.json()["errors"] == again.json()["errors"]
    assert (await bureau.liaison.get(f"/v1/receipts/{again.json()['receipt_id']}")).status_code == 404


async def test_duplicates_are_both_named(bureau: Bureau) -> None:
    answer = await bureau.post([row(), row(unit="420103"), row(value="1")])
    assert codes(answer) == {"/rows/0": "row_duplicate", "/rows/2": "row_duplicate"}
    assert answer.json()["created"] == 1


async def test_refused_atomic_batch_lands_nothing_and_has_a_receipt(bureau: Bureau) -> None:
    answer = await bureau.post([row(), row("M-NONE")], mode="atomic")
    assert (answer.status_code, answer.json()["code"]) == (422, "batch_refused")
    receipt = (await bureau.feed.get(f"/v1/receipts/{answer.json()['receipt_id']}")).json()
    assert (receipt["landed"], receipt["created"], receipt["rejected"]) == (False, 0, 2)
    assert await bureau.fact("2015-01", "M-RATE", "420102") is None
    assert await bureau.service.events(FactsRecorded) == []


UNREADABLE = (
    b"",
    b"{",
    b'{"mode":"partial","rows":[{"metric":"M-RATE","unit":"42',
    b"[" * 100_000,
    b"[]",
    b'{"rows":[]}',
    b'{"mode":"maybe","rows":[]}',
    b'{"mode":"partial","rows":[],"more":1}',
    b'{"mode":"partial","rows":NaN}',
    b"\xff\xfe",
    b'{"mode":"partial","rows":[{"metric":"\\ud800"}]}',
)


async def test_a_body_that_cannot_be_read_is_malformed(bureau: Bureau) -> None:
    for body in UNREADABLE:
        answer = await bureau.feed.post("/v1/fact-batches", content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), body[:60]
        assert answer.json()["errors"]
    cut = (await bureau.feed.post("/v1/fact-batches", content=b'{"mode":"partial","rows":[}')).json()
    assert "byte 26" in cut["errors"][0]["text"]


async def test_strategies_and_dry_run(bureau: Bureau) -> None:
    trial = await bureau.post([row(), row("M-NONE")], dry_run=True)
    assert (trial.json()["created"], trial.json()["receipt_id"]) == (1, None)
    assert await bureau.fact("2015-01", "M-RATE", "420102") is None
    assert codes(await bureau.post([row()], strategy="update")) == {"/rows/0": "fact_unknown"}
    assert (await bureau.post([row()], strategy="create")).json()["created"] == 1
    assert codes(await bureau.post([row(value="1")], strategy="create")) == {"/rows/0": "fact_exists"}
    assert (await bureau.post([row(value="1")], strategy="update")).json()["updated"] == 1
    by_id = {**row(value="2"), "metric": str(metric_id("M-RATE")).upper(), "unit": str(unit("420102"))}
    assert (await bureau.post([by_id], id_scheme="id")).json()["updated"] == 1
    assert codes(await bureau.post([row()], id_scheme="id")) == {"/rows/0": "metric_unknown"}


async def test_who_may_write_what(bureau: Bureau) -> None:
    stranger = bureau.service.client(client="sys-stranger")
    assert (await bureau.post([row()], by=stranger)).json()["code"] == "source_unregistered"
    own = row("M-SELF", value="3")
    assert codes(await bureau.post([row(), own], by=bureau.liaison)) == {"/rows/0": "filler_is_other"}
    assert codes(await bureau.post([own], by=bureau.neighbour)) == {"/rows/0": "outside_scope"}
    assert (await bureau.post([row(value="7")], by=bureau.department)).json()["created"] == 1
    other = bureau.service.client(person="P-OTHER-DEPARTMENT")
    assert codes(await bureau.post([row()], by=other)) == {"/rows/0": "outside_scope"}
    exempt = row(unit="420103", value=None, state="exempt", reason="批准免考")
    assert (await bureau.post([exempt], by=bureau.office)).json()["created"] == 1
    facts = {(f["metric"], f["unit"]): f["provenance"] for f in (await bureau.office.get("/v1/facts")).json()["items"]}
    assert facts == {
        ("M-SELF", "420102"): "self_typed",
        ("M-RATE", "420102"): "department",
        ("M-RATE", "420103"): "department",
    }
    assert [f["unit"] for f in (await bureau.neighbour.get("/v1/facts")).json()["items"]] == ["420103"]
    assert (await bureau.feed.get("/v1/facts")).status_code == 403


async def test_batches_in_any_order_do_not_deadlock(bureau: Bureau) -> None:
    cells = [
        (code, unit, f"2015-{month:02d}")
        for code in ("M-RATE", "M-COUNT")
        for unit in DISTRICTS
        for month in range(1, 13)
    ]

    async def send(number: int) -> tuple[int, int]:
        shuffled = random.Random(number).sample(cells, len(cells))  # noqa: S311 - no secret
        answer = await bureau.post([row(code, unit, period, str(number)) for code, unit, period in shuffled])
        assert answer.status_code == 200, answer.text
        return answer.json()["created"], answer.json()["updated"]

    results = await asyncio.gather(*(send(number) for number in range(8)))
    assert sum(created for created, _ in results) == len(cells)
    chains = await bureau.service.database.reads.fetch(
        "SELECT array_agg(version ORDER BY version) AS versions FROM fact_versions GROUP BY period, metric_id, unit_id"
    )
    assert sum(len(each["versions"]) for each in chains) == sum(map(sum, results))
    # However the batches met, every chain is whole: what was superseded went into the history, once.
    assert [each["versions"] for each in chains] == [list(range(1, 9))] * len(cells)


async def test_large_batches_travel_in_bounded_chunks(bureau: Bureau) -> None:
    long = [{"revenue": f"{n}.{'1' * 30}", "level": "a"} for n in range(1_200)]
    answer = await bureau.post(
        [row("M-RECORDS", unit, f"2015-{month:02d}", long) for unit in DISTRICTS for month in range(1, 5)]
    )
    assert answer.json()["created"] == 12, answer.text
    sizes = await bureau.service.database.reads.fetch(
        "SELECT octet_length(envelope) AS size FROM outbox WHERE type LIKE 'facts%'"
    )
    assert max(each["size"] for each in sizes) < 900_000
    assert sum(len(chunk.facts) for chunk in await bureau.service.events(FactsRecorded)) == 12


async def test_the_example_of_the_documentation_has_the_shape_of_the_route(bureau: Bureau) -> None:
    document = (await bureau.office.get("/openapi.json")).json()
    content = document["paths"]["/v1/fact-batches"]["post"]["requestBody"]["content"]["application/json"]
    answer = await bureau.feed.post(
        "/v1/fact-batches", content=msgspec.json.encode(content["examples"]["batch"]["value"])
    )
    assert set(codes(answer).values()) == {"metric_unknown"}
