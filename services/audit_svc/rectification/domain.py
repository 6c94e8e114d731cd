"""The rule book of rectification (整改): plan, acceptance, actions, report, verification, strike-off (销号). Pure.

The state of the cure is the problem's own; what stands here are the gates: nothing is reported before every action has
ended, nothing is struck off without the written verification.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid5

from services.audit_svc.problems.domain import ProblemState, advance, is_cured, make_up_points
from shared.contracts.periods import Period
from shared.errors import Refused


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
