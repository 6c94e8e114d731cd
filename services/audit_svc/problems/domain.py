"""The rule book of problems (问题): who is held to what for a loss, and how a problem lives.

Belongs here: the pure rule that decides tier, measure, interview and interviewer from the policy table, and the state
machine of a problem. Does not belong here: storing, asking the time, or how a whole chunk of deductions is followed
(following.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from uuid import UUID, uuid5

from shared.contracts.periods import Period
from shared.errors import Refused

ProblemState = Literal["open", "rectifying", "reported", "returned", "extended", "verified", "struck_off", "lifted"]
Verb = Literal["accept_plan", "report", "return", "extend", "verify", "strike_off", "lift", "reopen"]

UNASSIGNED = "unassigned"
BELOW_THRESHOLD = "below_threshold"
FINISHED: frozenset[ProblemState] = frozenset({"struck_off", "lifted"})
_CENT = Decimal("0.01")

_AT_WORK: tuple[ProblemState, ...] = ("rectifying", "returned", "extended")
_MOVES: dict[Verb, tuple[tuple[ProblemState, ...], ProblemState]] = {
    "accept_plan": (("open",), "rectifying"),
    "report": (_AT_WORK, "reported"),
    "return": (("reported",), "returned"),
    "extend": (_AT_WORK, "extended"),
    "verify": (("reported",), "verified"),
    "strike_off": (("verified",), "struck_off"),
    "lift": (("open", *_AT_WORK, "reported", "verified", "struck_off"), "lifted"),
    "reopen": (("lifted", "struck_off"), "open"),
}


class ProblemStepRefused(Refused):
    """A step that the state of the problem does not allow."""

    code = "problem_step_refused"
    zh, en = "问题处于“{state}”状态，不能执行“{verb}”", "A problem that is {state} cannot {verb}"


def advance(state: ProblemState, verb: Verb) -> ProblemState:
    """The state after a step. Raises ProblemStepRefused where there is no such way."""
    sources, target = _MOVES[verb]
    if state not in sources:
        raise ProblemStepRefused(state=state, verb=verb)
    return target


def problem_id_of(deduction_id: UUID) -> UUID:
    """The identity of the one problem of a deduction."""
    return uuid5(deduction_id, "problem")


def case_id_of(unit_id: UUID, indicator_id: UUID, number: int) -> UUID:
    """The identity of the n-th case of a unit and indicator, the same in whatever order the deductions came."""
    return uuid5(unit_id, f"case/{indicator_id}/{number}")


@dataclass(frozen=True)
class Condition:
    """One condition of a tier. What is None does not count; all that is given must hold.

    `share_at_least`: loss ÷ full marks; `loss_at_least`: points; `repeats_at_least`: deductions of the same unit and
    indicator within `repeats_within_months` months up to and including this period, only those of `of_tier` or graver
    where it is given ("two oranges in half a year").
    """

    share_at_least: Decimal | None = None
    loss_at_least: Decimal | None = None
    repeats_at_least: int | None = None
    repeats_within_months: int | None = None
    of_tier: str | None = None


@dataclass(frozen=True)
class Tier:
    """One row of the policy table: when it applies and what it demands. `make_up_share` is of the loss, 0 to 1.

    `cured_share`: the largest share of the full marks that a later period may lose and still prove the cure.
    """

    tier: str
    name: str
    name_en: str
    any_of: tuple[Condition, ...]
    measure: str
    interview: bool
    interviewer_post: str
    respond_within_working_days: int
    rectify_within_working_days: int
    make_up_share: Decimal
    cured_share: Decimal = Decimal(0)


@dataclass(frozen=True)
class Policy:
    """An accountability policy: tiers from the gravest to the lightest. No sets named means every set."""

    code: str
    version: int
    effective_from: date
    set_ids: frozenset[UUID]
    tiers: tuple[Tier, ...]


@dataclass(frozen=True)
class Lost:
    """What one cell lost: the period, its full marks and the loss in points."""

    deduction_id: UUID
    period: Period
    full_marks: Decimal
    loss: Decimal


@dataclass(frozen=True)
class Judged:
    """An earlier loss of the same unit and indicator, with the severity it was judged to have."""

    period: Period
    severity: int


@dataclass(frozen=True)
class Measures:
    """What follows from a loss. `severity` orders tiers, higher is graver; 0 where no tier applies."""

    tier: str
    severity: int
    measure: str | None
    interview: bool
    interviewer_post: str | None
    respond_within: int | None
    rectify_within: int | None
    make_up_share: Decimal
    cured_share: Decimal
    policy_code: str | None
    policy_version: int | None


UNJUDGED = Measures(UNASSIGNED, 0, None, False, None, None, None, Decimal(0), Decimal(0), None, None)  # noqa: FBT003
NOTHING_LOST = replace(UNJUDGED, tier=BELOW_THRESHOLD)


def policy_for(policies: Iterable[Policy], set_id: UUID, day: date) -> Policy | None:
    """The policy that judges a set on a day: one that names the set before one for all, then the latest in force.

    Of each policy the highest version counts that is in force on the day: a version for the second half of the year
    leaves the first half to the one before.
    """
    in_force: dict[str, Policy] = {}
    for policy in sorted(policies, key=lambda one: one.version):
        if policy.effective_from <= day:
            in_force[policy.code] = policy
    fitting = [policy for policy in in_force.values() if not policy.set_ids or set_id in policy.set_ids]
    return max(fitting, key=lambda p: (bool(p.set_ids), p.effective_from, p.code), default=None)


def assign(policy: Policy | None, lost: Lost, history: Sequence[Judged]) -> Measures:
    """Who interviews whom, by when, for a loss: the first tier of the policy whose conditions hold.

    `history` is the other losses of the same unit and indicator. Without a policy the loss stays `unassigned`.
    Source: the bureau's policy table; escalation by repeats is data too.
    """
    if policy is None:
        return UNJUDGED
    alone = _tier(policy, lost, history, own_severity=None)
    reached = _tier(policy, lost, history, own_severity=alone)
    judged_by = replace(UNJUDGED, tier=BELOW_THRESHOLD, policy_code=policy.code, policy_version=policy.version)
    if reached == 0:
        return judged_by
    tier = policy.tiers[len(policy.tiers) - reached]
    return replace(
        judged_by,
        tier=tier.tier,
        severity=reached,
        measure=tier.measure,
        interview=tier.interview,
        interviewer_post=tier.interviewer_post,
        respond_within=tier.respond_within_working_days,
        rectify_within=tier.rectify_within_working_days,
        make_up_share=tier.make_up_share,
        cured_share=tier.cured_share,
    )


def judge(policies: Sequence[Policy], set_id: UUID, losses: Iterable[Lost]) -> dict[UUID, Measures]:
    """Judge all losses of one unit and indicator, in the order of their periods, whatever the order they came in."""
    judged: dict[UUID, Measures] = {}
    history: list[Judged] = []
    for lost in sorted(losses, key=lambda one: (one.period.last, one.period.first)):
        measures = assign(policy_for(policies, set_id, lost.period.last), lost, history)
        judged[lost.deduction_id] = measures
        history.append(Judged(lost.period, measures.severity))
    return judged


def make_up_points(loss: Decimal, share: Decimal) -> Decimal:
    """The points that a verified cure wins back: the share of the loss, half up to 2 places."""
    return (loss * share).quantize(_CENT, rounding=ROUND_HALF_UP)


def is_cured(full_marks: Decimal, loss: Decimal, cured_share: Decimal) -> bool:
    """Whether a later period's figure proves the cure: nothing lost, or at most the tolerated share."""
    return loss <= 0 or loss <= full_marks * cured_share


