"""The rule book of rectification (整改): plan, acceptance, actions, report, verification, strike-off (销号). Pure.

The state of the cure is the problem's own; what stands here are the gates: nothing is reported before every action has
ended, nothing is struck off without the written verification.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid5

from services.audit_svc.problems.domain import ProblemState, advance, is_cured, make_up_points
from shared.contracts.periods import Period
from shared.errors import Detail, Refused


class ActionsNotEnded(Refused):
    """A report is due only when every action has ended."""

    code = "actions_not_ended"
    zh, en = "仍有 {open} 项整改措施未完成", "{open} actions have not ended yet"


class PlanNotAccepted(Refused):
    """The plan waits for the performance office."""

    code = "plan_not_accepted"
    zh, en = "整改方案尚未审定", "The plan has not been accepted yet"


class PlanAlreadyAccepted(Refused):
    """An accepted plan is not replaced; it is worked off, returned or extended."""

    code = "plan_already_accepted"
    zh, en = "整改方案已审定", "The plan has been accepted"


class ActionAlreadyEnded(Refused):
    """An action ends once; its evidence is not replaced."""

    code = "action_already_ended"
    zh, en = "该项整改措施已完成", "This action has already ended"


class ExtensionNotLater(Refused):
    """An extension moves the deadline back in time or leaves it."""

    code = "extension_not_later"
    zh, en = "新期限须晚于原期限 {due}", "The new deadline must be later than {due}"


class DueBeforePlanned(Refused):
    """Nobody can promise to have been ready before the day of the promise."""

    code = "due_before_planned"
    zh, en = "期限 {due} 早于制定之日 {planned_on}", "It is due on {due}, before {planned_on} when it was planned"


class DuePastDeadline(Refused):
    """The policy, or the extension, says until when the cure must be done."""

    code = "due_past_deadline"
    zh, en = "期限 {due} 晚于整改期限 {deadline}", "It is due on {due}, after the deadline of the cure, {deadline}"


class OwnerUnknown(Refused):
    """Somebody must answer for an action, and nobody bears this staff number."""

    status, code = 422, "owner_unknown"
    zh, en = "没有工号为 {owner} 的人员", "Nobody bears the staff number {owner}"


class OwnerOutsideUnit(Refused):
    """An action is done by the unit that answers for the loss: its own people, or those below it."""

    code = "owner_outside_unit"
    zh, en = "{owner} 现不在责任单位任职", "{owner} does not serve in the responsible unit at present"


@dataclass(frozen=True)
class Evidence:
    """A later confirmed figure of the same unit and indicator."""

    period: Period
    cell_version: int
    state: str
    full_marks: Decimal
    loss: Decimal


@dataclass(frozen=True)
class Cure:
    """What decides over a problem's end: state, open actions, the tolerated share, points already regained."""

    state: ProblemState
    open_actions: int
    cured_share: Decimal
    loss: Decimal
    make_up_share: Decimal
    verification_written: bool
    points_regained: bool


@dataclass(frozen=True)
class Verdict:
    """What follows: the new state, the figure that proved it, the points to win back, and the figures that did not."""

    state: ProblemState
    proof: Evidence | None
    points: Decimal | None
    not_cured: tuple[Evidence, ...]


def rectification_id_of(problem_id: UUID) -> UUID:
    """The identity of the one rectification of a problem."""
    return uuid5(problem_id, "rectification")


def demand_in_time(dues: Mapping[str, date], planned_on: date, today: date, deadline: date | None) -> None:
    """Each due day lies between the day it is planned and the deadline of the cure; `dues` by place in the request.

    A deadline that has passed already bounds nothing: a plan that comes late is overdue whatever it says, and the
    performance office decides over its days when it accepts it. Raises DueBeforePlanned, DuePastDeadline.
    """
    for pointer, due in dues.items():
        if due < planned_on:
            raise DueBeforePlanned(due=due, planned_on=planned_on, details=[Detail(pointer, DueBeforePlanned.code)])
        if deadline is not None and today <= deadline < due:
            raise DuePastDeadline(due=due, deadline=deadline, details=[Detail(pointer, DuePastDeadline.code)])


def settle(cure: Cure, later: Sequence[Evidence]) -> Verdict:
    """Verify a reported cure by the earliest later figure that proves it, and strike off what is verified and regained.

    `later` is the confirmed figures of later periods of the same kind. Exempt and not scorable cells prove nothing.
    A cure whose policy gives no points back is struck off at once. The order in which report, figure and points
    arrive does not matter: this is asked again after each.
    """
    state, proof, points = cure.state, None, None
    usable = sorted((one for one in later if one.state == "scored"), key=lambda one: one.period.last)
    not_cured = tuple(one for one in usable if not is_cured(one.full_marks, one.loss, cure.cured_share))
    if state == "reported" and cure.open_actions == 0:
        proof = next((one for one in usable if one not in not_cured), None)
        if proof is not None:
            state = advance(state, "verify")
            points = make_up_points(cure.loss, cure.make_up_share)
    written = cure.verification_written or proof is not None
    regained = cure.points_regained or points == 0
    if state == "verified" and written and regained and cure.open_actions == 0:
        state = advance(state, "strike_off")
    return Verdict(state, proof, points, not_cured)


def demand_all_ended(open_actions: int) -> None:
    """Raise ActionsNotEnded while an action is open."""
    if open_actions:
        raise ActionsNotEnded(open=open_actions)
