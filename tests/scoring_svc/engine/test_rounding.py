from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring_svc.engine.numbers import Rounding, geometric_mean, rational, shortest

TIES = ("2.5", "3.5", "-2.5", "-3.5", "2.4", "2.6", "-2.4", "-2.6", "3", "-0.4")


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("half_up", ["3", "4", "-3", "-4", "2", "3", "-2", "-3", "3", "0"]),
        ("half_even", ["2", "4", "-2", "-4", "2", "3", "-2", "-3", "3", "0"]),
        ("floor", ["2", "3", "-3", "-4", "2", "2", "-3", "-3", "3", "-1"]),
        ("ceiling", ["3", "4", "-2", "-3", "3", "3", "-2", "-2", "3", "0"]),
    ],
)
@pytest.mark.parametrize("places", [0, 2])
def test_modes_at_exact_ties(mode: str, wanted: list[str], places: int) -> None:
    rounding = Rounding("", mode, places)
    shift = Fraction(10) ** places
    assert [rounding.apply(rational(text) / shift) * shift for text in TIES] == [rational(text) for text in wanted]


def test_rounded_zero_has_no_sign_and_all_places() -> None:
    assert Rounding("", "half_up", 2).text(Fraction(-1, 1000)) == "0.00"
    assert Rounding("", "ceiling", 0).text(Fraction(-1, 2)) == "0"


@given(st.fractions())
def test_shortest_text_says_the_exact_number(number: Fraction) -> None:
    text = shortest(number)
    assert (Fraction(text) if "/" in text else rational(text)) == number


@given(
    st.lists(
        st.tuples(st.fractions(Fraction(1, 2), 4, max_denominator=4), st.fractions(0, 100, max_denominator=100)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["half_up", "half_even", "floor", "ceiling"]),
)
def test_geometric_mean_is_correct_to_the_last_digit(parts: list[tuple[Fraction, Fraction]], mode: str) -> None:
    rounding = Rounding("", mode, 3)
    found = geometric_mean(parts, rounding)
    common = Fraction(4 * 3)
    weights = [int(weight * common) for weight, _ in parts]
    product = Fraction(1)
    for weight, (_, value) in zip(weights, parts, strict=True):
        product *= value**weight
    width = Fraction(1, 1000)
    low, high = {"floor": (0, 1), "ceiling": (-1, 0)}.get(mode, (Fraction(-1, 2), Fraction(1, 2)))
    assert max(found + low * width, Fraction(0)) ** sum(weights) <= product <= (found + high * width) ** sum(weights)
