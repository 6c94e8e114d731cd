"""Routes of recomputes: a whole set in some periods is scored again, or replayed once it is confirmed, by a job."""

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Request, Response

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.api import SetCode, clock_of, set_named
from services.scoring_svc.ledger.use_cases import demand_all_units, find_place
from services.scoring_svc.recomputes import repository, use_cases
from services.scoring_svc.recomputes.domain import RecomputeUnknown
from services.scoring_svc.recomputes.schemas import (
    DifferenceOut,
    DifferencesOut,
    PiecesOut,
    RecomputeIn,
    RecomputeOut,
    RecomputesOut,
)
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.errors import Detail, Malformed, OutsideScope
from shared.http import Cursor, Limit, TransactionalRoute, Uow, after_moment, decode_cursor, encode_cursor, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["recomputes"])


@router.post("/recomputes", status_code=202)
async def make_recompute(
    body: RecomputeIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("recomputes.run")],
    uow: Uow,
) -> RecomputeOut:
    """Score a set again: open and fenced periods from the newest facts, confirmed ones replayed and compared.

    A job: pieces are taken by any number of processes; killing one loses nothing. Nothing of a confirmed period is
    changed by it. Refused while another recompute of the set that covers one of the periods is not finished.
    """
    if len(set(body.periods)) != len(body.periods):
        raise Malformed(details=[Detail("/periods", "period_twice")])
    now = clock_of(request).now()
    places = [await find_place(uow, body.set, key) for key in body.periods]
    for place in places:
        await demand_all_units(uow, actor, "recomputes.run", place.cards, place.period.last, now.date())
    most = request.app.state.settings.recompute_cells_a_piece
    recompute_id = await use_cases.make_recompute(uow, places, body.reason, cells_a_piece=most, now=now)
    response.headers["location"] = f"/v1/recomputes/{recompute_id}"
    return _out(await _row(uow, recompute_id), body.set)


@router.get("/recomputes")
async def list_recomputes(
    code: SetCode,
    request: Request,
    actor: Annotated[Actor, permits("recomputes.read")],
    uow: Uow,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RecomputesOut:
    """The recomputes of a set, the newest first."""
    found = await set_named(uow, code)
    await _demand(uow, actor, found.set_id, request)
    rows = await repository.recomputes_of(await uow.driver(), found.set_id, after_moment(cursor), limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    items = [_out(row, code) for row in rows[:limit]]
    return RecomputesOut(items=items, next=encode_cursor(last["made_at"], last["recompute_id"]) if last else None)


@router.get("/recomputes/{recompute_id}")
async def read_recompute(
    recompute_id: UUID, request: Request, actor: Annotated[Actor, permits("recomputes.read")], uow: Uow
) -> RecomputeOut:
    """A recompute with its progress."""
    row = await _readable(uow, actor, recompute_id, request)
    sets = await copies.all_sets(await uow.driver())
    return _out(row, next(one.code for one in sets if one.set_id == row["set_id"]))


@router.get("/recomputes/{recompute_id}/differences")
async def list_differences(
    recompute_id: UUID,
    request: Request,
    actor: Annotated[Actor, permits("recomputes.read")],
    uow: Uow,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DifferencesOut:
    """Cells of confirmed periods that the replay did not give again to the last digit."""
    await _readable(uow, actor, recompute_id, request)
    key = decode_cursor(cursor, 3, ids=(1, 2))
    rows = await repository.differences_of(await uow.driver(), recompute_id, key, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return DifferencesOut(
        items=[DifferenceOut(**row) for row in rows[:limit]],
        next=encode_cursor(last["period"], last["indicator_id"], last["unit_id"]) if last else None,
    )


async def _readable(uow: UnitOfWork, actor: Actor, recompute_id: UUID, request: Request) -> asyncpg.Record:
    row = await _row(uow, recompute_id)
    try:
        await _demand(uow, actor, row["set_id"], request)
    except OutsideScope as error:
        raise RecomputeUnknown from error
    return row


async def _row(uow: UnitOfWork, recompute_id: UUID) -> asyncpg.Record:
    row = await repository.recompute(await uow.driver(), recompute_id)
    if row is None:
        raise RecomputeUnknown
    return row


async def _demand(uow: UnitOfWork, actor: Actor, set_id: UUID, request: Request) -> None:
    cards = await copies.cards_within(await uow.driver(), set_id)
    today = clock_of(request).today()
    await demand_all_units(uow, actor, "recomputes.read", cards, today, today)


def _out(row: asyncpg.Record, code: str) -> RecomputeOut:
    pieces = PiecesOut(all=row["pieces"], done=row["done"], failed=row["failed"])
    ended = pieces.done + pieces.failed == pieces.all
    return RecomputeOut(
        set=code,
        state="failed" if ended and pieces.failed else "done" if ended else "running" if row["begun"] else "waiting",
        pieces=pieces,
        finished_at=row["finished_at"] if ended else None,
        **{
            name: row[name]
            for name in ("recompute_id", "periods", "reason", "total", "cells", "changed", "differences", "longest_ms",
                         "made_at", "made_by")
        },
    )  # fmt: skip
