"""The working calendar as the engine needs it: which day is a working day.

Belongs here: counting days and working days. Does not belong here: where closed and make-up days come from
(versioned data of the calendar), nor periods of assessment.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)
_SATURDAY = 5


class CalendarUnknown(Exception):
    """A working day was asked for outside the years that the calendar covers."""


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Monday to Friday, less the closed days, plus the open ones, inside the covered days.

    `first` and `last` bound the covered days; None leaves that end open.
    """

    version: str
    closed: frozenset[date]
    open: frozenset[date]
    first: date | None = None
    last: date | None = None

    @classmethod
    def from_days(
        cls,
        version: str,
        *,
        closed: list[str] | None = None,
        open_days: list[str] | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> "WorkingCalendar":
        """A calendar from days written as `2015-10-01`."""
        return cls(
            version=version,
            closed=frozenset(map(date.fromisoformat, closed or [])),
            open=frozenset(map(date.fromisoformat, open_days or [])),
            first=first,
            last=last,
        )

    def is_working(self, day: date) -> bool:
        """Whether work is done on the day. Raises CalendarUnknown outside the covered days."""
        if (self.first is not None and day < self.first) or (self.last is not None and day > self.last):
            raise CalendarUnknown
        return day in self.open or (day.weekday() < _SATURDAY and day not in self.closed)

    def nth_working_day(self, start: date, count: int, *, same_day: bool) -> date:
        """The working day number `count`, counted from the day itself or from the day after."""
        day = start if same_day else start + _DAY
        while True:
            count -= self.is_working(day)
            if count == 0:
                return day
            day += _DAY

    def move(self, day: date, how: str) -> date:
        """The day moved off a closed day: `keep`, `next_working_day`, `previous_working_day`."""
        if how == "keep":
            return day
        step = _DAY if how == "next_working_day" else -_DAY
        while not self.is_working(day):
            day += step
        return day

    def working_days_after(self, start: date, end: date) -> int:
        """Working days after `start` up to and including `end`; negative if `end` is earlier."""
        if end < start:
            return -self.working_days_after(end, start)
        return sum(self.is_working(start + _DAY * step) for step in range(1, (end - start).days + 1))


def weekdays() -> WorkingCalendar:
    """Monday to Friday in every year, without any closed or make-up day."""
    return WorkingCalendar("monday-to-friday", frozenset(), frozenset())


def months_after(start: date, count: int, month_end: str) -> date:
    """The same day so many months later; where that day does not exist, `last_day` or `first_of_next`.

    Raises OverflowError or ValueError past the last year of the calendar.
    """
    years, month = divmod(start.month - 1 + count, 12)
    year, month = start.year + years, month + 1
    try:
        length = monthrange(year, month)[1]
    except (IndexError, OverflowError) as error:
        raise OverflowError from error
    if start.day <= length:
        return date(year, month, start.day)
    return date(year, month, length) if month_end == "last_day" else date(year, month, length) + _DAY
