"""Statistics against values worked out by hand, and against slow definitions on random orders."""

import random
from fractions import Fraction
from itertools import combinations

import pytest

from services.scoring_svc.simulation import domain
from services.scoring_svc.simulation.domain import Root, Swaps, ratio_text

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [
        (Fraction(1, 3), 4, "0.3333"),
        (Fraction(2, 3), 4, "0.6667"),
        (Fraction(1, 20000), 4, "0.0001"),  # a tie goes up
        (Fraction(-1, 20000), 4, "-0.0001"),  # away from zero
        (Fraction(-1, 30000), 4, "0.0000"),  # and nought has no sign
        (Fraction(5, 2), 0, "3"),
        (Fraction(1234567, 100), 4, "12345.6700"),
    ],
)
def test_a_ratio_is_rounded_half_up(number: Fraction, places: int, text: str) -> None:
    assert ratio_text(number, places) == text


@pytest.mark.parametrize(
    ("sign", "square", "text"),
    [
        (1, Fraction(1, 2), "0.7071"),
        (-1, Fraction(1, 3), "-0.5774"),  # 0.57735…
        (1, Fraction(1), "1.0000"),
        (0, Fraction(0), "0.0000"),
        (1, Fraction(25, 10**10), "0.0001"),  # 0.00005 exactly: a tie goes up
        (1, Fraction(24, 10**10), "0.0000"),
    ],
)
def test_a_root_is_written_without_ever_being_computed(sign: int, square: Fraction, text: str) -> None:
    assert Root(sign, square).text() == text


def test_a_root_is_compared_exactly() -> None:
    nearly = Root(1, Fraction(9025, 10000) - Fraction(1, 10**30))
    assert not nearly.at_least(Fraction(95, 100))
    assert Root(1, Fraction(9025, 10000)).at_least(Fraction(95, 100))
    assert not Root(-1, Fraction(1)).at_least(Fraction(95, 100))


def test_places_skip_after_a_tie() -> None:
    assert domain.places_of([7, 9, 9, 3]) == [3, 1, 1, 4]
    assert domain.places_of([]) == []


def test_mid_ranks_share_the_mean() -> None:
    # 5 is the lowest (rank 1), the two 7 share ranks 2 and 3, 9 is rank 4: twice these
    assert domain.twice_mid_ranks([7, 9, 5, 7]) == [5, 8, 2, 5]


# (first, second, same, opposite, tied, tau-b, rho) by hand.
AGREEMENTS = [
    ([1, 2, 3, 4], [1, 2, 3, 4], 6, 0, 0, "1.0000", "1.0000"),
    ([1, 2, 3, 4], [4, 3, 2, 1], 0, 6, 0, "-1.0000", "-1.0000"),
    # One neighbouring pair swapped: tau = (5-1)/6, rho = 1 - 6*2/(4*15).
    ([1, 2, 3, 4], [1, 2, 4, 3], 5, 1, 0, "0.6667", "0.8000"),
    # Two tied in the second: tau-b = 5/√(6·5); ranks 1 2 3 4 and 1 2.5 2.5 4 give rho = 4.5/√(5·4.5).
    ([1, 2, 3, 4], [1, 2, 2, 3], 5, 0, 1, "0.9129", "0.9487"),
    ([1, 1], [1, 2], 0, 0, 1, None, None),
    ([], [], 0, 0, 0, None, None),
]


@pytest.mark.parametrize(("first", "second", "same", "opposite", "tied", "tau", "rho"), AGREEMENTS)
def test_rank_correlations(
    first: list[int], second: list[int], same: int, opposite: int, tied: int, tau: str | None, rho: str | None
) -> None:
    found = domain.kendall(first, second)
    assert (found.same, found.opposite, found.tied) == (same, opposite, tied)
    assert (found.tau.text() if found.tau else None) == tau
    by_ranks = domain.spearman(first, second)
    assert (by_ranks.text() if by_ranks else None) == rho


def test_kendall_counts_what_its_definition_counts() -> None:
    drawn = random.Random(3)  # noqa: S311 - orders, no secrets
    for _ in range(300):
        size, most = drawn.randint(0, 14), drawn.choice([2, 5, 100])
        first, second = ([drawn.randint(-most, most) for _ in range(size)] for _ in range(2))
        products = [(a - b) * (c - d) for (a, c), (b, d) in combinations(zip(first, second, strict=True), 2)]
        found = domain.kendall(first, second)
        assert found.same == sum(product > 0 for product in products)
        assert found.opposite == sum(product < 0 for product in products)
        assert found.tied == sum(product == 0 for product in products)
        if found.tau is not None:
            assert found.tau.square <= 1
            assert domain.kendall(second, first).tau == found.tau
            assert domain.kendall(first, first).tau == Root(1, Fraction(1))


