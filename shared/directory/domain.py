"""Units as they stand on a day, and the working-day calendar: pure, so that rules of any room may use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from shared.errors import Refused


@dataclass(frozen=True)
class Unit:
    """A unit on a day: `path` is the codes from the root down, each followed by a slash."""

    unit_id: UUID
    code: str
    name: str
    kind: str
    parent_id: UUID | None
    path: str
    groups: Mapping[str, str]


class CalendarUnknown(Refused):
    """A working day is asked of a year whose calendar was never published."""

    code = "calendar_unknown"
    zh, en = "{year} 年的工作日历尚未发布", "The working-day calendar of {year} has not been published"


@dataclass(frozen=True)
class WorkingDays:
    """The working-day calendar: published years, and the days that differ from Monday to Friday."""

    years: frozenset[int]
    exceptions: Mapping[date, bool]

    def is_working(self, day: date) -> bool:
        """Whether a day is worked. Raises CalendarUnknown for a year that was not published."""
        if day.year not in self.years:
            raise CalendarUnknown(year=day.year)
        return self.exceptions.get(day, day.isoweekday() <= 5)  # noqa: PLR2004 - Friday

    def after(self, day: date, count: int) -> date:
        """The count-th working day after a day."""
        while count > 0:
            day += timedelta(days=1)
            count -= self.is_working(day)
        return day
