"""What an actor holds and how far it reaches: pure, so that rules of any room may speak of it.

Belongs here: grants, reach, actor. Does not belong here: how a caller is recognised (auth.py), which role holds which
permission (each service's permissions.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.roles import Role, Scope
from shared.errors import Forbidden, OutsideScope


class _EveryPerson(frozenset[Role]):
    """No role: see EVERY_PERSON."""


EVERY_PERSON = _EveryPerson()
"""In a table of permissions: every person holds it, appointed or not, no machine; it reaches over no unit.

For what is a person's own: what else they may see or do there, the route works out from other permissions.
"""


@dataclass(frozen=True)
class Grant:
    """A role held today over a unit: `path` is the unit's place in the tree, ending with a slash."""

    role: Role
    scope: Scope
    unit_id: UUID | None
    path: str


@dataclass(frozen=True)
class Reach:
    """The units over which an actor holds a permission: all, single ones, or whole subtrees by path."""

    everything: bool
    units: tuple[UUID, ...]
    subtrees: tuple[str, ...]

    def covers(self, unit_id: UUID, path: str) -> bool:
        """Whether a unit at that path lies within reach."""
        return self.everything or unit_id in self.units or any(path.startswith(root) for root in self.subtrees)

    def demand(self, unit_id: UUID, path: str) -> None:
        """Raise OutsideScope unless the unit lies within reach."""
        if not self.covers(unit_id, path):
            raise OutsideScope

    @property
    def parameters(self) -> tuple[bool, list[UUID], list[str]]:
        """The three parameters of `reach_condition`, in order."""
        return self.everything, list(self.units), list(self.subtrees)


def reach_condition(unit_id: str, path: str, first: int) -> str:
    """The predicate of a hand-written statement: `first` is the number of the first of Reach.parameters.

    `unit_id` and `path` are column expressions of this code, never input.
    """
    return (
        f"(${first}::boolean OR {unit_id} = ANY(${first + 1}::uuid[]) "
        f"OR EXISTS (SELECT 1 FROM unnest(${first + 2}::text[]) AS reach(root) WHERE starts_with({path}, reach.root)))"
    )


@dataclass(frozen=True)
class Actor:
    """The authenticated caller with what they hold today. `subject` is a person's id or a client's id."""

    subject: str
    is_client: bool
    grants: tuple[Grant, ...]
    roles_of: Mapping[str, frozenset[Role]]

    def may(self, permission: str) -> bool:
        """Whether any grant carries the permission, wherever; or whether every person holds it."""
        roles = self.roles_of[permission]
        if roles is EVERY_PERSON:
            return not self.is_client
        return any(grant.role in roles for grant in self.grants)

    def has(self, *roles: Role) -> bool:
        """Whether the actor holds one of these roles, wherever."""
        return any(grant.role in roles for grant in self.grants)

    def reach(self, permission: str) -> Reach:
        """How far the permission reaches. Raises Forbidden if no grant carries it."""
        roles = self.roles_of[permission]
        held = [grant for grant in self.grants if grant.role in roles]
        if not held:
            raise Forbidden(permission=permission)
        return Reach(
            everything=any(grant.scope is Scope.ALL for grant in held),
            units=tuple(g.unit_id for g in held if g.scope is Scope.OWN and g.unit_id is not None),
            subtrees=tuple(grant.path for grant in held if grant.scope is Scope.SUBTREE),
        )

    @property
    def person_id(self) -> UUID | None:
        """The person's id, or None for a machine."""
        return None if self.is_client else UUID(self.subject)
