"""Routes of the catalogue: metrics, indicator sets, drafted cards, publication, published cards."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.indicator_svc.catalogue import repository
from services.indicator_svc.catalogue.repository import Sight
from services.indicator_svc.catalogue.schemas import (
    CardBatch,
    CardIn,
    CardOut,
    MetricBatch,
    MetricIn,
    MetricOut,
    MetricPage,
    PublicationOut,
    SetIn,
    SetOut,
    SetPage,
)
from services.indicator_svc.catalogue.scoring_client import RuleChecks
from services.indicator_svc.catalogue.use_cases import metrics, publication, sets
from services.indicator_svc.fields import BatchOut, Code, Line, Word
from services.indicator_svc.organisation.api import now_of
from shared.auth import Actor
from shared.contracts.identity import unit_id
from shared.contracts.indicator import FillMode
from shared.db import Database
from shared.errors import Detail, Malformed, NotFound, OutsideScope
from shared.http import (
    Cursor,
    IfMatch,
    Limit,
    TransactionalRoute,
    Uow,
    decode_cursor,
    encode_cursor,
    etag,
    json_response,
    permits,
    takes_up_to,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["catalogue"])
_BATCH_BODY = 16_000_000


def sight_of(request: Request, actor: Actor, permission: str) -> Sight:
    """How far an actor sees cards: the reach of the permission, and the chain above the units they act for."""
    roles = actor.roles_of[permission]
    paths = tuple(grant.path for grant in actor.grants if grant.role in roles and grant.path)
    return Sight(actor.reach(permission), paths, request.app.state.clock.today())


@router.post("/metric-batches", status_code=201)
@takes_up_to(_BATCH_BODY)
async def add_metrics(
    request: Request, body: MetricBatch, actor: Annotated[Actor, permits("metrics.write")], uow: Uow
) -> BatchOut:
    """Add metrics, all or none. The catalogue of metrics is the whole bureau's."""
    _demand_everywhere(actor, "metrics.write")
    made = await metrics.add_metrics(uow, [_metric(row) for row in body.metrics], now_of(request))
    return BatchOut.model_validate(made)


