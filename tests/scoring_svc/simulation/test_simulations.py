"""What-if over real HTTP: who moves, by how much and why; refusals by code; and the ledger as it was."""

from typing import Any

import msgspec
import pytest

from tests.permissions.matrix import digests_of
from tests.scoring_svc.ledger.city import COL1, RANKED, SET, City, fact, facts, per_error
from tests.scoring_svc.simulation.build import JANUARY, asked, constants, found, january, simulate
from tests.scoring_svc.simulation.metrics import METRICS

NEW: dict[str, Any] = {
    "code": "COL-09",
    "name": "新指标",
    "type": "regular",
    "points": "5",
    "period_kind": "month",
    "evaluating_unit": "D-COL",
    "units": None,
    "due_working_days": 5,
    "rule": per_error("5", "-2"),
    "bindings": {"errors": {"metric": "M-ERR"}},
}


@pytest.fixture(autouse=True)
async def _metrics(city: City) -> None:

    await city.tell(*METRICS)


def _rows(told: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {
        row["unit"]: (row["real_place"], row["simulated_place"], row["real_total"], row["simulated_total"])
        for row in told["units"]
    }


async def test_a_milder_rule_lifts_one_unit_over_another_and_says_why(city: City) -> None:
    await january(city)
    made = await simulate(city, [constants("-1")])
    assert (made["state"], made["board"], made["simulated"]) == ("done", "total", True)
    told = await found(city, made)
    assert _rows(told) == {"420102": (3, 2, "17.0000", "19.0000"), "420104": (2, 3, "18.5000", "18.5000")}
    assert (told["ranked"], told["moved"], told["changed"]) == (3, 2, 2)
    # Places 3, 1, 2 become 2, 1, 3: two of three pairs keep their order.
    assert (told["kendall"], told["spearman"]) == ("0.3333", "0.5000")
    assert told["pairs"] == {"same": 2, "opposite": 1, "tied": 0}
    because = told["units"][0]["because"]
    assert because == [
        {
            "indicator": "COL-01", "change": "2.0000",
            "cell": {
                "period": JANUARY, "real_score": "6.0000", "real_state": "scored", "simulated_score": "8.0000",
                "simulated_state": "scored",
            },
        }
    ]  # fmt: skip
    assert [(cell["unit"], cell["simulated_score"]) for cell in told["cells"]] == [("420102", "8.0000")]
    assert told["indicators"][0]["cells"]["changed"] == 1
    head = made["variants"][0]
    assert told["simulated"] is True
    assert told["variant_hash"] == head["variant_hash"]
    assert head["kendall"] == "0.3333"


async def test_full_marks_count_in_proportion_and_an_indicator_may_go_or_come(city: City) -> None:
    await january(city)
    made = await simulate(
        city,
        [{"kind": "full_marks", "indicator": "COL-01", "points": "5"}],
        [{"kind": "remove", "indicator": "COL-02"}],
        [{"kind": "add", "indicator": NEW}],
        [{"kind": "rule", "indicator": "COL-02", "rule": per_error("10", "-5"), "bindings": NEW["bindings"]}],
    )
    halved, without, more, ruled = [await found(city, made, number) for number in (1, 2, 3, 4)]
    assert _rows(halved)["420102"] == (3, 2, "17.0000", "14.0000")
    assert _rows(halved)["420104"] == (2, 3, "18.5000", "13.5000")
    assert _rows(without)["420102"] == (3, 3, "17.0000", "9.0000")
    assert without["cells"][0]["simulated_state"] == "absent"
    # Two errors at two points each: one point of five is left.
    assert _rows(more)["420102"] == (3, 3, "17.0000", "18.0000")
    assert more["indicators"][0]["cells"]["scored"] == 3
    # The rank rule gave 8, 10 and 6 points; by errors it gives 0, 10 and 10.
    assert _rows(ruled) == {"420102": (3, 3, "17.0000", "9.0000"), "420104": (2, 2, "18.5000", "22.5000")}
    assert len({one["variant_hash"] for one in (halved, without, more, ruled)}) == 4


async def test_places_among_peers_are_simulated_with_all_their_peers(city: City) -> None:
    await january(city)
    rule = msgspec.json.decode(msgspec.json.encode(RANKED))
    rule["result"]["clauses"][0]["points"]["best"] = "lowest"
    made = await simulate(city, [{"kind": "rule", "indicator": "COL-02", "rule": rule}])
    told = await found(city, made)
    assert _rows(told) == {
        "420103": (1, 2, "23.0000", "19.0000"), "420104": (2, 1, "18.5000", "22.5000"),
    }  # fmt: skip


async def test_a_fact_that_came_after_closing_is_not_simulated_with(city: City) -> None:
    await january(city)
    assert (await city.step("close")).status_code == 200
    await city.tell(facts(2, fact("M-ERR", "420103", "4", version=2), amendment="迟到"))
    told = await found(city, await simulate(city, [constants("-1")]))
    assert {row["unit"] for row in told["units"]} == {"420102", "420104"}
    # The control: an indicator that read nothing then sees the four errors that nobody scored.
    each = {**NEW, "rule": per_error("5", "-1")}
    added = await found(city, await simulate(city, [{"kind": "add", "indicator": each}]))
    assert {cell["unit"]: cell["simulated_score"] for cell in added["cells"]} == {
        "420102": "3.0000", "420103": "1.0000", "420104": "5.0000",
    }  # fmt: skip


async def test_a_cell_that_was_taken_out_stays_out(city: City) -> None:
    await city.tell(facts(1, *(fact("M-ERR", unit, "2") for unit in ("420102", "420103", "420104"))))
    await city.tell(facts(2, *(fact("M-GROWTH", unit, "5") for unit in ("420102", "420103", "420104"))))
    await city.tell(facts(3, *(fact("M-SENT", unit, "2015-02-05") for unit in ("420102", "420103", "420104"))))
    await city.fence(3, 3)
    out = {"indicator": "COL-01", "unit": "420102", "state": "exempt", "reason": "受灾"}
    assert (await city.step("confirm", body={"exclusions": [out]})).status_code == 200
    told = await found(city, await simulate(city, [constants("-1")]))
    assert told["indicators"][0]["cells"] == {
        "scored": 2, "exempt": 1, "not_scorable": 0, "refused": 0, "changed": 2,
    }  # fmt: skip
    assert {row["unit"] for row in told["units"]} == {"420103", "420104"}


async def test_a_refused_cell_is_told_with_its_code(city: City) -> None:
    await january(city)
    rule = msgspec.json.decode(msgspec.json.encode(per_error("10", "-2")))
    rule["inputs"]["errors"]["allowed"] = {"at_least": "0", "at_most": "1"}
    told = await found(city, await simulate(city, [{"kind": "rule", "indicator": "COL-01", "rule": rule}]))
    assert told["indicators"][0]["refusals"] == {"VALUE_NOT_ALLOWED": 1}
    assert told["cells"][0]["simulated_state"] == "refused"


async def test_nothing_of_the_ledger_changes_and_nothing_is_sent(city: City) -> None:
    await january(city)
    before = await digests_of(city.service)
    made = await simulate(city, [constants("-1")], [{"kind": "remove", "indicator": "COL-02"}])
    await found(city, made, 2)
    for path in (f"/v1/preheats/{SET}", f"/v1/diagnostics/{SET}?period={JANUARY}"):
        assert (await city.office.get(path)).status_code == 200
    after = await digests_of(city.service)
    differ = {table for table in before if before[table] != after[table]}
    assert differ == {"simulations", "simulation_results"}
    # The control: what does touch the ledger is seen by the same digests.
    await city.tell(facts(2, fact("M-ERR", "420103", "1", version=2), amendment="复核"))
    assert {"cells", "entries", "outbox"} <= {
        t for t, digest in (await digests_of(city.service)).items() if digest != after[t]
    }


REFUSALS = [
    ([{"kind": "remove", "indicator": "NONE"}], "indicator_unknown", "/variants/0/changes/0/indicator"),
    ([constants(), constants()], "indicator_twice", "/variants/0/changes/1/indicator"),
    ([constants(pointer="/result/clauses/0/clause")], "constant_unknown", "/variants/0/changes/0/values"),
    ([constants(pointer="/result/clauses/7/x")], "constant_unknown", "/variants/0/changes/0/values"),
    # The engine's own checks: a step that gives nothing, an unknown field, an input that nothing reads.
    ([constants("0")], "STEP_WITHOUT_EFFECT", "/variants/0/changes/0/values"),
    ([{"kind": "rule", "indicator": "COL-01", "rule": {**COL1.rule, "more": 1}}], "UNKNOWN_FIELD",
     "/variants/0/changes/0/rule/more"),
    ([{"kind": "rule", "indicator": "COL-01", "rule": {"rule_language": 9}}], "LANGUAGE_VERSION",
     "/variants/0/changes/0/rule/rule_language"),
    ([{"kind": "rule", "indicator": "COL-01", "rule": RANKED}], "BINDING_TYPE", "/variants/0/changes/0/bindings"),
    ([{"kind": "rule", "indicator": "COL-01", "rule": RANKED, "bindings": {"growth": {"metric": "M-ERR"}}}],
     "BINDING_TYPE", "/variants/0/changes/0/bindings/growth"),
    ([{"kind": "rule", "indicator": "COL-01", "rule": RANKED, "bindings": {"growth": {"metric": "NONE"}}}],
     "metric_unknown", "/variants/0/changes/0/bindings/growth"),
    ([{"kind": "full_marks", "indicator": "COL-01", "points": "0"}], "not_positive", "/variants/0/changes/0/points"),
    ([{"kind": "add", "indicator": {**NEW, "code": "COL-01"}}], "indicator_exists",
     "/variants/0/changes/0/indicator/code"),
    ([{"kind": "add", "indicator": {**NEW, "period_kind": "year"}}], "period_kind_not_in_base",
     "/variants/0/changes/0/indicator/period_kind"),
    ([{"kind": "add", "indicator": {**NEW, "units": ["PO"]}}], "unit_unknown", "/variants/0/changes/0/indicator/units"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "pointer"), REFUSALS)
async def test_a_variant_that_cannot_be_is_refused_with_its_place(
    city: City, changes: list[dict[str, Any]], code: str, pointer: str
) -> None:
    await january(city)
    answer = await city.office.post("/v1/simulations", json=asked(changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "variant_refused"), answer.text
    assert (code, pointer) in {(one["code"], one["pointer"]) for one in answer.json()["errors"]}, answer.text


async def test_what_changes_nothing_or_stands_on_an_open_period_is_refused(city: City) -> None:
    await january(city)
    same = await city.office.post("/v1/simulations", json=asked([constants()], [constants("-2")]))
    assert (same.status_code, same.json()["code"], same.json()["number"]) == (422, "variant_changes_nothing", 2)
    as_before = {"kind": "full_marks", "indicator": "COL-01", "points": "10"}
    assert (await city.office.post("/v1/simulations", json=asked([as_before]))).json()[
        "code"
    ] == "variant_changes_nothing"
    for period, status, code in (
        ("2015-02", 409, "base_not_confirmed"),
        ("2015-02-YTD", 409, "base_not_confirmed"),
        ("2014", 404, "period_unknown"),
        ("nonsense", 422, "malformed"),
    ):
        answer = await city.office.post("/v1/simulations", json=asked([constants()], period=period))
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    answer = await city.office.post("/v1/simulations", json=asked([constants()], code="NO-SET"))
    assert answer.status_code == 404


async def test_too_many_cells_are_refused_with_the_limit(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await january(city)
    monkeypatch.setattr("services.scoring_svc.simulation.use_cases.MOST_CELLS", 8)
    answer = await city.office.post("/v1/simulations", json=asked([constants()]))
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_cells")
    assert (answer.json()["cells"], answer.json()["limit"]) == (9, 8)
    monkeypatch.setattr("services.scoring_svc.simulation.use_cases.MOST_CELLS", 11)
    answer = await city.office.post("/v1/simulations", json=asked([{"kind": "add", "indicator": NEW}]))
    assert (answer.json()["code"], answer.json()["cells"]) == ("too_many_cells", 12)


async def test_a_department_simulates_its_own_indicators_and_sees_no_total(city: City) -> None:
    await january(city)
    made = await simulate(city, [constants("-1")], who="E1")
    assert made["board"] == "own_indicators"
    told = await found(city, made, who="E1")
    # COL-01 and COL-02 alone: 6 + 8, 10 + 10, 10 + 6.
    assert _rows(told) == {"420102": (3, 2, "14.0000", "16.0000")}
    foreign = await city.person("E1").post("/v1/simulations", json=asked([constants("-1", "COL-03")]))
    assert {one["code"] for one in foreign.json()["errors"]} == {"outside_scope"}
    theirs = {**NEW, "evaluating_unit": "D-LAW"}
    added = await city.person("E1").post("/v1/simulations", json=asked([{"kind": "add", "indicator": theirs}]))
    assert {one["code"] for one in added.json()["errors"]} == {"outside_scope"}
    whole = await simulate(city, [constants("-1")])
    assert (await city.person("E1").get(f"/v1/simulations/{whole['simulation_id']}")).status_code == 404
    listed = (await city.person("E1").get("/v1/simulations", params={"set": SET})).json()
    assert [one["simulation_id"] for one in listed["items"]] == [made["simulation_id"]]
    everything = (await city.office.get("/v1/simulations", params={"set": SET, "limit": 1})).json()
    assert everything["items"][0]["simulation_id"] == whole["simulation_id"]
    onward = (await city.office.get("/v1/simulations", params={"set": SET, "cursor": everything["next"]})).json()
    assert [one["simulation_id"] for one in onward["items"]] == [made["simulation_id"]]
    for who, code in (("DPO", "outside_scope"), ("L2", "forbidden"), ("A1", "forbidden")):
        answer = await city.person(who).post("/v1/simulations", json=asked([constants()]))
        assert (answer.status_code, answer.json()["code"]) == (403, code)


async def test_awards_count_in_both_totals(city: City) -> None:
    await january(city)
    loss = {
        "set": SET, "period": JANUARY, "points": "3", "source": "省局", "matter": "通报", "document_no": "1",
        "document_on": "2015-01-20", "by": "points", "shares": [{"unit": "420104", "share": "3"}],
    }  # fmt: skip
    assert (await city.office.post("/v1/external-losses", json=loss)).status_code == 201
    told = await found(city, await simulate(city, [constants("-1")]))
    assert _rows(told) == {"420102": (2, 2, "17.0000", "19.0000")}
    ranking = (await city.office.get("/v1/rankings/provisional", params={"set": SET, "period": JANUARY})).json()
    assert {row["unit"]: row["total"] for row in ranking["units"]}["420104"] == "15.50"


async def test_a_name_that_no_text_can_hold_is_refused(city: City) -> None:
    await january(city)
    for body in ({**asked([constants()]), "name": "a\0b"}, asked([constants(indicator="COL\0")])):
        answer = await city.office.post("/v1/simulations", json=body)
        assert answer.status_code == 422, answer.text


async def test_a_result_is_asked_for_by_its_number(city: City) -> None:
    await january(city)
    made = await simulate(city, [constants("-1")])
    for number in ("0", "2", "99999999999999999999"):
        answer = await city.office.get(f"/v1/simulations/{made['simulation_id']}/variants/{number}")
        assert answer.status_code in {404, 422}, number
