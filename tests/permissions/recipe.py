"""How one route is asked about one unit, and which units the caller may see or change there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.contracts.roles import Scope
from tests.permissions.bureau import Bureau
from tests.permissions.oracle import Permissions, everywhere, holds, reach, reach_in
from tests.permissions.tree import EVALUATED, UNITS, Caller, figure, secret

Units = frozenset[str]
Sees = Callable[[Permissions, Caller], Units]
Kind = Literal["rows", "object", "write"]
ALL_UNITS, NONE = frozenset(UNITS), frozenset[str]()
ALL_EVALUATED = frozenset(EVALUATED)


@dataclass(frozen=True)
class Ask:
    """A request, without who asks."""

    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Asking = Callable[[Bureau, Caller, str], Awaitable[Ask]]


def strong_marks(unit: str) -> tuple[str, ...]:
    """What only somebody who may see the unit's objects can have read."""
    return secret(unit), figure(unit)


@dataclass(frozen=True)
class Recipe:
    """One route. `sees`: the units over which a caller gets through; `objects`: those that have something here.

    `rows` answers lists (`unit_filter` is its parameter for a unit, `pages` says that it has cursors), `object` single
    things, `write` changes. `shows`: what is seen bears the unit's mark. `names`: codes and ids of other units are
    public here. `only_works_for`: the one person of a unit for whom the change can succeed, where it is not any caller.
    """

    service: str
    method: str
    path: str
    kind: Kind
    ask: Asking
    sees: Sees
    objects: Sequence[str] = EVALUATED
    marks: Callable[[str], tuple[str, ...]] = strong_marks
    unit_filter: str | None = None
    pages: bool = False
    shows: bool = True
    names: bool = False
    only_works_for: Callable[[str], str] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Which route it is for."""
        return self.service, self.method, self.path

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path}"


def within(permission: str, objects: Sequence[str] = UNITS) -> Sees:
    """The units within the reach of a permission."""
    return lambda table, caller: reach(table, caller, permission) & frozenset(objects)


def held(permission: str, period: str, objects: Sequence[str] = UNITS) -> Sees:
    """The units whose records of a period are within the reach of a permission."""
    return lambda table, caller: reach_in(table, caller, permission, period) & frozenset(objects)


def below_within(permission: str) -> Sees:
    """The units below which the caller may add some: a reach over the unit alone does not cover its future children."""
    return lambda table, caller: NONE if caller.scope is Scope.OWN else reach(table, caller, permission)


def whole_bureau(permission: str) -> Sees:
    """Only who answers for the whole bureau gets through."""
    return lambda table, caller: ALL_UNITS if everywhere(table, caller, permission) else NONE


def all_evaluated(permission: str) -> Sees:
    """Only who reaches every evaluated unit gets through: one step is for all of them."""
    return lambda table, caller: ALL_UNITS if reach(table, caller, permission) >= ALL_EVALUATED else NONE


def holders(permission: str) -> Sees:
    """Whoever holds the permission: what is there is no unit's data."""
    return lambda table, caller: ALL_UNITS if holds(table, caller, permission) else NONE


def plain(path: str, **query: Any) -> Asking:
    """A GET that is the same for every unit."""

    async def ask(_: Bureau, __: Caller, ___: str) -> Ask:
        return Ask(path, query)

    return ask


def tag(version: object) -> dict[str, str]:
    """If-Match for a version; nothing for an object that is not there yet."""
    return {} if version is None else {"if-match": f'"{version}"'}


def common(
    service: str, permission: str, path: str, *, query: Mapping[str, Any] | None = None, **places: Any
) -> Recipe:
    """A GET that shows no unit's data to whoever holds its permission; `places` fill the path."""
    ask = plain(path.format(**places), **(query or {}))
    return Recipe(service, "GET", path, "object", ask, holders(permission), ("QD1",), shows=False, names=True)


def trail(service: str) -> Recipe:
    """The trail holds what was done in all units, so it is for those who answer for all of them."""
    ask = plain("/v1/trail", limit=500)
    return Recipe(
        service, "GET", "/v1/trail", "object", ask, whole_bureau("trail.read"), ("QD1",), shows=False, names=True
    )
