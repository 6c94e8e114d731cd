"""Until when a problem is to be answered and cured: working days after the day it was opened. Pure."""

from datetime import date

from shared.directory.domain import CalendarUnknown, WorkingDays


def deadline(opened_on: date, within: int | None, days: WorkingDays) -> date | None:
    """The last day, or None where no tier sets one and while the calendar of its year is not published."""
    try:
        return None if within is None else days.after(opened_on, within)
    except CalendarUnknown:
        return None
