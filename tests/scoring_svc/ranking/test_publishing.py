"""Policies, publication, correction and the answers about published rankings, over HTTP."""

import asyncio
from typing import Any

import httpx
import msgspec

from services.scoring_svc.snapshot import send_snapshot
from shared.contracts.identity import unit_id
from shared.contracts.scoring import RankingPublished
from tests.scoring_svc.ledger.city import (
    CALENDAR,
    DISTRICTS,
    SET,
    City,
    card,
    fact,
    facts,
    full_month,
    in_class,
    metric,
    per_error,
    published,
)

JANUARY = {"set": SET, "period": "2015-01"}
GRADES = [
    {
        "grade": "excellent", "name": "优秀", "name_en": "excellent", "at_least": None,
        "quota": {"share": "34", "bound": "at_most", "rounding": "floor", "edge": "leave_out"},
    },
    {"grade": "good", "name": "良好", "name_en": "good", "at_least": "75", "quota": None},
    {"grade": "fair", "name": "一般", "name_en": "fair", "at_least": None, "quota": None},
]  # fmt: skip
GRADING = {
    "measure": "percent", "within": "all", "grades": GRADES, "veto_not_above": "good", "capped_use_places": False,
}  # fmt: skip
POLICY = {
    "set": SET, "ties": "competition", "spread": "0", "groups": ["class"], "shows": "totals", "grading": GRADING,
    "blend": {"how": "mean", "in_part": "full"}, "blends": [], "ranks": "all_evaluated",
}  # fmt: skip


async def policy(city: City, **changes: Any) -> httpx.Response:
    return await city.office.post("/v1/ranking-policies", json={**POLICY, **changes})


async def publish(city: City, **body: Any) -> httpx.Response:
    return await city.office.post("/v1/rankings", json={**JANUARY, **body})


async def confirmed(city: City, *months: str) -> None:
    """420102 and 420103 are urban, 420104 is rural; the months stand confirmed."""
    await city.tell(in_class("420102", "urban"), in_class("420103", "urban"), in_class("420104", "rural"))
    for chunk, month in enumerate(months or ("2015-01",), start=1):
        await full_month(city, month, chunk)
        await city.fence(chunk, 1, month)
        assert (await city.step("confirm", month, body={})).status_code == 200


def by_unit(answer: httpx.Response, *names: str) -> dict[str, Any]:
    assert answer.is_success, answer.text
    body = answer.json()
    rows = body["units"] if "units" in body else body["items"]
    return {row["unit"]: tuple(row[name] for name in names) if len(names) > 1 else row[names[0]] for row in rows}


# --- policies ---------------------------------------------------------------------------------------------------------


async def test_a_policy_is_made_in_versions_and_what_holds_without_one_is_said(city: City) -> None:
    await city.tell(in_class("420102", "urban"))
    before = (await city.person("L2").get(f"/v1/ranking-policies/{SET}")).json()
    assert (before["version"], before["ties"], before["grading"]) == (0, "competition", None)
    assert (await policy(city)).json()["version"] == 1
    assert (await policy(city, ties="dense")).json()["version"] == 2
    at = f"/v1/ranking-policies/{SET}"
    assert (await city.office.get(at)).json()["ties"] == "dense"
    assert (await city.office.get(at, params={"version": 1})).json()["ties"] == "competition"
    assert (await city.office.get(at, params={"version": 9})).status_code == 404
    for person, code in (("L2", "forbidden"), ("DPO", "outside_scope")):
        assert (await city.person(person).post("/v1/ranking-policies", json=POLICY)).json()["code"] == code


async def test_bad_policies_have_their_codes(city: City) -> None:
    refused = await policy(city, grading={**GRADING, "within": "size"})
    assert (refused.status_code, refused.json()["code"]) == (422, "ranking_policy_refused")
    unknown = await policy(city, groups=["size"])
    assert (unknown.status_code, unknown.json()["code"]) == (404, "group_unknown")
    for changes in ({"ties": "random"}, {"spread": "-1"}, {"more": 1}):
        assert (await policy(city, **changes)).json()["code"] == "malformed"


# --- publication ------------------------------------------------------------------------------------------------------


