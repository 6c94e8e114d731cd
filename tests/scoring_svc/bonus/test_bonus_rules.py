"""The pure rules: states, persons, matters that count once, the table, shares and caps."""

from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring_svc.bonus.answers import stored
from services.scoring_svc.bonus.domain.awards import (
    Award,
    BonusStepRefused,
    DocumentAlreadyUsed,
    MatterAlreadyAwarded,
    OwnUnitsRequest,
    RequestState,
    RequestVerb,
    SecondPersonNeeded,
    advance,
    demand_another,
    demand_foreign,
    entry_id,
    normalised,
    replaced_by,
)
from services.scoring_svc.bonus.domain.points import (
    BonusNotInTable,
    BonusTable,
    BonusTableInconsistent,
    SharesDoNotAddUp,
    WeightsNotUsed,
    apportioned,
    capped,
    demand_consistent,
    demand_whole,
    room,
    shared_among,
)
from tests.scoring_svc.bonus.awards import table

ALLOWED = {
    ("drafted", "edit"): "drafted",
    ("drafted", "submit"): "submitted",
    ("drafted", "withdraw"): "withdrawn",
    ("submitted", "opine"): "reviewed",
    ("submitted", "approve"): "approved",
    ("submitted", "refuse"): "refused",
    ("submitted", "withdraw"): "withdrawn",
    ("reviewed", "approve"): "approved",
    ("reviewed", "refuse"): "refused",
    ("reviewed", "withdraw"): "withdrawn",
    ("approved", "revoke"): "withdrawn",
    ("approved", "replace"): "replaced",
}


@pytest.mark.parametrize("state", get_args(RequestState))
@pytest.mark.parametrize("verb", get_args(RequestVerb))
def test_every_step_from_every_state(state: RequestState, verb: RequestVerb) -> None:
    if (state, verb) in ALLOWED:
        assert advance(state, verb) == ALLOWED[state, verb]
    else:
        with pytest.raises(BonusStepRefused):
            advance(state, verb)


def test_every_step_is_another_persons() -> None:
    demand_another("c", "a", "b", None)
    with pytest.raises(SecondPersonNeeded):
        demand_another("b", "a", "b")


@pytest.mark.parametrize(
    ("served_in", "requesting", "own"),
    [
        ("C/D1/", ["C/D1/"], True),
        ("C/D1/S/", ["C/D1/"], True),
        ("C/D1/", ["C/D2/", "C/D1/"], True),
        ("C/D10/", ["C/D1/"], False),
        ("C/", ["C/D1/"], False),
        ("C/D1/", ["C/D1/S/"], False),
        ("C/PO/", [""], False),
        ("", ["C/D1/"], False),
    ],
)
def test_nobody_judges_the_unit_in_which_they_serve(served_in: str, requesting: list[str], own: bool) -> None:
    if own:
        with pytest.raises(OwnUnitsRequest):
            demand_foreign(["C/PO/", served_in], requesting)
    else:
        demand_foreign([served_in], requesting)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("鄂地税发〔2015〕12号", "鄂地税发[2015]12号", True),
        ("鄂地税发〔２０１５〕12号", "鄂地税发〔2015〕 12 号", True),
        ("鄂地税发（2015）12号", "鄂地税发【2015】12\u3000号", True),
        ("Ｔａｘ Award", "tax award", True),
        ("自助\u200b办税厅", "自助办税厅", True),
        ("《自助办税厅》", "〈自助办税厅〉", True),
        ("鄂地税发〔2015〕12号", "鄂地税发〔2015〕1 号", False),
        ("鄂地税发〔201〕512号", "鄂地税发〔2015〕12号", False),
        ("鄂地税发〔2015〕12号", "武地税发〔2015〕12号", False),
    ],
)
def test_documents_are_compared_without_width_blanks_and_kinds_of_brackets(one: str, other: str, same: bool) -> None:
    assert (normalised(one) == normalised(other)) is same


