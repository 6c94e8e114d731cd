"""Upheld appeals through the real app: no recompute undoes them, in whatever order they and the facts come."""

import asyncio
from datetime import UTC, datetime
from fractions import Fraction
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.scoring_svc.ledger.adjudication import AdjudicationUnreadable
from shared.contracts.audit import AppealRuled
from shared.contracts.identity import deduction_id
from shared.contracts.scoring import Deduction, DeductionsDigested, IndicatorDeducted
from tests.scoring_svc.ledger.city import (
    COL1,
    COL2,
    CONDUCT,
    DISTRICTS,
    FINDING,
    SET,
    City,
    fact,
    facts,
    full_month,
    published,
    unit_of,
)

JANUARY = "2015-01"
CELL = f"{COL1.indicator_id}/{unit_of('420102')}/{JANUARY}"
APPEAL = UUID("6f0c1d8e-2c6f-5c7d-9a3e-000000000001")


def ruling(
    kind: Any = "value", value: Any = "1", *, version: int = 1, state: Any = "upheld", unit: str = "420102",
    appeal: UUID = APPEAL, indicator: UUID = COL1.indicator_id, day: int = 3, name: str | None = None,
) -> AppealRuled:  # fmt: skip
    return AppealRuled(
        appeal_id=appeal,
        version=version,
        state=state,
        indicator_id=indicator,
        unit_id=unit_of(unit),
        period=JANUARY,
        kind=kind,
        input=name or ("errors" if kind == "value" else None),
        value=None if kind == "exempt" else value,
        reason="一件差错属重复计数",
        ruled_by="C1",
        ruled_at=datetime(2015, 2, day, tzinfo=UTC),
    )


async def entered_january(city: City, *, closed: bool = False) -> None:
    await full_month(city)
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200
    if closed:
        assert (await city.step("close")).status_code == 200


async def told(city: City, indicator: UUID = COL1.indicator_id, unit: str = "420102") -> list[Deduction]:
    all_told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    return [one for one in all_told if one.deduction_id == deduction_id(indicator, unit_of(unit), JANUARY)]


