"""2014 of the pack: the same indicators under a set of their own, over before 2015 begins."""

from collections import Counter
from datetime import date

import pytest

from deploy.local.story.setting_up import card_body
from deploy.local.wuhan2015.generate_facts import default_pack, facts
from deploy.local.wuhan2015.year_before import SET, with_year_before
from shared.contracts.periods import periods_of_year

PACK = with_year_before(default_pack())
THIS_YEAR = PACK.sets["WH2015-DISTRICT"]


def test_2014_has_the_indicators_of_2015_in_its_own_set() -> None:
    before = PACK.sets[SET]
    assert (before.code, before.year, before.name) == ("WH2014-DISTRICT", 2014, "2014年度区局绩效考评指标体系")
    assert [card.code for card in before.indicators] == [card.code for card in THIS_YEAR.indicators]
    assert {card.set_code for card in before.indicators} == {SET}
    assert {card.effective_to for card in before.indicators} == {date(2015, 1, 1)}
    assert {card_body(card)["effective_to"] for card in before.indicators} == {"2015-01-01"}
    assert all("effective_to" not in card_body(card) for card in THIS_YEAR.indicators)


def test_units_and_appointments_stand_in_2014() -> None:
    assert {unit.effective_from for unit in PACK.units} == {date(2014, 1, 1)}
    assert {term.effective_from for term in PACK.appointments} == {date(2014, 1, 1)}
    assert PACK.unit_by_code["420102"].effective_from == date(2014, 1, 1)
    assert {unit.effective_from for unit in default_pack().units} == {date(2015, 1, 1)}


@pytest.mark.parametrize("year", [2014, 2015])
def test_every_metric_of_the_cards_has_its_facts_in_the_whole_year(year: int) -> None:
    asked = Counter(
        PACK.metrics[code].period_kind for code in {m for card in THIS_YEAR.indicators for m in card.metrics}
    )
    for period in periods_of_year(year):
        rows = facts(period.key, PACK)
        assert len(rows) == asked[period.kind] * len(PACK.districts)
        assert all(row.received_at.date() > period.last for row in rows)
    assert facts(str(year)) == (), "no card is of the whole year"


def test_2014_is_not_2015() -> None:
    same = [old.value == new.value for old, new in zip(facts("2014-05"), facts("2015-05"), strict=True)]
    assert sum(same) < len(same) * 9 // 10
