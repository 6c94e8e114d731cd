"""The roles of a bureau and how far an appointment reaches; held by appointments, never by tokens."""

from enum import StrEnum


class Role(StrEnum):
    """Who may do what; each service maps its permissions to these."""

    PERFORMANCE_OFFICE = "performance_office"
    EVALUATING_DEPARTMENT = "evaluating_department"
    UNIT_LIAISON = "unit_liaison"
    UNIT_LEADER = "unit_leader"
    COMMITTEE = "committee"
    INSPECTOR = "inspector"
    PERSONNEL = "personnel"
    SOURCE_SYSTEM = "source_system"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"


class Scope(StrEnum):
    """How far an appointment reaches from its unit."""

    OWN = "own"
    SUBTREE = "subtree"
    ALL = "all"
