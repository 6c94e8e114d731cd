"""External losses over the routes: shares that make the whole, their entries, withdrawal, reach."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.scoring_svc.bonus.awards import Awards, loss, opened, refusal
from tests.scoring_svc.ledger.city import SET, City, full_month

AT = "/v1/external-losses"


@pytest_asyncio.fixture
async def awards(city: City) -> Awards:
    return await opened(city)


async def entered(awards: Awards, **changes: Any) -> dict[str, Any]:
    answer = await awards.by("PO1").post(AT, json=loss(**changes))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def withdraw(awards: Awards, known: dict[str, Any], who: str = "PO1", seen: int = 1) -> Any:
    at = f"{AT}/{known['loss_id']}/withdrawal"
    return await awards.by(who).post(at, json={"reason": "省局更正"}, headers={"if-match": f'"{seen}"'})


async def test_a_loss_stands_in_the_ledger_of_those_who_answer(awards: Awards) -> None:
    made = await entered(awards)
    assert [(one["unit"], one["points"]) for one in made["shares"]] == [("420102", "1.5"), ("420103", "0.5")]
    assert await awards.points() == {"420102": "-1.5", "420103": "-0.5"}
    rows = (await awards.by("L2").get("/v1/unit-entries", params={"set": SET, "period": "2015-Q1"})).json()["items"]
    assert [(one["kind"], one["unit"], one["points"], one["reason"]) for one in rows] == [
        ("external_loss", "420102", "-1.5", "数据质量通报")
    ]
    mine = (await awards.by("L2").get(f"{AT}/{made['loss_id']}")).json()
    assert (mine["points"], [(one["unit"], one["points"]) for one in mine["shares"]]) == ("2", [("420102", "1.5")])
    assert mine["document_no"] == "鄂地税函〔2015〕8号"


async def test_weights_share_a_loss_to_the_last(awards: Awards) -> None:
    shares = [{"unit": unit, "share": "1"} for unit in ("420102", "420103", "420104")]
    await entered(awards, points="1", by="weights", shares=shares)
    assert await awards.points() == {"420102": "-0.34", "420103": "-0.33", "420104": "-0.33"}


async def test_a_loss_is_withdrawn_by_reversing_entries_with_the_reason(awards: Awards) -> None:
    made = await entered(awards)
    at = f"{AT}/{made['loss_id']}/withdrawal"
    assert refusal(await awards.by("PO1").post(at, json={"reason": "错"})) == (428, "if_match_required")
    assert refusal(await withdraw(awards, made, seen=2)) == (412, "stale")
    answers = await asyncio.gather(*(withdraw(awards, made) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert refusal(await withdraw(awards, made, seen=2)) == (409, "loss_already_withdrawn")
    assert await awards.points() == {"420102": "0", "420103": "0"}
    rows = (await awards.by("PO1").get("/v1/unit-entries", params={"kind": "external_loss"})).json()["items"]
    backs = [one for one in rows if one["reverses"]]
    assert len(rows) == 4
    assert {one["reverses"] for one in backs} == {one["entry_id"] for one in rows} - {one["entry_id"] for one in backs}
    assert {one["reason"] for one in backs} == {"省局更正"}
    shown = (await awards.by("PO1").get(f"{AT}/{made['loss_id']}")).json()
    assert (shown["state"], shown["reason"], shown["version"]) == ("withdrawn", "省局更正", 2)
    assert [one["points"] for one in shown["shares"]] == ["1.5", "0.5"]
    await entered(awards, points="0.5", shares=[{"unit": "420104", "share": "0.5"}])


async def test_a_loss_is_entered_once(awards: Awards) -> None:
    other = {"matter": "另一事项"}
    answers = await asyncio.gather(*(awards.by("PO1").post(AT, json=loss()) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    again = await awards.by("PO1").post(AT, json=loss(document_no="鄂地税函[2015] 8号"))
    assert refusal(again) == (409, "loss_already_entered")
    await entered(awards, **other)
    keyed = [
        await awards.by("PO1").post(AT, json=loss(matter="三"), headers={"idempotency-key": "k"}) for _ in range(2)
    ]
    assert keyed[0].json() == keyed[1].json()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"points": "2.01"}, "shares_do_not_add_up"),
        ({"points": "0"}, "malformed"),
        ({"points": "-1"}, "malformed"),
        ({"by": "weights"}, "malformed"),
        ({"shares": [{"unit": "420102", "share": "1"}, {"unit": "420102", "share": "1"}]}, "malformed"),
        ({"shares": [{"unit": "429999", "share": "2"}]}, "unit_unknown"),
        ({"shares": [{"unit": "D-LAW", "share": "2"}]}, "unit_not_evaluated"),
        ({"period": "2016"}, "period_not_of_set"),
        ({"document_on": "2015-03-01"}, "document_in_future"),
    ],
)
async def test_what_a_loss_may_not_say(awards: Awards, changes: dict[str, Any], code: str) -> None:
    assert refusal(await awards.by("PO1").post(AT, json=loss(**changes))) == (422, code)


@pytest.mark.parametrize("period", ["2\N{ARABIC-INDIC DIGIT ZERO}15-Q1", "20\N{FULLWIDTH DIGIT ONE}5-Q1"])
async def test_a_period_has_one_name(awards: Awards, period: str) -> None:
    """The same quarter in other digits would count nowhere, and no reader's statement could read it any more."""
    assert refusal(await awards.by("PO1").post(AT, json=loss(period=period))) == (422, "malformed")
    assert (await awards.by("L2").get(AT)).status_code == 200


