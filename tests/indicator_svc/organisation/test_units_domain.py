"""Timelines of units: dated changes, paths, and what is refused. Pure; no database."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.indicator_svc.organisation.domain.units import (
    BeforeUnitExisted,
    ParentUnknown,
    Span,
    Timeline,
    UnitCycle,
    change_unit,
    demand_outside_subtree,
    new_unit,
    place_together,
    place_unit,
    same_unit,
)
from shared.contracts.identity import unit_id
from shared.errors import Refused

START = date(2015, 1, 1)
THEN = datetime(2015, 1, 1, tzinfo=UTC)
LATER = datetime(2015, 9, 1, tzinfo=UTC)
ATTRIBUTES = ("name", "kind", "parent_id", "groups")


def unit(code: str, parent: str | None = None, since: date = START) -> Timeline:
    return new_unit(
        unit_id(code), code, name=code, kind="section", parent_id=parent and unit_id(parent), groups={},
        effective_from=since, recorded_at=THEN,
    )  # fmt: skip


def placed(*units: Timeline) -> dict[UUID, Timeline]:
    known: dict[UUID, Timeline] = {}
    for one in units:
        known[one.unit_id] = place_unit(one, known.get, known.__contains__)
    return known


def said(timeline: Timeline) -> list[tuple[Any, ...]]:
    return [(span.effective_from, span.effective_to, span.name, span.path) for span in timeline.spans]


def test_a_path_follows_from_the_parents_in_any_order() -> None:
    units = {one.unit_id: one for one in (unit("C", "B"), unit("B", "A"), unit("A"))}
    assert place_unit(units[unit_id("C")], units.get, lambda _: False).spans[0].path == "A/B/C/"


def test_a_rename_holds_from_its_day_on() -> None:
    known = placed(unit("A"))
    changed = change_unit(known[unit_id("A")], date(2015, 7, 1), {"name": "甲"}, LATER)
    assert said(changed) == [(START, date(2015, 7, 1), "A", "A/"), (date(2015, 7, 1), None, "甲", "A/")]
    assert [span.recorded_at for span in changed.spans] == [THEN, LATER]
    assert changed.version == 2


def test_a_backdated_rename_does_not_undo_a_later_one() -> None:
    first = change_unit(placed(unit("A"))[unit_id("A")], date(2015, 7, 1), {"name": "乙"}, LATER)
    both = change_unit(first, date(2015, 3, 1), {"name": "甲"}, LATER)
    assert [(span.effective_from.month, span.name) for span in both.spans] == [(1, "A"), (3, "甲"), (7, "乙")]


def test_a_change_that_says_nothing_new_leaves_the_spans() -> None:
    timeline = placed(unit("A"))[unit_id("A")]
    assert change_unit(timeline, date(2015, 5, 1), {"name": "A"}, LATER).spans == timeline.spans


def test_a_unit_is_not_changed_before_it_existed() -> None:
    with pytest.raises(BeforeUnitExisted):
        change_unit(unit("A"), date(2014, 12, 31), {"name": "甲"}, LATER)


def test_a_parent_must_stand_on_every_day() -> None:
    parent = unit("A", since=date(2015, 2, 1))
    with pytest.raises(ParentUnknown) as refusal:
        placed(parent, unit("B", "A"))
    assert refusal.value.values["day"] == START
    ended = replace(parent, spans=(replace(parent.spans[0], effective_to=date(2016, 1, 1)),))
    with pytest.raises(ParentUnknown) as refusal:
        placed(ended, unit("B", "A", since=date(2015, 2, 1)))
    assert refusal.value.values["day"] == date(2016, 1, 1)
    with pytest.raises(ParentUnknown):
        placed(unit("B", "A"))


def test_units_in_a_circle_are_refused() -> None:
    circle = {one.unit_id: one for one in (unit("A", "C"), unit("B", "A"), unit("C", "B"))}
    for one in circle.values():
        with pytest.raises(UnitCycle):
            place_unit(one, circle.get, lambda _: False)
    alone = unit("A", "A")
    with pytest.raises(UnitCycle):
        place_unit(alone, {alone.unit_id: alone}.get, lambda _: False)


def test_units_that_come_together_are_placed_after_their_parents() -> None:
    known = placed(unit("R"))
    rows = [
        unit("C", "B"),
        unit("B", "A"),
        unit("A", "R"),
        unit("X", "Y"),
        unit("Y", "X"),
        unit("Z", "X"),
        unit("N", "?"),
    ]
    rows = [*rows, unit("M", "N"), unit("E", "A", since=date(2014, 1, 1))]
    found = place_together({one.unit_id: one for one in rows}, known)
    said = {one.code: found[one.unit_id] for one in rows}
    paths = {code: one.spans[0].path for code, one in said.items() if isinstance(one, Timeline)}
    assert paths == {"A": "R/A/", "B": "R/A/B/", "C": "R/A/B/C/"}
    kinds = {code: type(one) for code, one in said.items() if isinstance(one, Refused)}
    assert kinds == {
        "X": UnitCycle, "Y": UnitCycle, "Z": UnitCycle, "N": ParentUnknown, "M": ParentUnknown, "E": ParentUnknown,
    }  # fmt: skip


def test_a_batch_of_endless_chains_costs_little() -> None:
    # Each row used to climb up to 64 rows: 20,000 of them stopped the service for nine seconds.
    rows = [unit(f"B{number}", f"B{(number + 1) % 5_000}") for number in range(5_000)]
    chain = [unit(f"C{number}", f"C{number + 1}" if number < 4_999 else None) for number in range(5_000)]
    begun = time.process_time()
    circle = place_together({one.unit_id: one for one in rows}, {})
    line = place_together({one.unit_id: one for one in chain}, {})
    assert time.process_time() - begun < 1.5
    assert all(isinstance(one, UnitCycle) for one in circle.values())
    assert sum(isinstance(one, Timeline) for one in line.values()) == 64


def test_a_move_into_the_own_subtree_is_refused_on_the_days_of_the_move_only() -> None:
    known = placed(unit("R"), unit("A", "R"), unit("B", "A"))
    a, b = known[unit_id("A")], known[unit_id("B")]
    with pytest.raises(UnitCycle):
        demand_outside_subtree(a, b, date(2015, 6, 1), None)
    with pytest.raises(UnitCycle):
        demand_outside_subtree(a, a, date(2015, 6, 1), None)
    freed = change_unit(b, date(2015, 3, 1), {"parent_id": unit_id("R")}, LATER)
    freed = place_unit(freed, known.get, known.__contains__)
    demand_outside_subtree(a, freed, date(2015, 6, 1), None)
    with pytest.raises(UnitCycle):
        demand_outside_subtree(a, freed, date(2015, 2, 1), None)


def test_a_path_splits_where_a_parent_moved() -> None:
    known = placed(unit("R"), unit("S", "R"), unit("A", "R"), unit("B", "A"))
    moved = change_unit(known[unit_id("A")], date(2015, 7, 1), {"parent_id": unit_id("S")}, LATER)
    known[unit_id("A")] = place_unit(moved, known.get, known.__contains__)
    below = place_unit(known[unit_id("B")], known.get, lambda one: one != unit_id("A"))
    assert [(span.effective_from.month, span.path) for span in below.spans] == [(1, "R/A/B/"), (7, "R/S/A/B/")]


def test_the_same_unit_given_again_says_nothing_new() -> None:
    known = placed(unit("A"))[unit_id("A")]
    assert same_unit(known, unit("A"))
    assert not same_unit(known, unit("A", since=date(2015, 2, 1)))
    assert not same_unit(known, replace(unit("A"), spans=(replace(unit("A").spans[0], name="甲"),)))


changes = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.dictionaries(
            st.sampled_from(["name", "groups"]), st.sampled_from(["甲", "乙", "丙"]), min_size=1, max_size=2
        ),
    ),
    max_size=8,
)


@given(changes)
def test_any_changes_keep_a_whole_timeline_that_says_what_was_last_said(
    steps: list[tuple[int, dict[str, str]]],
) -> None:
    """Whatever is changed: no gap, no overlap, neighbours differ, and on the day of a change it holds what was said."""
    timeline = placed(unit("A"))[unit_id("A")]
    for number, (offset, given_changes) in enumerate(steps):
        day = START + timedelta(days=offset)
        attributes: Mapping[str, Any] = {
            name: {"location": value} if name == "groups" else value for name, value in given_changes.items()
        }
        before = timeline
        timeline = change_unit(timeline, day, attributes, LATER + timedelta(days=number))
        _demand_whole(timeline.spans)
        on_day = timeline.on(day)
        assert on_day is not None
        assert {name: getattr(on_day, name) for name in attributes} == dict(attributes)
        for earlier in range(0, offset, 7):
            was, now = before.on(START + timedelta(days=earlier)), timeline.on(START + timedelta(days=earlier))
            assert was is not None
            assert now is not None
            assert [getattr(was, name) for name in ATTRIBUTES] == [getattr(now, name) for name in ATTRIBUTES]


def _demand_whole(spans: tuple[Span, ...]) -> None:
    assert spans[0].effective_from == START
    assert spans[-1].effective_to is None
    for one, next_one in pairwise(spans):
        assert one.effective_to == next_one.effective_from
        assert any(getattr(one, name) != getattr(next_one, name) for name in ATTRIBUTES)
