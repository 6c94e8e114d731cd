"""Which role holds which permission in submission_svc: everybody acts only within their units."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.contracts.roles import Role

_READERS = frozenset(
    {
        Role.PERFORMANCE_OFFICE,
        Role.EVALUATING_DEPARTMENT,
        Role.UNIT_LIAISON,
        Role.UNIT_LEADER,
        Role.COMMITTEE,
        Role.INSPECTOR,
        Role.AUDITOR,
    }
)

PERMISSIONS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        # Registering a source system changes who may post: configuration, and the office's own business.
        "sources.write": frozenset({Role.OPERATOR, Role.PERFORMANCE_OFFICE}),
        "sources.read": frozenset({Role.OPERATOR, Role.PERFORMANCE_OFFICE, Role.AUDITOR}),
        # Whoever fills in facts; how far each of them reaches is said by the three permissions below.
        "facts.write": frozenset(
            {Role.SOURCE_SYSTEM, Role.EVALUATING_DEPARTMENT, Role.UNIT_LIAISON, Role.PERFORMANCE_OFFICE}
        ),
        # Any metric of the units within reach; a source system is held to its registration on top.
        "facts.write.any": frozenset({Role.PERFORMANCE_OFFICE, Role.SOURCE_SYSTEM}),
        # Liaisons type only what their unit is asked to report itself.
        "facts.write.self_reported": frozenset({Role.UNIT_LIAISON}),
        # Departments fill the metrics of the indicators they evaluate, for every evaluated unit.
        "facts.write.evaluated": frozenset({Role.EVALUATING_DEPARTMENT}),
        # Units read their own facts, departments those of the metrics they evaluate, the office and auditors all.
        "facts.read": _READERS,
        "facts.read.evaluated": frozenset({Role.EVALUATING_DEPARTMENT}),
        # After a fence only the performance office changes facts, with a reason.
        "facts.amend": frozenset({Role.PERFORMANCE_OFFICE}),
        # A receipt is read by who sent the batch; the office, operators and auditors read all.
        "receipts.read": _READERS | {Role.SOURCE_SYSTEM, Role.OPERATOR},
        "receipts.read.all": frozenset({Role.PERFORMANCE_OFFICE, Role.OPERATOR, Role.AUDITOR}),
        # scoring_svc owns the period states and is the only one to end collecting.
        "fences.write": frozenset({Role.SERVICE}),
        # Who owes what, within one's own units.
        "tasks.read": _READERS,
        # Counts of published indicators: no unit's data.
        "burden.read": _READERS | {Role.OPERATOR},
    }
)
