"""Routes of context figures: which metrics stand beside a set's scores, and their figures within reach."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.scoring_svc.context import use_cases
from services.scoring_svc.context.repository import ContextMetric
from services.scoring_svc.context.schemas import (
    ContextFiguresOut,
    ContextMetricOut,
    ContextMetricsIn,
    ContextMetricsOut,
    ContextUnitOut,
)
from services.scoring_svc.ledger.api import Code, SetCode, clock_of, reader_of, set_named
from services.scoring_svc.ranking.api import SpanKey, span_named
from shared.auth import Actor
from shared.db import UnitOfWork
from shared.http import (
    Cursor,
    Limit,
    TransactionalRoute,
    Uow,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    permits,
)

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["context"])

SetInPath = Annotated[str, Path(min_length=1, max_length=64, description="Code of the indicator set")]


@router.get("/context-metrics/{set_code}")
async def read_context_metrics(
    set_code: SetInPath, response: Response, _: Annotated[Actor, permits("scores.read")], uow: Uow
) -> ContextMetricsOut:
    """The metrics that stand beside the scores of a set: they are no unit's data."""
    return await _declared(uow, response, set_code)


@router.put("/context-metrics/{set_code}")
async def declare_context_metrics(
    set_code: SetInPath,
    body: ContextMetricsIn,
    request: Request,
    response: Response,
    actor: Annotated[Actor, permits("context.declare")],
    uow: Uow,
) -> ContextMetricsOut:
    """Declare which metrics, collected by month and of type amount or count, stand beside the scores of a set.

    If-Match is needed once something was declared.
    """
    found = await set_named(uow, set_code)
    seen = if_match(request) if "if-match" in request.headers else None
    await use_cases.declare(uow, actor, found, body.metrics, seen, clock_of(request).now())
    return await _declared(uow, response, set_code)


@router.get("/context-figures")
async def list_context_figures(
    code: SetCode,
    period: SpanKey,
    request: Request,
    actor: Annotated[Actor, permits("scores.read")],
    uow: Uow,
    unit: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ContextFiguresOut:
    """Context figures with their growth on the year before, of the units whose scores the caller reads.

    Over a period longer than a month, or a year to date, a figure is the sum of its months.
    """
    found, span = await set_named(uow, code), span_named(period)
    shown = await use_cases.beside(await uow.driver(), reader_of(request, actor), found.set_id, span, unit)
    after = decode_cursor(cursor, 2, ids=(1,))
    rows = [
        (one, figures)
        for one, figures in zip(shown.units, shown.figures, strict=True)
        if after is None or (one.code, str(one.unit_id)) > (after[0], after[1])
    ]
    items = [
        ContextUnitOut(
            unit_id=one.unit_id,
            unit=one.code,
            unit_name=one.name,
            figures=shown.out(figures),
        )
        for one, figures in rows[:limit]
    ]
    return ContextFiguresOut(
        set=found.code,
        period=span.key,
        total=shown.out(shown.total),
        items=items,
        next=encode_cursor(items[-1].unit, items[-1].unit_id) if len(rows) > limit else None,
    )


async def _declared(uow: UnitOfWork, response: Response, code: str) -> ContextMetricsOut:
    found = await set_named(uow, code)
    version, metrics = await use_cases.declared(await uow.driver(), found.set_id)
    etag(response, version)
    return ContextMetricsOut(set=found.code, version=version, metrics=[_metric(one) for one in metrics])


def _metric(one: ContextMetric) -> ContextMetricOut:
    return ContextMetricOut(metric=one.code, name=dict(one.name), unit=None if one.unit is None else dict(one.unit))
