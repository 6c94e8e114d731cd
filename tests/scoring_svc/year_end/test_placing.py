"""Places worked out again, against figures by hand: ties, the spread, means; against the database: test_archive."""

from fractions import Fraction

from services.scoring_svc.ranking.blending import MEAN, SpanBlend, Tally
from services.scoring_svc.ranking.domain import parse_span
from services.scoring_svc.year_end.placing import ARCHIVED, Boards
from shared.contracts.periods import parse_period
from tests.scoring_svc.ledger.city import COL1, COL2
from tests.scoring_svc.year_end.january import VETO

YEAR = SpanBlend.over(MEAN, parse_span("2015").periods)


def _marks(*scores: str) -> Tally:
    made = Tally()
    for month, score in enumerate(scores, start=1):
        made.add(parse_period(f"2015-{month:02d}"), Fraction(score), Fraction(10))
    return made


def test_ties_spread_and_the_next_better_total() -> None:
    boards = Boards(YEAR)
    for unit, score in {"a": "9", "b": "8.5", "c": "8.5", "d": "7"}.items():
        boards.count(COL1, unit, _marks(score))
    found = boards.places("total", ["a", "b", "c", "d", "stranger"], Fraction("0.5"))
    rows = {
        unit: [row[name] for name in ("place", "tied", "dense", "ranked", "best", "worst")]
        for unit, row in found.items()
    }
    assert rows == {
        "a": [1, 1, 1, 4, 1, 3],
        "b": [2, 2, 2, 4, 1, 3],
        "c": [2, 2, 2, 4, 1, 3],
        "d": [4, 1, 3, 4, 4, 4],
    }
    assert found["d"]["next_total"] == str(Fraction("8.5") * ARCHIVED)
    assert found["a"]["next_total"] is None


def test_means_are_exact_and_veto_cards_are_no_part() -> None:
    boards = Boards(YEAR)
    boards.count(COL1, "a", _marks("10", "10", "9"))
    boards.count(COL2, "a", _marks("1"))
    boards.count(VETO, "a", _marks("1"))
    boards.add_entry("a", Fraction("-0.5"))
    boards.add_entry("nobody", Fraction(1))
    found = boards.places("total", ["a"], Fraction(0))["a"]
    assert found["total"] == str((Fraction(29, 3) + Fraction(1, 2)) * ARCHIVED)
    assert (found["indicators"], found["full_marks"]) == (2, str(20 * ARCHIVED))
    assert sorted(boards.lines) == [
        "indicator:COL-01", "indicator:COL-02", "level1:税收征管", "level2:税收征管/税源管理", "total",
    ]  # fmt: skip