async def test_boards_groups_grades_and_intervals_of_one_publication(city: City) -> None:
    await confirmed(city)
    assert (await policy(city, spread="1.5")).status_code == 201
    made = await publish(city)
    assert by_unit(made, "place", "total", "grade", "best", "worst", "to_next") == {
        "420103": (1, "23.00", "excellent", 1, 1, None),
        "420104": (2, "18.50", "good", 2, 3, "4.50"),
        "420102": (3, "17.00", "fair", 2, 3, "1.50"),
    }
    assert by_unit(made, "peers")["420104"] == {"class:rural": {"place": 1, "ranked": 1}}
    at = made.headers["location"]
    boards = {(one["board"], one["group"]) for one in (await city.office.get(f"{at}/boards")).json()["items"]}
    assert len(boards) == 6 * 3  # total, one level 1, one level 2, three indicators; all, urban, rural
    urban = await city.office.get(f"{at}/places", params={"board": "level2:税收征管/税源管理", "group": "class:urban"})
    assert by_unit(urban, "place") == {"420103": 1, "420102": 2}
    late = await city.office.get(f"{at}/places", params={"board": "indicator:COL-03"})
    assert by_unit(late, "place", "place_by_policy", "tied") == {
        "420102": (1, "1", 2), "420103": (1, "1", 2), "420104": (3, "3", 1),
    }  # fmt: skip
    told = (await city.service.events(RankingPublished))[0]
    assert {unit.unit_id: unit.grade for unit in told.units}[unit_id("420103")] == "excellent"
    await send_snapshot(city.service.database, "audit_svc")
    assert await city.service.events(RankingPublished) == [told, told]


