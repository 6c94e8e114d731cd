"""Routes of source systems."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Request, Response

from services.submission_svc.sources import repository
from services.submission_svc.sources.schemas import MetricsIn, SourceIn, SourceOut, SourcePage
from services.submission_svc.sources.use_cases import change_metrics, register_source
from shared.auth import Actor
from shared.errors import OutsideScope
from shared.http import (
    Cursor,
    IfMatch,
    Limit,
    TransactionalRoute,
    Uow,
    decode_cursor,
    encode_cursor,
    etag,
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["sources"])


@router.post("/source-systems", status_code=201)
async def post_source(
    request: Request,
    response: Response,
    body: SourceIn,
    actor: Annotated[Actor, permits("sources.write")],
    uow: Uow,
) -> SourceOut:
    """Register a source system; the same registration again is answered with 200."""
    _demand_everywhere(actor)
    kept, new = await register_source(
        uow,
        request.app.state.clock.now(),
        client_id=body.client_id,
        name=body.name,
        name_en=body.name_en,
        owner_unit_code=body.owner_unit_code,
        metric_codes=body.metric_codes,
    )
    response.status_code = 201 if new else 200
    etag(response, kept["version"])
    return _shown(kept)


@router.put("/source-systems/{client_id}/metrics")
async def put_metrics(
    request: Request,
    response: Response,
    client_id: str,
    body: MetricsIn,
    expected: IfMatch,
    actor: Annotated[Actor, permits("sources.write")],
    uow: Uow,
) -> SourceOut:
    """Say anew which metrics a source system may supply."""
    _demand_everywhere(actor)
    kept = await change_metrics(uow, request.app.state.clock.now(), client_id, body.metric_codes, expected)
    etag(response, kept["version"])
    return _shown(kept)


@router.get("/source-systems")
async def list_sources(
    request: Request,
    actor: Annotated[Actor, permits("sources.read")],  # noqa: ARG001 - names the permission
    limit: Limit = 100,
    cursor: Cursor = None,
) -> SourcePage:
    """Registered source systems by client id."""
    after = (decode_cursor(cursor, 1) or [""])[0]
    found = await repository.list_sources(
        request.app.state.database.reads, request.app.state.clock.today(), after, limit + 1
    )
    page = found[:limit]
    return SourcePage(
        items=[_shown(each) for each in page],
        next=encode_cursor(page[-1]["client_id"]) if len(found) > limit else None,
    )


def _demand_everywhere(actor: Actor) -> None:
    """Source systems post for all units, so registering them from one unit is outside its scope."""
    if not actor.reach("sources.write").everything:
        raise OutsideScope


def _shown(record: asyncpg.Record) -> SourceOut:
    return SourceOut(**{name: record[name] for name in SourceOut.model_fields})
