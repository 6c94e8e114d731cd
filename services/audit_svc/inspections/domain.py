"""The rule book of findings (督查发现): recorded by one inspector, confirmed by another, or withdrawn. Pure."""

from typing import Literal
from uuid import UUID, uuid5

from shared.errors import Refused

FindingState = Literal["recorded", "confirmed", "withdrawn"]

_MOVES: dict[str, tuple[tuple[FindingState, ...], FindingState]] = {
    "confirm": (("recorded",), "confirmed"),
    "withdraw": (("recorded", "confirmed"), "withdrawn"),
}


class FindingStepRefused(Refused):
    """A step that the state of the finding does not allow."""

    code = "finding_step_refused"
    zh, en = "该发现处于“{state}”状态，不能执行“{verb}”", "A finding that is {state} cannot {verb}"


class SecondPersonNeeded(Refused):
    """Who recorded a finding does not confirm it."""

    code = "second_person_needed"
    zh, en = "查实须由另一名督查人员进行", "Another inspector must confirm what one has found"


class ProblemTypeUnknown(Refused):
    """No published inspection indicator reads this problem type for this unit and kind of period."""

    code = "problem_type_unknown"
    zh, en = (
        "没有已发布的督查指标采用该问题类型、单位和期间",
        "No published inspection indicator reads this type, unit and period",
    )


def advance(state: FindingState, verb: str) -> FindingState:
    """The state after a step. Raises FindingStepRefused."""
    sources, target = _MOVES[verb]
    if state not in sources:
        raise FindingStepRefused(state=state, verb=verb)
    return target


def confirm(state: FindingState, recorded_by: str, confirmer: str) -> FindingState:
    """Confirmation by a second person. Raises FindingStepRefused, SecondPersonNeeded."""
    if confirmer == recorded_by:
        raise SecondPersonNeeded
    return advance(state, "confirm")


def count_id_of(metric_id: UUID, unit_id: UUID, period: str) -> UUID:
    """The identity under which the count of a problem type in a unit and period travels."""
    return uuid5(metric_id, f"findings/{unit_id}/{period}")
