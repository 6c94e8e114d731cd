"""What real scores say of a set: hand-computed flags and shares, and the routes over the small city."""

from fractions import Fraction
from typing import Any

from services.scoring_svc.simulation.diagnosis import Indicator, Lines, UnitMark, diagnose, preheat_of, weight_of
from tests.scoring_svc.ledger.city import DISTRICTS, SET, City, fact, facts, in_class
from tests.scoring_svc.simulation.build import JANUARY, january

LINES = Lines(Fraction(95, 100), Fraction(1, 2), Fraction(9, 10), Fraction(1, 2), Fraction(1, 2))
SIZES: dict[str, list[str | None]] = {"size": ["large", "large", "small", None]}


def indicator(code: str, *marks: int, full: int = 10, total: bool = True, at_lowest: int | None = 0) -> Indicator:
    found = {
        unit: UnitMark(Fraction(mark), 1, int(mark >= full), Fraction(max(0, full - mark)))
        for unit, mark in enumerate(marks)
    }
    return Indicator(code, code, total, found, at_lowest)


def totals(*indicators: Indicator) -> dict[int, Fraction]:
    return {
        unit: sum((one.marks[unit].mark for one in indicators if one.total), Fraction(0))
        for unit in indicators[0].marks
    }  # fmt: skip


SAME, WIDE, TWIN = (
    indicator("SAME", 10, 10, 10, 10),
    indicator("WIDE", 2, 4, 6, 8),
    indicator("TWIN", 1, 2, 3, 4, full=5),
)
CROSS = indicator("CROSS", 10, 0, 0, 10, at_lowest=2)


def test_a_preheat_tells_what_told_no_units_apart() -> None:
    assert preheat_of(SAME, SIZES) == {
        "indicator": "SAME", "name": "SAME", "units": 4, "cells": 4, "units_at_full": 4, "cells_at_full": 4,
        "mean_loss": "0.0000", "spread": "0.0000", "deviation": "0.0000", "discriminates": False,
        "lost_by_group": {"size": [
            {"group": "large", "units": 2, "lost": "0.0000", "mean_loss": "0.0000"},
            {"group": "small", "units": 1, "lost": "0.0000", "mean_loss": "0.0000"},
        ]},
    }  # fmt: skip
    told = preheat_of(WIDE, SIZES)
    # Losses 8, 6, 4, 2; marks 2, 4, 6, 8 lie 3, 1, 1, 3 from their mean: √(20/4).
    assert (told["mean_loss"], told["spread"], told["deviation"]) == ("5.0000", "6.0000", "2.2361")
    assert told["discriminates"] is True
    assert told["lost_by_group"]["size"][0] == {"group": "large", "units": 2, "lost": "14.0000", "mean_loss": "7.0000"}


def test_an_indicator_without_any_score_has_no_figures() -> None:
    told = preheat_of(Indicator("NONE", "NONE", total=True, marks={}), SIZES)
    assert (told["units"], told["mean_loss"], told["discriminates"]) == (0, None, False)


def test_a_diagnosis_flags_what_is_there() -> None:
    all_four = (SAME, WIDE, TWIN, CROSS)
    told = diagnose(all_four, totals(*all_four), SIZES, LINES)
    by_code = {one["indicator"]: one for one in told["indicators"]}
    assert by_code["SAME"]["flags"] == ["everyone_full", "constant", "ceiling"]
    assert by_code["SAME"]["correlation_with_total"] is None
    # Totals 23, 16, 19, 32; n²·variance 580. With CROSS n²·covariance 400, WIDE 120, TWIN 60: the parts make the whole.
    shares = [by_code[code]["share_of_spread"] for code in ("SAME", "WIDE", "TWIN", "CROSS")]
    assert shares == ["0.0000", "0.2069", "0.1034", "0.6897"]
    assert "dominates" in by_code["CROSS"]["flags"]
    assert "floor" in by_code["CROSS"]["flags"]  # two of four cells at the lowest
    # Units 0 to 2 have a size: marks 2, 4 against 6 of WIDE, six of eight squares between; 10, 0 against 0 of CROSS.
    assert (by_code["WIDE"]["bias"]["size"], by_code["CROSS"]["bias"]["size"]) == ("0.7500", "0.2500")
    assert "biased" in by_code["WIDE"]["flags"]
    assert told["duplicates"] == [{"one": "WIDE", "other": "TWIN", "correlation": "1.0000", "units": 4}]
    assert told["ranked"] == 4


def test_lines_are_inclusive_and_may_be_moved() -> None:
    both = (WIDE, CROSS)
    lower = Lines(Fraction(0), Fraction(1, 10), Fraction(1), Fraction(1), Fraction(1))
    told = diagnose(both, totals(*both), {}, lower)
    assert told["duplicates"] == [{"one": "WIDE", "other": "CROSS", "correlation": "0.0000", "units": 4}]
    assert [one["flags"] for one in told["indicators"]] == [["dominates"], ["dominates"]]


