"""Reads and checks the pack: typed records, every reference resolved, every level adding up.

A bad edit ends in PackFileInvalid with file and line. What a rule means is not judged here: that is the
work of the rule engine when the set is published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from deploy.local.wuhan2015.cards import Known, read_sets
from deploy.local.wuhan2015.plans import read_generation, read_policy, read_source_systems, read_story
from deploy.local.wuhan2015.reading import Row, read_rows
from deploy.local.wuhan2015.records import (
    PERIOD_KINDS,
    Appointment,
    Calendar,
    Indicator,
    IndicatorSet,
    Metric,
    Pack,
    PackFileInvalid,
    Person,
    Policy,
    SourceSystem,
    Tier,
    Unit,
)

__all__ = [
    "PACK_FOLDER",
    "Appointment",
    "Calendar",
    "Indicator",
    "IndicatorSet",
    "Metric",
    "Pack",
    "PackFileInvalid",
    "Person",
    "Policy",
    "SourceSystem",
    "Tier",
    "Unit",
    "load_pack",
]

PACK_FOLDER = Path(__file__).parent
UNIT_KINDS = ("city_bureau", "performance_office", "department", "district_bureau", "section", "tax_office")
GROUPS = {"location": ("urban", "suburban", "development_zone"), "size": ("large", "medium", "small")}
ROLES = (
    "performance_office",
    "evaluating_department",
    "unit_liaison",
    "unit_leader",
    "committee",
    "inspector",
    "personnel",
    "source_system",
    "operator",
    "auditor",
)
SCOPES = ("own", "subtree", "all")
METRIC_TYPES = (
    "count",
    "amount",
    "number",
    "percent",
    "days",
    "place",
    "marks",
    "points",
    "category",
    "date",
    "key",
    "records",
)
UNITLESS = frozenset(METRIC_TYPES) - {"count", "amount", "number"}


def load_pack(folder: Path = PACK_FOLDER) -> Pack:
    """The pack in this folder, checked.

    Raises:
        PackFileInvalid: a file is absent, malformed, or disagrees with another.

    """
    units = _units(folder)
    people = _people(folder, units)
    metrics = _metrics(folder)
    source_systems = read_source_systems(folder, units, metrics)
    clients = frozenset(system.client_id for system in source_systems)
    sets = read_sets(folder, Known(units, metrics, clients))
    return Pack(
        units=tuple(units.values()),
        people=tuple(people.values()),
        appointments=_appointments(folder, units, people, clients),
        calendar=_calendar(folder),
        metrics=metrics,
        sets=sets,
        source_systems=source_systems,
        policy=read_policy(folder, {person.post for person in people.values()}),
        story=read_story(folder, units, people, metrics, sets),
        generation=read_generation(folder, metrics),
        unit_by_code=units,
        person_by_code=people,
    )


def _units(folder: Path) -> Mapping[str, Unit]:
    units: dict[str, Unit] = {}
    for row in read_rows(folder, "units.csv", ("code", "name", "kind", "parent_code", "groups", "effective_from")):
        code, parent = row.text("code"), row.cells["parent_code"]
        kind = row.one_of("kind", UNIT_KINDS)
        if code in units:
            raise row.invalid(f"the code {code} stands twice")
        if (kind == "city_bureau") != (parent == ""):
            raise row.invalid("the city bureau, and no other unit, stands without parent_code")
        if parent and parent not in units:
            raise row.invalid(f"parent_code {parent} names no unit above this line")
        groups = _groups(row)
        if kind == "district_bureau" and set(groups) != set(GROUPS):
            raise row.invalid(f"groups of a district bureau name {' and '.join(GROUPS)}")
        units[code] = Unit(
            code=code,
            name=row.text("name"),
            kind=kind,
            parent_code=parent,
            groups=groups,
            effective_from=row.day("effective_from"),
        )
    return units


def _groups(row: Row) -> Mapping[str, str]:
    groups: dict[str, str] = {}
    for part in filter(None, row.cells["groups"].split(";")):
        dimension, _, value = part.partition("=")
        if dimension in groups or value not in GROUPS.get(dimension, ()):
            raise row.invalid(f"groups: {part!r} is not written like location=urban;size=large")
        groups[dimension] = value
    return groups


def _people(folder: Path, units: Mapping[str, Unit]) -> Mapping[str, Person]:
    people: dict[str, Person] = {}
    for row in read_rows(folder, "people.csv", ("code", "name", "unit_code", "post")):
        code = row.text("code")
        if code in people:
            raise row.invalid(f"the code {code} stands twice")
        if row.text("unit_code") not in units:
            raise row.invalid(f"unit_code {row.cells['unit_code']} names no unit")
        people[code] = Person(code=code, name=row.text("name"), unit_code=row.cells["unit_code"], post=row.text("post"))
    return people


def _appointments(
    folder: Path, units: Mapping[str, Unit], people: Mapping[str, Person], clients: frozenset[str]
) -> tuple[Appointment, ...]:
    appointments: list[Appointment] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for row in read_rows(folder, "appointments.csv", ("person_code", "role", "unit_code", "scope", "from", "to")):
        role, who = row.one_of("role", ROLES), row.text("person_code")
        if who not in (clients if role == "source_system" else people):
            raise row.invalid(f"person_code {who} names no {'source system' if role == 'source_system' else 'person'}")
        if row.text("unit_code") not in units:
            raise row.invalid(f"unit_code {row.cells['unit_code']} names no unit")
        start, end = row.day("from"), row.day("to") if row.cells["to"] else None
        if end is not None and end < start:
            raise row.invalid("to is earlier than from")
        seen[who, role, row.cells["unit_code"]] += 1
        if seen[who, role, row.cells["unit_code"]] > 1:
            raise row.invalid(f"{who} is already {role} at this unit")
        appointments.append(
            Appointment(
                person_code=who,
                role=role,
                unit_code=row.cells["unit_code"],
                scope=row.one_of("scope", SCOPES),
                effective_from=start,
                effective_to=end,
            )
        )
    return tuple(appointments)


def _calendar(folder: Path) -> Calendar:
    days: dict[str, dict[date, str]] = {"closed": {}, "working": {}}
    for row in read_rows(folder, "calendar.csv", ("date", "kind", "name")):
        day, kind = row.day("date"), row.one_of("kind", ("closed", "working"))
        if day in days["closed"] or day in days["working"]:
            raise row.invalid(f"{day} stands twice")
        days[kind][day] = row.text("name")
    return Calendar(closed=days["closed"], working=days["working"])


def _metrics(folder: Path) -> Mapping[str, Metric]:
    columns = ("code", "name", "name_en", "type", "unit", "unit_en", "allowed", "period_kind", "supplied_by")
    metrics: dict[str, Metric] = {}
    for row in read_rows(folder, "metrics.csv", columns):
        code, kind = row.text("code"), row.one_of("type", METRIC_TYPES)
        if code in metrics:
            raise row.invalid(f"the code {code} stands twice")
        if kind in UNITLESS and (row.cells["unit"] or row.cells["unit_en"]):
            raise row.invalid(f"a metric of type {kind} has no unit of its own")
        allowed = row.json("allowed")
        if (allowed is None) != (kind in ("date", "key")):
            raise row.invalid("allowed is required for every type but date and key, and empty there")
        metrics[code] = Metric(
            code=code,
            name=row.text("name"),
            name_en=row.text("name_en"),
            type=kind,
            unit=row.cells["unit"],
            unit_en=row.cells["unit_en"],
            allowed=allowed,
            period_kind=row.one_of("period_kind", PERIOD_KINDS),
            supplied_by=row.text("supplied_by"),
        )
    return metrics
