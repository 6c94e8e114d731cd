"""Routes of collection: tasks of self-reporting units, completeness of a set."""

from decimal import ROUND_DOWN, Decimal
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Query, Request

from services.submission_svc.collection import repository
from services.submission_svc.collection.domain import due_date, state_of, window_of
from services.submission_svc.collection.schemas import CompletenessOut, CompletenessPage, TaskOut, TaskPage
from shared.auth import Actor
from shared.directory.repository import working_days
from shared.errors import NotFound
from shared.http import Cursor, Limit, TransactionalRoute, decode_cursor, encode_cursor, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["collection"])

PeriodQuery = Annotated[str, Query(max_length=7, examples=["2015-01"])]


@router.get("/tasks")
async def list_tasks(
    request: Request,
    actor: Annotated[Actor, permits("tasks.read")],
    period: PeriodQuery,
    unit: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> TaskPage:
    """What units report themselves in a period, with due dates; done and overdue are computed, never clicked."""
    window, pool = window_of(period), request.app.state.database.reads
    today = request.app.state.clock.today()
    calendar = await working_days(pool)
    found = await repository.list_tasks(
        pool,
        today,
        actor.reach("tasks.read"),
        window=window,
        unit=unit,
        after=decode_cursor(cursor, 3),
        limit=limit + 1,
    )

    def task(each: asyncpg.Record) -> TaskOut:
        due = due_date(window, each["due_working_days"], calendar)
        done = each["last_received"].date() if each["received"] == each["asked"] else None
        return TaskOut(
            unit=each["unit"],
            unit_name=each["unit_name"],
            set_code=each["set_code"],
            indicator=each["indicator"],
            name=each["name"],
            period=window.key,
            due=due,
            state=state_of(done, due, today),
            open_metrics=each["open_metrics"] or [],
        )

    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return TaskPage(
        items=[task(each) for each in page],
        next=encode_cursor(last["unit"], last["set_code"], last["indicator"]) if last else None,
    )


@router.get("/completeness")
async def read_completeness(
    request: Request,
    actor: Annotated[Actor, permits("tasks.read")],
    set_code: Annotated[str, Query(alias="set", max_length=100, examples=["WH2015-DISTRICT"])],
    period: PeriodQuery,
) -> CompletenessPage:
    """Expected, actual and on-time cells per unit within reach, counted now."""
    window, pool = window_of(period), request.app.state.database.reads
    calendar = await working_days(pool)
    counts = await repository.due_counts(pool, set_code)
    if not counts:
        raise NotFound
    found = await repository.count_completeness(
        pool,
        request.app.state.clock.today(),
        actor.reach("tasks.read"),
        set_code=set_code,
        window=window,
        due={count: due_date(window, count, calendar) for count in counts},
    )
    return CompletenessPage(set_code=set_code, period=window.key, items=[_shown(each) for each in found])


def _shown(record: asyncpg.Record) -> CompletenessOut:
    # Rounded down: one missing cell never shows as 100.0.
    rate = Decimal(record["actual"] * 100) / record["expected"]
    return CompletenessOut(**dict(record), rate=str(rate.quantize(Decimal("0.1"), ROUND_DOWN)))
