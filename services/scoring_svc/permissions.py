"""Which roles hold which permission of scoring_svc. How far a grant reaches comes from the appointment."""

from collections.abc import Mapping

from shared.contracts.roles import Role

_OFFICE = frozenset({Role.PERFORMANCE_OFFICE})
_READERS = frozenset(
    {
        Role.PERFORMANCE_OFFICE,
        Role.EVALUATING_DEPARTMENT,
        Role.UNIT_LIAISON,
        Role.UNIT_LEADER,
        Role.COMMITTEE,
        Role.PERSONNEL,
        Role.AUDITOR,
    }
)

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    # Rules are drafted by departments, checked by the office, and sent by indicator_svc before it publishes.
    "rules.check": frozenset({Role.SERVICE, Role.EVALUATING_DEPARTMENT, Role.PERFORMANCE_OFFICE}),
    # The states of periods show no unit's data: who evaluates, is evaluated or watches needs them; so do services.
    "periods.read": _READERS | {Role.SERVICE, Role.OPERATOR},
    # The performance office runs cycles: it fences, confirms, closes, and sees what holds a period up.
    "periods.run": _OFFICE,
    # A recompute is the whole set's; what it did shows every unit's cells.
    "recomputes.run": _OFFICE,
    "recomputes.read": frozenset({Role.PERFORMANCE_OFFICE, Role.AUDITOR}),
    # Scores, entries, proofs and deductions of the units (or the evaluating department's indicators) within reach.
    "scores.read": _READERS,
    # What is confirmed or closed is changed by two persons: the office asks, somebody else decides.
    "corrections.ask": _OFFICE,
    "corrections.decide": _OFFICE | {Role.COMMITTEE},
    # Who sees the facts of peers in a proof by name; all others see pseudonyms and hashes.
    "peers.read": frozenset({Role.PERFORMANCE_OFFICE, Role.AUDITOR}),
    # Rankings in the making are shown row by row within reach, published ones to every evaluated unit.
    "rankings.read": _READERS,
    # A published ranking is the bureau's word.
    "rankings.publish": _OFFICE,
    # Who gives what for which award is no unit's secret; the whole bureau's table is published by its office.
    "bonus_tables.read": _READERS,
    "bonus_tables.publish": _OFFICE,
    # Bonus requests: units ask for themselves, departments give their opinion on their classes, the office decides.
    "bonus.read": _READERS,
    "bonus.write": frozenset({Role.UNIT_LIAISON, Role.UNIT_LEADER, Role.PERFORMANCE_OFFICE}),
    "bonus.opine": frozenset({Role.EVALUATING_DEPARTMENT}),
    "bonus.decide": _OFFICE,
    # Points that the bureau itself lost are apportioned by its office.
    "external_losses.write": _OFFICE,
    # What-if and diagnostics: the office over the whole set, a department over the indicators that it evaluates.
    "simulations.run": _OFFICE | {Role.EVALUATING_DEPARTMENT},
    "simulations.read": _OFFICE | {Role.EVALUATING_DEPARTMENT},
    # The pre-heat of the next year is asked for by indicator_svc too.
    "preheats.read": _OFFICE | {Role.EVALUATING_DEPARTMENT, Role.SERVICE},
}
