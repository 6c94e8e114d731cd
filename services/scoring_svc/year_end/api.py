"""Routes of the year's end: results and their steps, appeals, uses, the archive as a file."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Request, Response

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.api import MOST_VERSIONS, clock_of, set_named
from services.scoring_svc.year_end import appealing, repository, use_cases
from services.scoring_svc.year_end.repository import YearResult
from services.scoring_svc.year_end.schemas import (
    AppealDecisionIn,
    ArchiveOut,
    HoldupOut,
    NoticeIn,
    RevisionIn,
    SaidIn,
    StepOut,
    UsesIn,
    YearAppealIn,
    YearResultCardOut,
    YearResultIn,
)
from services.scoring_svc.year_end.use_cases import Said
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.http import (
    IfMatch,
    TransactionalRoute,
    Uow,
    etag,
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["year end"])

# Steps whose document and reason speak of single units; those units read them at the appeal or the use itself.
_OF_UNITS = frozenset({"decide", "use", "withdraw_use"})

Reads = Annotated[Actor, permits("year_end.read")]
Runs = Annotated[Actor, permits("year_end.run")]
Approves = Annotated[Actor, permits("year_end.approve")]


# --- steps ------------------------------------------------------------------------------------------------------------


@router.post("/year-results", status_code=201)
async def draft_year_result(
    body: YearResultIn, request: Request, response: Response, actor: Runs, uow: Uow
) -> YearResultCardOut:
    """Open the year's result of a set on a published ranking that begins with the year."""
    found, now = await set_named(uow, body.set), clock_of(request).now()
    await use_cases.demand_whole_set(uow, actor, "year_end.run", found.set_id, now.date())
    made = await use_cases.draft(uow, found, body.ranking_id, _said(body), now)
    response.headers["location"] = f"/v1/year-results/{made.result_id}"
    return await card(request, response, uow, actor, made)


@router.post("/year-results/{result_id}/revision")
async def revise_year_result(
    result_id: UUID, body: RevisionIn, request: Request, response: Response, actor: Runs, uow: Uow, seen: IfMatch
) -> YearResultCardOut:
    """Let the result stand on the newest version of the ranking; it is approved and noticed anew."""
    known, now = await _run(request, uow, actor, result_id, seen)
    return await card(
        request, response, uow, actor, await use_cases.revise(uow, known, body.ranking_id, _said(body), now)
    )


@router.post("/year-results/{result_id}/approval")
async def approve_year_result(
    result_id: UUID, body: SaidIn, request: Request, response: Response, actor: Approves, uow: Uow, seen: IfMatch
) -> YearResultCardOut:
    """The evaluation committee approves what somebody else drafted."""
    known, now = await _run(request, uow, actor, result_id, seen, "year_end.approve")
    return await card(request, response, uow, actor, await use_cases.approve(uow, known, _said(body), now))


@router.post("/year-results/{result_id}/notice")
async def give_notice(
    result_id: UUID, body: NoticeIn, request: Request, response: Response, actor: Runs, uow: Uow, seen: IfMatch
) -> YearResultCardOut:
    """Begin the public notice; its last day is counted by the working-day calendar."""
    known, now = await _run(request, uow, actor, result_id, seen)
    step = use_cases.give_notice(uow, known, body.first_day, body.working_days, _said(body), now)
    return await card(request, response, uow, actor, await step)


@router.post("/year-results/{result_id}/appeals", status_code=201)
async def enter_year_appeal(
    result_id: UUID, body: YearAppealIn, request: Request, response: Response, actor: Runs, uow: Uow, seen: IfMatch
) -> YearResultCardOut:
    """Enter an appeal that was filed on a day of the notice."""
    known, now = await _run(request, uow, actor, result_id, seen)
    step = appealing.enter_appeal(uow, known, body.unit, body.matter, body.filed_by, body.filed_on, now)
    return await card(request, response, uow, actor, await step)


@router.post("/year-results/{result_id}/appeals/{number}/decision")
async def decide_year_appeal(
    result_id: UUID,
    number: int,
    body: AppealDecisionIn,
    request: Request,
    response: Response,
    actor: Approves,
    uow: Uow,
    seen: IfMatch,
) -> YearResultCardOut:
    """Decide on an appeal, by somebody who had no part in it or in what it is against; upheld: on a newer ranking."""
    known, now = await _run(request, uow, actor, result_id, seen, "year_end.approve")
    step = appealing.decide_appeal(uow, known, _number(number), body.outcome, body.ranking_id, _said(body), now)
    return await card(request, response, uow, actor, await step)