def test_correlation_does_not_change_with_unit_and_origin() -> None:
    drawn = random.Random(5)  # noqa: S311 - numbers, no secrets
    for _ in range(200):
        first, second = ([drawn.randint(-50, 50) for _ in range(drawn.choice([3, 8]))] for _ in range(2))
        second = (second * 3)[: len(first)]
        found = domain.correlation(first, second)
        turned = domain.correlation([7 - 3 * x for x in first], [2 * y + 1 for y in second])
        if found is None:
            assert turned is None
        else:
            assert found.square <= 1
            assert turned == Root(-found.sign, found.square)
    assert domain.correlation([4, 4, 4], [1, 2, 3]) is None


def test_the_shares_of_all_parts_make_the_whole_spread() -> None:
    # Totals 3, 6, 9 of parts (1, 2, 3) and (2, 4, 6): a third and two thirds.
    assert domain.share_of_spread([1, 2, 3], [3, 6, 9]) == THIRD
    assert domain.share_of_spread([5, 5, 5], [3, 6, 9]) == 0
    assert domain.share_of_spread([1, 2, 3], [4, 4, 4]) is None
    drawn = random.Random(7)  # noqa: S311 - numbers, no secrets
    for _ in range(100):
        parts = [[drawn.randint(0, 20) for _ in range(6)] for _ in range(4)]
        totals = [sum(column) for column in zip(*parts, strict=True)]
        shares = [domain.share_of_spread(part, totals) for part in parts]
        if all(share is not None for share in shares):
            assert sum(share for share in shares if share is not None) == 1


@pytest.mark.parametrize(
    ("values", "groups", "share"),
    [
        ([1, 1, 5, 5], "aabb", Fraction(1)),  # all of it between the groups
        ([1, 5, 1, 5], "aabb", Fraction(0)),  # none of it
        # Group means 2 and 4 around 3: 4 of the 8 squares.
        ([1, 3, 3, 5], "aabb", HALF),
        ([2, 2, 2], "abc", None),
    ],
)
def test_the_share_between_groups(values: list[int], groups: str, share: Fraction | None) -> None:
    assert domain.share_between(values, list(groups)) == share


@pytest.mark.parametrize(
    ("totals", "parts", "swaps"),
    [
        # 10 against 8, parts 2 and 6: raising by e closes 4e of 2, so at one half; lowering never.
        ([10, 8], [2, 6], Swaps(HALF, None)),
        # Parts 6 and 2 the other way: lowering by one half.
        ([10, 8], [6, 2], Swaps(None, HALF)),
        # Parts 3 and 2: even without the part the first stays ahead by 1.
        ([10, 8], [3, 2], Swaps(None, None)),
        ([10, 8], [2, 2], Swaps(None, None)),
        ([8, 8], [1, 2], Swaps(Fraction(0), Fraction(0))),
        ([8, 8], [2, 2], Swaps(None, None)),
        ([9, 8, 6], [1, 2, 5], Swaps(Fraction(2, 3), None)),
    ],
)
def test_the_first_change_of_order(totals: list[int], parts: list[int], swaps: Swaps) -> None:
    assert domain.first_swaps(totals, parts) == swaps


def test_the_first_change_of_order_is_that_of_all_pairs() -> None:
    drawn = random.Random(11)  # noqa: S311 - numbers, no secrets
    for _ in range(400):
        size = drawn.randint(1, 7)
        parts = [drawn.randint(0, 9) for _ in range(size)]
        totals = [part + drawn.randint(0, 12) for part in parts]
        raised: list[Fraction] = []
        lowered: list[Fraction] = []
        for (total, part), (other, its) in combinations(zip(totals, parts, strict=True), 2):
            if part == its:
                continue
            meets = Fraction(total - other, its - part)
            if meets >= 0:
                raised.append(meets)
            if -1 <= meets <= 0:
                lowered.append(-meets)
        expected = Swaps(min(raised, default=None), min(lowered, default=None))
        assert domain.first_swaps(totals, parts) == expected, (totals, parts)


def test_numbers_come_over_one_denominator() -> None:
    assert domain.common([HALF, THIRD, Fraction(2)]) == ([3, 2, 12], 6)
    assert domain.common([]) == ([], 1)
