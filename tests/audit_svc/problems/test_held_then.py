"""A unit that moved, and one that is gone: problems stay with who held them then; changing is for today's holder."""

from datetime import UTC, date, datetime

from shared.contracts.identity import unit_id
from shared.contracts.indicator import UnitChanged, UnitSpan
from tests.audit_svc.stage import Stage, deducted, deduction

MOVES, GONE = "MOVES", "GONE"
MONTHS = ("2015-01", "2015-02", "2015-03")
_SINCE, _LONG_AGO = date(2015, 1, 1), datetime(2015, 1, 1, tzinfo=UTC)


def _span(code: str, parent: str, first: date, end: date | None) -> UnitSpan:
    return UnitSpan(
        effective_from=first, effective_to=end, recorded_at=_LONG_AGO, code=code, name=f"单位{code}", kind="tax_office",
        parent_id=unit_id(parent), path=f"CITY/{parent}/{code}/", groups={},
    )  # fmt: skip


async def _begin(stage: Stage) -> None:
    """MOVES stood below A until the middle of February and stands below B; GONE stood below A until then."""
    middle = date(2015, 2, 15)
    moved = [_span(MOVES, "A", _SINCE, middle), _span(MOVES, "B", middle, None)]
    await stage.service.deliver(UnitChanged(unit_id=unit_id(MOVES), version=1, spans=moved))
    gone = [_span(GONE, "A", _SINCE, middle)]
    await stage.service.deliver(UnitChanged(unit_id=unit_id(GONE), version=1, spans=gone))
    await stage.publish_policy()
    for month in MONTHS:
        await stage.service.deliver(deducted(deduction(MOVES, month, "9")))
    await stage.service.deliver(deducted(deduction(GONE, "2015-01", "9")))


async def test_a_case_is_shown_without_the_problems_of_later_holders(stage: Stage) -> None:
    await _begin(stage)
    before, after = stage.leader, stage.other
    ids = {month: (await stage.problem(MOVES, month))["problem_id"] for month in MONTHS}
    case = (await stage.problem(MOVES, "2015-01"))["case_id"]
    # February was held by both; March by the new holder alone, who also sees what came before.
    for client, months in ((before, MONTHS[:2]), (after, MONTHS)):
        listed = (await client.get("/v1/problems", params={"unit": MOVES})).json()["items"]
        assert [one["period"] for one in listed] == list(months)
        assert [one["case_id"] for one in (await client.get("/v1/cases")).json()["items"]].count(case) == 1
        shown = (await client.get(f"/v1/cases/{case}")).json()
        assert [one["period"] for one in shown["problems"]] == list(months)
        told = {one["problem_id"] for one in shown["timeline"]} - {None}
        assert told == {ids[month] for month in months}
        problem = (await client.get(f"/v1/problems/{ids['2015-01']}")).json()
        assert {one["problem_id"] for one in problem["timeline"]} - {None} <= told
        interviews = (await client.get("/v1/interviews", params={"case_id": case})).json()["items"]
        assert {one["problem_id"] for one in interviews} <= told
    assert (await before.get(f"/v1/problems/{ids['2015-03']}")).status_code == 404


async def test_who_held_the_unit_then_reads_and_changes_nothing(stage: Stage) -> None:
    await _begin(stage)
    seen = {month: await stage.problem(MOVES, month) for month in MONTHS}
    cause = {"causes": [{"kind": "process", "text": "原因"}], "text": "原因"}

    async def analyse(month: str, client: object) -> tuple[int, str]:
        at, tag = f"/v1/problems/{seen[month]['problem_id']}/cause-analysis", f'"{seen[month]["version"]}"'
        answer = await client.post(at, json=cause, headers={"if-match": tag})  # type: ignore[attr-defined]
        return answer.status_code, answer.json().get("code", "")

    assert await analyse("2015-01", stage.leader) == (403, "outside_scope")
    assert await analyse("2015-03", stage.leader) == (404, "not_found")
    assert (await analyse("2015-01", stage.other))[0] == 200


async def test_a_unit_that_is_gone_stays_with_who_held_it(stage: Stage) -> None:
    await _begin(stage)
    listed = (await stage.leader.get("/v1/problems", params={"unit": GONE})).json()["items"]
    assert [(one["period"], one["unit"], one["unit_name"]) for one in listed] == [("2015-01", GONE, f"单位{GONE}")]
    assert (await stage.other.get("/v1/problems", params={"unit": GONE})).json()["items"] == []
    everything = (await stage.auditor.get("/v1/problems", params={"unit": GONE})).json()["items"]
    assert len(everything) == 1
