"""Who held which post in which unit on which days, and who may mark whom. Pure.

The directory tells of appointments by date, and of everybody's unit and post only as they are now: a day without an
appointment that the scheme knows is counted for the unit of now, and the office states what was otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal
from uuid import UUID

from services.scoring_svc.people.domain.scheme import Evaluator, EvaluatorKind
from shared.contracts.periods import Period
from shared.errors import Detail, Refused

Origin = Literal["appointment", "service", "stated"]


class PostingsRefused(Refused):
    """Postings of a person that overlap, are empty, or lie outside the period."""

    status, code = 422, "postings_refused"
    zh, en = "任岗记录有误，详见 details", "The postings cannot be taken; see details"


class NotAnEvaluator(Refused):
    """The scheme does not let this person mark that one here."""

    status, code = 403, "not_an_evaluator"
    zh, en = "您不是该人员此项目的评价人", "You are not an evaluator of this person in this item"


class OwnPersonalResult(Refused):
    """Nobody decides on what makes the result that assesses themself: not on its postings, not on its caps."""

    status, code = 403, "own_personal_result"
    zh, en = "不得对本人的考评结果作出决定", "Nobody decides on the result that assesses themself"


class SecondPersonNeeded(Refused):
    """Who is assessed in a round does not both end its marking and publish it."""

    status, code = 403, "second_person_needed"
    zh, en = (
        "您是本轮考评对象且由您结束评分，须由他人发布结果",
        "You are assessed in this round and ended its marking, so somebody else publishes it",
    )


@dataclass(frozen=True)
class Posting:
    """A post held in a unit from a day until another, exclusive. `post`: a code of the scheme, None: none of its."""

    unit_id: UUID
    post: str | None
    first: date
    until: date
    origin: Origin


def seed(
    period: Period, service: tuple[UUID, str | None], appointments: Sequence[tuple[UUID, str, date, date | None]]
) -> list[Posting]:
    """The postings of a person in a period, as far as the directory tells, without gaps.

    `service`: unit and post as they are now. `appointments`: unit, post, first day and the day after the last one;
    where two hold on a day, the later one counts.
    """
    end = period.last + timedelta(days=1)
    held = [
        (max(first, period.first), min(until or end, end), unit, post)
        for unit, post, first, until in sorted(appointments, key=lambda one: (one[2], str(one[0])))
        if first < end and (until is None or until > period.first)
    ]
    edges = sorted({period.first, end, *(edge for one in held for edge in one[:2])})
    found: list[Posting] = []
    for first, until in pairwise(edges):
        now = [one for one in held if one[0] <= first < one[1]]
        unit, post = now[-1][2:] if now else service
        one = Posting(unit, post, first, until, "appointment" if now else "service")
        last = found[-1] if found else None
        if last and (last.unit_id, last.post, last.origin) == (one.unit_id, one.post, one.origin):
            found[-1] = Posting(unit, post, last.first, until, one.origin)
        else:
            found.append(one)
    return found


def demand_orderly(period: Period, postings: Sequence[Posting], posts: Sequence[str]) -> None:
    """Raise PostingsRefused with every place that is wrong; gaps are allowed, nobody need be in post all the time."""
    faults = []
    end = period.last + timedelta(days=1)
    for number, one in enumerate(postings):
        checks = (
            (one.first >= one.until, "no_days"),
            (one.first < period.first or one.until > end, "outside_period"),
            (number > 0 and one.first < postings[number - 1].until, "overlaps_or_unsorted"),
            (one.post is not None and one.post not in posts, "post_unknown"),
        )
        faults += [Detail(f"/postings/{number}", code) for wrong, code in checks if wrong]
    if faults:
        raise PostingsRefused(details=faults)


def days_in(posting: Posting, counts: Callable[[date], bool]) -> int:
    """How many of a posting's days count."""
    length = (posting.until - posting.first).days
    return sum(counts(posting.first + timedelta(days=number)) for number in range(length))


@dataclass(frozen=True)
class Relation:
    """How an evaluator stands to a person in a round."""

    same_person: bool
    leads: bool
    shares_unit: bool
    on_panel: bool
    in_office: bool


def kind_of(relation: Relation, evaluators: Sequence[Evaluator]) -> EvaluatorKind:
    """As what the evaluator marks: the first kind of the list that fits. Raises NotAnEvaluator.

    Nobody marks themself but as `self`, whatever else they are.
    """
    others = not relation.same_person
    fits: dict[EvaluatorKind, bool] = {
        "self": relation.same_person,
        "unit_leader": others and relation.leads,
        "peer": others and relation.shares_unit,
        "panel": others and relation.on_panel,
        "performance_office": others and relation.in_office,
    }
    for one in evaluators:
        if fits[one.kind]:
            return one.kind
    raise NotAnEvaluator
