"""HTTP shapes of tasks and completeness."""

from datetime import date
from typing import Literal

from pydantic import BaseModel


class TaskOut(BaseModel):
    """What a unit is asked to report itself for one indicator and period; the state is computed."""

    unit: str
    unit_name: str
    set_code: str
    indicator: str
    name: str
    period: str
    due: date | None
    state: Literal["open", "done", "done_late", "overdue"]
    open_metrics: list[str]


class TaskPage(BaseModel):
    """A page of tasks by unit, set and indicator."""

    items: list[TaskOut]
    next: str | None


class CompletenessOut(BaseModel):
    """Cells of a unit: expected, received, received in time; `rate` is percent text and never above 100."""

    unit: str
    unit_name: str
    expected: int
    actual: int
    on_time: int
    rate: str


class CompletenessPage(BaseModel):
    """Completeness of a set and period, by unit."""

    set_code: str
    period: str
    items: list[CompletenessOut]