def test_marks_of_different_units_are_compared_where_both_have_one() -> None:
    few = Indicator("FEW", "FEW", total=True, marks={unit: WIDE.marks[unit] for unit in (0, 1, 3)})
    told = diagnose((WIDE, few), totals(WIDE), {}, LINES)
    assert told["duplicates"] == [{"one": "WIDE", "other": "FEW", "correlation": "1.0000", "units": 3}]


def test_a_veto_card_explains_no_totals() -> None:
    veto = indicator("VETO", 0, 10, 10, 10, total=False)
    told = diagnose((WIDE, veto), totals(WIDE, veto), {}, LINES)
    assert [one["share_of_spread"] for one in told["indicators"]] == ["1.0000", None]


def test_how_places_depend_on_a_weight() -> None:
    # Totals 8, 10, 13 with parts 6, 2, 2: at one half more the first two meet at 11.
    one = Indicator("X", "X", total=True, marks={0: UnitMark(Fraction(6), 1, 0, Fraction(4)),
                                                 1: UnitMark(Fraction(2), 1, 0, Fraction(8)),
                                                 2: UnitMark(Fraction(2), 1, 0, Fraction(8))})  # fmt: skip
    told = weight_of(one, {0: Fraction(8), 1: Fraction(10), 2: Fraction(13)}, Fraction(6, 10))
    assert (told["first_change_raised"], told["first_change_lowered"]) == ("0.5000", None)
    assert told["more"] == {"moved": 2, "furthest": 1}  # 11.6 against 11.2 and 14.2
    assert told["less"] == {"moved": 0, "furthest": 0}


# --- over HTTP --------------------------------------------------------------------------------------------------------


async def test_the_preheat_of_a_set(city: City) -> None:
    await city.tell(*(in_class(code, "urban" if code == "420102" else "rural") for code in DISTRICTS))
    await january(city)
    answer = await city.office.get(f"/v1/preheats/{SET}")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["periods"] == [JANUARY]
    by_code = {one["indicator"]: one for one in told["indicators"]}
    first = by_code["COL-01"]
    assert (first["units"], first["units_at_full"], first["mean_loss"], first["spread"]) == (3, 2, "1.3333", "4.0000")
    assert first["lost_by_group"]["class"] == [
        {"group": "rural", "units": 2, "lost": "0.0000", "mean_loss": "0.0000"},
        {"group": "urban", "units": 1, "lost": "4.0000", "mean_loss": "4.0000"},
    ]
    assert "simulated" not in told
    # Marked out for indicator_svc's own client; a department hears of its own indicators.
    service = await city.service.client(client="peer").get(f"/v1/preheats/{SET}")
    assert service.json() == told
    own = (await city.person("E1").get(f"/v1/preheats/{SET}")).json()
    assert {one["indicator"] for one in own["indicators"]} == {"COL-01", "COL-02"}
    open_ = await city.office.get(f"/v1/preheats/{SET}", params={"period": "2015-02"})
    assert (open_.status_code, open_.json()["code"]) == (409, "base_not_confirmed")


async def test_a_preheat_before_anything_is_confirmed_is_empty(city: City) -> None:
    told = (await city.office.get(f"/v1/preheats/{SET}")).json()
    assert told == {"set": SET, "periods": [], "indicators": []}


async def test_the_diagnostics_of_a_set(city: City) -> None:
    await january(city)
    answer = await city.office.get(f"/v1/diagnostics/{SET}", params={"period": JANUARY})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["board"], told["ranked"]) == ("total", 3)
    shares = sum(Fraction(one["share_of_spread"]) for one in told["indicators"])
    assert abs(shares - 1) <= Fraction(2, 10_000)  # each is rounded
    assert told["lines"]["duplicate"] == "0.95"
    wrong = await city.office.get(f"/v1/diagnostics/{SET}", params={"period": JANUARY, "floor": "2"})
    assert wrong.status_code == 422


async def test_everyone_at_full_marks_is_flagged(city: City) -> None:
    told: list[Any] = [fact("M-ERR", unit, "0") for unit in DISTRICTS]
    told += [fact("M-GROWTH", unit, "5") for unit in DISTRICTS]
    told += [fact("M-SENT", unit, "2015-02-05") for unit in DISTRICTS]
    await city.tell(facts(1, *told))
    await city.fence(1, 1)
    assert (await city.step("confirm", body={"exclusions": []})).status_code == 200
    shown = (await city.office.get(f"/v1/diagnostics/{SET}", params={"period": JANUARY})).json()
    assert {one["indicator"]: one["flags"] for one in shown["indicators"]} == {
        code: ["everyone_full", "constant", "ceiling"] for code in ("COL-01", "COL-02", "COL-03")
    }
    assert shown["bias_of_totals"] == {"kind": None}


async def test_the_weights_of_a_set_are_marked_as_simulated(city: City) -> None:
    await january(city)
    answer = await city.office.get(f"/v1/simulations/weights/{SET}", params={"period": JANUARY})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["simulated"], told["by_percent"]) == (True, "10")
    first = next(one for one in told["indicators"] if one["indicator"] == "COL-01")
    # 17 and 18.5 with 6 and 10: the gap grows when COL-01 counts more, and closes when 4e = 1.5.
    assert (first["first_change_raised"], first["first_change_lowered"]) == (None, "0.3750")
