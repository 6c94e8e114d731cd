"""Routes of bonus tables, of external losses, and of the entries of units beside their cells."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.scoring_svc.bonus import losses, reading
from services.scoring_svc.bonus.answers import (
    after_version,
    entry_out,
    loss_of,
    loss_out,
    onward,
    stored,
    table_out,
)
from services.scoring_svc.bonus.ledger_schemas import (
    BonusTableIn,
    BonusTableOut,
    BonusTablesOut,
    ExternalLossesOut,
    ExternalLossIn,
    ExternalLossOut,
)
from services.scoring_svc.bonus.publishing import Edition, publish_table
from services.scoring_svc.bonus.request_repository import hold_awards
from services.scoring_svc.bonus.schemas import ReasonIn, UnitEntriesOut
from services.scoring_svc.bonus.shapes import Code as NewCode
from services.scoring_svc.ledger.api import MOST_VERSIONS, Code, clock_of, period_named, reader_of
from shared.auth import Actor
from shared.contracts.periods import periods_of_year
from shared.db import UnitOfWork
from shared.errors import NotFound, OutsideScope
from shared.http import (
    Cursor,
    IfMatch,
    Limit,
    TransactionalRoute,
    Uow,
    after_moment,
    etag,
    if_match,
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["bonus"])
_DATES = {"name", "effective_from", "effective_to"}


# --- bonus tables ---------------------------------------------------------------------------------------------------


@router.get("/bonus-tables")
async def list_bonus_tables(
    _: Annotated[Actor, permits("bonus_tables.read")],
    uow: Uow,
    code: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> BonusTablesOut:
    """All versions of bonus tables: they are no unit's data."""
    rows = await reading.tables(await uow.driver(), code, after_version(cursor), limit + 1)
    return BonusTablesOut(items=[table_out(row) for row in rows[:limit]], next=onward(rows, limit, "code", "version"))


@router.get("/bonus-tables/{code}/{version}")
async def read_bonus_table(
    code: Annotated[str, Path(max_length=64)],
    version: Annotated[int, Path(ge=1, le=MOST_VERSIONS)],
    response: Response,
    _: Annotated[Actor, permits("bonus_tables.read")],
    uow: Uow,
) -> BonusTableOut:
    """One version of a bonus table; it never changes."""
    return await _table(response, uow, code, version)


@router.put("/bonus-tables/{code}")
async def publish_bonus_table(
    code: NewCode,
    body: BonusTableIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("bonus_tables.publish")],
    uow: Uow,
) -> BonusTableOut:
    """Publish a version of a bonus table. If-Match is needed once the table exists."""
    # The table is for the whole bureau, so an appointment over a part of it is not enough.
    if not actor.reach("bonus_tables.publish").everything:
        raise OutsideScope
    edition = Edition(
        name=body.name,
        effective_from=body.effective_from,
        effective_to=body.effective_to,
        document=stored(body.model_dump(exclude=_DATES)),
    )
    seen = if_match(request) if "if-match" in request.headers else None
    version = await publish_table(uow, code, edition, seen, clock_of(request).now())
    return await _table(response, uow, code, version)


async def _table(response: Response, uow: UnitOfWork, code: str, version: int) -> BonusTableOut:
    rows = await reading.tables(await uow.driver(), code, (code, version - 1), 1)
    if not rows or rows[0]["version"] != version:
        raise NotFound
    etag(response, version)
    return table_out(rows[0])


# --- entries of units -----------------------------------------------------------------------------------------------


@router.get("/unit-entries")
async def list_unit_entries(
    request: Request,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
    set: Code = None,  # noqa: A002 - the name of the query parameter
    period: Code = None,
    unit: Code = None,
    kind: Literal["award", "external_loss"] | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> UnitEntriesOut:
    """What the ledger holds of units beside their cells: awards and external losses, reversals included.

    `period` is a period and all periods inside it.
    """
    keys = None
    if period is not None:
        span = period_named(period)
        keys = [inside.key for inside in periods_of_year(span.first.year) if span.contains(inside)]
    filters = {"set": set, "periods": keys, "unit": unit, "kind": kind}
    rows = await reading.entries(
        await uow.driver(), reader_of(request, actor), filters, after_moment(cursor), limit + 1
    )
    return UnitEntriesOut(items=[entry_out(row) for row in rows[:limit]], next=onward(rows, limit, "at", "entry_id"))


# --- external losses ------------------------------------------------------------------------------------------------


@router.get("/external-losses")
async def list_external_losses(
    request: Request,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
    set: Code = None,  # noqa: A002 - the name of the query parameter
    period: Code = None,
    state: Literal["standing", "withdrawn"] | None = None,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ExternalLossesOut:
    """Losses that units within reach bear, with their shares."""
    filters = {"set": set, "period": period, "state": state, "unit": unit}
    rows = await reading.losses(await uow.driver(), reader_of(request, actor), filters, after_moment(cursor), limit + 1)
    items = [loss_out(row) for row in rows[:limit]]
    return ExternalLossesOut(items=items, next=onward(rows, limit, "entered_at", "loss_id"))


@router.get("/external-losses/{loss_id}")
async def read_external_loss(
    loss_id: UUID, request: Request, response: Response, actor: Annotated[Actor, permits("scores.read")], uow: Uow
) -> ExternalLossOut:
    """One loss with the shares of the units within reach."""
    return await _loss(request, response, uow, actor, loss_id)


@router.post("/external-losses", status_code=201)
async def enter_external_loss(
    body: ExternalLossIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("external_losses.write")],
    uow: Uow,
) -> ExternalLossOut:
    """Enter points that the bureau itself lost, and who bears them."""
    await hold_awards(await uow.driver())
    made = await losses.enter(uow, actor, await loss_of(uow, body), clock_of(request).now())
    response.headers["location"] = f"/v1/external-losses/{made.loss_id}"
    return await _loss(request, response, uow, actor, made.loss_id)


@router.post("/external-losses/{loss_id}/withdrawal")
async def withdraw_external_loss(
    loss_id: UUID,
    body: ReasonIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("external_losses.write")],
    uow: Uow,
    seen: IfMatch,
) -> ExternalLossOut:
    """Take a loss back by reversing entries, with the reason; what was wrong in it is entered anew."""
    driver = await uow.driver()
    await hold_awards(driver)
    await reading.one_loss(driver, reader_of(request, actor), loss_id)
    await losses.withdraw(uow, actor, loss_id, seen, body.reason, clock_of(request).now())
    return await _loss(request, response, uow, actor, loss_id)


async def _loss(request: Request, response: Response, uow: UnitOfWork, actor: Actor, loss_id: UUID) -> ExternalLossOut:
    row = await reading.one_loss(await uow.driver(), reader_of(request, actor), loss_id)
    etag(response, row["version"])
    return loss_out(row)
