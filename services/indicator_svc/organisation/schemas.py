"""What the organisation's routes take and answer."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from services.indicator_svc.fields import Answer, Body, Code, Day, Line, Word
from shared.contracts.indicator import UnitKind
from shared.contracts.roles import Role, Scope

_MOST_ROWS = 30_000
Document = Annotated[
    Line | None, Field(description="Number of the document that approves a change reaching back into a fenced period")
]


class UnitIn(Body):
    """A unit from a day on, the root without a parent; `groups` are its peer groups by dimension."""

    code: Code
    name: Line
    kind: UnitKind
    parent_code: Code | None = None
    groups: Annotated[dict[Word, Line], Field(default_factory=dict)]
    effective_from: Day


class UnitBatch(Body):
    """Units in any order; a parent may stand in the same batch."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "units": [
                        {
                            "code": "420100",
                            "name": "武汉市地方税务局",
                            "kind": "city_bureau",
                            "effective_from": "2015-01-01",
                        },
                        {
                            "code": "420102",
                            "name": "江岸区地方税务局",
                            "kind": "district_bureau",
                            "parent_code": "420100",
                            "groups": {"location": "urban"},
                            "effective_from": "2015-01-01",
                        },
                    ]
                }
            ]
        }
    )
    units: Annotated[list[UnitIn], Field(min_length=1, max_length=_MOST_ROWS)]
    approval: Document = None


class UnitPatch(Body):
    """What is different from a day on; what is not given stays. A unit with a parent cannot become a root."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"effective_from": "2015-07-01", "name": "江岸区税务局"}]}
    )
    effective_from: Day
    name: Line | None = None
    parent_code: Code | None = None
    groups: dict[Word, Line] | None = None
    approval: Document = None

    @model_validator(mode="after")
    def _says_something(self) -> "UnitPatch":
        given = self.model_fields_set - {"effective_from", "approval"}
        if not given or any(getattr(self, name) is None for name in given):
            raise ValueError("give at least one of name, parent_code, groups, and none of them as null")
        return self


class UnitOut(Answer):
    """A unit on a day. `recorded_at` is when this was recorded; `path` the codes from the root down."""

    unit_id: UUID
    version: int
    code: str
    name: str
    kind: UnitKind
    parent_id: UUID | None
    path: str
    groups: dict[str, str]
    effective_from: date
    effective_to: date | None
    recorded_at: datetime


class UnitPage(Answer):
    """A page of units in the order of their paths."""

    items: list[UnitOut]
    next: str | None


class PersonIn(Body):
    """A person by staff number, where they serve, and the name of their post."""

    code: Code
    name: Line
    unit_code: Code
    post: Line


class PersonBatch(Body):
    """People to be added."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"people": [{"code": "P0001", "name": "王敏", "unit_code": "420100", "post": "局长"}]}]
        }
    )
    people: Annotated[list[PersonIn], Field(min_length=1, max_length=_MOST_ROWS)]


class PersonOut(Answer):
    """A person, their unit of today, and the roles they hold today."""

    person_id: UUID
    version: int
    code: str
    name: str
    unit_id: UUID
    unit_code: str | None
    post: str
    roles: list[Role]


class PersonPage(Answer):
    """A page of people in the order of their staff numbers."""

    items: list[PersonOut]
    next: str | None


class AppointmentIn(Body):
    """A role for a person or a machine client over a unit; `effective_to` is exclusive."""

    person_code: Code | None = None
    client_id: Code | None = None
    role: Role
    unit_code: Code
    scope: Scope
    effective_from: Day
    effective_to: Day | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> "AppointmentIn":
        if (self.person_code is None) == (self.client_id is None):
            raise ValueError("give exactly one of person_code and client_id")
        return self


class AppointmentBatch(Body):
    """Appointments to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "appointments": [
                        {
                            "person_code": "P0001",
                            "role": "unit_leader",
                            "unit_code": "420100",
                            "scope": "subtree",
                            "effective_from": "2015-01-01",
                            "effective_to": None,
                        }
                    ]
                }
            ]
        }
    )
    appointments: Annotated[list[AppointmentIn], Field(min_length=1, max_length=_MOST_ROWS)]
    approval: Document = None


class AppointmentPatch(Body):
    """Another unit, scope or last day of an appointment. `effective_to` null opens its end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"effective_to": "2015-07-01"}]})
    unit_code: Code | None = None
    scope: Scope | None = None
    effective_to: Day | None = None
    approval: Document = None

    @model_validator(mode="after")
    def _says_something(self) -> "AppointmentPatch":
        given = self.model_fields_set - {"approval"}
        if not given:
            raise ValueError("give at least one of unit_code, scope, effective_to")
        if any(getattr(self, name) is None for name in given - {"effective_to"}):
            raise ValueError("unit_code and scope cannot be null")
        return self


class RevocationIn(Body):
    """Why an appointment ends at once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "调离"}]})
    reason: Line


class AppointmentOut(Answer):
    """An appointment; either `person_code` or `client_id` is given."""

    appointment_id: UUID
    version: int
    person_code: str | None
    client_id: str | None
    role: Role
    unit_id: UUID
    unit_code: str | None
    scope: Scope
    effective_from: date
    effective_to: date | None
    recorded_at: datetime
    revoked: bool


class AppointmentPage(Answer):
    """A page of appointments in the order of their ids."""

    items: list[AppointmentOut]
    next: str | None


class ApprovalIn(Body):
    """That changes of these units may reach back to `since`, into periods that are fenced; for 31 days from now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "document": "武地税发〔2015〕12号",
                    "unit_codes": ["420102"],
                    "since": "2015-01-01",
                    "reason": "机构改革方案补录",
                }
            ]
        }
    )
    document: Line
    unit_codes: Annotated[list[Code], Field(min_length=1, max_length=_MOST_ROWS)]
    since: Day
    reason: Line


class ApprovalOut(Answer):
    """An approval of backdated changes; `until` is the last day on which it may be used."""

    document: str
    since: date
    until: date
    reason: str
    approved_by: str
    approved_at: datetime


class CalendarDayIn(Body):
    """A day that differs from Monday to Friday."""

    day: Day
    kind: Literal["closed", "working"]
    name: Line


class CalendarIn(Body):
    """All days of a year that differ from Monday to Friday: holidays and make-up working days."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"days": [{"day": "2015-01-01", "kind": "closed", "name": "元旦"}]}]}
    )
    days: Annotated[list[CalendarDayIn], Field(max_length=366)]


class CalendarOut(Answer):
    """The published calendar of a year."""

    year: int
    version: int
    days: list[CalendarDayIn]
