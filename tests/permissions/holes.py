"""Holes planted in the running services, one at a time: the same matrix must notice every one of them.

Each is a slip that a change could bring: a scope forgotten in one query, a filter or a cursor that goes around it, a
role too many. They are made where the code would have them, and taken back at the end.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

from shared.auth import Actor, Reach
from shared.contracts.roles import Role, Scope
from tests.permissions.bureau import Bureau

EVERYTHING = Reach(everything=True, units=(), subtrees=())
Plant = Callable[[Bureau], AbstractContextManager[None]]


@dataclass(frozen=True)
class Hole:
    """A slip, where it is made, and the routes (by the ends of their paths) that it opens."""

    name: str
    service: str
    plant: Plant
    routes: tuple[str, ...]


@contextmanager
def _instead(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _module(path: str) -> Any:
    return importlib.import_module(f"services.{path}")


def reaches_all(permission: str) -> Plant:
    """One permission reaches everything, whatever the appointment says."""
    reach = Actor.reach

    def careless(self: Actor, wanted: str) -> Reach:
        return EVERYTHING if wanted == permission else reach(self, wanted)

    return lambda _: _instead(Actor, "reach", careless)


def reach_is(change: Callable[[Reach, Actor], Reach]) -> Plant:
    """Every reach is worked out carelessly."""
    reach = Actor.reach
    return lambda _: _instead(Actor, "reach", lambda self, wanted: change(reach(self, wanted), self))


def _children_of_own(reach: Reach, actor: Actor) -> Reach:
    own = tuple(grant.path for grant in actor.grants if grant.scope is Scope.OWN)
    return replace(reach, subtrees=(*reach.subtrees, *own))


def _half_a_path(reach: Reach, _: Actor) -> Reach:
    return replace(reach, subtrees=tuple(path.rstrip("/") for path in reach.subtrees))


def role_too_many(service: str, permission: str, role: Role) -> Plant:
    """A role holds a permission that is not its own."""

    @contextmanager
    def plant(bureau: Bureau) -> Iterator[None]:
        table = bureau.services[service].app.state.authenticator._roles_of
        before = table[permission]
        table[permission] = before | {role}
        try:
            yield
        finally:
            table[permission] = before

    return plant


def _widened(value: Any) -> Any:
    if isinstance(value, Reach):
        return EVERYTHING
    if is_dataclass(value) and not isinstance(value, type) and isinstance(getattr(value, "reach", None), Reach):
        return replace(value, reach=EVERYTHING)
    return value


def forgets_scope(module: str, function: str, when: Callable[[dict[str, Any]], bool] = lambda _: True) -> Plant:
    """A query ignores how far the caller reaches, always or when asked in a certain way (by its keyword arguments)."""

    def plant(_: Bureau) -> AbstractContextManager[None]:
        owner = _module(module)
        real = getattr(owner, function)

        def careless(*places: Any, **names: Any) -> Any:
            if when({**names, "places": places}):
                places = tuple(_widened(one) for one in places)
                names = {name: _widened(one) for name, one in names.items()}
            return real(*places, **names)

        return _instead(owner, function, careless)

    return plant


def judges_by(module: str, first: str, last: str) -> Plant:
    """The days on which a unit must have been held are not those of the period."""
    return lambda _: _instead(_module(module), "days_of", lambda _: (f"{first}::date", f"{last}::date"))


def does_not_ask(module: str, function: str, *, waits: bool = False) -> Plant:
    """A check is left out."""

    def plant(_: Bureau) -> AbstractContextManager[None]:
        def nothing(*_: Any, **__: Any) -> None:
            """The check that nobody made."""

        async def nothing_later(*_: Any, **__: Any) -> None:
            """The check that nobody made."""

        return _instead(_module(module), function, nothing_later if waits else nothing)

    return plant


def rule_says(module: str, owner: str, function: str, *, answer: Any) -> Plant:
    """A rule gives everybody the same answer."""
    return lambda _: _instead(getattr(_module(module), owner), function, lambda *_: answer)


def _filters_by_unit(names: dict[str, Any]) -> bool:
    filters = next((one for one in names["places"] if isinstance(one, dict)), {})
    return (names.get("unit") or filters.get("unit")) is not None


def _goes_on(names: dict[str, Any]) -> bool:
    return bool(names.get("after"))


HOLES: tuple[Hole, ...] = (
    Hole("units.read reaches everything", "indicator_svc", reaches_all("units.read"), ("/units", "/units/{code}")),
    Hole(
        "a reach over a unit includes the units below",
        "indicator_svc",
        reach_is(_children_of_own),
        ("/people", "/units"),
    ),
    Hole("paths are compared without their last slash", "indicator_svc", reach_is(_half_a_path), ("/units", "/people")),
    Hole(
        "holders of a role are listed whatever the scope",
        "indicator_svc",
        forgets_scope("indicator_svc.organisation.reading", "people_page", lambda names: names.get("role") is not None),
        ("/people",),
    ),
    Hole(
        "appointments may be made over any unit",
        "indicator_svc",
        does_not_ask("indicator_svc.organisation.use_cases.staff", "_demand_reach"),
        ("/appointment-batches",),
    ),
    Hole(
        "the metrics of the bureau are changed from one unit",
        "indicator_svc",
        does_not_ask("indicator_svc.catalogue.api", "_demand_everywhere"),
        ("/metric-batches",),
    ),
    Hole(
        "a published card is answered to anybody",
        "indicator_svc",
        forgets_scope("indicator_svc.catalogue.repository", "published_card"),
        ("/indicators/{indicator_id}",),
    ),
    Hole(
        "liaisons may draft cards",
        "indicator_svc",
        role_too_many("indicator_svc", "drafts.write", Role.UNIT_LIAISON),
        ("/card-batches",),
    ),
    Hole("the trail is open to any auditor", "indicator_svc", reaches_all("trail.read"), ("/trail",)),
    Hole(
        "the filter by unit goes around the scope of facts",
        "submission_svc",
        forgets_scope("submission_svc.facts.repository", "list_facts", _filters_by_unit),
        ("/v1/facts",),
    ),
    Hole(
        "the second page of facts forgets the scope",
        "submission_svc",
        forgets_scope("submission_svc.facts.repository", "list_facts", _goes_on),
        ("/v1/facts",),
    ),
    Hole(
        "the versions of a fact are answered to anybody",
        "submission_svc",
        forgets_scope("submission_svc.facts.repository", "versions_of"),
        ("/versions",),
    ),
    Hole("facts of any unit may be amended", "submission_svc", reaches_all("facts.amend"), ("/fact-changes",)),
    Hole(
        "liaisons write the facts of every unit",
        "submission_svc",
        reaches_all("facts.write.self_reported"),
        ("/fact-batches",),
    ),
    Hole(
        "inspectors put up fences",
        "submission_svc",
        role_too_many("submission_svc", "fences.write", Role.INSPECTOR),
        ("/fences",),
    ),
    Hole(
        "a single score is answered to anybody",
        "scoring_svc",
        forgets_scope("scoring_svc.ledger.reading", "one_score"),
        ("/scores/{indicator_id}/{unit_id}/{period}", "/proofs/{indicator_id}/{unit_id}/{period}", "/{subject}"),
    ),
    Hole(
        "the filter by unit goes around the scope of deductions",
        "scoring_svc",
        forgets_scope("scoring_svc.ledger.reading", "deductions", _filters_by_unit),
        ("/deductions",),
    ),
    Hole(
        "scores are scoped by today's tree alone",
        "scoring_svc",
        judges_by("scoring_svc.ledger.reading", "NULL", "NULL"),
        ("/v1/scores", "/proofs/{indicator_id}/{unit_id}/{period}"),
    ),
    Hole(
        "who held a unit once reads its scores for ever",
        "scoring_svc",
        judges_by("scoring_svc.ledger.reading", "'-infinity'", "'infinity'"),
        ("/v1/scores",),
    ),
    Hole(
        "an office of one unit runs the bureau's periods",
        "scoring_svc",
        does_not_ask("scoring_svc.ledger.use_cases", "demand_all_units", waits=True),
        ("/holdups", "/close"),
    ),
    Hole(
        "the provisional ranking shows every unit",
        "scoring_svc",
        reaches_all("rankings.read"),
        ("/rankings/provisional",),
    ),
    Hole(
        "the party sees as its own what every unit lost",
        "scoring_svc",
        rule_says("scoring_svc.ranking.pages", "Party", "within", answer=None),
        ("/leading-losses", "/grades"),
    ),
    Hole(
        "a single bonus request is answered to anybody",
        "scoring_svc",
        forgets_scope("scoring_svc.bonus.reading", "one_request"),
        ("/bonus-requests/{request_id}",),
    ),
    Hole(
        "the filter by unit goes around the scope of external losses",
        "scoring_svc",
        forgets_scope("scoring_svc.bonus.reading", "losses", _filters_by_unit),
        ("/external-losses",),
    ),
    Hole(
        "an office decides on the bonuses of any unit",
        "scoring_svc",
        reaches_all("bonus.decide"),
        ("/bonus-requests/{request_id}/refusal", "/revocation"),
    ),
    Hole(
        "the card of a unit shows every cell",
        "scoring_svc",
        forgets_scope("scoring_svc.reports.repository", "cells_of_unit"),
        ("/score-cards/{unit}",),
    ),
    Hole(
        "one indicator is shown across all units",
        "scoring_svc",
        forgets_scope("scoring_svc.reports.repository", "across_units"),
        ("/v1/indicator-scores",),
    ),
    Hole(
        "what was simulated for the whole set is answered to departments",
        "scoring_svc",
        does_not_ask("scoring_svc.simulation.use_cases", "demand_readable", waits=True),
        ("/simulations/{simulation_id}", "/variants/{number}"),
    ),
    Hole(
        "any office simulates and examines the whole set",
        "scoring_svc",
        does_not_ask("scoring_svc.simulation.use_cases", "demand_all_units", waits=True),
        ("/simulations", "/diagnostics/{set_code}", "/preheats/{set_code}"),
    ),
    Hole(
        "any office recomputes the whole set",
        "scoring_svc",
        does_not_ask("scoring_svc.recomputes.api", "demand_all_units", waits=True),
        ("/recomputes",),
    ),
    Hole(
        "a single problem is answered to anybody",
        "audit_svc",
        forgets_scope("audit_svc.problems.api", "one"),
        ("/problems/{problem_id}",),
    ),
    Hole(
        "cures of any unit may be accepted and reported",
        "audit_svc",
        does_not_ask("audit_svc.rectification.api", "demand", waits=True),
        ("/report",),
    ),
    Hole(
        "a unit learns of findings before they are confirmed",
        "audit_svc",
        role_too_many("audit_svc", "findings.read.unconfirmed", Role.UNIT_LEADER),
        ("/findings", "/findings/{finding_id}"),
    ),
    Hole(
        "the filter by unit goes around the scope of interviews",
        "audit_svc",
        forgets_scope("audit_svc.interviews.api", "page", _filters_by_unit),
        ("/v1/interviews",),
    ),
)
