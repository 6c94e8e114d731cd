"""A quarter in which a unit moves, one is merged and one is new: all readers of totals agree, under each policy.

420102 moves from the urban to the rural class on 1 March; 420104 is merged into 420103 on 15 February; 420105 is new
from 10 February. S-01 is a situational indicator from March on.
"""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from services.scoring_svc.year_end import format as form
from shared.clock import SHANGHAI
from shared.contracts.identity import unit_id
from shared.contracts.indicator import Binding, IndicatorPublished, UnitChanged, UnitSpan
from tests.scoring_svc.ledger.city import (
    CALENDAR,
    NOON,
    RANKED_IN_CLASS,
    SET,
    City,
    card,
    fact,
    facts,
    metric,
    per_error,
    published,
)
from tests.scoring_svc.simulation.build import asked
from tests.scoring_svc.year_end.january import key_of_city
from tests.scoring_svc.year_end.stage import Year, code_of
from tests.scoring_svc.year_end.tampering import STRANGER, bad, changed, verified

SPAN = "2015-03-YTD"
MOVED, GREW, MERGED, NEW = "420102", "420103", "420104", "420105"
BEFORE, SINCE = (MOVED, GREW, MERGED), (MOVED, GREW, NEW)
MARCH = date(2015, 3, 1)
MEAN: dict[str, Any] = {"how": "mean", "in_part": "full"}


def unit(code: str, *spans: tuple[date, date | None, str]) -> UnitChanged:
    """A district with its classes, each from a day to the day after its last."""
    told = [
        UnitSpan(
            effective_from=first, effective_to=end, recorded_at=NOON, code=code, name=f"单位{code}",
            kind="district_bureau", parent_id=unit_id("420100"), path=f"420100/{code}/", groups={"class": group},
        )
        for first, end, group in spans
    ]  # fmt: skip
    return UnitChanged(unit_id=unit_id(code), version=2, spans=told)


def of(units: tuple[str, ...], one: IndicatorPublished, version: int, since: date) -> IndicatorPublished:
    return msgspec.structs.replace(
        one, version=version, evaluated_unit_ids=[unit_id(code) for code in units], effective_from=since
    )


NEW_YEAR, FEBRUARY = date(2015, 1, 1), date(2015, 2, 1)
A = card("A-01", per_error("10", "-2"), {"errors": metric("M-A")})
R = card("R-01", RANKED_IN_CLASS, {"growth": metric("M-R"), "class": Binding(unit_group="class")})
S = of(SINCE, card("S-01", per_error("10", "-2"), {"errors": metric("M-S")}), 1, MARCH)
Q = of(SINCE, card("Q-01", per_error("5", "-1"), {"errors": metric("M-Q")}, marks="5", kind="quarter"), 1, NEW_YEAR)
FIRST = [of(BEFORE, A, 1, NEW_YEAR), of(BEFORE, R, 1, NEW_YEAR), S, Q]
THEN = [of(SINCE, A, 2, FEBRUARY), of(SINCE, R, 2, FEBRUARY)]
ERRORS = {
    "2015-01": {MOVED: "1", GREW: "0", MERGED: "2"},
    "2015-02": {MOVED: "0", GREW: "1", NEW: "0"},
    "2015-03": {MOVED: "2", GREW: "0", NEW: "1"},
}
GROWTH = {MOVED: "5", GREW: "7", MERGED: "1", NEW: "3"}


@dataclass
class Told:
    """What the readers of totals say: total and place by unit."""

    published: dict[str, tuple[str, int]]
    provisional: dict[str, tuple[str, int]]
    cards: dict[str, Fraction]
    simulated: dict[str, tuple[Fraction, int | None]]


@pytest_asyncio.fixture
async def year(bare_year: Year) -> Year:
    city = bare_year.city
    bare_year.on(datetime(2015, 4, 8, 9, tzinfo=SHANGHAI))
    await city.tell(
        unit(MOVED, (NEW_YEAR, MARCH, "urban"), (MARCH, None, "rural")),
        unit(GREW, (NEW_YEAR, None, "urban")),
        unit(MERGED, (NEW_YEAR, date(2015, 2, 15), "rural")),
        unit(NEW, (date(2015, 2, 10), None, "rural")),
        CALENDAR,
        published(SET, FIRST),
        *FIRST,
        published(SET, [*FIRST[2:], *THEN], 2),
        *THEN,
    )
    for chunk, (month, errors) in enumerate(ERRORS.items(), start=1):
        told = [fact("M-A", code, count) for code, count in errors.items()]
        told += [fact("M-R", code, GROWTH[code]) for code in errors]
        if month == "2015-03":
            told += [fact("M-S", code, count) for code, count in ((MOVED, "0"), (GREW, "1"), (NEW, "0"))]
        await city.tell(facts(chunk, *told, period=month))
        await confirm(city, chunk, month)
    quarter = [fact("M-Q", code, count) for code, count in ((MOVED, "1"), (GREW, "0"), (NEW, "0"))]
    await city.tell(facts(4, *quarter, period="2015-Q1"))
    await confirm(city, 4, "2015-Q1")
    return bare_year