@router.post("/year-results/{result_id}/finalisation")
async def finalise_year_result(
    result_id: UUID, body: SaidIn, request: Request, response: Response, actor: Runs, uow: Uow, seen: IfMatch
) -> YearResultCardOut:
    """Make the result final after the last day of the notice, when nothing holds it up."""
    known, now = await _run(request, uow, actor, result_id, seen)
    return await card(request, response, uow, actor, await use_cases.finalise(uow, known, _said(body), now))


@router.post("/year-results/{result_id}/archive", status_code=202)
async def ask_for_archive(
    result_id: UUID,
    request: Request,
    response: Response,
    actor: Runs,
    uow: Uow,
    seen: IfMatch,
) -> YearResultCardOut:
    """Let the archive of a final result be written, verified and signed by a job."""
    known, now = await _run(request, uow, actor, result_id, seen)
    signs = request.app.state.archives is not None
    asked = await use_cases.ask_for_archive(uow, known, now, signs=signs)
    response.headers["location"] = f"/v1/year-results/{result_id}/archive"
    return await card(request, response, uow, actor, asked)


@router.post("/year-results/{result_id}/uses", status_code=201)
async def use_year_result(
    result_id: UUID, body: UsesIn, request: Request, response: Response, actor: Runs, uow: Uow, seen: IfMatch
) -> YearResultCardOut:
    """Enter what follows from a final result for units."""
    known, now = await _run(request, uow, actor, result_id, seen)
    uses = [(one.unit, one.kind, one.text) for one in body.uses]
    return await card(request, response, uow, actor, await use_cases.use(uow, known, uses, _said(body), now))


@router.post("/year-results/{result_id}/uses/{number}/withdrawal")
async def withdraw_year_use(
    result_id: UUID,
    number: int,
    body: SaidIn,
    request: Request,
    response: Response,
    actor: Runs,
    uow: Uow,
    seen: IfMatch,
) -> YearResultCardOut:
    """Take back what followed from the result; the row stays, beside the one that takes it back."""
    known, now = await _run(request, uow, actor, result_id, seen)
    step = use_cases.withdraw_use(uow, known, _number(number), _said(body), now)
    return await card(request, response, uow, actor, await step)


# --- shared by the routes ---------------------------------------------------------------------------------------------


async def _run(
    request: Request, uow: UnitOfWork, actor: Actor, result_id: UUID, version: int, permission: str = "year_end.run"
) -> tuple[YearResult, Any]:
    now = clock_of(request).now()
    return await use_cases.seen(uow, actor, permission, result_id, version, now.date()), now


def _said(body: SaidIn) -> Said:
    return Said(body.document, body.reason)


def _number(number: int) -> int:
    """The number of an appeal or use in a path. Raises NotFound for what no column holds."""
    if not 1 <= number <= MOST_VERSIONS:
        raise NotFound
    return number


def members(known: YearResult, code: str) -> dict[str, Any]:
    """The members of YearResultOut."""
    return {name: value for name, value in asdict(known).items() if name not in {"set_id", "basis"}} | {"set": code}


def _seen_by(actor: Actor, step: asyncpg.Record) -> StepOut:
    """A step as the actor may see it: what is said of single units is for who reaches everything."""
    told = StepOut.of(step, details=msgspec.json.decode(step["details"]))
    if step["step"] in _OF_UNITS and not actor.reach("year_end.read").everything:
        return told.model_copy(update={"document": "", "reason": ""})
    return told


async def card(
    request: Request, response: Response, uow: UnitOfWork, actor: Actor, known: YearResult
) -> YearResultCardOut:
    """The result as it stands, with its version as the entity tag."""
    driver = await uow.driver()
    code = next(one.code for one in await copies.all_sets(driver) if one.set_id == known.set_id)
    found = None
    if known.state == "noticed" and actor.may("year_end.run"):
        found = await use_cases.find_holdups(uow, known, clock_of(request).today())
    archive = await repository.archive(driver, known.result_id)
    steps = [_seen_by(actor, step) for step in await repository.steps_of(driver, known.result_id)]
    etag(response, known.version)
    return YearResultCardOut(
        **members(known, code),
        steps=steps,
        holdups=None if found is None else [HoldupOut.model_validate(asdict(one)) for one in found],
        archive=ArchiveOut.of(archive) if archive else None,
    )
