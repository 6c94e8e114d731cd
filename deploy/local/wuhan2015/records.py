"""What a data pack holds, as typed records; nothing here reads files or draws facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

PERIOD_KINDS = ("month", "quarter", "half_year", "year")


class PackFileInvalid(ValueError):
    """A file of the pack breaks a rule; the text names file, line and what is wrong."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit of the tree; `groups` are its peer groups by dimension: {"location": "urban", "size": "large"}."""

    code: str
    name: str
    kind: str
    parent_code: str
    groups: Mapping[str, str]
    effective_from: date


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person (invented) and the post held."""

    code: str
    name: str
    unit_code: str
    post: str


@dataclass(frozen=True, kw_only=True)
class Appointment:
    """A role with its scope; `person_code` is a client id where the role is source_system.

    `effective_to` is the first day without the role.
    """

    person_code: str
    role: str
    unit_code: str
    scope: str
    effective_from: date
    effective_to: date | None


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Working days: Monday to Friday, but for the days that the file names."""

    closed: Mapping[date, str]
    working: Mapping[date, str]

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on this day."""
        if day in self.working:
            return True
        return day not in self.closed and day.weekday() < 5  # noqa: PLR2004 Saturday is 5

    def working_day_after(self, day: date, count: int) -> date:
        """The count-th working day after `day` (the day itself does not count)."""
        left = count
        while left > 0:
            day += timedelta(days=1)
            left -= self.is_working_day(day)
        return day


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is collected. `allowed` holds the fields where the type is records."""

    code: str
    name: str
    name_en: str
    type: str
    unit: str
    unit_en: str
    allowed: Any  # JSON as it stands in the file: a list, an interval, "any", or fields
    period_kind: str
    supplied_by: str


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """A card of the pack: texts, place in the tree, rule and bindings; `effective_to` is the first day without it."""

    set_code: str
    code: str
    name: str
    definition: str
    standard: str
    level1: str
    level2: str
    type: str
    points: str
    evaluating_department: str
    evaluated_group: str
    period_kind: str
    fill_mode: str
    filler: str
    source_system: str | None
    due_working_days: int
    immediate: bool
    method: str
    rule: Mapping[str, Any]
    bindings: Mapping[str, Mapping[str, str]]
    effective_to: date | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """Codes of the metrics that the rule reads, in the order of its inputs."""
        return tuple(binding["metric"] for binding in self.bindings.values() if "metric" in binding)


@dataclass(frozen=True, kw_only=True)
class IndicatorSet:
    """An indicator set; `levels` is the tree of worths, level 1 over level 2, as in the file.

    `outside_total`: its points are stated but stand outside the 1000.
    """

    code: str
    name: str
    name_en: str
    year: int
    evaluated_group: str
    points: str
    outside_total: bool
    levels: tuple[Mapping[str, Any], ...]
    indicators: tuple[Indicator, ...]


@dataclass(frozen=True, kw_only=True)
class SourceSystem:
    """A machine client, the metrics that it may supply, and its quotas."""

    client_id: str
    name: str
    name_en: str
    owner: str
    metrics: tuple[str, ...]
    quotas: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One tier of the accountability policy; the field list is explained in policy.json itself."""

    tier: str
    name: str
    name_en: str
    any_of: tuple[Mapping[str, Any], ...]
    measure: str
    interview: bool
    interviewer_post: str
    respond_within_working_days: int
    rectify_within_working_days: int
    make_up_share: str
    cured_share: str


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The accountability policy: tiers from the gravest to the lightest."""

    code: str
    name: str
    name_en: str
    effective_from: date
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The whole pack, checked: every reference resolves and every level adds up."""

    units: tuple[Unit, ...]
    people: tuple[Person, ...]
    appointments: tuple[Appointment, ...]
    calendar: Calendar
    metrics: Mapping[str, Metric]
    sets: Mapping[str, IndicatorSet]
    source_systems: tuple[SourceSystem, ...]
    policy: Policy
    story: Mapping[str, Any]
    generation: Mapping[str, Any]
    unit_by_code: Mapping[str, Unit] = field(repr=False)
    person_by_code: Mapping[str, Person] = field(repr=False)

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The indicators of all sets, in file order."""
        return tuple(card for one in self.sets.values() for card in one.indicators)

    @property
    def districts(self) -> tuple[Unit, ...]:
        """The evaluated units: the district bureaus, in file order."""
        return tuple(unit for unit in self.units if unit.kind == "district_bureau")

    def holder(self, role: str, unit_code: str) -> str:
        """Code of the first person with this role at exactly this unit.

        Raises:
            LookupError: nobody holds the role there.

        """
        for appointment in self.appointments:
            if appointment.role == role and appointment.unit_code == unit_code:
                return appointment.person_code
        raise LookupError(f"nobody is {role} at {unit_code}")
