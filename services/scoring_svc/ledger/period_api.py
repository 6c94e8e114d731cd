"""Routes of the states of periods and their steps: fence, confirm, close; what holds a confirmation up."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from services.scoring_svc.ledger import period_repository as periods
from services.scoring_svc.ledger import use_cases
from services.scoring_svc.ledger.api import SetCode, clock_of, set_named
from services.scoring_svc.ledger.domain import Exclusion
from services.scoring_svc.ledger.period_repository import PeriodRow
from services.scoring_svc.ledger.schemas import ConfirmIn, HoldupOut, HoldupsOut, PeriodOut, PeriodsOut
from shared.auth import Actor
from shared.errors import Detail, Malformed, Unavailable
from shared.http import TransactionalRoute, Uow, etag, permits
from shared.service_client import ServiceClient

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ledger"])


@router.get("/period-states")
async def list_period_states(code: SetCode, _: Annotated[Actor, permits("periods.read")], uow: Uow) -> PeriodsOut:
    """The periods of a set that were fenced, confirmed or closed, or have facts."""
    found = await set_named(uow, code)
    rows = await periods.period_rows(await uow.driver(), found.set_id)
    return PeriodsOut(items=[_period_out(code, row) for row in rows])


@router.get("/period-states/{set_code}/{period}")
async def read_period_state(
    set_code: str, period: str, response: Response, _: Annotated[Actor, permits("periods.read")], uow: Uow
) -> PeriodOut:
    """One period of a set; a period that nobody has touched is open."""
    place = await use_cases.find_place(uow, set_code, period)
    row = await periods.period_row(await uow.driver(), place.indicator_set.set_id, period)
    etag(response, row.version if row else 0)
    if row is None:
        return PeriodOut(set_code=set_code, period=period, state="open", version=0)
    return _period_out(set_code, row)


@router.post("/period-states/{set_code}/{period}/fence")
async def fence_period(
    set_code: str,
    period: str,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("periods.run")],
    uow: Uow,
) -> PeriodOut:
    """End collecting for a set and period. Repeatable; 503 with nothing half done while submission_svc is down."""
    place = await use_cases.find_place(uow, set_code, period)
    now = clock_of(request).now()
    await use_cases.demand_all_units(uow, actor, "periods.run", place.cards, place.period.last, now.date())
    row = await use_cases.fence_period(uow, place, _submission(request), now)
    etag(response, row.version)
    return _period_out(set_code, row)


@router.get("/period-states/{set_code}/{period}/holdups")
async def list_holdups(
    set_code: str, period: str, request: Request, actor: Annotated[Actor, permits("periods.run")], uow: Uow
) -> HoldupsOut:
    """What holds the confirmation of a period up: chunks not applied, cells without a result, with their codes."""
    place = await use_cases.find_place(uow, set_code, period)
    today = clock_of(request).today()
    await use_cases.demand_all_units(uow, actor, "periods.run", place.cards, place.period.last, today)
    state, found = await use_cases.find_holdups(uow, place)
    items = [HoldupOut(**use_cases.shown(holdup)) for holdup in found[: use_cases.MOST_HOLDUPS]]
    return HoldupsOut(state=state.state if state else "open", count=len(found), items=items)


@router.post("/period-states/{set_code}/{period}/confirm")
async def confirm_period(
    set_code: str,
    period: str,
    body: ConfirmIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("periods.run")],
    uow: Uow,
) -> PeriodOut:
    """Confirm a fenced period: its cells enter the ledger, every loss becomes a deduction."""
    place = await use_cases.find_place(uow, set_code, period)
    now = clock_of(request).now()
    await use_cases.demand_all_units(uow, actor, "periods.run", place.cards, place.period.last, now.date())
    taken_out: dict[tuple[str, str], Exclusion] = {}
    twice = []
    for index, item in enumerate(body.exclusions):
        if (item.indicator, item.unit) in taken_out:
            twice.append(Detail(f"/exclusions/{index}", "duplicate", f"{item.indicator}/{item.unit}"))
        taken_out[item.indicator, item.unit] = Exclusion(item.state, item.reason)
    if twice:
        raise Malformed(details=twice)
    row = await use_cases.confirm_period(uow, place, taken_out, now)
    etag(response, row.version)
    return _period_out(set_code, row)


@router.post("/period-states/{set_code}/{period}/close")
async def close_period(
    set_code: str,
    period: str,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("periods.run")],
    uow: Uow,
) -> PeriodOut:
    """Close a confirmed period: only approved corrections change it from now on."""
    place = await use_cases.find_place(uow, set_code, period)
    now = clock_of(request).now()
    await use_cases.demand_all_units(uow, actor, "periods.run", place.cards, place.period.last, now.date())
    row = await use_cases.close_period(uow, place, now)
    etag(response, row.version)
    return _period_out(set_code, row)


def _submission(request: Request) -> ServiceClient:
    state = request.app.state
    if state.submission is None:
        settings = state.settings
        try:
            state.submission = ServiceClient.of(settings, what="submission_svc", base_url=settings.submission_url)
        except ValueError as error:
            raise Unavailable(what="submission_svc") from error
    client: ServiceClient = state.submission
    return client


def _period_out(code: str, row: PeriodRow) -> PeriodOut:
    shown = {name: getattr(row, name) for name in PeriodOut.model_fields if name != "set_code"}
    return PeriodOut(set_code=code, **shown)
