"""The story's own tools: a claim that does not hold fails the story, and the recount is right on its own."""

from decimal import Decimal
from fractions import Fraction
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from deploy.local.story import expectation
from deploy.local.story.claims import Claims
from deploy.local.story.collecting import is_late, waves_of
from deploy.local.story.course import stages
from deploy.local.story.expectation import NotRecounted, Sent, loss_of
from deploy.local.story.screen import Screen
from deploy.local.story.world import StoryStuck, until
from deploy.local.wuhan2015.generate_facts import facts
from deploy.local.wuhan2015.loader import Indicator, Pack, load_pack

PACK: Pack = load_pack()


def _card(code: str) -> Indicator:
    return next(card for card in PACK.indicators if card.code == code)


def _screen(width: int = 80) -> tuple[Screen, StringIO]:
    output = StringIO()
    return Screen(Console(file=output, width=width, highlight=False)), output


def test_one_claim_that_does_not_hold_fails_all() -> None:
    screen, output = _screen()
    claims = Claims(screen.check)
    assert claims.status == 1  # nothing checked is nothing shown
    claims.equal("two districts", 2, 2)
    assert (claims.status, claims.summary) == (0, "1 claims checked, 1 held")
    claims.equal("three districts", 2, 3)
    assert (claims.status, claims.summary) == (1, "2 claims checked, 1 held")
    assert "expected 3, found 2" in output.getvalue()


def test_the_screen_fits_80_columns_and_shows_markup_as_text() -> None:
    screen, output = _screen()
    screen.chapter("[bold]标题[/]")
    screen.say("[red]武汉市地方税务局 " * 12)
    screen.table("Districts", ("单位", ">points"), [("江岸区地方税务局", "9.5")] * 30)
    lines = output.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "[red]" in output.getvalue()
    assert "… and 12 more" in output.getvalue()


async def test_waiting_ends_with_a_sentence_of_what_is_there() -> None:
    async def look() -> tuple[bool, object]:
        return False, "147 of 148 cards"

    with pytest.raises(StoryStuck, match="Waited 0 s for all cards; there is: 147 of 148 cards"):
        await until("all cards", look, seconds=0.05)


@pytest.mark.parametrize(
    ("code", "value", "loss"),
    [
        ("COL-01", "5", "0"),  # tolerated
        ("COL-01", "5.99", "0"),  # no whole step
        ("COL-01", "6", "1.08"),
        ("COL-01", "13", "8.64"),
        ("COL-01", "100", "9"),  # never more than the card is worth
        ("REV-01", "100", "0"),
        ("REV-01", "98.9", "1.5"),
        ("REV-01", "98", "3.0"),
    ],
)
def test_the_recount_of_steps(code: str, value: str, loss: str) -> None:
    card = _card(code)
    sent = Sent({(card.metrics[0], "420104", "2015-02"): value})
    assert loss_of(card, "420104", "2015-02", sent) == Decimal(loss)


def test_the_recount_counts_absent_findings_as_none_and_leaves_absent_facts_out() -> None:
    assert loss_of(_card("CON-01"), "420104", "2015-01", Sent()) == 0
    with pytest.raises(NotRecounted):
        loss_of(_card("COL-01"), "420104", "2015-01", Sent())


def test_the_recount_leaves_out_what_it_cannot_read_and_reads_most() -> None:
    sent = Sent()
    for row in facts("2015-01", PACK):
        sent.add(row.wire())
    counted = expectation.recount(PACK, "WH2015-DISTRICT", "2015-01", sent)
    assert len(counted.losses) > expectation.cells_of(PACK, "WH2015-DISTRICT", "2015-01") * 3 // 4
    assert 0 < len(counted.lossy) < len(counted.losses)
    (first, *_) = counted.lossy
    less = expectation.recount(PACK, "WH2015-DISTRICT", "2015-01", sent, [first[:2]])
    assert first not in less.losses


def test_totals_and_places() -> None:
    cells = [("A", "x", Decimal(4)), ("A", "x", Decimal(5)), ("B", "x", Decimal(1)), ("A", "y", Decimal(3))]
    totals = expectation.span_totals(cells, ["x", "y", "z"])
    assert totals == {"x": Fraction(11, 2), "y": Fraction(3), "z": Fraction(0)}
    assert expectation.competition_places({"x": Fraction(5), "y": Fraction(5), "z": Fraction(1)}) == {
        "x": 1,
        "y": 1,
        "z": 3,
    }
    assert expectation.rounded(Fraction(1, 200)) == Decimal("0.01")


def test_the_tier_by_share() -> None:
    card: Any = _card("COL-01")
    tiers = PACK.policy.tiers
    assert expectation.tier_by_share(tiers, card, Decimal("8.64")) == "red"
    assert expectation.tier_by_share(tiers, card, Decimal("3.6")) == "orange"
    assert expectation.tier_by_share(tiers, card, Decimal("3.59")) == "yellow"


def test_waves_keep_what_is_late_late_and_withhold_what_is_missing() -> None:
    waves = waves_of(PACK, ["2015-01"])
    assert [wave.late for wave in waves] == [False, *[True] * (len(waves) - 1)]
    assert sorted(wave.moment for wave in waves) == [wave.moment for wave in waves]
    assert all(is_late(PACK, row) == wave.late for wave in waves for row in wave.rows)
    rows = [row for wave in waves for row in wave.rows]
    missing = [cell for cell in PACK.story["missing"] if cell["period"] == "2015-01"]
    assert len(rows) == len(facts("2015-01", PACK)) - len(missing)


def test_periods_that_end_together_are_collected_together() -> None:
    assert stages(PACK.story["periods"]) == [
        ["2015-01"],
        ["2015-02"],
        ["2015-03", "2015-Q1"],
        ["2015-04"],
        ["2015-05"],
        ["2015-06", "2015-Q2", "2015-H1"],
    ]
