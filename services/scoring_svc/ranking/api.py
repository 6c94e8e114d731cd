"""Routes that make rankings and show them whole: policies, the provisional ranking, publication, published pages."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.api import MOST_VERSIONS, Code, SetCode, clock_of, set_named
from services.scoring_svc.ledger.use_cases import demand_all_units
from services.scoring_svc.ranking import repository
from services.scoring_svc.ranking.domain import ALL_PEERS, TOTAL, Span, parse_span
from services.scoring_svc.ranking.pages import Page, Pages, Party, page_of, party_of
from services.scoring_svc.ranking.policy_schemas import PolicyIn, PolicyOut
from services.scoring_svc.ranking.schemas import RankingHead, RankingIn, RankingOut, RankingsOut
from services.scoring_svc.ranking.use_cases import make_policy, provisional_ranking, publish_ranking, read_policy
from shared.auth import Actor, Reach
from shared.db import UnitOfWork
from shared.directory.held import readable
from shared.errors import Detail, Malformed, NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor, etag, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ranking"])

SpanKey = Annotated[
    str, Query(max_length=11, description="2015, 2015-H1, 2015-Q2, 2015-06, or 2015-06-YTD", examples=["2015-06"])
]
Board = Annotated[
    str, Query(min_length=1, max_length=300, description="total, level1:…, level2:…/…, or indicator:CODE")
]
Group = Annotated[str, Query(min_length=1, max_length=200, description="all, or dimension:group")]


def span_named(text: str, pointer: str = "?period") -> Span:
    """The span of a request. Raises Malformed."""
    try:
        return parse_span(text)
    except ValueError as error:
        raise Malformed(details=[Detail(pointer, "malformed", str(error))]) from error


# --- policies ---------------------------------------------------------------------------------------------------------


@router.post("/ranking-policies", status_code=201)
async def add_policy(
    body: PolicyIn, request: Request, actor: Annotated[Actor, permits("rankings.publish")], uow: Uow
) -> PolicyOut:
    """Make the next version of a set's ranking policy; rankings published so far keep theirs."""
    found = await set_named(uow, body.set)
    now = clock_of(request).now()
    cards = await copies.cards_within(await uow.driver(), found.set_id)
    await demand_all_units(uow, actor, "rankings.publish", cards, now.date(), now.date())
    return await make_policy(uow, found, body, now)


@router.get("/ranking-policies/{set_code}")
async def show_policy(
    set_code: str,
    actor: Annotated[Actor, permits("rankings.read")],  # noqa: ARG001 - a policy shows no unit's data
    uow: Uow,
    version: Annotated[int | None, Query(ge=1, le=MOST_VERSIONS, description="The newest unless named")] = None,
) -> PolicyOut:
    """How a set is ranked; version 0: it has no policy of its own, and this is what holds."""
    found = await set_named(uow, set_code)
    return await read_policy(uow, found.set_id, version)


# --- rankings ---------------------------------------------------------------------------------------------------------


@router.get("/rankings/provisional")
async def read_provisional_ranking(
    code: SetCode,
    period: SpanKey,
    request: Request,
    actor: Annotated[Actor, permits("rankings.read")],
    uow: Uow,
    board: Board = TOTAL,
    group: Group = ALL_PEERS,
) -> RankingOut:
    """The ranking as it stands now; places are among all units of the group, shown are the units within reach."""
    found = await set_named(uow, code)
    today, span = clock_of(request).today(), span_named(period)
    ranking = await provisional_ranking(uow, found, span, board, group, today)
    shown = [unit.unit_id for unit in ranking.units]
    within = await readable(await uow.driver(), actor.reach("rankings.read"), span.days, today, shown)
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
    """Publish the ranking of a set over a span whose periods are all confirmed; a version never changes."""
    found = await set_named(uow, body.set)
    span = span_named(body.period, "/period")
    now = clock_of(request).now()
    cards = await copies.cards_within(await uow.driver(), found.set_id)
    await demand_all_units(uow, actor, "rankings.publish", cards, span.last, now.date())
    ranking = await publish_ranking(uow, found, span, body, now)
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
    key = decode_cursor(cursor, 2, numbers=[1])
    driver, reach = await uow.driver(), actor.reach("rankings.read")
    seen = [
        span
        for span in await repository.periods_ranked(driver, found.set_id, period)
        if reach.everything or (await look_up_party(uow, found.set_id, span, request)).includes(actor, reach)
    ]
    after = (key[0], int(key[1])) if key else None
    rows = await repository.rankings_of(driver, found.set_id, seen, after, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    onward = encode_cursor(last["period"], last["version"]) if last else None
    return RankingsOut(items=[RankingHead(**row) for row in rows[:limit]], next=onward)


@router.get("/rankings/{ranking_id}", response_model=RankingOut)
async def read_ranking(
    ranking_id: UUID, request: Request, actor: Annotated[Actor, permits("rankings.read")]
) -> Response:
    """A published ranking: it never changes, so a reader may keep it."""
    reach = actor.reach("rankings.read")
    page, party = await page_for(request, ranking_id, actor, reach)
    own = party.within(reach) if page.shows == "own_rows" else None
    body = page.whole if own is None else page.some(own)
    return Response(body, headers=page.headers, media_type="application/json")


async def page_for(request: Request, ranking_id: UUID, actor: Actor, reach: Reach) -> tuple[Page, Party]:
    """A published ranking whose party the actor belongs to, and the party. Raises NotFound.

    Only what is not in memory is read from the database; the reader's right is worked out at every request. The unit of
    work comes from the request itself: as one more dependency it would cost a tenth of an answer that never needs it.
    """
    pages: Pages = request.app.state.ranking_pages
    uow: UnitOfWork = request.state.uow
    page = pages.page(ranking_id)
    if page is None:
        row = await repository.published(await uow.driver(), ranking_id)
        if row is None:
            raise NotFound
        page = page_of(row)
        pages.keep(page)
    party = pages.party(ranking_id)
    if party is None:
        party = await look_up_party(uow, page.set_id, page.span, request)
        pages.remember(ranking_id, party)
    if not party.includes(actor, reach):
        raise NotFound
    return page, party


async def look_up_party(uow: UnitOfWork, set_id: UUID, span: str, request: Request) -> Party:
    """Where the evaluated and evaluating units of a set stand and stood: published rankings are for them."""
    driver = await uow.driver()
    cards = await copies.cards_within(driver, set_id)
    units = {unit for card in cards for unit in (*card.evaluated_unit_ids, card.evaluating_unit_id)}
    today = clock_of(request).today()
    return party_of(await repository.stood(driver, sorted(units), span_named(span).days, today))
