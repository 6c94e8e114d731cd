"""Which role holds which permission of indicator_svc; how far it reaches says the appointment."""

from collections.abc import Mapping

from shared.contracts.roles import Role

_PEOPLE = frozenset(set(Role) - {Role.SOURCE_SYSTEM, Role.SERVICE})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    # Everyone who works with the system sees the units of their part of the tree.
    "units.read": _PEOPLE,
    # The performance office keeps the tree; an operator loads it before anybody is appointed.
    "units.write": frozenset({Role.PERFORMANCE_OFFICE, Role.OPERATOR}),
    # Names of people are personal data: those of one's own scope. A machine client needs none.
    "people.read": _PEOPLE,
    # Personnel keeps the staff list; operator and performance office at set-up.
    "people.write": frozenset({Role.PERSONNEL, Role.PERFORMANCE_OFFICE, Role.OPERATOR}),
    # Who holds which role is for those who appoint, check or audit; leaders see their own units'.
    "appointments.read": frozenset(
        {Role.PERFORMANCE_OFFICE, Role.PERSONNEL, Role.OPERATOR, Role.AUDITOR, Role.UNIT_LEADER}
    ),
    # Appointing is personnel's and the performance office's work; an operator makes the first appointments.
    "appointments.write": frozenset({Role.PERFORMANCE_OFFICE, Role.PERSONNEL, Role.OPERATOR}),
    # A change that reaches back into a fenced period is approved by who answers for the scores of all.
    "backdating.approve": frozenset({Role.PERFORMANCE_OFFICE, Role.COMMITTEE}),
    # Working days decide deadlines for all, machines too.
    "calendars.read": frozenset(Role),
    "calendars.write": frozenset({Role.PERFORMANCE_OFFICE, Role.OPERATOR}),
    # A metric is no unit's data: whoever fills in or posts facts must know what is asked.
    "metrics.read": frozenset(Role),
    # What is collected is the whole bureau's, so the performance office keeps it (and the routes ask for a reach over
    # all); an operator loads it at set-up.
    "metrics.write": frozenset({Role.PERFORMANCE_OFFICE, Role.OPERATOR}),
    # Published cards are read by whoever evaluates, is evaluated, or oversees; the query applies the scope.
    "indicators.read": _PEOPLE,
    # Drafts are the drafting side's until publication.
    "drafts.read": frozenset({Role.PERFORMANCE_OFFICE, Role.EVALUATING_DEPARTMENT, Role.COMMITTEE, Role.AUDITOR}),
    # Departments draft the cards they will evaluate; the performance office may draft any.
    "drafts.write": frozenset({Role.PERFORMANCE_OFFICE, Role.EVALUATING_DEPARTMENT}),
    # Sets are made and published by the performance office alone (domain.md §2).
    "indicator_sets.write": frozenset({Role.PERFORMANCE_OFFICE}),
    "indicator_sets.publish": frozenset({Role.PERFORMANCE_OFFICE}),
}
