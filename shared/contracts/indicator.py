"""Events of indicator_svc: organisation, metrics and published indicator cards."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from shared.contracts.periods import PeriodKind
from shared.contracts.registry import Event, event
from shared.contracts.roles import Role, Scope

_ALL_OTHERS = ("submission_svc", "scoring_svc", "audit_svc")

UnitKind = Literal["city_bureau", "performance_office", "department", "district_bureau", "section", "tax_office"]
FillMode = Literal["extracted", "self_reported", "inspection", "review"]


class UnitSpan(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit is between two days (`effective_to` exclusive; None: open), and when that was recorded.

    `path` is the codes from the root down to the unit, each followed by a slash: `420100/420102/`.
    `groups` are its peer groups by dimension: {"location": "urban"}.
    """

    effective_from: date
    effective_to: date | None
    recorded_at: datetime
    code: str
    name: str
    kind: UnitKind
    parent_id: UUID | None
    path: str
    groups: dict[str, str]


@event("unit.changed.v1", producer="indicator_svc", readers=_ALL_OTHERS)
class UnitChanged(Event, frozen=True, kw_only=True):
    """A unit (单位) with its whole timeline as now known."""

    unit_id: UUID
    version: int
    spans: list[UnitSpan]


@event("person.changed.v1", producer="indicator_svc", readers=_ALL_OTHERS)
class PersonChanged(Event, frozen=True, kw_only=True):
    """A person, the unit where they serve and the name of their post."""

    person_id: UUID
    version: int
    code: str
    name: str
    unit_id: UUID
    post: str


@event("appointment.changed.v1", producer="indicator_svc", readers=_ALL_OTHERS)
class AppointmentChanged(Event, frozen=True, kw_only=True):
    """A role held by a subject (a person's id or a client's id) over a unit; `effective_to` exclusive.

    A revoked appointment has `revoked_at`; it ends at once, whatever the dates say.
    """

    appointment_id: UUID
    version: int
    subject: str
    role: Role
    unit_id: UUID
    scope: Scope
    effective_from: date
    effective_to: date | None
    recorded_at: datetime
    revoked_at: datetime | None = None


class CalendarDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day that differs from Monday to Friday: a holiday or a make-up working day."""

    day: date
    kind: Literal["closed", "working"]
    name: str


@event("calendar.published.v1", producer="indicator_svc", readers=_ALL_OTHERS)
class CalendarPublished(Event, frozen=True, kw_only=True):
    """The working-day calendar of one year; a year that was never published is unknown, not Monday to Friday."""

    year: int
    version: int
    days: list[CalendarDay]


@event("metric.changed.v1", producer="indicator_svc", readers=("submission_svc", "scoring_svc"))
class MetricChanged(Event, frozen=True, kw_only=True):
    """A metric: what is collected. `type`, `unit` and `allowed` as the inputs of the rule language.

    `fields` describes the records of a metric of type records, in the same words; `supplied_by` names the
    source systems (client ids) that may post it, empty for metrics that people enter.
    """

    metric_id: UUID
    version: int
    code: str
    name: dict[str, str]
    type: str
    unit: dict[str, str] | None
    allowed: Any
    fields: dict[str, Any] | None
    supplied_by: list[str]


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an input of a rule comes from: exactly one of the four is set.

    `metric`: the fact of this metric for the cell. `calendar`: `period_start`, `period_end` or `due`
    (the card's deadline) as a date. `unit_group`: the unit's group in that dimension on the period's last day.
    `indicator`: the unit's result, in points, by another card of the set in the same period.
    """

    metric: UUID | None = None
    calendar: Literal["period_start", "period_end", "due"] | None = None
    unit_group: str | None = None
    indicator: UUID | None = None


@event("indicator.published.v1", producer="indicator_svc", readers=_ALL_OTHERS)
class IndicatorPublished(Event, frozen=True, kw_only=True):
    """One published indicator card, whole. Points are decimal text; deadlines count working days after the period."""

    indicator_id: UUID
    version: int
    set_id: UUID
    set_code: str
    code: str
    name: str
    level1: str
    level2: str
    type: Literal["regular", "bonus", "deduction", "situational", "veto"]
    points: str
    definition: str
    standard: str
    period_kind: PeriodKind
    evaluating_unit_id: UUID
    evaluated_unit_ids: list[UUID]
    fill_mode: FillMode
    filler: str
    source_system: str | None
    due_working_days: int
    rule: dict[str, Any]
    bindings: dict[str, Binding]
    immediate: bool
    effective_from: date
    effective_to: date | None


@event("indicator_set.published.v1", producer="indicator_svc", readers=_ALL_OTHERS)
class IndicatorSetPublished(Event, frozen=True, kw_only=True):
    """A published indicator set: how many cards it has and a hash over them, so a reader knows it has all.

    `cards_hash` is sha256 over the lines `indicator_id:version` sorted by id. `outside_total`: the set's
    points are stated but stand outside the total of the bureau.
    """

    set_id: UUID
    version: int
    code: str
    name: str
    year: int
    full_marks: str
    outside_total: bool
    cards: int
    cards_hash: str
    published_at: datetime
