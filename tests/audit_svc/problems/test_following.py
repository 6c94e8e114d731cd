"""The final state of a pair depends on what was said, not on the order in which it arrived, nor on repeats of it."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit_svc.problems.cases import close_if_done
from services.audit_svc.problems.domain import Condition, Policy, Tier
from services.audit_svc.problems.following import follow
from services.audit_svc.problems.objects import Case, Moment, Problem, Stated
from shared.clock import SHANGHAI

UNIT, INDICATOR, SET = UUID(int=1), UUID(int=2), UUID(int=3)
MOMENT = Moment(date(2015, 3, 10), datetime(2015, 3, 10, tzinfo=SHANGHAI))


def tier(name: str, *conditions: Condition, interview: bool = False) -> Tier:
    return Tier(name, name, name, conditions, "talk", interview, "局长", 5, 20, Decimal("0.5"))


POLICY = Policy(
    "P",
    1,
    date(2015, 1, 1),
    frozenset(),
    (
        tier("red", Condition(share_at_least=Decimal("0.8")), interview=True),
        tier("orange", Condition(repeats_at_least=3, repeats_within_months=4)),
        tier("yellow", Condition(share_at_least=Decimal(0))),
    ),
)


def stated(month: int, version: int, loss: int) -> Stated:
    return Stated(
        deduction_id=uuid5(UNIT, str(month)),
        version=version,
        set_id=SET,
        indicator_id=INDICATOR,
        indicator_version=1,
        unit_id=UNIT,
        responsible_unit_id=UNIT,
        period=f"2015-{month:02d}",
        full_marks=Decimal(10),
        score=Decimal(10 - loss),
        loss=Decimal(loss),
        clauses=[],
        timing="confirmed",
        reason="scored",
        note="",
    )


class Pair:
    """The problems and cases of one pair, as the use case keeps them."""

    def __init__(self) -> None:
        self.problems: dict[UUID, Problem] = {}
        self.cases: dict[UUID, Case] = {}

    def hear(self, *said: Stated, policies: tuple[Policy, ...] = (POLICY,)) -> None:
        outcome = follow(list(self.problems.values()), list(self.cases.values()), said, policies, MOMENT)
        self.problems |= {one.problem_id: one for one in outcome.problems}
        self.cases |= {one.case_id: one for one in outcome.cases}
        for case in list(self.cases.values()):
            self.cases[case.case_id] = close_if_done(case, list(self.problems.values()), [], MOMENT.today)
        standing = [case for case in self.cases.values() if case.state != "closed"]
        assert len(standing) <= 1

    def seen(self) -> Any:
        problems = sorted(self.problems.values(), key=lambda one: one.period)
        return (
            [replace(one, version=0) for one in problems],
            [replace(one, version=0) for one in self.cases.values()],
        )


said = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(0, 10)), unique_by=lambda one: one[:2], max_size=12
).map(lambda rows: [stated(*row) for row in rows])


@given(said, st.randoms(use_true_random=False), st.integers(0, 12))
@settings(max_examples=300, deadline=None)
def test_any_order_with_repeats_and_a_late_policy_ends_alike(events: list[Stated], draw: Any, published: int) -> None:
    straight = Pair()
    straight.hear(*events)
    shuffled = events + events[: len(events) // 2]
    draw.shuffle(shuffled)
    mixed = Pair()
    for place, event in enumerate(shuffled):
        mixed.hear(event, policies=(POLICY,) if place >= published else ())
    mixed.hear()
    assert mixed.seen() == straight.seen()


@given(said)
@settings(max_examples=100, deadline=None)
def test_hearing_it_again_changes_nothing(events: list[Stated]) -> None:
    pair = Pair()
    pair.hear(*events)
    before = pair.seen()
    outcome = follow(list(pair.problems.values()), list(pair.cases.values()), events, (POLICY,), MOMENT)
    assert (outcome.problems, outcome.cases, outcome.followed) == ((), (), frozenset())
    assert pair.seen() == before


def test_versions_of_the_pair_grow_with_every_change() -> None:
    pair = Pair()
    seen = []
    for event in (stated(1, 1, 9), stated(1, 2, 0), stated(1, 3, 4)):
        pair.hear(event)
        seen.append(next(iter(pair.problems.values())).version)
    assert all(later > earlier for earlier, later in pairwise(seen))
