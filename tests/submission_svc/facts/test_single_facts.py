"""Single reports, edits by version, reasoned changes, findings."""

import asyncio
from datetime import UTC, date, datetime
from uuid import uuid4

from shared.contracts.audit import FindingConfirmed
from shared.contracts.identity import metric_id, set_id
from shared.contracts.roles import Role
from shared.contracts.scoring import PeriodClosed, PeriodConfirmed, PeriodFenced
from shared.contracts.submission import FactsRecorded
from shared.http import encode_cursor
from tests.submission_svc.bureau import SET, Bureau, card, codes, metric, row, unit

URL = "/v1/facts/2015-01/M-SELF/420102"


def confirmed(version: int, count: int, finding: int = 1) -> FindingConfirmed:
    return FindingConfirmed(
        finding_id=metric_id(f"finding-{finding}"), version=version,
        metric_id=metric_id("M-SELF"), unit_id=unit("420103"),
        period="2015-01", count=count, confirmed_by="inspector", confirmed_at=datetime(2015, 2, 6, tzinfo=UTC),
    )  # fmt: skip


async def test_a_report_is_edited_only_over_the_version_read(bureau: Bureau) -> None:
    made = await bureau.liaison.put(URL, json={"value": "1"})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"'), made.text
    assert (await bureau.liaison.put(URL, json={"value": "2"})).json()["code"] == "if_match_required"
    stale = await bureau.liaison.put(URL, json={"value": "2"}, headers={"if-match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    read = await bureau.liaison.get(URL)
    edited = await bureau.liaison.put(URL, json={"value": "2"}, headers={"if-match": read.headers["etag"]})
    assert edited.json()["version"] == 2
    same = await bureau.liaison.put(URL, json={"value": "2"}, headers={"if-match": '"2"'})
    assert (same.json()["version"], same.json()["changed"]) == (2, False)
    chunks = await bureau.service.events(FactsRecorded)
    assert [(f.version, f.value, c.provenance) for c in chunks for f in c.facts] == [
        (1, "1", "self_typed"),
        (2, "2", "self_typed"),
    ]


async def test_of_two_who_create_at_once_one_is_told(bureau: Bureau) -> None:
    answers = await asyncio.gather(*(bureau.liaison.put(URL, json={"value": str(n)}) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 428, 428, 428, 428, 428]


async def test_a_refused_report_names_its_rule(bureau: Bureau) -> None:
    for url, body, code in (
        (URL, {"value": "x"}, "value_malformed"),
        (URL, {}, "value_missing"),
        ("/v1/facts/2015-01/M-SELF/420103", {"value": "1"}, "outside_scope"),
        ("/v1/facts/2015-01/M-RATE/420102", {"value": "1"}, "filler_is_other"),
        ("/v1/facts/2015-1/M-SELF/420102", {"value": "1"}, "period_unknown"),
        ("/v1/facts/1990-01/M-SELF/420102", {"value": "1"}, "period_not_prepared"),
        ("/v1/facts/2015-01/M-SELF/nowhere", {"value": "1"}, "unit_unknown"),
    ):
        answer = await bureau.liaison.put(url, json=body)
        assert (answer.status_code, [e["code"] for e in answer.json()["errors"]]) == (422, [code]), answer.text
    assert (await bureau.liaison.get("/v1/facts/2015-01/M-SELF/420103")).status_code == 404
    refused = await bureau.service.database.reads.fetchval(
        "SELECT count(*) FROM trail WHERE outcome = 'refused:fact_refused'"
    )
    assert refused == 7


async def test_changes_after_the_fence_carry_their_reason(bureau: Bureau) -> None:
    change = {"reason": "来源更正", "changes": [row(value="50")]}
    await bureau.post([row()])
    early = await bureau.office.post("/v1/fact-changes", json=change)
    assert [e["code"] for e in early.json()["errors"]] == ["period_open"]
    assert early.json()["errors"][0]["pointer"] == "/changes/0"
    state = {"set_id": set_id(SET), "period": "2015-01", "at": datetime(2015, 2, 7, tzinfo=UTC), "by": "office"}
    await bureau.service.deliver(PeriodConfirmed(version=2, cells=3, **state))
    await bureau.service.deliver(PeriodFenced(version=1, last_chunk=1, chunks=1, **state))
    assert (await bureau.post([row(value="1")])).json()["errors"][0]["code"] == "period_confirmed"
    assert (await bureau.department.post("/v1/fact-changes", json=change)).status_code == 403
    amended = await bureau.office.post("/v1/fact-changes", json=change)
    assert amended.json()["updated"] == 1, amended.text
    last = (await bureau.service.events(FactsRecorded))[-1]
    assert last.amendment is not None
    assert (last.amendment.reason, last.facts[0].version, last.facts[0].value) == ("来源更正", 2, "50")
    await bureau.service.deliver(PeriodClosed(version=3, **state))
    closed = await bureau.office.post("/v1/fact-changes", json={**change, "changes": [row(value="51")]})
    assert [e["code"] for e in closed.json()["errors"]] == ["period_closed"]
    corrected = await bureau.office.post(
        "/v1/fact-changes", json={**change, "changes": [row(value="51")], "approval": "局务会2015-7"}
    )
    assert corrected.json()["updated"] == 1
    await bureau.service.deliver(confirmed(1, 2))
    assert await bureau.fact("2015-01", "M-SELF", "420103") is None
    late = await bureau.service.database.reads.fetchval(
        "SELECT count(*) FROM trail WHERE outcome = 'refused:period_closed'"
    )
    assert late == 1


async def test_only_what_one_may_amend_is_amended_after_the_fence(bureau: Bureau) -> None:
    await bureau.service.seed_person("P-BOTH", "420102", Role.PERFORMANCE_OFFICE)
    await bureau.service.seed_person("P-BOTH", "D-REV", Role.EVALUATING_DEPARTMENT)
    both = bureau.service.client(person="P-BOTH")
    await bureau.post([row(), row(unit="420103")])
    at = {"set_id": set_id(SET), "period": "2015-01", "at": datetime(2015, 2, 7, tzinfo=UTC), "by": "office"}
    await bureau.service.deliver(PeriodFenced(version=1, last_chunk=1, chunks=1, **at))
    changes = [row(value="50"), row(unit="420103", value="50")]
    refused = await both.post("/v1/fact-changes", json={"reason": "更正", "changes": changes})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/changes/1", "outside_scope")]
    own = await both.post("/v1/fact-changes", json={"reason": "更正", "changes": changes[:1]})
    assert own.json()["updated"] == 1, own.text


async def test_a_card_changed_for_later_periods_leaves_earlier_ones_as_they_were_asked(bureau: Bureau) -> None:
    await bureau.service.deliver(metric("M-NEW", "number", "any"))
    later = card("C-M-SELF", ["M-NEW"], fill_mode="self_reported", version=2, since=date(2015, 3, 1))
    await bureau.service.deliver(later)
    for period, asked, other in (("2015-02", "M-SELF", "M-NEW"), ("2015-03", "M-NEW", "M-SELF")):
        rows = [row(asked, period=period, value="5"), row(other, period=period, value="5")]
        answer = await bureau.post(rows, by=bureau.liaison)
        assert answer.json()["created"] == 1, answer.text
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/rows/1", "unit_not_evaluated")]
        tasks = await bureau.liaison.get("/v1/tasks", params={"period": period})
        assert [(each["indicator"], each["state"]) for each in tasks.json()["items"]] == [("C-M-SELF", "done")]
    at = {"set_id": set_id(SET), "period": "2015-02", "at": datetime(2015, 3, 7, tzinfo=UTC), "by": "office"}
    await bureau.service.deliver(PeriodFenced(version=1, last_chunk=1, chunks=1, **at))
    late = await bureau.post([row("M-SELF", period="2015-02", value="6")], by=bureau.liaison)
    assert [e["code"] for e in late.json()["errors"]] == ["period_fenced"]


async def test_what_a_unit_is_to_report_from_july_on_it_does_not_report_for_june(bureau: Bureau) -> None:
    later = card("C-M-RATE", ["M-RATE"], fill_mode="self_reported", version=2, since=date(2015, 7, 1))
    await bureau.service.deliver(later)
    june, july = (row(period=period, value="5") for period in ("2015-06", "2015-07"))
    refused = await bureau.post([june], by=bureau.liaison)
    assert [e["code"] for e in refused.json()["errors"]] == ["filler_is_other"]
    assert (await bureau.post([july], by=bureau.liaison)).json()["created"] == 1
    assert (await bureau.post([june])).json()["created"] == 1
    # And an intermezzo: a version for two months gives the months after it back to the one before.
    between = card("C-M-COUNT", ["M-COUNT"], fill_mode="self_reported", version=2, since=date(2015, 4, 1),
                   until=date(2015, 6, 1))  # fmt: skip
    await bureau.service.deliver(between)
    months = ("2015-03", "2015-04", "2015-05", "2015-06")
    rows = [row("M-COUNT", period=period, value="5") for period in months]
    answer = await bureau.post(rows, by=bureau.liaison)
    assert codes(answer) == {"/rows/0": "filler_is_other", "/rows/3": "filler_is_other"}


async def test_who_handed_an_indicator_over_writes_the_figures_of_its_own_time_only(bureau: Bureau) -> None:
    later = card("C-M-MARKS", ["M-MARKS"], version=2, since=date(2015, 7, 1), department="D-LAW")
    await bureau.service.deliver(later)
    rows = [row("M-MARKS", period=period, value="5") for period in ("2015-06", "2015-07")]
    before, after = await bureau.post(rows, by=bureau.department), await bureau.post(rows, by=bureau.successor)
    assert (before.json()["created"], codes(before)) == (1, {"/rows/1": "outside_scope"})
    assert (after.json()["created"], codes(after)) == (1, {"/rows/0": "outside_scope"})
    url = "/v1/facts/2015-07/M-MARKS/420102"
    single = await bureau.department.put(url, json={"value": "10"}, headers={"if-match": '"1"'})
    assert single.status_code == 422, single.text
    assert (await bureau.successor.put(url, json={"value": "10"}, headers={"if-match": '"1"'})).status_code == 200


async def test_findings_become_facts_by_version_in_any_order(bureau: Bureau) -> None:
    await bureau.service.deliver(confirmed(2, 3))
    await bureau.service.deliver(confirmed(1, 1))
    found = await bureau.fact("2015-01", "M-SELF", "420103")
    assert found is not None
    assert (found["value"], found["version"], found["provenance"]) == ("3", 1, "inspection")
    await bureau.service.deliver(confirmed(3, 0))
    chunks = await bureau.service.events(FactsRecorded)
    assert [(c.facts[0].value, c.facts[0].version, c.amendment) for c in chunks] == [("3", 1, None), ("0", 2, None)]


async def test_a_forged_cursor_is_malformed(bureau: Bureau) -> None:
    for path, key in (
        ("facts", ("2015-01", "no id", "no id")),
        ("receipts", ("²",)),
        ("receipts", ("9" * 30,)),
        ("source-systems", ("\0",)),
    ):
        answer = await bureau.office.get(f"/v1/{path}", params={"cursor": encode_cursor(*key)})
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), answer.text


async def test_a_repeated_request_is_answered_from_its_key(bureau: Bureau) -> None:
    key = {"idempotency-key": str(uuid4())}
    body = {"mode": "partial", "rows": [row(), row("M-NONE")]}
    first, second = [await bureau.feed.post("/v1/fact-batches", json=body, headers=key) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["idempotent-replay"] == "true"
    other = await bureau.feed.post("/v1/fact-batches", json={**body, "rows": [row(value="1")]}, headers=key)
    assert other.json()["code"] == "idempotency_key_reused"
    assert await bureau.service.database.reads.fetchval("SELECT count(*) FROM receipts") == 1
