"""How far a caller may reach, worked out from the permission tables and the tree alone: no line of shared.auth here."""

from collections.abc import Mapping

from shared.contracts.roles import Role, Scope
from tests.permissions.tree import EVALUATED, EVALUATOR, OTHER_EVALUATOR, UNITS, Caller, above, below

Permissions = Mapping[str, frozenset[Role]]


def holds(table: Permissions, caller: Caller, permission: str) -> bool:
    """Whether the caller's one role carries the permission."""
    return caller.role in table[permission]


def reach(table: Permissions, caller: Caller, permission: str) -> frozenset[str]:
    """The units over which the caller holds the permission."""
    if not holds(table, caller, permission):
        return frozenset()
    if caller.scope is Scope.ALL:
        return frozenset(UNITS)
    return frozenset({caller.unit} if caller.scope is Scope.OWN else below(caller.unit))


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
