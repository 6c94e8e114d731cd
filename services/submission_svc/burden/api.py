"""Routes of the burden: who fills in how much of a set."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.submission_svc.burden.domain import BurdenedIndicator
from services.submission_svc.burden.schemas import BurdenedIndicatorOut, BurdenOut
from services.submission_svc.burden.use_cases import weigh_set
from shared.auth import Actor
from shared.http import TransactionalRoute, permits

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["burden"])

SetCode = Annotated[str, Query(alias="set", min_length=1, max_length=100, examples=["WH2015-DISTRICT"])]


@router.get("/burden")
async def read_burden(
    request: Request,
    actor: Annotated[Actor, permits("burden.read")],  # noqa: ARG001 - names the permission
    set_code: SetCode,
) -> BurdenOut:
    """How many indicators of a set the systems carry, out of all, with the lists."""
    known, burden = await weigh_set(request.app.state.database.reads, set_code)
    return BurdenOut(
        set_code=known["code"],
        set_name=known["name"],
        numerator=len(burden.extracted),
        denominator=burden.indicators,
        ratio=burden.ratio,
        extracted=_shown(burden.extracted),
        self_reported=_shown(burden.self_reported),
        others=_shown(burden.others),
    )


def _shown(indicators: Sequence[BurdenedIndicator]) -> list[BurdenedIndicatorOut]:
    return [BurdenedIndicatorOut(code=each.code, name=each.name, filler=each.filler) for each in indicators]
