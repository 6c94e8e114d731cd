"""Routes of simulations, weights, diagnostics, pre-heats. What is simulated is answered under /v1/simulations only."""

from fractions import Fraction
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.copies.repository import IndicatorSet
from services.scoring_svc.ledger.api import SetCode, clock_of, set_named
from services.scoring_svc.ranking.api import SpanKey, span_named
from services.scoring_svc.ranking.domain import Span, parse_span
from services.scoring_svc.ranking.repository import confirmed_periods
from services.scoring_svc.simulation import examining, repository, use_cases
from services.scoring_svc.simulation.diagnosis import Lines
from services.scoring_svc.simulation.examining_schemas import DiagnosticsOut, LinesOut, PreheatsOut, WeightsOut
from services.scoring_svc.simulation.schemas import (
    ProgressOut,
    SimulationIn,
    SimulationOut,
    SimulationsOut,
    VariantHead,
    VariantOut,
)
from services.scoring_svc.simulation.use_cases import Scope, SimulationNotDone
from services.scoring_svc.simulation.variants import Base
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.http import (
    Cursor,
    Limit,
    TransactionalRoute,
    Uow,
    after_moment,
    encode_cursor,
    permits,
    takes_up_to,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["simulation"])

_BODY = 8_000_000  # twenty variants of a whole set's rules
Line = Annotated[str, Query(pattern=r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$")]
Percent = Annotated[str, Query(pattern=r"^([1-9][0-9]?)(\.[0-9]{1,2})?$", description="By how many percent")]


@router.post("/simulations", status_code=201)
@takes_up_to(_BODY)
async def make_simulation(
    body: SimulationIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("simulations.run")],
    uow: Uow,
) -> SimulationOut:
    """Simulate variants of a set; small ones are done at once, others become a job whose progress is shown."""
    found, span = await set_named(uow, body.set), span_named(body.period, "/period")
    now = clock_of(request).now()
    scope = await _scope(uow, actor, "simulations.run", found, span, request)
    reach = actor.reach("simulations.run")
    told = body.model_dump(exclude_none=False)
    simulation_id = await use_cases.make_simulation(
        uow,
        request.app.state.database,
        found,
        span,
        scope,
        told,
        may=reach.covers,
        at_once=request.app.state.settings.simulation_cells_at_once,
        now=now,
    )
    response.headers["location"] = f"/v1/simulations/{simulation_id}"
    return await _shown(uow, simulation_id, found.code)


@router.get("/simulations")
async def list_simulations(
    code: SetCode,
    request: Request,
    actor: Annotated[Actor, permits("simulations.read")],
    uow: Uow,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SimulationsOut:
    """The simulations of a set, the newest first: all of them, or those on the reader's own indicators."""
    found = await set_named(uow, code)
    today = parse_span(str(clock_of(request).today().year))
    scope = await _scope(uow, actor, "simulations.read", found, today, request)
    departments = None if scope.departments is None else sorted(scope.departments)
    rows = await repository.simulations_of(
        await uow.driver(), found.set_id, departments, after_moment(cursor), limit + 1
    )
    last = rows[limit - 1] if len(rows) > limit else None
    items = [await _out(uow, row, found.code) for row in rows[:limit]]
    return SimulationsOut(items=items, next=encode_cursor(last["made_at"], last["simulation_id"]) if last else None)


@router.get("/simulations/weights/{set_code}")
async def read_weights(
    set_code: str,
    period: SpanKey,
    request: Request,
    actor: Annotated[Actor, permits("simulations.read")],
    uow: Uow,
    by_percent: Percent = "10",
) -> WeightsOut:
    """How places depend on the weight of each indicator."""
    found, scope, span, base = await _examined(uow, actor, set_code, period, request)
    told = await examining.weights(await uow.driver(), base, scope, span, Fraction(by_percent) / 100)
    return WeightsOut.model_validate(
        {"set": found.code, "period": span.key, "board": scope.board, "by_percent": by_percent, "indicators": told}
    )


@router.get("/simulations/{simulation_id}")
async def read_simulation(
    simulation_id: UUID, request: Request, actor: Annotated[Actor, permits("simulations.read")], uow: Uow
) -> SimulationOut:
    """A simulation with its progress, and the head of every variant once it is done."""
    row = await _readable(uow, actor, simulation_id, request)
    return await _out(uow, row, await _code_of(uow, row["set_id"]))


@router.get("/simulations/{simulation_id}/variants/{number}")
async def read_variant(
    simulation_id: UUID,
    number: int,
    request: Request,
    actor: Annotated[Actor, permits("simulations.read")],
    uow: Uow,
) -> VariantOut:
    """What one variant moves: who, by how much, and why."""
    row = await _readable(uow, actor, simulation_id, request)
    if not 1 <= number <= len(msgspec.json.decode(row["variants"])):
        raise NotFound
    if row["state"] != "done":
        raise SimulationNotDone(state=row["state"])
    results = await repository.results_of(await uow.driver(), simulation_id, number)
    return VariantOut.model_validate_json(results[0]["body"])


@router.get("/diagnostics/{set_code}")
async def read_diagnostics(
    set_code: str,
    period: SpanKey,
    request: Request,
    actor: Annotated[Actor, permits("simulations.read")],
    uow: Uow,
    duplicate: Line = "0.95",
    dominates: Line = "0.5",
    ceiling: Line = "0.9",
    floor: Line = "0.5",
    biased: Line = "0.5",
) -> DiagnosticsOut:
    """Which indicators tell no units apart, dominate, repeat another, end at a ceiling or floor, or favour a group."""
    found, scope, span, base = await _examined(uow, actor, set_code, period, request)
    told = LinesOut(duplicate=duplicate, dominates=dominates, ceiling=ceiling, floor=floor, biased=biased)
    lines = Lines(**{name: Fraction(line) for name, line in told.model_dump().items()})
    seen = await examining.diagnostics(await uow.driver(), base, scope, span, lines)
    head: dict[str, Any] = {"set": found.code, "period": span.key, "board": scope.board, "lines": told}
    return DiagnosticsOut.model_validate({**head, **seen})


@router.get("/preheats/{set_code}")
async def read_preheats(
    set_code: str,
    request: Request,
    actor: Annotated[Actor, permits("preheats.read")],
    uow: Uow,
    period: Annotated[str | None, Query(max_length=11, description="Only this span; every confirmed period")] = None,
) -> PreheatsOut:
    """The pre-heat (望) of a set: how each indicator told units apart, and where points were lost."""
    found = await set_named(uow, set_code)
    span = span_named(period or str(found.year))
    scope = await _scope(uow, actor, "preheats.read", found, span, request)
    driver = await uow.driver()
    if period is None:
        confirmed = sorted(await confirmed_periods(driver, found.set_id))
        base = await use_cases.confirmed_base(driver, found.set_id, found.code, confirmed, scope)
    else:
        base = await use_cases.base_of(driver, found.set_id, found.code, span, scope)
    told = await examining.preheats(driver, base, scope, span)
    keys = [one.key for one in base.periods]
    return PreheatsOut.model_validate({"set": found.code, "periods": keys, "indicators": told})


# --- shared by the routes -----------------------------------------------------------------------------------------


async def _examined(
    uow: UnitOfWork, actor: Actor, set_code: str, period: str, request: Request
) -> tuple[IndicatorSet, Scope, Span, Base]:
    found, span = await set_named(uow, set_code), span_named(period)
    scope = await _scope(uow, actor, "simulations.read", found, span, request)
    base = await use_cases.base_of(await uow.driver(), found.set_id, found.code, span, scope)
    return found, scope, span, base


async def _scope(
    uow: UnitOfWork, actor: Actor, permission: str, found: IndicatorSet, span: Span, request: Request
) -> Scope:
    cards = await copies.cards_within(await uow.driver(), found.set_id)
    return await use_cases.scope_of(uow, actor, permission, cards, span.last, clock_of(request).today())


async def _readable(uow: UnitOfWork, actor: Actor, simulation_id: UUID, request: Request) -> Any:
    """A stored simulation that the reader could have made. Raises NotFound."""
    row = await repository.simulation(await uow.driver(), simulation_id)
    if row is None:
        raise NotFound
    today = clock_of(request).today()
    await use_cases.demand_readable(uow, actor, row["set_id"], parse_span(row["period"]), row["departments"], today)
    return row


async def _code_of(uow: UnitOfWork, set_id: UUID) -> str:
    return next(one.code for one in await copies.all_sets(await uow.driver()) if one.set_id == set_id)


async def _shown(uow: UnitOfWork, simulation_id: UUID, code: str) -> SimulationOut:
    row = await repository.simulation(await uow.driver(), simulation_id)
    if row is None:
        raise NotFound
    return await _out(uow, row, code)


async def _out(uow: UnitOfWork, row: Any, code: str) -> SimulationOut:
    variants = [
        VariantHead(number=number, name=one["name"], variant_hash=one["variant_hash"])
        for number, one in enumerate(msgspec.json.decode(row["variants"]), start=1)
    ]
    if row["state"] == "done":
        results = await repository.results_of(await uow.driver(), row["simulation_id"])
        variants = [VariantHead.model_validate_json(one["body"]) for one in results]
    shown = {
        name: row[name]
        for name in ("simulation_id", "period", "name", "state", "code", "made_at", "made_by", "finished_at")
    }
    return SimulationOut(
        set=code,
        board="total" if row["departments"] is None else "own_indicators",
        progress=ProgressOut(done=row["done"], total=row["total"]),
        variants=variants,
        **shown,
    )
