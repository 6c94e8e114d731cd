"""The tree of the matrix's bureau, its canaries, and who calls: plain data, so that the oracle can be read at a glance.

One district's code begins with another's, so that a careless comparison of paths shows.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.identity import unit_id
from shared.contracts.roles import Role, Scope

CITY = "QCITY"
# Two offices left a district on a day: one for another district, one is gone.
MOVED, MERGED = "QD1-M", "QD1-G"
BEGIN, TURN, TODAY = "2015-01-01", "2015-02-01", "2015-02-10"
# code -> (kind, parent), as the tree is today; the office that is gone stands nowhere
TREE: Mapping[str, tuple[str, str | None]] = {
    CITY: ("city_bureau", None),
    "QOFF": ("performance_office", CITY),
    "QD-EV": ("department", CITY),
    "QD-OT": ("department", CITY),
    "QD1": ("district_bureau", CITY),
    "QD1-S": ("section", "QD1"),
    "QD1-T": ("tax_office", "QD1"),
    "QD10": ("district_bureau", CITY),
    "QD10-S": ("section", "QD10"),
    "QD10-T": ("tax_office", "QD10"),
    "QD3": ("district_bureau", CITY),
    "QD3-S": ("section", "QD3"),
    "QD3-T": ("tax_office", "QD3"),
    MOVED: ("tax_office", "QD3"),
    MERGED: ("tax_office", None),
}
# Where those two stood before, until TURN.
FORMER_PARENT: Mapping[str, str] = {MOVED: "QD1", MERGED: "QD1"}
UNITS = tuple(TREE)
STANDING = tuple(code for code in UNITS if code != MERGED)
EVALUATED = tuple(code for code in UNITS if code.startswith(("QD1", "QD3")))
# The department that evaluates the cards for everybody, and the one that evaluates each unit's own card.
EVALUATOR, OTHER_EVALUATOR = "QD-EV", "QD-OT"
MACHINE_ROLES = frozenset({Role.SOURCE_SYSTEM, Role.SERVICE})

Placement = tuple[str, Scope]
SMALL: tuple[Placement, ...] = (
    ("QD10", Scope.OWN),
    ("QD1", Scope.SUBTREE),
    (EVALUATOR, Scope.OWN),
    (CITY, Scope.ALL),
)
FULL: tuple[Placement, ...] = (
    *SMALL,
    ("QD1-S", Scope.OWN),
    ("QD10-T", Scope.SUBTREE),
    ("QD3", Scope.SUBTREE),
    ("QD3-T", Scope.OWN),
    (OTHER_EVALUATOR, Scope.SUBTREE),
    ("QOFF", Scope.OWN),
    (MOVED, Scope.OWN),
    (MERGED, Scope.SUBTREE),
)
REVOKED: Placement = ("QD10-S", Scope.SUBTREE)


def secret(unit: str) -> str:
    """The word that stands in every text and name of a unit, and nowhere else."""
    return "secret" + hashlib.sha256(unit.encode()).hexdigest()[:12]


def covert(unit: str) -> str:
    """The word in what the unit itself must not learn yet: findings that nobody has confirmed."""
    return "covert" + hashlib.sha256(unit.encode()).hexdigest()[:12]


def figure(unit: str) -> str:
    """The value of every fact of a unit: it loses all points, and nobody else has it."""
    return f"6{UNITS.index(unit) % 10}.{int(hashlib.sha256(unit.encode()).hexdigest()[:10], 16):013d}7"


def path_of(unit: str) -> str:
    """The codes from the root down, each followed by a slash."""
    parent = TREE[unit][1]
    return (path_of(parent) if parent else "") + unit + "/"


def above(unit: str) -> set[str]:
    """The units above a unit."""
    return {code for code in path_of(unit).split("/") if code} - {unit}


def below(unit: str) -> set[str]:
    """The unit and everything below it."""
    return {code for code in UNITS if code == unit or unit in above(code)}


def relatives(unit: str) -> dict[str, str]:
    """One unit for each relation to the given one, where there is one."""
    parent = TREE[unit][1]
    siblings = [code for code in UNITS if TREE[code][1] == parent and code != unit and TREE[code][0] == TREE[unit][0]]
    found = {
        "own": unit,
        "child": next((code for code in UNITS if TREE[code][1] == unit), None),
        "parent": parent,
        "sibling": siblings[0] if siblings else None,
        "foreign": next(
            code for code in ("QD3-S", "QD10-S", "QD1-S") if code not in below(unit) and TREE[code][1] != parent
        )
        if unit != CITY
        else "QD3-S",
    }
    return {relation: code for relation, code in found.items() if code}


@dataclass(frozen=True)
class Caller:
    """Somebody with exactly one appointment, perhaps a revoked one. `code` is a staff number or a client id."""

    code: str
    role: Role
    unit: str
    scope: Scope
    revoked: bool = False

    @property
    def is_client(self) -> bool:
        """Whether a machine calls."""
        return self.role in MACHINE_ROLES

    def __str__(self) -> str:
        return f"{self.role}@{self.unit}/{self.scope}{' revoked' if self.revoked else ''}"


def callers(placements: Iterable[Placement]) -> list[Caller]:
    """Every role at every place, and once more at the place where all appointments are revoked."""
    made = []
    places = [(*placement, False) for placement in placements]
    for place, (unit, scope, revoked) in enumerate([*places, (*REVOKED, True)]):
        for number, role in enumerate(Role):
            kind = "cl" if role in MACHINE_ROLES else "P"
            made.append(Caller(f"{kind}-{place:02d}-{number:02d}", role, unit, scope, revoked))
    return made


def weak_marks(unit: str) -> tuple[str, ...]:
    """What names a unit without being its secret: its code as a JSON text, and its id."""
    identity: UUID = unit_id(unit)
    return f'"{unit}"', str(identity)
