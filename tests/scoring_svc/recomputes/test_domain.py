"""Cutting a period into pieces; how a replayed cell differs."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.scoring_svc.ledger.domain import Entry, Finding, Scored
from services.scoring_svc.recomputes.domain import Card, cut, difference


def ident(number: int) -> UUID:
    return UUID(int=number)


@given(
    sizes=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=12),
    most=st.integers(1, 25),
)
def test_every_cell_is_in_one_piece_and_only_peers_exceed_the_size(sizes: list[tuple[int, bool]], most: int) -> None:
    cards = [
        Card(ident(number), [ident(1_000 + unit) for unit in range(count)], peers)
        for number, (count, peers) in enumerate(sizes)
    ]
    by_id = {card.indicator_id: card for card in cards}
    seen: list[tuple[UUID, UUID]] = []
    for piece in cut(cards, most):
        cells = [
            (indicator, unit)
            for indicator in piece.indicators
            for unit in (by_id[indicator].units if piece.units is None else piece.units)
        ]
        assert len(cells) == piece.cells > 0
        if piece.cells > most:
            assert [by_id[one].reads_peers for one in piece.indicators] == [True]
        if piece.units is not None:
            assert not by_id[piece.indicators[0]].reads_peers
        seen += cells
    assert sorted(seen) == sorted((card.indicator_id, unit) for card in cards for unit in card.units)


def test_small_indicators_go_together() -> None:
    cards = [Card(ident(number), [ident(9)] * 3, reads_peers=False) for number in range(5)]
    assert [piece.cells for piece in cut(cards, 7)] == [6, 6, 3]


FOUND = Finding("scored", Decimal(10), Decimal("8.50"), entries=(Entry("base", None, "10"),))
CELL = Scored(ident(1), FOUND)


def test_a_difference_is_the_last_digit_an_entry_or_a_state() -> None:
    assert difference(ident(2), 1, CELL, CELL) is None
    # The versions of facts are what was read, not what was found.
    assert difference(ident(2), 1, CELL, CELL._replace(inputs={"errors": 7})) is None
    for other in (
        FOUND._replace(score=Decimal("8.51")),
        FOUND._replace(score=Decimal("8.5")),
        FOUND._replace(entries=(Entry("base", None, "10.0"),)),
        FOUND._replace(state="refused", score=None, code="VALUE_MISSING", entries=()),
    ):
        found = difference(ident(2), 3, CELL, CELL._replace(finding=other))
        assert found is not None
        assert (found.indicator_id, found.unit_id, found.version) == (ident(2), ident(1), 3)
        assert found.stored != found.found
