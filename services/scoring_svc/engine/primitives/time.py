"""Dates: deadline and days_between.

Belongs here: these two primitives. Does not belong here: the calendar's days.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, ClassVar

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.cell import Cell, Known, Stop
from services.scoring_svc.engine.columns.algebra import Column, minus, scaled
from services.scoring_svc.engine.columns.planning import Planner
from services.scoring_svc.engine.measure import DATE, DAYS, Measure, Scope
from services.scoring_svc.engine.nodes import VALUE, Value, primitive
from services.scoring_svc.engine.primitives.arithmetic import proved
from services.scoring_svc.engine.reach import Reach
from services.scoring_svc.engine.shape import Chosen, Form, Shape, Text, word
from services.scoring_svc.engine.speech import Speech
from services.scoring_svc.engine.workdays import CalendarUnknown, WorkingCalendar, months_after

_COUNT = Text("a whole number from 1 as text", lambda text: text.isascii() and text.isdigit() and text[0] != "0")
_MOST_DAYS = 1_000_000


def dated(scope: Scope, value: Value) -> None:
    """Report a value that is no date."""
    measure = value.measure(scope)
    if measure.type not in {"date", "unknown"}:
        scope.mismatch(value.at, "此处须为日期", "here must stand a date")


def _known(calendar: WorkingCalendar | None) -> WorkingCalendar:
    if calendar is None:
        raise CalendarUnknown
    return calendar


def _on_calendar(at: str, proofs: list[dict[str, Any]], find: Callable[[], Any]) -> Any:
    """What the calendar answers. Raises Stop CALENDAR_UNKNOWN outside its covered days."""
    try:
        return find()
    except (CalendarUnknown, OverflowError, ValueError) as error:
        raise Stop("refused", "CALENDAR_UNKNOWN", at, {"kind": "calendar", "at": at, "of": proofs}) from error


def _shape(node: type["Deadline"]) -> Shape:
    base: dict[str, Shape] = {"from": VALUE, "count": _COUNT, "in": word("days", "working_days", "months")}
    closed: dict[str, Shape] = {"if_closed": word("keep", "next_working_day", "previous_working_day")}
    days = Form(node, base | {"start": word("day_after", "same_day")} | closed)
    months = Form(node, base | {"month_end": word("last_day", "first_of_next")} | closed)
    return Chosen("in", {"days": days, "working_days": days, "months": months})


@primitive(_shape)
@dataclass(frozen=True)
class Deadline(Value):
    """The date so many days, working days or months after another."""

    from_: Value
    count: str
    in_: str
    if_closed: str
    start: str | None = None
    month_end: str | None = None
    kind: ClassVar[str] = "deadline"

    def type_in(self, scope: Scope) -> Measure:
        """A date after a date."""
        dated(scope, self.from_)
        return DATE

    def reach_in(self, scope: Scope) -> Reach:
        """Dates have no interval."""
        self.from_.attains(scope)
        return reach.ANYTHING

    def evaluate(self, cell: Cell) -> Known:
        """Count, then move off a closed day."""
        known = self.from_.evaluate(cell)
        due = _on_calendar(self.at, [known.proof], lambda: self._due(cell.group.calendar, known.value))
        return Known(due, {"kind": self.kind, "at": self.at, "value": due.isoformat(), "of": [known.proof]})

    def column(self, planner: Planner) -> Column:
        """The same counting, once for every distinct day."""
        return planner.on_calendar(
            [planner.value(self.from_)], lambda calendar, start: self._due(calendar, start).toordinal()
        )

    def _due(self, calendar: WorkingCalendar | None, start: date) -> date:
        count, same_day = int(self.count), self.start == "same_day"
        if count > _MOST_DAYS:
            raise OverflowError
        if self.in_ == "working_days":
            due = _known(calendar).nth_working_day(start, count, same_day=same_day)
        elif self.in_ == "months":
            due = months_after(start, count, self.month_end or "")
        else:
            due = start + timedelta(days=count - same_day)
        return due if self.if_closed == "keep" else _known(calendar).move(due, self.if_closed)

    def words(self, speech: Speech, unit: Measure) -> str:  # noqa: ARG002 - a date has no unit
        """`‹from›后第‹n›个工作日（遇休息日顺延）`, `‹from›后‹n›个月`."""
        start = self.from_.words(speech, DATE)
        closed = speech.pick(
            *{
                "keep": ("", ""),
                "next_working_day": ("（遇休息日顺延）", " (if closed, the next working day)"),
                "previous_working_day": ("（遇休息日提前）", " (if closed, the working day before)"),
            }[self.if_closed]
        )
        same = speech.pick("（当日起算）", ", the day itself counted,") if self.start == "same_day" else ""
        if self.in_ == "months":
            ends = {
                "last_day": ("（无该日的取月末）", " (or the month's last day)"),
                "first_of_next": ("（无该日的取次月1日）", " (or the first of the next month)"),
            }
            zh, en = ends[self.month_end or ""]
            months = f"{self.count} {'month' if self.count == '1' else 'months'}"
            return speech.pick(f"{start}后{self.count}个月{zh}", f"{months} after {start}{en}") + closed
        day = speech.pick(*(("工作日", "working day") if self.in_ == "working_days" else ("日", "day")))
        count = speech.pick("个", "") if self.in_ == "working_days" else ""
        return speech.pick(
            f"{start}后第{self.count}{count}{day}{same}{closed}", f"{day} {self.count}{same} after {start}{closed}"
        )


@primitive({"from": VALUE, "to": VALUE, "in": word("days", "working_days")})
@dataclass(frozen=True)
class DaysBetween(Value):
    """Days after `from` up to and including `to`; negative if `to` is earlier."""

    from_: Value
    to: Value
    in_: str
    kind: ClassVar[str] = "days_between"

    def type_in(self, scope: Scope) -> Measure:
        """Days between two dates."""
        dated(scope, self.from_)
        dated(scope, self.to)
        return DAYS

    def reach_in(self, scope: Scope) -> Reach:
        """Any whole number."""
        self.from_.attains(scope)
        self.to.attains(scope)
        return (reach.Span(None, None, whole=True),)

    def evaluate(self, cell: Cell) -> Known:
        """Count the days or the working days."""
        start, end = self.from_.evaluate(cell), self.to.evaluate(cell)
        of = [start.proof, end.proof]
        if self.in_ == "days":
            return proved(self, Fraction((end.value - start.value).days), of)
        count = _on_calendar(
            self.at, of, lambda: _known(cell.group.calendar).working_days_after(start.value, end.value)
        )
        return proved(self, Fraction(count), of)

    def column(self, planner: Planner) -> Column:
        """Days are numbers and subtract; working days are counted once for every distinct pair of days."""
        start, end = planner.value(self.from_), planner.value(self.to)
        if self.in_ == "days":
            return scaled(minus(start, end), Fraction(-1))
        return planner.on_calendar(
            [start, end], lambda calendar, *days: _known(calendar).working_days_after(days[0], days[1])
        )

    def words(self, speech: Speech, unit: Measure) -> str:  # noqa: ARG002 - days have their own unit
        """`‹to›晚于‹from›的工作日数` / `the working days by which ‹to› is after ‹from›`."""
        start, end = self.from_.words(speech, DATE), self.to.words(speech, DATE)
        zh, en = ("工作日数", "working days") if self.in_ == "working_days" else ("天数", "days")
        return speech.pick(f"{end}晚于{start}的{zh}", f"the {en} by which {end} is after {start}")
