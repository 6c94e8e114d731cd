"""Routes that answer questions about published rankings: other boards, changes, losses, the bottom, grades."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request

from services.scoring_svc.copies import repository as copies
from services.scoring_svc.ledger.api import Code, SetCode, clock_of, set_named
from services.scoring_svc.ledger.entering import score_text
from services.scoring_svc.ranking import reading, repository
from services.scoring_svc.ranking.api import Board, Group, SpanKey, look_up_party, page_for, span_named
from services.scoring_svc.ranking.domain import ALL_PEERS, TOTAL, BoardUnknown, GroupUnknown, points_text
from services.scoring_svc.ranking.pages import Page, Party
from services.scoring_svc.ranking.repository import Wanted
from services.scoring_svc.ranking.schemas import (
    AmendmentOut,
    BoardOut,
    BoardsOut,
    BottomOut,
    BottomsOut,
    ChangeOut,
    ChangesOut,
    GradeOut,
    GradesOut,
    LossesOut,
    LossOut,
    PlacesOut,
)
from services.scoring_svc.ranking.use_cases import read_policy, shown
from shared.auth import Actor
from shared.contracts.periods import PeriodKind, periods_of_year
from shared.db import UnitOfWork
from shared.directory.repository import units_by
from shared.errors import Detail, Malformed, NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["ranking"])

Reader = Annotated[Actor, permits("rankings.read")]


def _units(page: Page, board: str, party: Party, actor: Actor) -> frozenset[UUID] | None:
    """Whose rows of a board a member of the party sees: everybody's (None) where published so, else their own."""
    everybody = page.shows == "all_rows" or (page.shows == "totals" and board == TOTAL)
    return None if everybody else party.within(actor.reach("rankings.read"))


@router.get("/rankings/bottom")
async def list_bottom(
    code: SetCode,
    first: Annotated[str, Query(alias="from", max_length=11, description="First span, such as 2015-01")],
    last: Annotated[str, Query(alias="to", max_length=11, description="Last span, of the same kind")],
    request: Request,
    actor: Reader,
    uow: Uow,
    board: Board = TOTAL,
    group: Group = ALL_PEERS,
    places: Annotated[int, Query(ge=1, le=100, description="How many places from the end are the bottom")] = 1,
    times: Annotated[int, Query(ge=1, le=12, description="How often at least")] = 2,
) -> BottomsOut:
    """Who stood among the last places at least so many times, by the newest version of each span; within reach."""
    found = await set_named(uow, code)
    one, other = span_named(first, "?from"), span_named(last, "?to")
    if one.period.kind != other.period.kind or one.to_date != other.to_date or other.last < one.last:
        raise Malformed(details=[Detail("?to", "malformed", "must be of the same kind as 'from', and not before it")])
    driver, today = await uow.driver(), clock_of(request).today()
    years = range(one.last.year, min(other.last.year, one.last.year + 20) + 1)
    kind: PeriodKind = one.period.kind
    spans = [
        period.key + ("-YTD" if one.to_date else "")
        for year in years
        for period in periods_of_year(year)
        if period.kind == kind and one.last <= period.last <= other.last
    ]
    published = await reading.published_spans(driver, found.set_id, spans)
    party = await look_up_party(uow, found.set_id, other.key, request)
    rows = await reading.at_bottom(
        driver, found.set_id, published, board=board, peers=group, last=places, times=times, today=today,
        units=party.within(actor.reach("rankings.read")),
    )  # fmt: skip
    return BottomsOut(published=published, items=[BottomOut(**row) for row in rows])


@router.get("/rankings/{ranking_id}/boards")
async def list_boards(ranking_id: UUID, request: Request, actor: Reader, uow: Uow) -> BoardsOut:
    """What a published ranking ranks, and among whom."""
    await page_for(request, ranking_id, actor, actor.reach("rankings.read"))
    rows = await repository.boards_of(await uow.driver(), ranking_id)
    return BoardsOut(items=[BoardOut(board=row["board"], group=row["peers"], ranked=row["ranked"]) for row in rows])