async def confirm(city: City, chunk: int, period: str) -> None:
    await city.fence(chunk, 1, period)
    answer = await city.step("confirm", period, body={})
    assert answer.status_code == 200, answer.text


async def policy(city: City, **changes: Any) -> None:
    body = {
        "set": SET, "ties": "competition", "spread": "0", "groups": ["class"], "shows": "totals", "grading": None,
        "blend": MEAN, "blends": [], "ranks": "all_evaluated", **changes,
    }  # fmt: skip
    answer = await city.office.post("/v1/ranking-policies", json=body)
    assert answer.status_code == 201, answer.text


def places(answer: httpx.Response) -> dict[str, tuple[str, int]]:
    assert answer.is_success, answer.text
    return {row["unit"]: (row["total"], row["place"]) for row in answer.json()["units"]}


async def ask(city: City, period: str = SPAN, **more: Any) -> dict[str, httpx.Response]:
    """Every reader of totals over the span; the simulation makes A-01 cost twice as much."""
    base = {"set": SET, "period": period}
    change = {"kind": "constants", "indicator": "A-01", "values": {"/result/clauses/0/points/gives": "-4"}}
    return {
        "published": await city.office.post("/v1/rankings", json={**base, **more}),
        "provisional": await city.office.get("/v1/rankings/provisional", params=base),
        "card": await city.office.get(f"/v1/score-cards/{MERGED}", params=base),
        "simulated": await city.office.post("/v1/simulations", json=asked([change], period=period)),
        "diagnosed": await city.office.get(f"/v1/diagnostics/{SET}", params={"period": period}),
    }


async def tell(city: City, **more: Any) -> Told:
    answers, cards = await ask(city, **more), {}
    for code in (MOVED, GREW, MERGED, NEW):
        base = {"set": SET, "period": SPAN}
        one = await city.office.get(f"/v1/score-cards/{code}", params=base)
        cards[code] = Fraction(one.json()["result_exact"])
    at = f"/v1/simulations/{answers['simulated'].json()['simulation_id']}/variants/1"
    rows = (await city.office.get(at)).json()["units"]
    simulated = {row["unit"]: (Fraction(row["real_total"]), row["real_place"]) for row in rows}
    assert answers["diagnosed"].is_success, answers["diagnosed"].text
    return Told(places(answers["published"]), places(answers["provisional"]), cards, simulated)


def text(number: Fraction) -> str:
    return f"{float(number):.2f}"


# A: 24/3, 28/3, 6, 18/2. R in the class of the month's last day: 8+8+10, 10+10+10, 10, 10+8.
# S: 10, 8, none, 10. Q: 4, 5, none, 5.
AT_FULL = {
    MOVED: Fraction(24, 3) + Fraction(26, 3) + 10 + 4,
    GREW: Fraction(28, 3) + 10 + 8 + 5,
    MERGED: Fraction(6) + 10,
    NEW: Fraction(9) + 9 + 10 + 5,
}
IN_PART = {
    MOVED: Fraction(24, 3) + Fraction(26, 3) + Fraction(10, 3) + 4,
    GREW: Fraction(28, 3) + 10 + Fraction(8, 3) + 5,
    MERGED: Fraction(6, 3) + Fraction(10, 3),
    NEW: Fraction(18, 3) + Fraction(18, 3) + Fraction(10, 3) + 5,
}
QUARTER = {MOVED: 4, GREW: 5, MERGED: 0, NEW: 5}
SUM = {MOVED: Fraction(64), GREW: Fraction(71), MERGED: Fraction(16), NEW: Fraction(51)}
LAST = {MOVED: Fraction(30), GREW: Fraction(33), MERGED: Fraction(16), NEW: Fraction(31)}
WEIGHTED = {
    code: (total - QUARTER[code]) * Fraction(6, 10) + QUARTER[code] * Fraction(4, 10) for code, total in IN_PART.items()
}
BY_KIND = {"how": "weights", "in_part": "by_periods", "weights": {"month": "60", "quarter": "40"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (None, AT_FULL),
        ({"blend": {**MEAN, "in_part": "by_periods"}}, IN_PART),
        ({"blend": {**MEAN, "how": "sum"}}, SUM),
        ({"blend": {**MEAN, "how": "last"}}, LAST),
        ({"blends": [{"span": "to_date", **BY_KIND}], "ranks": "standing_at_end"}, WEIGHTED),
    ],
    ids=["none", "in part", "sum", "last", "weights"],
)
async def test_all_readers_of_totals_agree(
    year: Year, changes: dict[str, Any] | None, expected: dict[str, Fraction]
) -> None:
    if changes is not None:
        await policy(year.city, **changes)
    told = await tell(year.city)
    gone = bool(changes) and "ranks" in (changes or {})
    ranked = {code: total for code, total in expected.items() if not (gone and code == MERGED)}
    wanted = {code: (total, 1 + sum(other > total for other in ranked.values())) for code, total in ranked.items()}
    assert told.published == {code: (text(total), place) for code, (total, place) in wanted.items()}
    assert told.provisional == told.published
    # The cells of the merged unit stay its own, on a card of its own; nobody else's total holds them.
    assert told.cards == expected
    # A simulation tells whom it moves, in four places; who has no place is not among the ranked.
    assert {MOVED, NEW, MERGED} <= set(told.simulated)
    for code, (total, place) in told.simulated.items():
        assert abs(total - expected[code]) < Fraction(1, 10_000)
        assert place == (wanted[code][1] if code in wanted else None)
    await lines_agree(year.city)