@router.get("/metrics")
async def list_metrics(
    _: Annotated[Actor, permits("metrics.read")],
    uow: Uow,
    kind: Annotated[Word | None, Query(alias="type")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> MetricPage:
    """Metrics in the order of their codes."""
    (after,) = decode_cursor(cursor, 1) or ("",)
    found = await repository.metrics_page(await uow.driver(), after=after, limit=limit + 1, kind=kind)
    more = len(found) > limit
    items = [MetricOut(**one) for one in found[:limit]]
    return MetricPage(items=items, next=encode_cursor(items[-1].code) if more else None)


@router.get("/metrics/{code}")
async def show_metric(
    response: Response, code: Code, _: Annotated[Actor, permits("metrics.read")], uow: Uow
) -> MetricOut:
    """A metric."""
    found = (await repository.metrics(await uow.driver(), [code])).get(code)
    if found is None:
        raise NotFound
    etag(response, found["version"])
    return MetricOut(**found)


@router.put("/metrics/{code}")
async def change_metric(
    request: Request,
    response: Response,
    code: Code,
    body: MetricIn,
    version: IfMatch,
    actor: Annotated[Actor, permits("metrics.write")],
    uow: Uow,
) -> MetricOut:
    """Change a metric. What published cards read keeps its type, unit and fields."""
    _demand_everywhere(actor, "metrics.write")
    _demand_same_code(code, body.code)
    changed = await metrics.change_metric(uow, _metric(body), version, now_of(request))
    etag(response, changed["version"])
    return MetricOut(**changed)


@router.post("/indicator-sets", status_code=201)
async def add_set(
    request: Request,
    response: Response,
    body: SetIn,
    actor: Annotated[Actor, permits("indicator_sets.write")],
    uow: Uow,
) -> SetOut:
    """Make an indicator set; its cards are drafted next. The same again answers 200."""
    made, is_new = await sets.add_set(uow, _set(body), actor.reach("indicator_sets.write"), now_of(request))
    response.status_code = 201 if is_new else 200
    response.headers["location"] = f"/v1/indicator-sets/{body.code}"
    etag(response, made["draft_version"])
    return _set_out(made)


@router.get("/indicator-sets")
async def list_sets(
    request: Request,
    actor: Annotated[Actor, permits("indicators.read")],
    uow: Uow,
    year: Annotated[int | None, Query(ge=1990, le=2200)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> SetPage:
    """Indicator sets of which you may see a card, in the order of their codes."""
    (after,) = decode_cursor(cursor, 1) or ("",)
    sight = sight_of(request, actor, "indicators.read")
    found = await repository.sets_page(await uow.driver(), sight, after=after, limit=limit + 1, year=year)
    more = len(found) > limit
    items = [_set_out(one) for one in found[:limit]]
    return SetPage(items=items, next=encode_cursor(items[-1].code) if more else None)


@router.get("/indicator-sets/{code}")
async def show_set(
    request: Request, response: Response, code: Code, actor: Annotated[Actor, permits("indicators.read")], uow: Uow
) -> SetOut:
    """An indicator set."""
    sight = sight_of(request, actor, "indicators.read")
    found = await repository.sets_page(await uow.driver(), sight, after="", limit=1, code=code)
    if not found:
        raise NotFound
    etag(response, found[0]["draft_version"])
    return _set_out(found[0])


@router.post("/indicator-sets/{code}/card-batches", status_code=201)
@takes_up_to(_BATCH_BODY)
async def add_cards(
    request: Request, code: Code, body: CardBatch, actor: Annotated[Actor, permits("drafts.write")], uow: Uow
) -> BatchOut:
    """Draft cards of a set, all or none. A department drafts the cards that it will evaluate."""
    rows = [_card(one) for one in body.cards]
    made = await sets.add_cards(uow, code, rows, actor.reach("drafts.write"), now_of(request))
    return BatchOut.model_validate(made)


@router.get("/indicator-sets/{code}/cards/{card_code}")
async def show_draft(
    request: Request,
    response: Response,
    code: Code,
    card_code: Code,
    actor: Annotated[Actor, permits("drafts.read")],
    uow: Uow,
) -> CardOut:
    """A card as drafted."""
    today = now_of(request).date()
    found = await sets.draft(await uow.driver(), code, card_code, actor.reach("drafts.read"), today)
    etag(response, found["version"])
    return CardOut(**found)


@router.put("/indicator-sets/{code}/cards/{card_code}")
async def change_card(
    request: Request,
    response: Response,
    code: Code,
    card_code: Code,
    body: CardIn,
    version: IfMatch,
    actor: Annotated[Actor, permits("drafts.write")],
    uow: Uow,
) -> CardOut:
    """Change a drafted card; it is published with the next publication of its set."""
    _demand_same_code(card_code, body.code)
    changed = await sets.change_card(uow, code, _card(body), version, actor.reach("drafts.write"), now_of(request))
    etag(response, changed["version"])
    return CardOut(**changed)


@router.post("/indicator-sets/{code}/publication", status_code=201)
async def publish(
    request: Request, code: Code, actor: Annotated[Actor, permits("indicator_sets.publish")], uow: Uow
) -> PublicationOut:
    """Publish every card of the set that says something new, after the scoring engine has accepted its rule."""
    settings = request.app.state.settings
    checks = RuleChecks(settings)
    try:
        done = await publication.publish_indicator_set(
            uow, code, checks, actor.reach("indicator_sets.publish"), now_of(request)
        )
        return PublicationOut.model_validate(done)
    finally:
        await checks.close()


@router.get("/indicators")
async def list_indicators(
    request: Request,
    actor: Annotated[Actor, permits("indicators.read")],
    set_code: Annotated[Code | None, Query(alias="set")] = None,
    level1: Line | None = None,
    evaluating_unit: Code | None = None,
    fill_mode: FillMode | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Published cards that concern your units, in the order of set and code."""
    key = decode_cursor(cursor, 2) or ["", ""]
    database: Database = request.app.state.database
    found = await repository.published_cards(
        database.reads,
        sight_of(request, actor, "indicators.read"),
        set_code=set_code,
        level1=level1,
        evaluating_unit_id=None if evaluating_unit is None else unit_id(evaluating_unit),
        fill_mode=fill_mode,
        after=(key[0], key[1]),
        limit=limit + 1,
    )
    more = len(found) > limit
    last = found[limit - 1] if more else None
    items = [msgspec.Raw(one["answer"]) for one in found[:limit]]
    content: dict[str, Any] = {"items": items, "next": encode_cursor(last["set_code"], last["code"]) if last else None}
    return json_response(content)


@router.get("/indicators/{indicator_id}")
async def show_indicator(
    request: Request, indicator_id: UUID, actor: Annotated[Actor, permits("indicators.read")]
) -> Response:
    """A published card in its newest version, as it was published."""
    database: Database = request.app.state.database
    found = await repository.published_card(database.reads, indicator_id, sight_of(request, actor, "indicators.read"))
    if found is None:
        raise NotFound
    headers = {"etag": f'"{found["version"]}"'}
    return Response(found["answer"], headers=headers, media_type="application/json")


def _metric(body: MetricIn) -> metrics.MetricRow:
    said = body.model_dump(mode="json", exclude={"code"})
    return metrics.MetricRow(body.code, {**said, "supplied_by": sorted(set(said["supplied_by"]))})


def _set(body: SetIn) -> sets.SetRow:
    evaluated = body.model_dump(include={"evaluated_unit_codes", "group"})
    return sets.SetRow(evaluated_units=evaluated, **body.model_dump(exclude={"evaluated_unit_codes", "group"}))


def _card(body: CardIn) -> sets.CardRow:
    said = body.model_dump(mode="json", exclude_none=True)
    # The rule is kept as given: a null inside it is for the engine to judge.
    return sets.CardRow(body.code, body.evaluating_unit_code, {**said, "rule": body.rule})


def _set_out(row: dict[str, Any]) -> SetOut:
    evaluated = row["evaluated_units"]
    return SetOut(
        **{name: value for name, value in row.items() if name != "evaluated_units"},
        evaluated_unit_codes=evaluated["evaluated_unit_codes"],
        group=evaluated["group"],
    )


def _demand_everywhere(actor: Actor, permission: str) -> None:
    if not actor.reach(permission).everything:
        raise OutsideScope


def _demand_same_code(path: str, body: str) -> None:
    if path != body:
        raise Malformed(details=[Detail("/code", "differs_from_path", f"the path says {path}")])
