"""Which roles hold which permission of scoring_svc. How far a grant reaches comes from the appointment."""

from collections.abc import Mapping

from shared.contracts.roles import Role
from shared.reach import EVERY_PERSON

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
    # What stands beside a set's scores is the same for all its units; who reads scores reads it.
    "context.declare": _OFFICE,
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
    # A report puts together what its asker may read anyway; problems in it are for whom audit_svc shows them to.
    "reports.make": _READERS,
    "reports.read": _READERS,
    "reports.problems": _READERS - {Role.EVALUATING_DEPARTMENT},
    # What-if and diagnostics: the office over the whole set, a department over the indicators that it evaluates.
    "simulations.run": _OFFICE | {Role.EVALUATING_DEPARTMENT},
    "simulations.read": _OFFICE | {Role.EVALUATING_DEPARTMENT},
    # Personal results: what is one's own, and to mark whom the round names one for, needs no appointment.
    "personal.own": EVERY_PERSON,
    # Results of others: leaders read their units', those who decide on people within their reach.
    "personal.read": _OFFICE | {Role.UNIT_LEADER, Role.COMMITTEE, Role.PERSONNEL, Role.AUDITOR},
    # The office opens, closes and publishes rounds; it marks where a scheme names it. Leaders mark their own people.
    "personal.run": _OFFICE,
    "personal.lead": frozenset({Role.UNIT_LEADER}),
    # Who gave which mark.
    "personal_marks.read": _OFFICE | {Role.AUDITOR},
    # The year's end: the office runs it, the committee approves and rules on appeals, neither for the other. How far a
    # result has come shows no unit's data; appeals and what follows from a result are shown within reach.
    "year_end.read": _READERS,
    "year_end.run": _OFFICE,
    "year_end.approve": frozenset({Role.COMMITTEE}),
    # An archive holds every fact and score of every unit.
    "archives.read": _OFFICE | {Role.AUDITOR},
    # The pre-heat of the next year is asked for by indicator_svc too.
    "preheats.read": _OFFICE | {Role.EVALUATING_DEPARTMENT, Role.SERVICE},
}