async def got(city: City, path: str, **query: Any) -> Any:
    answer = await city.office.get(path, params={"set": SET, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def lines(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The indicators of a score card by their codes."""
    return {
        one["indicator"]: one
        for level1 in card["levels"]
        for level2 in level1["level2"]
        for one in level2["indicators"]
    }


async def lines_agree(city: City) -> None:
    """Heat map, boards, trends and the newest published ranking have the figures of the score cards."""
    units = (MOVED, GREW, MERGED, NEW)
    cards = {code: lines(await got(city, f"/v1/score-cards/{code}", period=SPAN)) for code in units}
    heat = await got(city, "/v1/heat-map", period=SPAN)
    codes = [column["indicator"] for column in heat["indicators"]]
    scored = {(code, name) for code, found in cards.items() for name, one in found.items() if one["states"]["scored"]}
    assert (sorted(codes), len(heat["items"]), len(scored)) == (["A-01", "Q-01", "R-01", "S-01"], 4, 14)
    for row in heat["items"]:
        shown = dict(zip(codes, zip(row["points"], row["losses"], strict=True), strict=True))
        own = {name: (one["points"], one["loss"]) for name, one in cards[row["unit"]].items()}
        assert shown == {name: own.get(name, (None, None)) for name in codes}
    for name in codes:
        board = (await got(city, "/v1/indicator-scores", period=SPAN, indicator=name))["items"]
        found = {row["unit"]: (row["points"], row["points_exact"]) for row in board}
        assert found == {
            code: (cards[code][name]["points"], cards[code][name]["points_exact"]) for code in units
            if (code, name) in scored
        }  # fmt: skip
        ranked = await got(city, "/v1/rankings/provisional", period=SPAN, board=f"indicator:{name}")
        assert {row["unit"]: row["total"] for row in ranked["units"]}.items() <= {
            unit: points for unit, (points, _) in found.items()
        }.items()
    for code, kind in ((MOVED, "month"), (NEW, "month"), (MERGED, "month"), (MOVED, "quarter")):
        trend = await got(city, "/v1/trends", unit=code, kind=kind)
        assert trend["items"]
        for point in trend["items"]:
            card = await got(city, f"/v1/score-cards/{code}", period=point["period"])
            assert (point["points"], point["points_exact"]) == (card["total"]["points"], card["total"]["points_exact"])
    both = await got(city, "/v1/trends", unit=MOVED, indicator="A-01", kind="month")
    assert [point["points_exact"] for point in both["items"]] == ["8", "10", "6"]
    none = await got(city, "/v1/trends", indicator="A-01", kind="month")
    assert {point["points"] for point in none["items"]} == {None}, "many units have no card together"


async def test_what_share_is_lost_follows_the_blend_and_losses_are_those_of_the_cells(year: Year) -> None:
    async def told() -> tuple[str, str]:
        heat = await got(year.city, "/v1/heat-map", period=SPAN)
        row = next(row for row in heat["items"] if row["unit"] == MOVED)
        place = next(n for n, column in enumerate(heat["indicators"]) if column["indicator"] == "A-01")
        board = (await got(year.city, "/v1/indicator-scores", period=SPAN, indicator="A-01"))["items"]
        assert next(one["loss_share"] for one in board if one["unit"] == MOVED) == row["shares"][place]
        return row["losses"][place], row["shares"][place]

    assert await told() == ("6", "0.2000")
    await policy(year.city, blend={**MEAN, "how": "last"})
    assert await told() == ("6", "0.4000")


async def test_what_is_counted_in_part_has_its_full_marks_in_part(year: Year) -> None:
    await policy(year.city, blend={**MEAN, "in_part": "by_periods"})
    ranking = await year.city.office.post("/v1/rankings", json={"set": SET, "period": SPAN})
    full = {row["unit"]: row["full_marks"] for row in ranking.json()["units"]}
    assert full == {MOVED: "28.33", GREW: "28.33", MERGED: "6.67", NEW: "21.67"}
    at = f"/v1/rankings/{ranking.json()['ranking_id']}/places"
    board = await year.city.office.get(at, params={"board": "indicator:S-01"})
    assert {row["unit"]: (row["total"], row["full_marks"]) for row in board.json()["items"]} == {
        MOVED: ("3.33", "3.33"), GREW: ("2.67", "3.33"), NEW: ("3.33", "3.33"),
    }  # fmt: skip


async def test_months_are_scored_on_the_tree_of_their_last_day(year: Year) -> None:
    seen = {}
    for month in ERRORS:
        rows = (await year.city.office.get("/v1/scores", params={"set": SET, "period": month})).json()["items"]
        seen[month] = {row["unit"]: row["score"] for row in rows if row["indicator"] == "R-01"}
    assert seen == {
        "2015-01": {MOVED: "8.00", GREW: "10.00", MERGED: "10.00"},
        "2015-02": {MOVED: "8.00", GREW: "10.00", NEW: "10.00"},
        "2015-03": {MOVED: "10.00", GREW: "10.00", NEW: "8.00"},
    }
    # Peers of a span's ranking are those of its last day; a merged unit is among those that it last stood with.
    ranking = await year.city.office.post("/v1/rankings", json={"set": SET, "period": SPAN})
    assert ranking.status_code == 201
    await policy(year.city)
    again = await year.city.office.post("/v1/rankings", json={"set": SET, "period": SPAN, "reason": "分组"})
    peers = {row["unit"]: list(row["peers"]) for row in again.json()["units"]}
    assert peers == {MOVED: ["class:rural"], GREW: ["class:urban"], MERGED: ["class:rural"], NEW: ["class:rural"]}


async def test_where_weights_do_not_fit_nobody_shows_another_number(year: Year) -> None:
    city = year.city
    months = {"how": "weights", "in_part": "full", "weights": {"month": "100"}}
    await policy(city, blend=months)
    for name, answer in (await ask(city)).items():
        # The merged unit has cells of months alone.
        assert answer.status_code == 200 if name == "card" else code_of(answer) == (409, "blend_unfit"), name
    for path, query in (
        (f"/v1/score-cards/{NEW}", {"period": SPAN}), ("/v1/heat-map", {"period": SPAN}),
        ("/v1/heat-map", {"period": SPAN, "format": "csv"}), ("/v1/trends", {"unit": NEW, "kind": "quarter"}),
        ("/v1/indicator-scores", {"period": SPAN, "indicator": "A-01"}),
    ):  # fmt: skip
        assert code_of(await city.office.get(path, params={"set": SET, **query})) == (409, "blend_unfit"), path
    assert (await city.office.get("/v1/trends", params={"set": SET, "unit": NEW})).status_code == 200
    await policy(city, blend={**months, "weights": {"month": "60", "quarter": "40"}})
    january = await ask(city, "2015-01")
    codes = {name: answer.status_code for name, answer in january.items()}
    assert codes == {"published": 409, "provisional": 200, "card": 200, "simulated": 409, "diagnosed": 409}
    assert places(january["provisional"])[MERGED] == ("9.60", 2)
    # The control: with a weight for each kind, and a period of each, everybody answers.
    assert all(answer.is_success for answer in (await ask(city)).values())


async def test_an_archive_of_such_a_span_verifies(year: Year) -> None:
    await policy(year.city, blends=[{"span": "to_date", **BY_KIND}], ranks="standing_at_end")
    made = await year.city.office.post("/v1/rankings", json={"set": SET, "period": SPAN})
    drafted = await year.draft(ranking_id=made.json()["ranking_id"])
    assert drafted.status_code == 201, drafted.text
    await year.done("approval", who="K1")
    await year.done("notice", {"first_day": "2015-04-08", "working_days": 3, "document": "x", "reason": "y"})
    year.on(datetime(2015, 4, 11, 9, tzinfo=SHANGHAI))
    await year.done("finalisation")
    archive = await year.archived()
    assert bad(verified(archive, key_of_city(year))) == {}
    # The control: had the merged unit stood, it would have to have a place.
    stood = changed(
        archive, form.UNITS, lambda lines: lines.replace(b'"stood":false', b'"stood":true'), signed_anew=True
    )
    assert bad(verified(stood, STRANGER)) == {"places": "3 units are ranked among all, 4 have scores"}
