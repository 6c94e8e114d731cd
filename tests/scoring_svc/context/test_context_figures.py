"""Context figures over HTTP: declared by the office, read with the scores, beside the card of a unit."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from shared.contracts.identity import metric_id, unit_id
from shared.contracts.indicator import MetricChanged, UnitChanged, UnitSpan
from tests.scoring_svc.ledger.city import SET, City, fact, facts, full_month
from tests.scoring_svc.reports.test_reports import rows_of

TAX, STAFF, RATE = "M-TAX", "M-STAFF", "M-RATE"
YUAN = {"zh": "万元", "en": "ten thousand yuan"}
AT, FIGURES = f"/v1/context-metrics/{SET}", "/v1/context-figures"


def metric(code: str, kind: str, unit: dict[str, str] | None = None, version: int = 1) -> MetricChanged:
    return MetricChanged(
        metric_id=metric_id(code), version=version, code=code, name={"zh": "税收收入", "en": "tax revenue"}, type=kind,
        unit=unit, allowed="any", fields=None, supplied_by=[],
    )  # fmt: skip


async def put(city: City, codes: list[str], version: int | None = None, who: str = "PO1") -> httpx.Response:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    return await city.person(who).put(AT, json={"metrics": codes}, headers=headers)


async def collected(city: City) -> None:
    """Revenue of January to February 2015 and of 2014, as far as it is known; nothing for 420104 in January 2014."""
    await city.tell(metric(TAX, "amount", YUAN), metric(STAFF, "count"), metric(RATE, "percent"))
    assert (await put(city, [TAX])).status_code == 200
    for chunk, (period, values) in enumerate(
        {
            "2014-01": {"420102": "100", "420103": "0"},
            "2014-02": {"420102": "200.5", "420103": "10", "420104": "30"},
            "2015-01": {"420102": "110.05", "420103": "7", "420104": "50"},
            "2015-02": {"420102": "190", "420103": "12", "420104": "33"},
        }.items(),
        start=10,
    ):
        told = [fact(TAX, unit, value) for unit, value in values.items()]
        await city.tell(facts(chunk, *told, period=period))


async def figures(city: City, who: str = "PO1", **query: Any) -> Any:
    answer = await city.person(who).get(FIGURES, params={"set": SET, "period": "2015-01", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(figure: dict[str, Any]) -> tuple[str | None, str | None, str | None, str | None]:
    return figure["value"], figure["year_before"], figure["growth"], figure["reason"]


async def test_figures_of_a_month_with_their_growth(city: City) -> None:
    await collected(city)
    found = await figures(city)
    assert {one["unit"]: told(one["figures"][0]) for one in found["items"]} == {
        "420102": ("110.05", "100", "10.1", None),
        "420103": ("7", "0", None, "year_before_not_positive"),
        "420104": ("50", None, None, "year_before_missing"),
    }
    assert told(found["total"][0]) == ("167.05", None, None, "year_before_missing")
    figure = found["items"][0]["figures"][0]
    assert (figure["metric"], figure["unit"], figure["compared_with"]) == (TAX, YUAN, "2014-01")


async def test_figures_of_a_year_to_date_are_the_sum_of_its_months(city: City) -> None:
    await collected(city)
    found = await figures(city, period="2015-02-YTD")
    assert {one["unit"]: told(one["figures"][0]) for one in found["items"]} == {
        "420102": ("300.05", "300.5", "-0.1", None),
        "420103": ("19", "10", "90.0", None),
        "420104": ("83", None, None, "year_before_missing"),
    }
    quarter = await figures(city, period="2015-Q1")
    assert {told(one["figures"][0]) for one in quarter["items"]} == {(None, None, None, "missing")}


async def test_an_amended_figure_is_read_and_a_missing_one_is_none(city: City) -> None:
    await collected(city)
    gone = fact(TAX, "420103", None, 2, state="missing", reason="停电")
    await city.tell(facts(20, fact(TAX, "420102", "120", 2), gone, amendment="核实"))
    found = await figures(city)
    assert [told(one["figures"][0])[:3] for one in found["items"][:2]] == [("120", "100", "20.0"), (None, "0", None)]


async def test_who_reads_a_units_scores_reads_its_figures(city: City) -> None:
    await collected(city)
    assert [one["unit"] for one in (await figures(city, "L2"))["items"]] == ["420102"]
    own = await figures(city, "L2")
    assert told(own["total"][0]) == ("110.05", "100", "10.1", None), "the total is of what is seen"
    assert [one["unit"] for one in (await figures(city, "L2", unit="420103"))["items"]] == []
    # The department sees whom it evaluates; a liaison of a section is beside the district's scores in neither way.
    assert len((await figures(city, "E1"))["items"]) == 3
    assert (await figures(city, "S2"))["items"] == []
    nobody = await city.person("NOBODY").get(FIGURES, params={"set": SET, "period": "2015-01"})
    assert nobody.status_code == 403


async def test_who_had_a_unit_for_one_month_reads_that_month_alone(city: City) -> None:
    await collected(city)
    at = datetime(2015, 1, 1, tzinfo=UTC)
    first, moved = date(2015, 1, 1), date(2015, 2, 1)
    spans = [
        UnitSpan(
            effective_from=since, effective_to=until, recorded_at=at, code="420103", name="区局", groups={},
            kind="district_bureau", parent_id=unit_id(parent[-1]), path="/".join((*parent, "420103", "")),
        )
        for since, until, parent in ((first, moved, ("420100", "420102")), (moved, None, ("420100",)))
    ]  # fmt: skip
    await city.tell(UnitChanged(unit_id=unit_id("420103"), version=2, spans=spans))
    assert [one["unit"] for one in (await figures(city, "DPO"))["items"]] == ["420102", "420103"]
    to_date = await figures(city, "DPO", period="2015-02-YTD")
    assert [one["unit"] for one in to_date["items"]] == ["420102"], "the sum would tell February"
    at_card = "/v1/score-cards/420103"
    january, both = [
        (await city.person("DPO").get(at_card, params={"set": SET, "period": period})).json()
        for period in ("2015-01", "2015-02-YTD")
    ]
    assert [told(one) for one in january["context"]] == [("7", "0", None, "year_before_not_positive")]
    assert (both["whole"], both["context"]) == (False, [])


async def test_pages(city: City) -> None:
    await collected(city)
    first = await figures(city, limit=2)
    rest = await figures(city, limit=2, cursor=first["next"])
    assert [one["unit"] for one in (*first["items"], *rest["items"])] == ["420102", "420103", "420104"]
    assert (rest["next"], rest["total"]) == (None, first["total"])


async def test_the_card_of_a_unit_shows_them(city: City) -> None:
    await full_month(city)
    at = "/v1/score-cards/420102"
    before = await city.person("L2").get(at, params={"set": SET, "period": "2015-01"})
    assert before.json()["context"] == []
    await collected(city)
    card = (await city.person("L2").get(at, params={"set": SET, "period": "2015-01"})).json()
    assert [told(one) for one in card["context"]] == [("110.05", "100", "10.1", None)]
    assert (card["total"], card["result"]) == (before.json()["total"], before.json()["result"]), "they give no points"


@pytest.mark.parametrize(("form", "language"), [("csv", "zh"), ("xlsx", "zh"), ("csv", "en")])
async def test_the_exported_card_has_them_digit_for_digit(city: City, form: str, language: str) -> None:
    await full_month(city)
    await collected(city)
    for unit in ("420102", "420103", "420104"):
        query, spoken = {"set": SET, "period": "2015-01"}, {"accept-language": language}
        card = (await city.office.get(f"/v1/score-cards/{unit}", params=query)).json()
        answer = await city.office.get(f"/v1/score-cards/{unit}", params={**query, "format": form}, headers=spoken)
        head, *rows = rows_of(answer, form)
        (row,) = [row for row in rows if row[0] == {"zh": "背景数据", "en": "Context"}[language]]
        (figure,) = card["context"]
        assert len(head) == len(row) == 18
        assert row[2:5] == [TAX, figure["name"][language], "2015-01"]
        assert row[7:12] == [""] * 5, "no column of scores takes a figure in"
        assert row[14:] == [figure["value"] or "", YUAN[language], figure["year_before"] or "", figure["growth"] or ""]
        assert bool(row[12]) is bool(figure["reason"])
        assert rows[-1][2] == unit, "the total stays last"


async def test_declaring(city: City) -> None:
    await city.tell(metric(TAX, "amount", YUAN), metric(STAFF, "count"), metric(RATE, "percent"))
    empty = await city.office.get(AT)
    assert (empty.json(), empty.headers["etag"]) == ({"set": SET, "version": 0, "metrics": []}, '"0"')
    made = await put(city, [STAFF, TAX])
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    assert [one["metric"] for one in made.json()["metrics"]] == [STAFF, TAX]
    assert (await put(city, [TAX])).json()["code"] == "if_match_required"
    assert (await put(city, [TAX], 4)).json()["code"] == "stale"
    assert (await put(city, [], 1)).json()["metrics"] == []
    trail = await city.service.database.reads.fetch("SELECT object_id FROM trail WHERE object_type = 'context_metrics'")
    assert [row["object_id"] for row in trail] == [f"{SET}/1", f"{SET}/2"]


async def test_declarations_that_are_refused(city: City) -> None:
    await city.tell(metric(TAX, "amount", YUAN), metric(RATE, "percent"))
    refused = await put(city, [TAX, RATE, "M-NONE", TAX])
    assert (refused.status_code, refused.json()["code"]) == (422, "context_metrics_refused")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/metrics/0", "duplicate"),
        ("/metrics/1", "not_summable"),
        ("/metrics/2", "metric_unknown"),
        ("/metrics/3", "duplicate"),
    ]
    assert (await put(city, [TAX], who="L2")).status_code == 403
    assert (await put(city, [TAX], who="DPO")).status_code == 403, "an office of a part of the bureau"
    missing = await city.office.put("/v1/context-metrics/NONE", json={"metrics": []})
    assert missing.status_code == 404
    malformed = await city.office.get(FIGURES, params={"set": SET, "period": "2015-13"})
    assert malformed.json()["code"] == "malformed"


async def test_two_who_declare_at_once_do_not_overwrite_each_other(city: City) -> None:
    await city.tell(metric(TAX, "amount", YUAN), metric(STAFF, "count"))
    answers = await asyncio.gather(*(put(city, [code]) for code in (TAX, STAFF, TAX, STAFF)))
    assert sorted(answer.status_code for answer in answers) == [200, 428, 428, 428]
    assert (await city.office.get(AT)).json()["version"] == 1


async def test_a_metric_kept_before_it_had_a_unit_gets_it_when_it_is_told_again(city: City) -> None:
    await city.tell(metric(TAX, "amount"))
    await put(city, [TAX])
    await city.tell(metric(TAX, "amount", YUAN))
    assert (await city.office.get(AT)).json()["metrics"][0]["unit"] == YUAN
    await city.tell(metric(TAX, "amount", {"zh": "旧", "en": "old"}))
    assert (await city.office.get(AT)).json()["metrics"][0]["unit"] == YUAN, "a version is kept as it first came whole"