@given(st.text(max_size=40))
def test_what_is_normalised_stays_so(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert not any(one.isspace() for one in once)


@given(st.text(max_size=20), st.sampled_from([" ", "\u3000", "\t", "\u200b", "\xa0"]), st.integers(0, 20))
def test_blanks_anywhere_change_nothing(text: str, blank: str, place: int) -> None:
    plain = normalised(text)
    assert normalised(plain[:place] + blank + plain[place:]) == normalised(plain)


def standing(rank: int, matter: str = "m", document: str = "d", number: int = 1) -> Award:
    return Award(UUID(int=number), rank, matter, document)


@pytest.mark.parametrize(
    ("rank", "awards", "other", "found"),
    [
        (2, [], "", []),
        (1, [standing(2)], "", [standing(2)]),
        (2, [standing(2)], "", MatterAlreadyAwarded),
        (3, [standing(2)], "", MatterAlreadyAwarded),
        (3, [standing(2)], "another matter", MatterAlreadyAwarded),
        (1, [standing(2, document="x")], "", [standing(2, document="x")]),
        (1, [standing(2, matter="n")], "", DocumentAlreadyUsed),
        (1, [standing(2, matter="n")], "two matters in one circular", []),
        (1, [standing(2), standing(3, matter="n", number=2)], "two matters", [standing(2)]),
    ],
)
def test_the_same_matter_counts_once_at_the_highest_level(
    rank: int, awards: list[Award], other: str, found: Any
) -> None:
    if isinstance(found, list):
        assert replaced_by(rank, "m", "d", awards, other) == found
    else:
        with pytest.raises(found):
            replaced_by(rank, "m", "d", awards, other)


# --- the table ------------------------------------------------------------------------------------------------------


def as_table(**changes: Any) -> BonusTable:
    return msgspec.convert(stored(table(**changes)), type=BonusTable, strict=False)


def test_a_table_gives_points_by_class_and_level() -> None:
    known = as_table()
    demand_consistent(known)
    assert (known.gives("award", "province"), known.rank_of("national"), known.rank_of("city")) == (Decimal(5), 1, 3)
    for bonus_class, level in (("award", "county"), ("other", "city")):
        with pytest.raises(BonusNotInTable):
            known.gives(bonus_class, level)


def row(bonus_class: str, level: str, points: str) -> dict[str, str]:
    return {"bonus_class": bonus_class, "level": level, "points": points}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"points": [row("other", "city", "1")]}, {"unknown_class"}),
        ({"points": [row("award", "county", "1")]}, {"unknown_level"}),
        ({"points": [row("award", "city", "0")]}, {"not_positive"}),
        ({"points": [row("award", "city", "1"), row("award", "city", "2")]}, {"duplicate"}),
        ({"points": [row("award", "city", "2"), row("award", "province", "1")]}, {"higher_level_gives_less"}),
        (
            {
                "points": [
                    row("award", "national", "1"),
                    row("award", "province", "3"),
                    row("award", "city", "2"),
                ]
            },
            {"higher_level_gives_less"},
        ),
        ({"classes": table()["classes"] + table()["classes"][:1]}, {"duplicate"}),
        ({"levels": table()["levels"] + table()["levels"][:1]}, {"duplicate"}),
    ],
)
def test_a_table_that_contradicts_itself_is_not_published(changes: dict[str, Any], named: set[str]) -> None:
    with pytest.raises(BonusTableInconsistent) as refused:
        demand_consistent(as_table(**changes))
    assert {detail.code for detail in refused.value.details} == named


# --- shares ---------------------------------------------------------------------------------------------------------

