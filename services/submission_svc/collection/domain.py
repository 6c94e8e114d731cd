"""Who owes which facts by when: due dates by the working-day calendar, states of a task. Pure; nothing is clicked."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.contracts.periods import PeriodKind, parse_period
from shared.directory.domain import CalendarUnknown, WorkingDays
from shared.errors import Refused

TaskState = Literal["open", "done", "done_late", "overdue"]


class PeriodUnknown(Refused):
    """The text is no period."""

    status, code = 422, "period_unknown"
    zh, en = "考核期写法不正确：{period}", "{period} is no period such as 2015, 2015-H1, 2015-Q2 or 2015-06"


@dataclass(frozen=True)
class Window:
    """A period with its kind, its first and its last day."""

    key: str
    kind: PeriodKind
    first: date
    last: date


def window_of(text: str) -> Window:
    """Read a period. Raises PeriodUnknown."""
    try:
        period = parse_period(text)
    except ValueError as error:
        raise PeriodUnknown(period=text[:20]) from error
    return Window(text, period.kind, period.first, period.last)


def due_date(window: Window, working_days_after: int, calendar: WorkingDays) -> date | None:
    """The last day on which a fact is in time, or None while the calendar of that year is not published."""
    try:
        return calendar.after(window.last, working_days_after)
    except CalendarUnknown:
        return None


def state_of(done_on: date | None, due: date | None, today: date) -> TaskState:
    """The state of a task: a deadline ends at 24:00 of its day."""
    if done_on is not None:
        return "done_late" if due is not None and done_on > due else "done"
    return "overdue" if due is not None and today > due else "open"