def _tier(policy: Policy, lost: Lost, history: Sequence[Judged], own_severity: int | None) -> int:
    """The severity reached; conditions on earlier tiers count this loss with the severity it has without them."""
    ranks = {tier.tier: len(policy.tiers) - place for place, tier in enumerate(policy.tiers)}
    for tier in policy.tiers:
        for condition in tier.any_of:
            if condition.of_tier is not None and own_severity is None:
                continue
            least = ranks.get(condition.of_tier or "", 0)
            if _holds(condition, lost, history, least, own_severity or 0):
                return ranks[tier.tier]
    return 0


def _holds(condition: Condition, lost: Lost, history: Sequence[Judged], least: int, own: int) -> bool:
    if condition.share_at_least is not None and (
        # A cell without full marks has no share.
        lost.full_marks <= 0 or lost.loss < condition.share_at_least * lost.full_marks
    ):
        return False
    if condition.loss_at_least is not None and lost.loss < condition.loss_at_least:
        return False
    if condition.repeats_at_least is None:
        return True
    since = _month_number(lost.period.last) - (condition.repeats_within_months or 1)
    before = sum(
        earlier.severity >= least
        for earlier in history
        if since < _month_number(earlier.period.last) <= _month_number(lost.period.last)
    )
    # A slight loss after two grave ones is not itself the third grave one.
    return own >= least and before + 1 >= condition.repeats_at_least


def _month_number(day: date) -> int:
    return day.year * 12 + day.month
