"""Which role may do what in audit_svc; how far a role reaches is said by the appointment."""

from collections.abc import Mapping

from shared.contracts.roles import Role

# Who follows a lost point: the unit that lost it, who runs the performance work, and who supervises both.
_READERS = frozenset(
    {
        Role.PERFORMANCE_OFFICE,
        Role.UNIT_LEADER,
        Role.UNIT_LIAISON,
        Role.COMMITTEE,
        Role.PERSONNEL,
        Role.AUDITOR,
    }
)
_UNIT = frozenset({Role.UNIT_LEADER, Role.UNIT_LIAISON})
_OFFICE = frozenset({Role.PERFORMANCE_OFFICE})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "problems.read": _READERS,
    # What became of deductions, by id and state alone, for a service that puts it before whoever may read it.
    "problems.register": frozenset({Role.SERVICE}),
    # The unit itself says why it lost points.
    "problems.analyse": _UNIT,
    # The table is public within the bureau: everybody may know what follows from a loss.
    "policies.read": frozenset(Role) - {Role.SOURCE_SYSTEM},
    # The performance office keeps the policy table.
    "policies.publish": _OFFICE,
    # Gaps name units of the whole bureau, so only those who answer for all of it see them.
    "reconciliation.read": frozenset({Role.PERFORMANCE_OFFICE, Role.AUDITOR, Role.OPERATOR}),
    "interviews.read": _READERS,
    # The office invites and keeps the record; it does not sign.
    "interviews.arrange": _OFFICE,
    "interviews.record": _OFFICE,
    # The leader in charge signs for one side, the head of the unit for the other; who exactly, the notice names.
    "interviews.sign": frozenset({Role.UNIT_LEADER, Role.COMMITTEE}),
    "rectifications.read": _READERS,
    # The unit plans, acts and reports; it cannot accept its own plan.
    "rectifications.plan": _UNIT,
    "rectifications.act": _UNIT,
    "rectifications.decide": _OFFICE,
    # A unit sees what was found with it, once that is confirmed; inspectors and the office see all of it.
    "findings.read": _READERS | {Role.INSPECTOR},
    # A covert visit stays covert to the unit: what is not confirmed is for who inspects, decides or oversees there.
    "findings.read.unconfirmed": frozenset(
        {Role.INSPECTOR, Role.PERFORMANCE_OFFICE, Role.COMMITTEE, Role.PERSONNEL, Role.AUDITOR}
    ),
    # Inspectors find and, two different persons, confirm.
    "findings.record": frozenset({Role.INSPECTOR}),
    "findings.confirm": frozenset({Role.INSPECTOR}),
    "findings.withdraw": frozenset({Role.INSPECTOR}),
}
