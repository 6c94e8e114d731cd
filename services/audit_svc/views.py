"""Lists and single objects within reach: one statement for every room, which only says what it shows and from where.

Belongs here: reach, filters, the cursor's key, the unit and the card that every object names. Does not belong here:
what a room's columns mean (its repository).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from shared.auth import Reach
from shared.directory.held import days_of, last_place, reading_condition
from shared.errors import NotFound

UNIT = "u.code AS unit, u.name AS unit_name"
CARD = "c.code AS indicator, c.name AS indicator_name"


def with_unit(unit_id: str) -> str:
    """The join that names a unit as of the day $1, or as it last was, as `u`; `unit_id` is a column of this code."""
    return f"LEFT JOIN directory_unit_spans u ON u.unit_id = {unit_id} AND {last_place('u', '$1::date')}"


def held(unit_id: str, period: str) -> Callable[[int], str]:
    """The `within` of a view whose rows are of one unit and period: read by who reaches it today or held it then."""
    return lambda first: reading_condition(unit_id, days_of(period), first, "$1::date")


def with_card(indicator_id: str) -> str:
    """The join that names an indicator, as `c`."""
    return f"LEFT JOIN cards c ON c.indicator_id = {indicator_id}"


@dataclass(frozen=True)
class View:
    """What is shown of a table, joined `with_unit`; all of it is SQL of this code.

    `within(first)` is the predicate of reach; Reach.parameters begin at `$first`. `order` is the column by which a list
    goes, a day if `by_day`, then `key`; `filters` are columns by name.
    """

    shown: str
    source: str
    within: Callable[[int], str]
    order: str
    key: str
    filters: Mapping[str, str]
    by_day: bool = True


class _Statement:
    """A SELECT that grows by conditions, each bringing its parameters along."""

    def __init__(self, view: View, day: date, reach: Reach, unconfirmed: Reach | None) -> None:
        self.values: list[Any] = [day]
        self.view = view
        self._conditions = [self._within(reach)]
        if unconfirmed is not None:
            self.add(f"(state = 'confirmed' OR {self._within(unconfirmed)})")

    def add(self, condition: str, *values: Any) -> None:
        """Demand something more; `{0}` in the condition stands for the first of the values."""
        numbers = [f"${len(self.values) + place}" for place in range(1, len(values) + 1)]
        self.values += values
        self._conditions.append(condition.format(*numbers))

    @property
    def text(self) -> str:
        return f"SELECT {self.view.shown} FROM {self.view.source} WHERE {' AND '.join(self._conditions)}"

    def _within(self, reach: Reach) -> str:
        first = len(self.values) + 1
        self.values += reach.parameters
        return self.view.within(first)


async def page(
    driver: asyncpg.Connection,
    view: View,
    reach: Reach,
    day: date,
    filters: Mapping[str, Any],
    after: Sequence[str] | None,
    limit: int,
    *,
    unconfirmed: Reach | None = None,
) -> list[asyncpg.Record]:
    """A page within reach and one row more; filters that are None do not count.

    `unconfirmed`: where what is not confirmed is shown too; without it the state decides nothing.
    """
    statement = _Statement(view, day, reach, unconfirmed)
    for name, value in filters.items():
        if value is not None:
            statement.add(f"{view.filters[name]} = {{0}}", value)
    if after is not None:
        order = date.fromisoformat(after[0]) if view.by_day else after[0]
        statement.add(f"({view.order}, {view.key}) > ({{0}}, {{1}})", order, UUID(after[1]))
    text = f"{statement.text} ORDER BY {view.order}, {view.key} LIMIT {limit + 1:d}"
    rows: list[asyncpg.Record] = await driver.fetch(text, *statement.values)
    return rows


async def one(
    driver: asyncpg.Connection, view: View, reach: Reach, day: date, key: UUID, *, unconfirmed: Reach | None = None
) -> asyncpg.Record:
    """One object within reach. Raises NotFound."""
    statement = _Statement(view, day, reach, unconfirmed)
    statement.add(f"{view.key} = {{0}}", key)
    row = await driver.fetchrow(statement.text, *statement.values)
    if row is None:
        raise NotFound
    return row