@router.get("/rankings/{ranking_id}/places")
async def list_places(
    ranking_id: UUID,
    request: Request,
    actor: Reader,
    uow: Uow,
    board: Board = TOTAL,
    group: Group = ALL_PEERS,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PlacesOut:
    """The places on one board among one group, as far as the policy and the reader's reach show them."""
    key = decode_cursor(cursor, 2, ids=[1], numbers=[0])
    page, party = await page_for(request, ranking_id, actor, actor.reach("rankings.read"))
    row = await _published(uow, page)
    await _demand_board(uow, ranking_id, board, group)
    driver = await uow.driver()
    units = _units(page, board, party, actor)
    if units is not None and await _evaluates(uow, page, board, units):
        units = None
    rules = await read_policy(uow, page.set_id, row["policy_version"])
    wanted = Wanted(
        board,
        group,
        row["previous_id"],
        span_named(row["period"]).last,
        units,
        (int(key[0]), UUID(key[1])) if key else None,
        limit + 1,
    )
    rows = await repository.published_places(driver, ranking_id, wanted)
    last = rows[limit - 1] if len(rows) > limit else None
    onward = encode_cursor(last["place"], last["unit_id"]) if last else None
    return PlacesOut(board=board, group=group, items=[shown(one, rules.ties) for one in rows[:limit]], next=onward)


@router.get("/rankings/{ranking_id}/changes")
async def list_changes(ranking_id: UUID, request: Request, actor: Reader, uow: Uow) -> ChangesOut:
    """A version against the one before it: who moved, from where to where, and by which amended scores."""
    page, party = await page_for(request, ranking_id, actor, actor.reach("rankings.read"))
    row, driver = await _published(uow, page), await uow.driver()
    before = await repository.newest(driver, page.set_id, row["period"], row["version"])
    if before is None:
        return ChangesOut(
            ranking_id=ranking_id, version=row["version"], before=None, reason=row["reason"], policy_before=None,
            policy=row["policy_version"], units=[],
        )  # fmt: skip
    day, units = span_named(row["period"]).last, _units(page, TOTAL, party, actor)
    rows = await reading.changes(driver, ranking_id, before["ranking_id"], day, units)
    why: dict[UUID, list[AmendmentOut]] = {}
    own = _units(page, "indicator", party, actor)
    for one in await _amendments(uow, before["amended"], row["amended"]):
        if own is None or one["unit_id"] in own:
            why.setdefault(one["unit_id"], []).append(_amendment(one))
    return ChangesOut(
        ranking_id=ranking_id,
        version=row["version"],
        before=before["ranking_id"],
        reason=row["reason"],
        policy_before=before["policy_version"],
        policy=row["policy_version"],
        units=[_change(one, why.get(one["unit_id"], [])) for one in rows],
    )


@router.get("/rankings/{ranking_id}/leading-losses")
async def list_leading_losses(
    ranking_id: UUID,
    unit: Annotated[str, Query(min_length=1, max_length=64, description="Code of the unit")],
    request: Request,
    actor: Reader,
    uow: Uow,
    group: Group = ALL_PEERS,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> LossesOut:
    """The indicators that cost a unit within reach most against the mean of its peers, dearest first."""
    page, party = await page_for(request, ranking_id, actor, actor.reach("rankings.read"))
    driver, own = await uow.driver(), party.within(actor.reach("rankings.read"))
    day = span_named(page.span).last
    found = next((one for one in await units_by(driver, day) if one.code == unit), None)
    if found is None or not (own is None or found.unit_id in own):
        raise NotFound
    await _demand_board(uow, ranking_id, TOTAL, group)
    rows = await reading.leading_losses(driver, ranking_id, found.unit_id, group, limit)

    def mean(one: Mapping[str, Any]) -> Fraction:
        return Fraction(one["sum"]) / int(one["ranked"])

    items = [
        LossOut(
            indicator=one["indicator"],
            total=points_text(one["total"]),
            full_marks=points_text(one["full_marks"]),
            mean=points_text(mean(one)),
            cost=points_text(mean(one) - Fraction(one["total"])),
            place=one["place"],
            ranked=one["ranked"],
        )
        for one in rows
    ]
    return LossesOut(ranking_id=ranking_id, unit=unit, group=group, items=items)


@router.get("/grades")
async def list_grades(
    code: SetCode, period: SpanKey, request: Request, actor: Reader, uow: Uow, unit: Code = None
) -> GradesOut:
    """The grades of units within reach, by the newest published ranking of a span."""
    found = await set_named(uow, code)
    span, today = span_named(period), clock_of(request).today()
    party = await look_up_party(uow, found.set_id, span.key, request)
    own = party.within(actor.reach("rankings.read"))
    rows = await reading.grades_of(await uow.driver(), found.set_id, span.key, unit, today, own)
    return GradesOut(items=[GradeOut(**{**row, "caps": msgspec.json.decode(row["caps"])}) for row in rows])


# --- shared by these routes -------------------------------------------------------------------------------------------


async def _evaluates(uow: UnitOfWork, page: Page, board: str, units: frozenset[UUID]) -> bool:
    """Whether one of the units evaluates the board's indicator: who evaluates it reads all its scores anyway."""
    cards = await copies.cards_within(await uow.driver(), page.set_id)
    return any(f"indicator:{card.code}" == board and card.evaluating_unit_id in units for card in cards)


async def _published(uow: UnitOfWork, page: Page) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = await repository.published(await uow.driver(), page.ranking_id)
    if row is None:
        raise NotFound
    return row


async def _demand_board(uow: UnitOfWork, ranking_id: UUID, board: str, group: str) -> None:
    """Raise BoardUnknown or GroupUnknown unless the ranking has such places."""
    has_board, has_group = await reading.has_board(await uow.driver(), ranking_id, board, group)
    if not has_board:
        raise BoardUnknown(board=board)
    if not has_group:
        raise GroupUnknown(group=group)


async def _amendments(uow: UnitOfWork, before: str, now: str) -> list[Any]:
    """The versions of cells that came between two publications."""
    kind = list[tuple[str, UUID, UUID, int]]
    known = {cell[:3]: cell[3] for cell in msgspec.json.decode(before, type=kind)}
    cells = [
        (period, indicator, unit, known.get((period, indicator, unit), 1), version)
        for period, indicator, unit, version in msgspec.json.decode(now, type=kind)
        if version != known.get((period, indicator, unit), 1)
    ]
    return await reading.amendments(await uow.driver(), cells) if cells else []


def _amendment(row: Mapping[str, Any]) -> AmendmentOut:
    told = {name: value for name, value in row.items() if name != "unit_id"}
    for name in ("score", "score_before"):
        told[name] = None if row[name] is None else score_text(row[name])
    return AmendmentOut(**told)


def _change(row: Mapping[str, Any], why: list[AmendmentOut]) -> ChangeOut:
    told = dict(row)
    for name in ("total", "total_before"):
        told[name] = None if row[name] is None else points_text(row[name])
    return ChangeOut(**told, why=why)
