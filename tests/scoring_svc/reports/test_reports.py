"""Score cards, boards, heat map, trend, remedies and explanations over HTTP: digits, words, scope, refusals."""

import csv
import io
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import msgspec
import pytest

from shared.contracts.identity import deduction_id
from tests.scoring_svc.ledger.city import (
    COL1,
    COL2,
    COL3,
    DISTRICTS,
    SET,
    City,
    fact,
    facts,
    full_month,
    unit_of,
)
from tests.scoring_svc.reports.test_sheets import read_sheet

JANUARY = {"set": SET, "period": "2015-01"}
OWN = "420102"
CHINESE, ENGLISH = {"accept-language": "zh-CN"}, {"accept-language": "en"}


async def get(city: City, person: str, path: str, **query: Any) -> Any:
    answer = await city.person(person).get(path, params=query, headers=CHINESE)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def confirmed(city: City) -> None:
    await full_month(city)
    await city.fence(1, 1)
    assert (await city.step("confirm", body={})).status_code == 200


def cell(indicator: Any, unit: str, *more: object, period: str = "2015-01") -> str:
    return ":".join(str(part) for part in (indicator.indicator_id, unit_of(unit), period, *more))


def every_line(card: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every line of a card with the lines below it that count."""
    found = [(card["total"], card["levels"])]
    for level1 in card["levels"]:
        found.append((level1, level1["level2"]))
        for level2 in level1["level2"]:
            found.append((level2, [one for one in level2["indicators"] if one["in_total"]]))
            found += [(one, [c for c in one["cells"] if c["score"] is not None]) for one in level2["indicators"]]
    return found


def adds_up(card: dict[str, Any]) -> None:
    lines = every_line(card)
    assert len(lines) > 3
    for line, below in lines:
        numbers = {name: Decimal(line[name]) for name in ("full_marks", "score", "loss", "bonus", "won_back")}
        assert numbers["full_marks"] - numbers["loss"] + numbers["bonus"] == numbers["score"]
        for name, number in numbers.items():
            assert sum((Decimal(one[name]) for one in below), Decimal(0)) == number, name


async def test_a_score_card_adds_up_and_says_why(city: City) -> None:
    await confirmed(city)
    card = await get(city, "L2", f"/v1/score-cards/{OWN}", **JANUARY)
    adds_up(card)
    assert (card["whole"], card["confirmed"], card["result"]) == (True, True, "17.00")
    total = {name: card["total"][name] for name in ("full_marks", "score", "loss", "bonus")}
    assert total == {"full_marks": "23", "score": "17", "loss": "6", "bonus": "0"}
    (level2,) = card["levels"][0]["level2"]
    first = level2["indicators"][0]["cells"][0]
    assert first["summary"] == "指标COL-01失4分"
    assert first["reasons"] == ["基础分：加10分", "差错每1件扣2分：扣4分"]
    assert first["facts"] == ["差错：2件"]
    assert first["deduction_id"] == str(deduction_id(COL1.indicator_id, unit_of(OWN), "2015-01"))
    english = await city.person("L2").get(f"/v1/score-cards/{OWN}", params=JANUARY, headers=ENGLISH)
    said = english.json()["levels"][0]["level2"][0]["indicators"][0]["cells"][0]
    assert english.headers["content-language"] == "en"
    assert (said["facts"], said["reasons"][1]) == (["errors: 2 cases"], "minus 2 for every 1 case of errors: minus 4")


async def test_a_year_to_date_counts_as_rankings_do(city: City) -> None:
    """Three months whose mean has no finite decimal; an open month and a quarter without a score are awaited."""
    for chunk, (month, errors) in enumerate((("2015-01", "0"), ("2015-02", "0"), ("2015-03", "2")), 1):
        await city.tell(facts(chunk, fact("M-ERR", OWN, errors), period=month))
    card = await get(city, "PO1", f"/v1/score-cards/{OWN}", set=SET, period="2015-03-YTD")
    adds_up(card)
    assert card["total"]["points_exact"] == "26/3"
    ranking = await get(city, "PO1", "/v1/rankings/provisional", set=SET, period="2015-03-YTD")
    (mine,) = [row for row in ranking["units"] if row["unit"] == OWN]
    assert card["result"] == mine["total"] == "8.67"
    assert card["total"]["states"] == {"scored": 3, "awaited": 7}
    assert card["confirmed"] is False


async def test_cards_are_for_who_reads_the_cells(city: City) -> None:
    await full_month(city)
    department = await get(city, "E1", f"/v1/score-cards/{OWN}", **JANUARY)
    shown = [one["indicator"] for one in department["levels"][0]["level2"][0]["indicators"]]
    assert (department["whole"], shown) == (False, ["COL-01", "COL-02"])
    adds_up(department)
    for person in ("L3", "S2"):
        for code in (OWN, "nobody"):
            answer = await city.person(person).get(f"/v1/score-cards/{code}", params=JANUARY)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await get(city, "A1", f"/v1/score-cards/{OWN}", **JANUARY))["whole"] is True


async def test_an_indicator_across_units(city: City) -> None:
    await full_month(city)
    asked = {**JANUARY, "indicator": "COL-01"}
    page = await get(city, "PO1", "/v1/indicator-scores", **asked, limit=2)
    rest = await get(city, "PO1", "/v1/indicator-scores", **asked, limit=2, cursor=page["next"])
    rows = page["items"] + rest["items"]
    assert [row["unit"] for row in rows] == list(DISTRICTS)
    assert rest["next"] is None
    figures = [(row["loss"], row["loss_share"], row["mean"]) for row in rows[:2]]
    assert figures == [
        ("4", "0.4000", "6"),
        ("0", "0.0000", "10"),
    ]
    assert [row["unit"] for row in (await get(city, "L2", "/v1/indicator-scores", **asked))["items"]] == [OWN]
    assert (await get(city, "S2", "/v1/indicator-scores", **asked))["items"] == []
    assert len((await get(city, "E1", "/v1/indicator-scores", **asked))["items"]) == 3
    unknown = await city.office.get("/v1/indicator-scores", params={**asked, "indicator": "NONE"})
    assert unknown.status_code == 404


async def test_a_heat_map_shows_shares_of_losses(city: City) -> None:
    await full_month(city)
    page = await get(city, "PO1", "/v1/heat-map", **JANUARY, limit=2)
    rest = await get(city, "PO1", "/v1/heat-map", **JANUARY, limit=2, cursor=page["next"])
    assert [one["indicator"] for one in page["indicators"]] == ["COL-01", "COL-02", "COL-03"]
    rows = {row["unit"]: row["shares"] for row in page["items"] + rest["items"]}
    assert rows == {
        "420102": ["0.4000", "0.2000", "0.0000"],
        "420103": ["0.0000", "0.0000", "0.0000"],
        "420104": ["0.0000", "0.4000", "0.1667"],
    }
    own = await get(city, "L2", "/v1/heat-map", **JANUARY)
    assert [row["unit"] for row in own["items"]] == [OWN]
    department = await get(city, "E1", "/v1/heat-map", **JANUARY)
    assert [one["indicator"] for one in department["indicators"]] == ["COL-01", "COL-02"]
    assert len(department["items"]) == 3
    assert (await get(city, "S2", "/v1/heat-map", **JANUARY))["items"] == []


async def test_trends(city: City) -> None:
    await full_month(city)
    await full_month(city, "2015-02", 2)
    await city.tell(facts(3, fact("M-ERR", OWN, "1", 2), period="2015-02"))
    own = await get(city, "L2", "/v1/trends", set=SET, unit=OWN)
    assert [(one["period"], one["loss"]) for one in own["items"]] == [("2015-01", "6"), ("2015-02", "4")]
    one = await get(city, "PO1", "/v1/trends", set=SET, indicator="COL-01")
    figures = [(point["units"], point["lost"], point["mean"]) for point in one["items"]]
    assert figures == [
        (3, 1, "26/3"),
        (3, 1, "28/3"),
    ]
    both = await get(city, "PO1", "/v1/trends", set=SET, indicator="COL-01", unit=OWN)
    assert [point["score"] for point in both["items"]] == ["6", "8"]
    for unit in (OWN, "nobody"):
        assert (await city.person("L3").get("/v1/trends", params={"set": SET, "unit": unit})).status_code == 404
    assert (await get(city, "S2", "/v1/trends", set=SET, indicator="COL-01"))["items"] == []
    none = await city.office.get("/v1/trends", params={"set": SET})
    assert (none.status_code, none.json()["code"]) == (422, "filter_required")


async def test_remedies_are_exact_and_hide_peers(city: City) -> None:
    await confirmed(city)
    at = f"/v1/remedies/{COL1.indicator_id}/{unit_of(OWN)}/2015-01"
    found = await get(city, "L2", at)
    assert [(one["target"], one["after"], one["score"], one["gain"]) for one in found["items"]] == [
        ("none_lost", "0", "10.00", "4"),
        ("next_step", "1", "8.00", "2"),
    ]
    assert found["items"][0]["sentence"] == "若“差错”由2件变为0件（其他不变），得分由6.00分变为10.00分，不再失分。"
    ranked = f"/v1/remedies/{COL2.indicator_id}/{unit_of(OWN)}/2015-01"
    hidden = await get(city, "L2", ranked)
    assert {one["code"] for one in hidden["items"]} == {"peers_hidden"}
    assert "9" not in "".join(one["sentence"] for one in hidden["items"])
    shown = await get(city, "PO1", ranked)
    assert shown["items"][0]["after"] == "9.0"
    late = await get(city, "PO1", f"/v1/remedies/{COL3.indicator_id}/{unit_of('420104')}/2015-01")
    assert late["items"][0]["after"] == "2015-02-08"
    whole = await get(city, "L3", f"/v1/remedies/{COL1.indicator_id}/{unit_of('420103')}/2015-01")
    assert whole["items"] == []
    assert (await city.person("L3").get(at)).status_code == 404
    assert (await city.office.get(at.replace("2015-01", "x"))).status_code == 422


async def test_an_explanation_by_any_id(city: City) -> None:
    await confirmed(city)
    await city.tell(facts(2, fact("M-ERR", OWN, "1", 2), amendment="更正"))
    deduction = deduction_id(COL1.indicator_id, unit_of(OWN), "2015-01")
    told = await get(city, "L2", f"/v1/explanations/{deduction}")
    assert told == await get(city, "L2", f"/v1/explanations/{cell(COL1, OWN)}")
    assert (told["version"], told["score"], told["loss"], told["state"]) == (2, "8.00", "2", "scored")
    assert told["sentence"].startswith("基础分10分。差错每1件扣2分。")
    assert [(one["name"], one["version"], one["value"], one["text"]) for one in told["inputs"]] == [
        ("errors", 2, "1", "差错：1件")
    ]
    assert [(one["version"], one["reason"]) for one in told["versions"]] == [(1, "scored"), (2, "fact_amended")]
    assert all(one["who"] for one in told["versions"])
    own = [entry for entry in told["entries"] if not entry["text"].startswith("冲回")]
    assert sum(Fraction(entry["points"]) for entry in own) == Fraction(told["score"])
    first = await get(city, "L2", f"/v1/explanations/{cell(COL1, OWN, 1, 2)}")
    assert (first["score"], first["inputs"][0]["value"]) == ("6.00", "2")
    assert [entry["points"] for entry in first["entries"] if entry["asked"]] == ["-4"]


async def test_an_explanation_shows_of_peers_only_what_the_proof_does(city: City) -> None:
    await confirmed(city)
    asked = f"/v1/explanations/{cell(COL2, OWN)}"
    body = (await city.person("L2").get(asked)).text
    for unit in DISTRICTS[1:]:
        assert str(unit_of(unit)) not in body
        assert unit not in body
    assert "value_hash" in body
    proof = (await get(city, "L2", asked))["proof"]
    assert proof == (await get(city, "L2", f"/v1/proofs/{COL2.indicator_id}/{unit_of(OWN)}/2015-01"))["proof"]
    everything = (await city.office.get(asked)).text
    assert str(unit_of("420103")) in everything
    assert "value_hash" not in everything


async def test_what_cannot_be_explained(city: City) -> None:
    await full_month(city)
    provisional = await get(city, "L2", f"/v1/explanations/{cell(COL1, OWN)}")
    assert (provisional["version"], provisional["standing"], provisional["score"]) == (0, "provisional", "6.00")
    for subject, status in (
        (cell(COL1, OWN, 0, 9), 404),
        (cell(COL1, OWN, 7), 404),
        (cell(COL1, "420103"), 404),
        (str(deduction_id(COL1.indicator_id, unit_of("420103"), "2015-01")), 404),
        ("x", 422),
        (cell(COL1, OWN, "-1"), 422),
        (cell(COL1, OWN, "²"), 422),
        (cell(COL1, OWN, period="2015-13"), 422),
        ("a:b:c:d:e:f", 422),
    ):
        answer = await city.person("L2").get(f"/v1/explanations/{subject}")
        assert answer.status_code == status, (subject, answer.text)


def rows_of(answer: httpx.Response, form: str) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    if form == "csv":
        return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    return [["" if one is None else one for one in row] for row in read_sheet(answer.content)]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_files_hold_every_row_of_the_readers_scope(city: City, form: str) -> None:
    evil = msgspec.structs.replace(COL1, name="＝HYPERLINK(1)", version=2)
    await full_month(city)
    await city.tell(evil)
    asked = {**JANUARY, "format": form}
    board = {**asked, "indicator": "COL-01", "limit": 1}
    found = rows_of(await city.office.get("/v1/indicator-scores", params=board), form)
    assert [row[0] for row in found[1:]] == list(DISTRICTS)
    assert found[1][3:7] == ["10", "6", "4", "0.4000"]
    heat = rows_of(await city.office.get("/v1/heat-map", params={**asked, "limit": 1}), form)
    assert [row[0] for row in heat[1:]] == list(DISTRICTS)
    assert heat[1][2:] == ["0.4000", "0.2000", "0.0000"]
    card = await city.office.get(f"/v1/score-cards/{OWN}", params=asked)
    assert "filename" in card.headers["content-disposition"]
    lines = rows_of(card, form)
    assert lines[1][3] == "'＝HYPERLINK(1)"
    assert sum(Decimal(line[8]) for line in lines[1:-1]) == Decimal(lines[-1][8]) == 17
    own = rows_of(await city.person("L2").get("/v1/heat-map", params=asked), form)
    assert [row[0] for row in own[1:]] == [OWN]
    own = rows_of(await city.person("L2").get("/v1/indicator-scores", params=board), form)
    assert [row[0] for row in own[1:]] == [OWN]
    assert (await city.person("L3").get(f"/v1/score-cards/{OWN}", params=asked)).status_code == 404
    wrong = await city.office.get("/v1/heat-map", params={**JANUARY, "format": "pdf"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "malformed")
