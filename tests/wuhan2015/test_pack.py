"""The figures that the pack stands for, each with a perturbation that moves it."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import chinese_calendar
import pytest

from deploy.local.wuhan2015.loader import PACK_FOLDER, Indicator, Pack, load_pack

ADMINISTRATIVE = {
    "420102",
    "420103",
    "420104",
    "420105",
    "420106",
    "420107",
    "420111",
    "420112",
    "420113",
    "420114",
    "420115",
    "420116",
    "420117",
}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


def burden(indicators: Iterable[Indicator]) -> tuple[int, int, Decimal]:
    modes = [indicator.fill_mode for indicator in indicators]
    lifted = modes.count("extracted")
    return lifted, len(modes), (Decimal(100 * lifted) / len(modes)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def test_148_indicators_of_which_118_are_extracted(pack: Pack) -> None:
    cards = pack.sets["WH2015-DISTRICT"].indicators
    assert burden(cards) == (118, 148, Decimal("79.7"))
    assert Counter(card.fill_mode for card in cards) == {"extracted": 118, "self_reported": 30}


def test_one_indicator_moved_to_self_report_moves_the_burden(pack: Pack) -> None:
    cards = list(pack.sets["WH2015-DISTRICT"].indicators)
    index = next(number for number, card in enumerate(cards) if card.fill_mode == "extracted")
    cards[index] = replace(cards[index], fill_mode="self_reported")
    assert burden(cards) == (117, 148, Decimal("79.1"))


def test_period_kinds(pack: Pack) -> None:
    kinds = Counter(card.period_kind for card in pack.sets["WH2015-DISTRICT"].indicators)
    assert kinds == {"month": 104, "quarter": 36, "half_year": 8}


def test_full_marks_add_up_to_1000_at_every_level(pack: Pack) -> None:
    one = pack.sets["WH2015-DISTRICT"]
    assert sum(Decimal(card.points) for card in one.indicators) == 1000
    for level1 in one.levels:
        cards = [card for card in one.indicators if card.level1 == level1["name"]]
        assert sum(Decimal(card.points) for card in cards) == Decimal(level1["points"])
        for level2 in level1["level2"]:
            inside = [card for card in cards if card.level2 == level2["name"]]
            assert sum(Decimal(card.points) for card in inside) == Decimal(level2["points"])


def test_fourteen_typical_problems_stand_outside_the_1000(pack: Pack) -> None:
    one = pack.sets["WH2015-CONDUCT"]
    assert len(one.indicators) == 14
    assert one.outside_total
    assert not pack.sets["WH2015-DISTRICT"].outside_total
    assert {(card.period_kind, card.fill_mode, card.immediate, card.points, card.type) for card in one.indicators} == {
        ("month", "inspection", True, "2", "deduction")
    }


def test_at_least_fifteen_methods(pack: Pack) -> None:
    methods = {card.method for card in pack.sets["WH2015-DISTRICT"].indicators}
    assert len(methods) >= 15, sorted(methods)


def test_the_tree_of_units(pack: Pack) -> None:
    kinds = Counter(unit.kind for unit in pack.units)
    assert kinds["city_bureau"] == 1
    assert kinds["department"] >= 12
    assert kinds["tax_office"] == 121
    codes = {unit.code for unit in pack.districts}
    assert len(codes) == 17
    assert codes >= ADMINISTRATIVE
    assert {unit.code for unit in pack.districts if unit.groups["location"] == "development_zone"} == (
        codes - ADMINISTRATIVE
    )
    for code in codes:
        inside = Counter(unit.kind for unit in pack.units if unit.parent_code == code)
        assert inside["section"] + inside["performance_office"] >= 4
        assert inside["performance_office"] == 1
        assert inside["tax_office"] >= 1


def test_every_unit_has_a_leader_and_a_liaison(pack: Pack) -> None:
    held = {(one.role, one.unit_code) for one in pack.appointments}
    without = [
        (role, unit.code)
        for unit in pack.units
        for role in ("unit_leader", "unit_liaison")
        if (role, unit.code) not in held
    ]
    assert without == []
    assert {role for role, _ in held} >= {
        "performance_office",
        "evaluating_department",
        "committee",
        "inspector",
        "personnel",
        "source_system",
        "operator",
        "auditor",
    }


def test_evaluating_departments_can_act(pack: Pack) -> None:
    held = {one.unit_code for one in pack.appointments if one.role == "evaluating_department"}
    assert {card.evaluating_department for card in pack.indicators} <= held


def test_extracted_metrics_are_registered_exactly_once(pack: Pack) -> None:
    registered = Counter(code for system in pack.source_systems for code in system.metrics)
    extracted = {code for card in pack.indicators if card.fill_mode == "extracted" for code in card.metrics}
    assert set(registered) == extracted
    assert set(registered.values()) == {1}
    assert 4 <= len(pack.source_systems) <= 6


def test_some_metric_is_asked_once_and_read_twice(pack: Pack) -> None:
    readers = Counter(code for card in pack.indicators for code in card.metrics)
    assert [code for code, count in readers.items() if count > 1] == [
        "M-REV-REVENUE-PLAN-COMPLETED",
        "M-COL-UNREGISTERED-TAXPAYER-RATE",
    ]


def test_every_metric_feeds_a_card(pack: Pack) -> None:
    assert set(pack.metrics) == {code for card in pack.indicators for code in card.metrics}


def test_working_days_agree_with_the_published_holidays(pack: Pack) -> None:
    day, wrong = date(2014, 1, 1), []
    while day <= date(2016, 1, 31):
        if pack.calendar.is_working_day(day) != chinese_calendar.is_workday(day):
            wrong.append(day)
        day += timedelta(days=1)
    assert wrong == []


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        (date(2015, 6, 30), 7, date(2015, 7, 9)),
        (date(2015, 12, 31), 15, date(2016, 1, 22)),
        (date(2015, 2, 13), 4, date(2015, 2, 25)),
        (date(2015, 2, 27), 1, date(2015, 2, 28)),
    ],
)
def test_counting_working_days(pack: Pack, start: date, count: int, due: date) -> None:
    assert pack.calendar.working_day_after(start, count) == due


def test_tiers_go_from_grave_to_light(pack: Pack) -> None:
    assert [tier.tier for tier in pack.policy.tiers] == ["red", "orange", "yellow"]
    shares = [
        Decimal(condition["share_at_least"])
        for tier in pack.policy.tiers
        for condition in tier.any_of
        if "share_at_least" in condition
    ]
    assert all(graver > lighter for graver, lighter in pairwise(shares))
    assert [tier.interview for tier in pack.policy.tiers] == [True, False, False]


def test_files_are_utf8_with_plain_line_ends(pack: Pack) -> None:
    for name in ("units.csv", "people.csv", "appointments.csv", "calendar.csv", "metrics.csv"):
        text = (PACK_FOLDER / name).read_bytes().decode("utf-8")
        assert "\r" not in text
        assert len(list(csv.reader(text.splitlines()))) > 1
    assert len(pack.people) > 500