async def test_an_office_apportions_within_its_reach_alone(awards: Awards) -> None:
    assert refusal(await awards.by("DPO").post(AT, json=loss())) == (403, "outside_scope")
    assert refusal(await awards.by("L2").post(AT, json=loss())) == (403, "forbidden")
    made = await entered(awards)
    assert refusal(await withdraw(awards, made, "DPO")) == (403, "outside_scope")
    third = await entered(awards, matter="三", shares=[{"unit": "420104", "share": "2"}])
    assert refusal(await withdraw(awards, third, "DPO")) == (404, "not_found")
    assert refusal(await awards.by("L2").get(f"{AT}/{third['loss_id']}")) == (404, "not_found")
    own = await awards.by("DPO").post(AT, json=loss(matter="四", shares=[{"unit": "420102", "share": "2"}]))
    assert own.status_code == 201


async def test_losses_go_by_filters_and_cursors(awards: Awards) -> None:
    for number in range(3):
        await entered(awards, matter=f"失分{number}")
    await withdraw(awards, await entered(awards, matter="失分3", period="2015-02"))
    client, found, cursor = awards.by("PO1"), [], None
    while True:
        page = (await client.get(AT, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        found += [one["matter"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == ["失分0", "失分1", "失分2", "失分3"]
    for query, count in (
        ({"unit": "420103"}, 4), ({"unit": "420104"}, 0), ({"state": "withdrawn"}, 1), ({"period": "2015-02"}, 1),
        ({"set": "NONE"}, 0),
    ):  # fmt: skip
        assert len((await client.get(AT, params=query)).json()["items"]) == count, query
    entries = (await client.get("/v1/unit-entries", params={"limit": 3, "unit": "420103"})).json()
    more = (await client.get("/v1/unit-entries", params={"unit": "420103", "cursor": entries["next"]})).json()
    assert len(entries["items"] + more["items"]) == 5
    assert (await awards.by("L3").get(AT, params={"unit": "420102"})).json()["items"] == []


async def test_the_ranking_counts_losses_and_closed_periods_take_none(awards: Awards) -> None:
    city = awards.city
    await full_month(city)
    made = await entered(awards)
    ranking = (await city.office.get("/v1/rankings/provisional", params={"set": SET, "period": "2015-Q1"})).json()
    assert {one["unit"]: one["total"] for one in ranking["units"]} == {
        "420102": "15.50", "420103": "22.50", "420104": "18.50",
    }  # fmt: skip
    await city.fence(1, 1)
    for verb in ("confirm", "close"):
        assert (await city.step(verb, body={} if verb == "confirm" else None)).status_code == 200
    assert refusal(await awards.by("PO1").post(AT, json=loss(matter="迟"))) == (409, "period_closed")
    assert refusal(await withdraw(awards, made)) == (409, "period_closed")


async def test_nothing_that_was_entered_can_be_changed(awards: Awards) -> None:
    await entered(awards)
    reads = awards.city.service.database.reads
    for table in ("unit_entries", "bonus_tables", "bonus_steps"):
        granted = await reads.fetch(
            "SELECT privilege_type FROM information_schema.role_table_grants "
            "WHERE table_name = $1 AND grantee = current_user",
            table,
        )
        assert {row["privilege_type"] for row in granted} == {"SELECT", "INSERT"}, table
