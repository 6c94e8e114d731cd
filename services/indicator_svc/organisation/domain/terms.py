"""The rules of appointments (任职), pure: who may be given which role, one liaison per unit, moving and revoking.

A term is a role over a unit between two days. Its identity comes from whom, which role, where and since when it was
first given, and stays when the term is moved.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.identity import unit_id
from shared.contracts.roles import Role, Scope
from shared.errors import Refused

_MACHINE_ROLES = frozenset({Role.SOURCE_SYSTEM, Role.SERVICE, Role.OPERATOR})
_OPERATORS_ROLES = frozenset({Role.OPERATOR, Role.AUDITOR, Role.SERVICE})


class SecondLiaison(Refused):
    """Exactly one liaison is active in a unit at any time (domain.md §1)."""

    code = "second_liaison"
    zh, en = "该单位在此期间已有联络员", "The unit already has a liaison on these days"


class AppointmentDiffers(Refused):
    """The same role of the same subject in the same unit since the same day is already recorded with other content."""

    code = "appointment_differs"
    zh, en = "同一任职已存在且内容不同", "The same appointment exists with other content"


class AppointmentRevoked(Refused):
    """A revoked appointment is neither changed nor given again; a new one begins on another day."""

    code = "appointment_revoked"
    zh, en = "该任职已撤销，如需重新任命请使用新的起始日期", "The appointment is revoked; appoint anew from another day"


class AppointmentDatesCrossed(Refused):
    """An appointment ends after it begins."""

    code = "appointment_dates_crossed"
    zh, en = "任职结束日期必须晚于起始日期", "An appointment must end after it begins"


class RoleNotYours(Refused):
    """Operators, auditors and services are appointed by operators only."""

    status = 403
    code = "role_not_yours"
    zh, en = "该角色只能由运维人员任命", "Only an operator appoints to this role"


class OwnAppointment(Refused):
    """Nobody changes their own appointments."""

    status = 403
    code = "own_appointment"
    zh, en = "不能变更本人的任职", "Nobody may change their own appointments"


class RoleOfMachines(Refused):
    """Persons hold people's roles and clients machines' roles."""

    code = "role_of_machines"
    zh, en = "客户端与人员的角色不可混用", "A client cannot hold a person's role, nor a person a machine's"


@dataclass(frozen=True)
class Term:
    """An appointment: `subject` is a person's id or a client's id; `effective_to` exclusive."""

    appointment_id: UUID
    version: int
    subject: str
    role: Role
    unit_id: UUID
    scope: Scope
    effective_from: date
    effective_to: date | None
    recorded_at: datetime
    revoked_at: datetime | None = None

    def overlaps(self, other: "Term") -> bool:
        """Whether the two hold on a common day."""
        return (other.effective_to is None or self.effective_from < other.effective_to) and (
            self.effective_to is None or other.effective_from < self.effective_to
        )


def appointment_id(subject: str, role: Role, unit_code: str, since: date) -> UUID:
    """The identity of an appointment from what it was when first given."""
    return uuid5(unit_id(unit_code), f"appointment/{subject}/{role}/{since.isoformat()}")


def demand_sound(term: Term, *, is_client: bool) -> None:
    """Raise AppointmentDatesCrossed or RoleOfMachines for a term that cannot be."""
    if term.effective_to is not None and term.effective_to <= term.effective_from:
        raise AppointmentDatesCrossed
    if is_client and term.role not in _MACHINE_ROLES:
        raise RoleOfMachines
    if not is_client and term.role in {Role.SOURCE_SYSTEM, Role.SERVICE}:
        raise RoleOfMachines


def demand_may_appoint(term: Term, *, by: str, by_operator: bool) -> None:
    """Raise OwnAppointment or RoleNotYours if this subject may not give, move or end this term."""
    if term.subject == by:
        raise OwnAppointment
    if term.role in _OPERATORS_ROLES and not by_operator:
        raise RoleNotYours


def demand_one_liaison(term: Term, others: Iterable[Term]) -> None:
    """Raise SecondLiaison if the unit has another liaison on any of the term's days. `others`: terms of the unit."""
    if term.role is not Role.UNIT_LIAISON or term.revoked_at is not None:
        return
    for other in others:
        active = other.role is Role.UNIT_LIAISON and other.revoked_at is None
        if active and other.appointment_id != term.appointment_id and other.overlaps(term):
            raise SecondLiaison


def same_term(known: Term, given: Term) -> bool:
    """Whether an appointment that is given again says nothing new."""
    return (known.unit_id, known.scope, known.effective_to) == (given.unit_id, given.scope, given.effective_to)


def move_term(term: Term, changes: dict[str, Any], recorded_at: datetime) -> Term:
    """The term with another unit, scope or last day. Raises AppointmentRevoked or AppointmentDatesCrossed."""
    if term.revoked_at is not None:
        raise AppointmentRevoked
    moved = replace(term, **changes, version=term.version + 1, recorded_at=recorded_at)
    if moved.effective_to is not None and moved.effective_to <= moved.effective_from:
        raise AppointmentDatesCrossed
    return moved


def revoke_term(term: Term, at: datetime) -> Term:
    """The term ended at once. Raises AppointmentRevoked if it already was."""
    if term.revoked_at is not None:
        raise AppointmentRevoked
    return replace(term, version=term.version + 1, recorded_at=at, revoked_at=at)
