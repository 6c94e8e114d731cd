"""How far a caller may reach, worked out from the permission tables and the tree alone: no line of shared.auth here.

Whoever changes something is judged by today's tree. Whoever reads the record of a period also sees the units that stood
below their own on some day of it, up to today.
"""

from collections.abc import Mapping

from shared.contracts.roles import Role, Scope
from shared.reach import EVERY_PERSON
from tests.permissions.tree import (
    BEGIN,
    EVALUATED,
    EVALUATOR,
    FORMER_PARENT,
    MERGED,
    OTHER_EVALUATOR,
    TODAY,
    TURN,
    UNITS,
    Caller,
    above,
    below,
)

# First and last day of what the matrix reads.
DAYS: Mapping[str, tuple[str, str]] = {
    "2015-01": ("2015-01-01", "2015-01-31"),
    "2015-02": ("2015-02-01", "2015-02-28"),
    "2015-Q1": ("2015-01-01", "2015-03-31"),
    "2015-01-15": ("2015-01-15", "2015-01-15"),
}
Permissions = Mapping[str, frozenset[Role]]


def holds(table: Permissions, caller: Caller, permission: str) -> bool:
    """Whether the caller's one role carries the permission; a revoked one, or one over a unit that is gone, none.

    What every person holds is held by the revoked too.
    """
    if table[permission] is EVERY_PERSON:
        return not caller.is_client
    return caller.role in table[permission] and not caller.revoked and caller.unit != MERGED


def reach(table: Permissions, caller: Caller, permission: str) -> frozenset[str]:
    """The units over which the caller holds the permission."""
    if not holds(table, caller, permission):
        return frozenset()
    if caller.scope is Scope.ALL:
        return frozenset(UNITS)
    return frozenset({caller.unit} if caller.scope is Scope.OWN else below(caller.unit))


def reach_in(table: Permissions, caller: Caller, permission: str, period: str) -> frozenset[str]:
    """The units whose records of a period the caller reads: those of today, and those held on a day of the period."""
    today = reach(table, caller, permission)
    first, last = DAYS[period]
    if caller.scope is not Scope.SUBTREE or not today or first >= TURN or min(last, TODAY) < BEGIN:
        return today
    return today | {unit for unit, parent in FORMER_PARENT.items() if caller.unit in {parent} | above(parent)}


def with_own(reached: frozenset[str], caller: Caller) -> frozenset[str]:
    """These units, and the one in which the caller serves: what is about them there, they read themselves."""
    return reached if caller.is_client else reached | {caller.unit}


def everywhere(table: Permissions, caller: Caller, permission: str) -> bool:
    """Whether the caller answers for the whole bureau."""
    return holds(table, caller, permission) and caller.scope is Scope.ALL


def evaluates_in(reached: frozenset[str]) -> frozenset[str]:
    """The units whose cells a reader also sees because a department within reach evaluates them."""
    return frozenset(EVALUATED) if reached & {EVALUATOR, OTHER_EVALUATOR} else frozenset()


def audience(table: Permissions, caller: Caller, permission: str, parties: frozenset[str]) -> bool:
    """Whether published cards of these parties concern the caller: within reach, or above the unit they serve in."""
    if not holds(table, caller, permission):
        return False
    mine = {caller.unit} | above(caller.unit)
    return caller.scope is Scope.ALL or bool(parties & (reach(table, caller, permission) | mine))
