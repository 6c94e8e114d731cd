"""Which records of a period a reader sees: those of units within reach today, or held on a day of that period.

Belongs here: the one predicate of every read that has a period, what holds on a day, and where a unit stands or last
stood. Writing asks for today's tree alone: shared.reach.
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import asyncpg

from shared.contracts.periods import Period
from shared.reach import Reach

Days = tuple[str, str]


def days_of(period: str) -> Days:
    """The expressions of a period's first and last day; `period` is a column that holds keys such as 2015-Q2."""
    kind, number = f"substr({period}, 6, 1)", f"substr({period}, 7)::integer"
    month = f"CASE {kind} WHEN '' THEN 1 WHEN 'H' THEN {number} * 6 - 5 WHEN 'Q' THEN {number} * 3 - 2 "
    first = f"make_date(left({period}, 4)::integer, {month}ELSE substr({period}, 6)::integer END, 1)"
    months = f"CASE {kind} WHEN '' THEN 12 WHEN 'H' THEN 6 WHEN 'Q' THEN 3 ELSE 1 END"
    return first, f"({first} + make_interval(months => {months}))::date - 1"


def reading_condition(unit_id: str, days: Days, first: int, today: str, *, once: bool = False) -> str:
    """The predicate of a hand-written statement: `first` is the number of the first of Reach.parameters.

    `unit_id`, `days` (first and last day of the record's period) and `today` are expressions of this code, never input.
    What is known now counts, up to today: a move that is only planned opens nothing. A subtree is whatever stood below
    its unit, wherever that unit itself stood; a code never names another unit. No row comes twice.
    `once`: for a list whose rows are all of one period, with `days` from parameters; the units are then looked up once,
    whatever the planner thinks of the list's other filters.
    """
    everything, units, subtrees = (f"${first + place}" for place in range(3))
    held = (
        f"SELECT held.unit_id FROM directory_unit_spans held JOIN unnest({subtrees}::text[]) AS reach(root) "
        "ON strpos('/' || held.path, '/' || split_part(reach.root, '/', -2) || '/') > 0 "
        f"WHERE held.effective_from <= {today} AND (held.effective_to IS NULL OR held.effective_to > {today} "
        f"OR (held.effective_to > {days[0]} AND held.effective_from <= {days[1]}))"
    )
    within = f"{unit_id} IN ({held})" if once else f"EXISTS ({held} AND held.unit_id = {unit_id})"
    return (
        f"({everything}::boolean OR {unit_id} = ANY({units}::uuid[]) "
        f"OR (cardinality({subtrees}::text[]) > 0 AND {within}))"
    )


def in_force(alias: str, day: str) -> str:
    """The predicate that a span of a unit or an appointment holds on a day; both are SQL of this code, never input."""
    return f"{alias}.effective_from <= {day} AND ({alias}.effective_to IS NULL OR {alias}.effective_to > {day})"


def last_place(span: str, today: str) -> str:
    """The predicate of a join with a unit's span of today or, if it is gone, its last one; one span for each unit."""
    return (
        f"{span}.effective_from <= {today} AND ({span}.effective_to IS NULL OR {span}.effective_to > {today} "
        f"OR NOT EXISTS (SELECT 1 FROM directory_unit_spans later WHERE later.unit_id = {span}.unit_id "
        f"AND later.effective_from > {span}.effective_from AND later.effective_from <= {today}))"
    )


async def readable(
    connection: asyncpg.Connection | asyncpg.Pool, reach: Reach, period: Period, today: date, units: Iterable[UUID]
) -> set[UUID]:
    """Those of the units whose records of the period a reader sees."""
    condition = reading_condition("one.unit_id", ("$5::date", "$6::date"), 1, "$4::date")
    found = await connection.fetch(
        f"SELECT one.unit_id FROM unnest($7::uuid[]) AS one(unit_id) WHERE {condition}",
        *reach.parameters,
        today,
        period.first,
        period.last,
        list(units),
    )
    return {row["unit_id"] for row in found}
