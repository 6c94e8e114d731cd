"""The route by which scoring_svc ends collecting."""

from typing import Annotated

from fastapi import APIRouter

from services.submission_svc.fences.schemas import FenceIn, FenceOut
from services.submission_svc.fences.use_cases import fence_period
from shared.auth import Actor
from shared.errors import OutsideScope
from shared.http import TransactionalRoute, Uow, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["fences"])


@router.post("/fences")
async def put_up_fence(
    body: FenceIn,
    actor: Annotated[Actor, permits("fences.write")],
    uow: Uow,
) -> FenceOut:
    """End collecting for a set and period; after the answer no fact slips in. Repeatable.

    A fence stands for all units, so the client needs the permission over all of them.
    """
    if not actor.reach("fences.write").everything:
        raise OutsideScope
    last_chunk, chunks = await fence_period(uow, body.set_id, body.period)
    return FenceOut(last_chunk=last_chunk, chunks=chunks)