async def proof(city: City, version: int | None = None, person: str = "PO1", cell: str = CELL) -> dict[str, Any]:
    params = {} if version is None else {"version": version}
    answer = await city.person(person).get(f"/v1/proofs/{cell}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("closed", [False, True], ids=["confirmed", "closed"])
async def test_a_ruled_value_makes_a_new_version_that_later_facts_do_not_undo(city: City, *, closed: bool) -> None:
    await entered_january(city, closed=closed)
    before = await proof(city)
    await city.tell(ruling())
    cell = (await city.scores())["COL-01", "420102"]
    assert (cell["score"], cell["version"], cell["standing"]) == ("8.00", 2, "confirmed")
    last = (await told(city))[-1]
    assert (last.version, last.loss, last.reason, last.note) == (2, "2", "ruling", "一件差错属重复计数")
    assert [event.version for event in await city.service.events(DeductionsDigested)] == [1, 2]
    await city.tell(facts(2, fact("M-ERR", "420102", "5", 2), amendment="迟到的更正"))
    assert (await city.scores())["COL-01", "420102"]["score"] == "8.00"
    shown = await proof(city)
    (decision,) = shown["decisions"]
    assert (decision["source"], decision["id"], decision["kind"]) == ("ruling", str(APPEAL), "value")
    assert (decision["input"], decision["value"], decision["replaced"]) == ("errors", "1", "2" if closed else "5")
    assert f"ruling:{APPEAL}:1" in str(shown["proof"])
    assert await proof(city, 1) == before, "an older version is proved as it was"
    score = (await city.office.get(f"/v1/scores/{CELL}")).json()
    assert sum(Fraction(entry["points"]) for entry in score["entries"]) == Fraction(score["score"])


async def test_a_fixed_score_and_an_exemption_and_their_withdrawal(city: City) -> None:
    await entered_january(city)
    await city.tell(ruling("score", "9.5"))
    score = (await city.office.get(f"/v1/scores/{CELL}")).json()
    assert (score["score"], score["loss"], score["note"]) == ("9.5", "0.5", "一件差错属重复计数")
    assert [entry["kind"] for entry in score["entries"] if entry["version"] == 2 and not entry["reverses"]] == [
        "ruling"
    ]
    assert sum(Fraction(entry["points"]) for entry in score["entries"]) == Fraction("9.5")
    shown = await proof(city)
    assert (shown["proof"]["value"], shown["decisions"][0]["replaced"]) == ("9.5", "6.00")
    remedies = (await city.office.get(f"/v1/remedies/{CELL}")).json()
    assert remedies["items"] == [], "no fact changes a score that was fixed"
    await city.tell(ruling("exempt", version=2))
    assert (await city.scores())["COL-01", "420102"]["state"] == "exempt"
    last = (await told(city))[-1]
    assert (last.version, last.loss, last.reason) == (3, "0", "ruling")
    await city.tell(ruling("exempt", version=3, state="withdrawn"))
    cell = (await city.scores())["COL-01", "420102"]
    assert (cell["state"], cell["score"], cell["loss"], cell["note"]) == ("scored", "6.00", "4", None)
    assert [(one.version, one.loss) for one in await told(city)] == [(1, "4"), (2, "0.5"), (3, "0"), (4, "4")]
    assert (await proof(city))["decisions"] == []
    assert (await proof(city, 2)) == shown


async def test_versions_in_any_order_end_alike_and_an_overtaken_one_changes_nothing(city: City) -> None:
    await entered_january(city)
    await city.tell(ruling("score", "9", version=3), ruling("exempt", version=2), ruling(version=1))
    cell = (await city.scores())["COL-01", "420102"]
    assert (cell["score"], cell["version"]) == ("9", 2)


async def test_a_ruling_before_the_card_or_the_facts_is_read_when_they_come(bare_city: City) -> None:
    told = facts(1, *(fact("M-ERR", unit, "2") for unit in DISTRICTS))
    exempt = ruling("exempt", appeal=uuid4(), unit="420103")
    found = []
    for order in permutations((COL1, told, ruling())):
        owner = await asyncpg.connect(bare_city.service.dsns.owner)
        await owner.execute("TRUNCATE cells, adjudications, card_versions, card_metrics, facts, fact_chunks")
        await owner.close()
        await bare_city.tell(published(SET, [COL1]), exempt, *order)
        found.append({key: (row["state"], row["score"]) for key, row in (await bare_city.scores()).items()})
    assert found[0] == {
        ("COL-01", "420102"): ("scored", "8.00"),
        ("COL-01", "420103"): ("exempt", None),
        ("COL-01", "420104"): ("scored", "6.00"),
    }
    assert all(one == found[0] for one in found)
    await bare_city.fence(1, 1)
    assert (await bare_city.step("confirm", body={})).json()["cells"] == 3
    assert {key: (row["state"], row["score"]) for key, row in (await bare_city.scores()).items()} == found[0]


async def test_peers_follow_a_ruled_value_and_are_not_told_why(city: City) -> None:
    await entered_january(city)
    changed = ruling(value="4", name="growth", unit="420103", indicator=COL2.indicator_id)
    await city.tell(changed)
    found = await city.scores()
    assert [found["COL-02", unit]["score"] for unit in DISTRICTS] == ["10.00", "6.00", "8.00"]
    assert [found["COL-02", unit]["version"] for unit in DISTRICTS] == [2, 2, 2]
    peer, own = (await told(city, COL2.indicator_id, "420104"))[-1], (await told(city, COL2.indicator_id, "420103"))[-1]
    assert (peer.reason, peer.note, peer.loss) == ("ruling", "", "2")
    assert (own.reason, own.note, own.loss) == ("ruling", changed.reason, "4")
    cell = f"{COL2.indicator_id}/{unit_of('420102')}/{JANUARY}"
    shown = await proof(city, person="L2", cell=cell)
    assert shown["proof"]["value"] == "10"
    assert shown["decisions"] == []
    assert str(APPEAL) not in str(shown)
    assert changed.reason not in str(shown)


async def test_in_a_closed_period_nothing_but_the_decision_changes(city: City) -> None:
    await entered_january(city, closed=True)
    late = (fact("M-GROWTH", "420104", "99", 2), fact("M-ERR", "420104", "7", 2))
    await city.tell(facts(2, *late, amendment="关账后的更正"))
    before = await city.scores()
    await city.tell(ruling(value="9.5", name="growth", indicator=COL2.indicator_id))
    after = await city.scores()
    assert [after["COL-02", unit]["score"] for unit in DISTRICTS] == ["10.00", "8.00", "6.00"]
    assert {key for key in after if after[key] != before[key]} == {("COL-02", "420102"), ("COL-02", "420103")}


async def test_a_ruling_stands_above_an_exclusion_and_gives_it_back(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    body = {"exclusions": [{"indicator": "COL-01", "unit": "420102", "state": "not_scorable", "reason": "系统故障"}]}
    assert (await city.step("confirm", body=body)).status_code == 200
    await city.tell(ruling())
    assert (await city.scores())["COL-01", "420102"]["score"] == "8.00"
    await city.tell(ruling(version=2, state="withdrawn"))
    cell = (await city.scores())["COL-01", "420102"]
    assert (cell["state"], cell["note"]) == ("not_scorable", "系统故障")


async def test_a_ruling_before_confirmation_is_confirmed_and_an_immediate_loss_is_lifted_with_it(city: City) -> None:
    await city.tell(facts(1, fact("M-COND", "420102", "1")))
    await city.tell(ruling("exempt", indicator=FINDING.indicator_id))
    finding = await told(city, FINDING.indicator_id)
    assert [(one.version, one.loss, one.timing, one.reason) for one in finding] == [
        (1, "1", "immediate", "scored"),
        (2, "0", "immediate", "ruling"),
    ]
    await city.fence(1, 1, code=CONDUCT)
    assert (await city.step("confirm", code=CONDUCT, body={})).status_code == 200
    assert (await city.scores(code=CONDUCT))["CON-01", "420102"]["state"] == "exempt"


async def test_a_ruling_that_gives_no_score_leaves_the_confirmed_one_and_is_seen_in_the_trail(city: City) -> None:
    await entered_january(city)
    await city.tell(ruling(value="half"))
    assert (await city.scores())["COL-01", "420102"]["score"] == "6.00"
    await city.tell(ruling(appeal=uuid4(), unit="420102-S1"))
    outcomes = await city.service.database.reads.fetch(
        "SELECT outcome FROM trail WHERE object_type = 'cell' ORDER BY 1"
    )
    assert [row["outcome"] for row in outcomes] == ["refused:VALUE_MALFORMED", "refused:cell_unknown"]


@pytest.mark.parametrize("score", ["9999", "10.01", "-1", "7.255"])
async def test_a_ruled_score_that_the_rule_cannot_give_leaves_the_confirmed_one(city: City, score: str) -> None:
    await entered_january(city)
    await city.tell(ruling("score", score))
    cell = (await city.scores())["COL-01", "420102"]
    assert (cell["score"], cell["version"]) == ("6.00", 1)
    outcome = "SELECT outcome FROM trail WHERE object_type = 'cell'"
    assert await city.service.database.reads.fetchval(outcome) == "refused:SCORE_NOT_POSSIBLE"
    await city.tell(ruling("score", "10", version=2))
    assert (await city.scores())["COL-01", "420102"]["score"] == "10", "the next version of the ruling counts"


async def test_an_impossible_score_holds_the_confirmation_up_until_it_is_withdrawn(city: City) -> None:
    await full_month(city)
    await city.tell(ruling("score", "9999"))
    cell = (await city.scores())["COL-01", "420102"]
    assert (cell["state"], cell["score"]) == ("refused", None)
    shown = (await proof(city))["proof"]
    assert (shown["result"], shown["stopped"]["code"]) == ("refused", "SCORE_NOT_POSSIBLE")
    await city.fence(1, 1)
    held = (await city.step("confirm", body={})).json()
    assert [(one["code"], one["unit"]) for one in held["holdups"]] == [("SCORE_NOT_POSSIBLE", "420102")]
    await city.tell(ruling("score", "9999", version=2, state="withdrawn"))
    assert (await city.step("confirm", body={})).status_code == 200


async def test_an_unreadable_ruling_changes_nothing(city: City) -> None:
    await entered_january(city)
    with pytest.raises(AdjudicationUnreadable):
        await city.tell(msgspec.structs.replace(ruling(), input=None))
    assert await city.service.database.reads.fetchval("SELECT count(*) FROM adjudications") == 0


async def test_score_card_and_explanation_name_the_ruling(city: City) -> None:
    await entered_january(city)
    await city.tell(ruling())
    card = (
        await city.person("L2").get(
            "/v1/score-cards/420102", params={"set": SET, "period": JANUARY}, headers={"accept-language": "en"}
        )
    ).text
    assert "errors: 2 cases (corrected on appeal)" in card
    told = (await city.person("L2").get(f"/v1/explanations/{CELL.replace('/', ':')}")).json()
    (read,) = told["inputs"]
    assert (read["value"], read["version"], read["decision"]) == ("1", 1, f"ruling:{APPEAL}:1")


async def test_a_ruling_and_a_card_or_a_confirmation_at_the_same_moment_both_count(bare_city: City) -> None:
    await bare_city.tell(published(SET, [COL1]))
    told = [facts(1, *(fact("M-ERR", unit, "2") for unit in DISTRICTS))]
    await asyncio.gather(
        *(bare_city.service.deliver(event, times=1) for event in (COL1, *told, ruling())),
    )
    assert (await bare_city.scores())["COL-01", "420102"]["score"] == "8.00"
    await bare_city.fence(1, 1)
    other = ruling("score", "1", appeal=uuid4(), unit="420103")
    await asyncio.gather(bare_city.step("confirm", body={}), bare_city.service.deliver(other, times=1))
    cell = (await bare_city.scores())["COL-01", "420103"]
    assert (cell["score"], cell["standing"]) == ("1", "confirmed")
