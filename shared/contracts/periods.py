"""Periods (考核期) as every service writes them: `2015`, `2015-H1`, `2015-Q2`, `2015-06`."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Literal

PeriodKind = Literal["month", "quarter", "half_year", "year"]

_FORM = re.compile(r"(?P<year>[12][0-9]{3})(?:-(?:(?P<month>0[1-9]|1[0-2])|Q(?P<quarter>[1-4])|H(?P<half>[12])))?\Z")


@dataclass(frozen=True, order=True)
class Period:
    """A period with its first and last day, both inclusive (business dates, Asia/Shanghai)."""

    first: date
    last: date
    key: str

    @property
    def kind(self) -> PeriodKind:
        """Which of the four kinds of period it is."""
        months = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        kinds: dict[int, PeriodKind] = {1: "month", 3: "quarter", 6: "half_year", 12: "year"}
        return kinds[months]

    def contains(self, other: "Period") -> bool:
        """Whether the other period lies wholly inside this one."""
        return self.first <= other.first and other.last <= self.last

    def next(self) -> "Period":
        """The following period of the same kind."""
        months = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}[self.kind]
        index = self.first.year * 12 + self.first.month - 1 + months
        return period_of(self.kind, date(index // 12, index % 12 + 1, 1))


def parse_period(text: str) -> Period:
    """Read a period key. Raises ValueError if it has none of the four forms."""
    found = _FORM.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a period such as 2015, 2015-H1, 2015-Q2 or 2015-06")
    year = int(found["year"])
    if found["month"]:
        first = last = int(found["month"])
    elif found["quarter"]:
        first, last = int(found["quarter"]) * 3 - 2, int(found["quarter"]) * 3
    elif found["half"]:
        first, last = int(found["half"]) * 6 - 5, int(found["half"]) * 6
    else:
        first, last = 1, 12
    return Period(date(year, first, 1), date(year, last, monthrange(year, last)[1]), text)


def period_of(kind: PeriodKind, day: date) -> Period:
    """The period of that kind in which a day lies."""
    suffix = {
        "month": f"-{day.month:02d}",
        "quarter": f"-Q{(day.month + 2) // 3}",
        "half_year": f"-H{1 if day.month <= 6 else 2}",  # noqa: PLR2004 - June ends the first half
        "year": "",
    }[kind]
    return parse_period(f"{day.year}{suffix}")


def periods_of_year(year: int) -> list[Period]:
    """All 19 periods of a year: the year, 2 halves, 4 quarters, 12 months."""
    keys = [str(year), *(f"{year}-H{n}" for n in (1, 2)), *(f"{year}-Q{n}" for n in range(1, 5))]
    return [parse_period(key) for key in (*keys, *(f"{year}-{n:02d}" for n in range(1, 13)))]
