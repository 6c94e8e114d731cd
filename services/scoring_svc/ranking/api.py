"""Routes of rankings: provisional within reach, published ones for all evaluated units."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request, Response

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.api import MOST_VERSIONS, Code, PeriodKey, SetCode, clock_of, period_named, set_named
from services.scoring_svc.ledger.use_cases import demand_all_units
from services.scoring_svc.ranking import repository
from services.scoring_svc.ranking.schemas import RankingHead, RankingIn, RankingOut, RankingsOut
from services.scoring_svc.ranking.use_cases import provisional_ranking, publish_ranking
from shared.auth import Actor
from shared.contracts.periods import parse_period
from shared.directory.held import readable
from shared.directory.repository import units_on
from shared.errors import Detail, Malformed, NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ranking"])


@router.get("/rankings/provisional")
async def read_provisional_ranking(
    code: SetCode, period: PeriodKey, request: Request, actor: Annotated[Actor, permits("rankings.read")], uow: Uow
) -> RankingOut:
    """The ranking as it stands now; places are among all units, shown are the units within reach."""
    found = await set_named(uow, code)
    today, span = clock_of(request).today(), period_named(period)
    ranking = await provisional_ranking(uow, found, span, today)
    shown = [unit.unit_id for unit in ranking.units]
    within = await readable(await uow.driver(), actor.reach("rankings.read"), span, today, shown)
    ranking.units = [unit for unit in ranking.units if unit.unit_id in within]
    return ranking


@router.post("/rankings", status_code=201)
async def publish(
    body: RankingIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("rankings.publish")],
    uow: Uow,
) -> RankingOut:
    """Publish the ranking of a set over a period or span whose periods are all confirmed; a version never changes."""
    found = await set_named(uow, body.set)
    span = period_named(body.period, "/period")
    now = clock_of(request).now()
    cards = await copies.cards_within(await uow.driver(), found.set_id)
    await demand_all_units(uow, actor, "rankings.publish", cards, span.last, now.date())
    ranking = await publish_ranking(uow, found, span, now)
    response.headers["location"] = f"/v1/rankings/{ranking.ranking_id}"
    etag(response, ranking.version)
    return ranking


@router.get("/rankings")
async def list_rankings(
    code: SetCode,
    request: Request,
    actor: Annotated[Actor, permits("rankings.read")],
    uow: Uow,
    period: Annotated[Code, Query(description="Only this period or span")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> RankingsOut:
    """The published versions of a set."""
    found = await set_named(uow, code)
    key = decode_cursor(cursor, 2)
    if key is not None and not (key[1].isdecimal() and int(key[1]) <= MOST_VERSIONS):
        raise Malformed(details=[Detail("?cursor", "malformed")])
    driver = await uow.driver()
    known = await repository.periods_ranked(driver, found.set_id, period)
    seen = await _seen_periods(driver, actor, found.set_id, known, clock_of(request).today())
    after = (key[0], int(key[1])) if key else None
    rows = await repository.rankings_of(driver, found.set_id, seen, after, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    onward = encode_cursor(last["period"], last["version"]) if last else None
    return RankingsOut(items=[RankingHead(**row) for row in rows[:limit]], next=onward)


@router.get("/rankings/{ranking_id}", response_model=RankingOut)
async def read_ranking(
    ranking_id: UUID, request: Request, actor: Annotated[Actor, permits("rankings.read")], uow: Uow
) -> Response:
    """A published ranking: it never changes, so a reader may keep it."""
    driver, today = await uow.driver(), clock_of(request).today()
    row = await repository.published(driver, ranking_id)
    if row is None or not await _seen_periods(driver, actor, row["set_id"], [row["period"]], today):
        raise NotFound
    headers = {"etag": f'"{row["version"]}"', "cache-control": "private, max-age=31536000, immutable"}
    return Response(row["body"], headers=headers, media_type="application/json")


async def _seen_periods(
    driver: asyncpg.Connection, actor: Actor, set_id: UUID, periods: Sequence[str], today: date
) -> list[str]:
    """The periods whose ranking the actor sees, published with values: who reads all, evaluates in the set, serves in
    an evaluated unit or above, or held one in the period.
    """
    reach = actor.reach("rankings.read")
    cards = await copies.cards_within(driver, set_id)
    party = {unit for card in cards for unit in (*card.evaluated_unit_ids, card.evaluating_unit_id)}
    paths = [unit.path for unit in await units_on(driver, today) if unit.unit_id in party]
    if reach.everything or any(grant.path.startswith(path) for grant in actor.grants for path in paths):
        return list(periods)
    return [key for key in periods if await readable(driver, reach, parse_period(key), today, party)]