async def test_places_come_in_pages(city: City) -> None:
    await confirmed(city)
    at = (await publish(city)).headers["location"]
    seen, cursor = [], None
    while True:
        params = {"board": "indicator:COL-03", "limit": 1, **({"cursor": cursor} if cursor else {})}
        page = (await city.office.get(f"{at}/places", params=params)).json()
        seen += [row["unit"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(DISTRICTS)
    assert (await city.office.get(f"{at}/places", params={"cursor": "x"})).json()["code"] == "malformed"


async def test_ties_are_counted_as_the_policy_says(city: City) -> None:
    await confirmed(city)
    said = {}
    for number, ties in enumerate(("competition", "dense", "average")):
        await policy(city, ties=ties)
        at = (await publish(city, reason="办法修订" if number else None)).headers["location"]
        late = await city.office.get(f"{at}/places", params={"board": "indicator:COL-03"})
        said[ties] = by_unit(late, "place_by_policy")
    first, last = "420102", "420104"
    assert {ties: (rows[first], rows[last]) for ties, rows in said.items()} == {
        "competition": ("1", "3"), "dense": ("1", "2"), "average": ("1.5", "3"),
    }  # fmt: skip


async def test_bad_publications_have_their_codes(city: City) -> None:
    answers = {
        "unknown set": await publish(city, set="NONE"),
        "no period": await publish(city, period="2015-13"),
        "nothing is scored by the year before": await publish(city, period="2014-01"),
        "not confirmed": await publish(city),
        "not confirmed to date": await publish(city, period="2015-01-YTD"),
    }
    codes = {name: (answer.status_code, answer.json()["code"]) for name, answer in answers.items()}
    assert codes == {
        "unknown set": (404, "not_found"),
        "no period": (422, "malformed"),
        "nothing is scored by the year before": (404, "period_unknown"),
        "not confirmed": (409, "ranking_not_ready"),
        "not confirmed to date": (409, "ranking_not_ready"),
    }
    await confirmed(city)
    cap = {"unit": "420103", "not_above": "good", "reason": "一票否决"}
    assert (await publish(city, caps=[cap])).json()["errors"][0]["code"] == "not_graded"
    await policy(city)
    for change, code in (({"unit": "9"}, "unit_unknown"), ({"not_above": "best"}, "grade_unknown")):
        assert (await publish(city, caps=[{**cap, **change}])).json()["errors"][0]["code"] == code
    exact = {**GRADES[0], "quota": {"share": "34", "bound": "exactly", "rounding": "floor", "edge": "leave_out"}}
    await policy(city, grading={**GRADING, "grades": [{**exact, "at_least": "101"}, *GRADES[1:]]})
    unmet = await publish(city)
    assert (unmet.status_code, unmet.json()["code"], unmet.json()["places"]) == (409, "quota_not_met", 1)
    made = await city.office.get("/v1/rankings", params={"set": SET})
    assert made.json()["items"] == []  # nothing was half done
    owner = await city.service.database.reads.fetchval("SELECT count(*) FROM ranking_places")
    assert owner == 0
    at = await publish_plainly(city)
    for params, code in (
        ({"board": "indicator:NONE"}, "board_unknown"),
        ({"group": "class:coastal"}, "group_unknown"),
    ):
        answer = await city.office.get(f"{at}/places", params=params)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
        provisional = await city.office.get("/v1/rankings/provisional", params={**JANUARY, **params})
        assert (provisional.status_code, provisional.json()["code"]) == (404, code)


async def publish_plainly(city: City) -> str:
    await policy(city)
    made = await publish(city)
    assert made.status_code == 201, made.text
    return made.headers["location"]


async def test_of_two_publications_at_once_one_wins_and_the_other_is_told(city: City) -> None:
    await confirmed(city)
    answers = await asyncio.gather(*(publish(city) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(one["code"], one["version"]) for one in refused} == {("ranking_unchanged", 1)}
    assert len((await city.office.get("/v1/rankings", params={"set": SET})).json()["items"]) == 1
    # The control: where something did change, the second publication gets through.
    await policy(city)
    assert (await publish(city, reason="定等次")).status_code == 201


# --- corrections ------------------------------------------------------------------------------------------------------


async def test_a_correction_says_who_moved_from_where_to_where_and_why(city: City) -> None:
    await confirmed(city)
    at = await publish_plainly(city)
    none = (await city.office.get(f"{at}/changes")).json()
    assert (none["before"], none["units"]) == (None, [])
    await city.tell(facts(2, fact("M-ERR", "420102", "0", 2), amendment="数据更正"))
    unsaid = await publish(city)
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "correction_reason_required")
    second = await publish(city, reason="事实更正")
    assert second.status_code == 201, second.text
    told = (await city.office.get(f"{second.headers['location']}/changes")).json()
    assert (told["version"], told["reason"]) == (2, "事实更正")
    moves = {
        row["unit"]: (
            row["place_before"], row["place"], row["total_before"], row["total"], row["grade_before"], row["grade"]
        )
        for row in told["units"]
    }  # fmt: skip
    assert moves == {
        "420102": (3, 2, "17.00", "21.00", "fair", "good"),
        "420104": (2, 3, "18.50", "18.50", "good", "good"),
    }
    why = {row["unit"]: row["why"] for row in told["units"]}
    assert why["420104"] == []  # it moved because another one did
    one = why["420102"][0]
    assert (one["indicator"], one["period"], one["reason"], one["version"]) == ("COL-01", "2015-01", "fact_amended", 2)
    assert (one["score_before"], one["score"]) == ("6.00", "10.00")
    seen = (await city.person("L3").get(f"{second.headers['location']}/changes")).json()
    assert {row["unit"]: row["why"] for row in seen["units"]} == {"420102": [], "420104": []}
    first = (await city.office.get(at)).json()
    assert {row["unit"]: row["total"] for row in first["units"]}["420102"] == "17.00"


# --- vetoes and grades ------------------------------------------------------------------------------------------------

VETO = card("VETO-01", per_error("1", "-1", missing={"as_if": "0"}), {"errors": metric("M-VETO")}, marks="1")
VETO = msgspec.structs.replace(VETO, type="veto")
COL = card("COL-01", per_error("10", "-2"), {"errors": metric("M-ERR")})


async def test_a_veto_caps_the_grade_and_never_the_score(bare_city: City) -> None:
    city = bare_city
    await city.tell(CALENDAR, published(SET, [COL, VETO]), COL, VETO)
    found = [fact("M-ERR", unit, errors) for unit, errors in zip(DISTRICTS, ("2", "0", "1"), strict=True)]
    await city.tell(facts(1, *found, fact("M-VETO", "420103", "1")))
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200
    await policy(city, groups=[])
    made = await publish(city)
    rows = by_unit(made, "place", "total", "grade")
    assert rows == {
        "420103": (1, "10.00", "good"), "420104": (2, "8.00", "excellent"), "420102": (3, "6.00", "fair"),
    }  # fmt: skip
    grades = (await city.person("L3").get("/v1/grades", params=JANUARY)).json()["items"]
    assert [(row["unit"], row["grade"], row["earned"]) for row in grades] == [("420103", "good", "excellent")]
    assert grades[0]["caps"] == [{"not_above": "good", "reason": "VETO-01 2015-01", "source": "veto_indicator"}]
    cap = {"unit": "420104", "not_above": "fair", "reason": "问责决定"}
    second = await publish(city, caps=[cap], reason="一票否决")
    assert by_unit(second, "place", "total", "grade")["420104"] == (2, "8.00", "fair")
    await policy(city, groups=[], spread="1")
    third = await publish(city, reason="办法修订")  # says nothing of caps: the decision stands
    assert by_unit(third, "grade")["420104"] == "fair"
    lifted = await publish(city, caps=[], reason="撤销问责")
    assert by_unit(lifted, "grade")["420104"] == "excellent"


# --- movement, losses, the bottom -------------------------------------------------------------------------------------


async def test_movement_is_told_against_the_ranking_published_before(city: City) -> None:
    await confirmed(city)
    await publish(city)
    await full_month(city, "2015-02", 2)
    await city.tell(facts(3, fact("M-ERR", "420103", "4", 2), period="2015-02"))
    await city.fence(3, 2, "2015-02")
    assert (await city.step("confirm", "2015-02", body={})).status_code == 200
    february = await publish(city, period="2015-02")
    assert by_unit(february, "place", "moved") == {"420104": (1, 1), "420102": (2, 1), "420103": (3, -2)}
    to_date = await publish(city, period="2015-02-YTD")
    assert by_unit(to_date, "total", "moved")["420104"] == ("18.75", None)  # no year to date was published in January
    assert (await city.office.get("/v1/rankings", params={**JANUARY, "period": "2015-02-YTD"})).json()["items"]


async def test_what_cost_a_unit_most_against_its_peers(city: City) -> None:
    await confirmed(city)
    at = await publish_plainly(city)
    losses = await city.person("L2").get(f"{at}/leading-losses", params={"unit": "420102"})
    assert [(one["indicator"], one["total"], one["mean"], one["cost"]) for one in losses.json()["items"]] == [
        ("COL-01", "6.00", "8.67", "2.67")
    ]
    urban = await city.office.get(f"{at}/leading-losses", params={"unit": "420102", "group": "class:urban"})
    assert [(one["indicator"], one["cost"]) for one in urban.json()["items"]] == [
        ("COL-01", "2.00"),
        ("COL-02", "1.00"),
    ]
    for params, code in (
        ({"unit": "420103"}, "not_found"),
        ({"unit": "9"}, "not_found"),
        ({"unit": "420102", "group": "class:x"}, "group_unknown"),
    ):
        assert (await city.person("L2").get(f"{at}/leading-losses", params=params)).json()["code"] == code


async def test_who_is_at_the_bottom_often(city: City) -> None:
    await confirmed(city, "2015-01", "2015-02")
    for period in ("2015-01", "2015-02"):
        await publish(city, period=period)
    span = {"set": SET, "from": "2015-01", "to": "2015-03"}
    found = (await city.office.get("/v1/rankings/bottom", params=span)).json()
    assert found["published"] == ["2015-01", "2015-02"]
    assert [(row["unit"], row["times"], row["periods"]) for row in found["items"]] == [
        ("420102", 2, ["2015-01", "2015-02"])
    ]
    assert (await city.office.get("/v1/rankings/bottom", params={**span, "times": 3})).json()["items"] == []
    late = {**span, "board": "indicator:COL-03", "times": 1}  # in February all are tied, so nobody is last
    found = (await city.office.get("/v1/rankings/bottom", params=late)).json()["items"]
    assert [(row["unit"], row["periods"]) for row in found] == [("420104", ["2015-01"])]
    assert (await city.person("L3").get("/v1/rankings/bottom", params=span)).json()["items"] == []
    for wrong in ({"to": "2015-Q1"}, {"from": "2015-04"}):
        assert (await city.office.get("/v1/rankings/bottom", params={**span, **wrong})).json()["code"] == "malformed"


# --- who sees what ----------------------------------------------------------------------------------------------------


async def test_the_policy_says_whose_rows_the_party_sees(city: City) -> None:
    await confirmed(city)
    seen = {}
    for number, shows in enumerate(("all_rows", "totals", "own_rows")):
        await policy(city, shows=shows)
        at = (await publish(city, reason="公示方式" if number else None)).headers["location"]
        for _ in range(2):  # from the database, then from memory
            whole = await city.person("L2").get(at)
        other = await city.person("L2").get(f"{at}/places", params={"board": "indicator:COL-01"})
        seen[shows] = (len(whole.json()["units"]), len(other.json()["items"]))
        # A department sees the whole boards of the indicators that it evaluates, and those only.
        for code, rows in (("COL-01", 3), ("COL-03", 3 if shows == "all_rows" else 0)):
            board = await city.person("E1").get(f"{at}/places", params={"board": f"indicator:{code}"})
            assert len(board.json()["items"]) == rows
        assert len((await city.office.get(at)).json()["units"]) == 3
        assert (await city.person("X1").get(at)).status_code == 200  # COL-03 is evaluated there
    assert seen == {"all_rows": (3, 3), "totals": (3, 1), "own_rows": (1, 1)}


async def test_a_page_in_memory_is_refused_to_strangers_like_one_in_the_database(bare_city: City) -> None:
    await bare_city.tell(CALENDAR, published(SET, [COL]), COL)
    await bare_city.tell(facts(1, *(fact("M-ERR", unit, "1") for unit in DISTRICTS)))
    await bare_city.fence(1, 1)
    await bare_city.step("confirm", body={})
    at = (await publish(bare_city)).headers["location"]
    for path in (at, f"{at}/places", f"{at}/boards", f"{at}/changes"):
        for _ in range(2):
            assert (await bare_city.person("X1").get(path)).status_code == 404
            assert (await bare_city.person("L2").get(path)).status_code == 200