POINTS = st.decimals(min_value="0", max_value="99999", places=2) | st.decimals(min_value="0", max_value="999", places=4)
WEIGHTS = st.lists(st.integers(1, 1_000), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("whole", "weights", "parts"),
    [
        ("3", [1], ["3.00"]),
        ("1", [1, 1, 1], ["0.34", "0.33", "0.33"]),
        ("2", [2, 1], ["1.33", "0.67"]),
        ("0.001", [1, 1], ["0.001", "0.000"]),
        ("0.01", [1, 1, 1], ["0.01", "0.00", "0.00"]),
        ("10", [1, 3], ["2.50", "7.50"]),
    ],
)
def test_a_whole_is_shared_to_the_last(whole: str, weights: list[int], parts: list[str]) -> None:
    assert [str(part) for part in apportioned(Decimal(whole), weights)] == parts


@given(POINTS, WEIGHTS)
def test_shares_make_the_whole_exactly_and_follow_the_weights(whole: Decimal, weights: list[int]) -> None:
    parts = apportioned(whole, weights)
    assert sum(parts) == whole
    exponent = whole.normalize().as_tuple().exponent
    step = min(Decimal("0.01"), Decimal(1).scaleb(int(exponent)))
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - whole * weight) < step * sum(weights)
    by_weight = sorted(zip(weights, parts, strict=True))
    assert all(one[1] <= other[1] for one, other in pairwise(by_weight) if one[0] < other[0])


def test_units_of_a_joint_award_share_as_the_table_says() -> None:
    assert shared_among(Decimal(3), [2, 1], "by_weight") == [Decimal(2), Decimal(1)]
    assert shared_among(Decimal(3), [1, 1], "each_full") == [Decimal(3), Decimal(3)]
    with pytest.raises(WeightsNotUsed):
        shared_among(Decimal(3), [2, 1], "each_full")


def test_shares_in_points_make_the_whole() -> None:
    demand_whole(Decimal(2), [Decimal("1.5"), Decimal("0.50")])
    with pytest.raises(SharesDoNotAddUp):
        demand_whole(Decimal(2), [Decimal("1.5"), Decimal("0.4999")])


# --- caps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due", "rooms", "points", "taken"),
    [
        ("5", {"class": None, "unit": None, "overall": None}, "5", {}),
        ("5", {"class": "5", "unit": "5", "overall": "5"}, "5", {}),
        ("5", {"class": "4", "unit": None, "overall": None}, "4", {"class": "1"}),
        ("5", {"class": "4", "unit": "1", "overall": "3"}, "1", {"class": "1", "unit": "3"}),
        ("5", {"class": "9", "unit": "8", "overall": "0"}, "0", {"overall": "5"}),
        ("5", {"class": "-1", "unit": None, "overall": None}, "0", {"class": "5"}),
    ],
)
def test_each_cap_takes_what_exceeds_it(due: str, rooms: dict[Any, str | None], points: str, taken: Any) -> None:
    asked = [(kind, None if left is None else Decimal(left)) for kind, left in rooms.items()]
    got = capped(Decimal(due), asked)
    assert (got.points, got.taken) == (Decimal(points), {kind: Decimal(part) for kind, part in taken.items()})


ROOM = st.none() | st.decimals(min_value="-10", max_value="50", places=2)


@given(st.decimals(min_value="0", max_value="50", places=2), ROOM, ROOM, ROOM)
def test_what_is_given_and_what_is_taken_make_what_was_due(due: Decimal, first: Any, second: Any, third: Any) -> None:
    got = capped(due, [("class", first), ("unit", second), ("overall", third)])
    assert got.points + sum(got.taken.values()) == due
    assert Decimal(0) <= got.points <= due
    for left in (first, second, third):
        assert left is None or got.points <= max(left, Decimal(0))


def test_what_a_cap_has_left() -> None:
    assert (room(None, Decimal(3)), room(Decimal(5), Decimal(3))) == (None, Decimal(2))


def test_entries_have_one_id_by_source_version_and_unit() -> None:
    source, unit = UUID(int=1), UUID(int=2)
    assert entry_id(source, 1, unit) == entry_id(source, 1, unit)
    assert len({entry_id(source, 1, unit), entry_id(source, 2, unit), entry_id(unit, 1, unit)}) == 3
