"""Routes that show results: lists, single ones with their proof, and the chain from a unit to posts and people."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Query, Request

from services.scoring_svc.ledger.api import MOST_VERSIONS, Code
from services.scoring_svc.ledger.domain import plain
from services.scoring_svc.people import reading, repository
from services.scoring_svc.people.api import Person, StaffNumber, own_of
from services.scoring_svc.people.schemas import (
    HolderOut,
    PostHeldOut,
    ResultCardOut,
    ResultOut,
    ResultsOut,
    UnitChainOut,
)
from services.scoring_svc.people.use_cases import scheme_of
from shared.auth import Actor
from shared.contracts.periods import parse_period
from shared.db import UnitOfWork
from shared.directory.held import readable
from shared.errors import NotFound
from shared.http import Cursor, Limit, TransactionalRoute, Uow, decode_cursor, encode_cursor

router = APIRouter(prefix="/v1", route_class=TransactionalRoute, tags=["people"])


@router.get("/personal-results")
async def list_personal_results(
    request: Request,
    actor: Person,
    uow: Uow,
    round: Annotated[UUID | None, Query(description="Only this round")] = None,  # noqa: A002 - the parameter's name
    period: Code = None,
    unit: Code = None,
    person: Code = None,
    grade: Code = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ResultsOut:
    """The newest published results: the caller's own, and those of people in units within reach."""
    filters = {"round": round, "period": period, "unit": unit, "person": person, "grade": grade}
    key = decode_cursor(cursor, 2, ids=(0,))
    after = (UUID(key[0]), key[1]) if key else None
    rows = await reading.results(await uow.driver(), own_of(request, actor), filters, after, limit + 1)
    items = [_result(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return ResultsOut(items=items, next=encode_cursor(last.round_id, last.person) if last else None)


@router.get("/personal-results/{round_id}/{person}")
async def read_personal_result(
    round_id: UUID,
    person: StaffNumber,
    request: Request,
    actor: Person,
    uow: Uow,
    version: Annotated[int | None, Query(ge=1, le=MOST_VERSIONS, description="The newest unless named")] = None,
) -> ResultCardOut:
    """A result with its proof: from the person to posts held with their days, to the units' results."""
    driver = await uow.driver()
    row = await reading.one_result(driver, own_of(request, actor), round_id, person, version)
    body = msgspec.json.decode(row["body"])
    if body["withheld"] and not await _sees_marks(request, actor, uow, row):
        body["dimensions"] = None
    return ResultCardOut(**_result(row).model_dump(), **{key: one for key, one in body.items() if key != "withheld"})


async def _sees_marks(request: Request, actor: Actor, uow: UnitOfWork, row: asyncpg.Record) -> bool:
    """Whether the caller may see what single evaluators gave to the person; nobody does of themself."""
    if row["person_id"] == actor.person_id:
        return False
    own = own_of(request, actor, "personal_marks.read")
    period = parse_period(row["period"])
    return bool(await readable(await uow.driver(), own.reach, period, own.today, row["unit_ids"]))


def _result(row: asyncpg.Record) -> ResultOut:
    return ResultOut.of(row, caps=msgspec.json.decode(row["caps"]))


@router.get("/personal-units/{unit}")
async def read_unit_chain(
    unit: Annotated[str, Path(min_length=1, max_length=64)],
    round: Annotated[UUID, Query(description="A round with published results")],  # noqa: A002 - the parameter's name
    request: Request,
    actor: Person,
    uow: Uow,
) -> UnitChainOut:
    """From a unit to its posts with their matters, to who held them and their results; the caller's reach in all."""
    driver, own = await uow.driver(), own_of(request, actor)
    rows = await reading.results(driver, own, {"round": round, "unit": unit}, None, 10_000)
    known = await repository.find_round(driver, round)
    if not rows or known is None:
        raise NotFound
    scheme, _ = await scheme_of(driver, known)
    held = _held(rows, unit)
    posts = []
    for post in sorted({one["post"] for _, one in held}, key=lambda one: one or ""):
        tied = [one for one in scheme.indicators if one.post == post]
        posts.append(
            PostHeldOut(
                post=post,
                indicators=[one.code for one in tied],
                matters=sorted({one.matter for one in tied if one.matter is not None}),
                holders=[_holder(row, one) for row, one in held if one["post"] == post],
            )
        )
    last = held[-1][1]
    return UnitChainOut(
        unit=unit, round_id=round, version=rows[0]["version"], unit_result=last["unit_result"],
        coefficient=last["coefficient"], posts=posts,
    )  # fmt: skip


def _held(rows: Sequence[asyncpg.Record], unit: str) -> list[tuple[asyncpg.Record, dict[str, Any]]]:
    """The postings in the unit, with the result of who held each."""
    found = [(row, one) for row in rows for one in msgspec.json.decode(row["body"])["postings"] if one["unit"] == unit]
    if not found:
        raise NotFound
    return found


def _holder(row: asyncpg.Record, posting: dict[str, Any]) -> HolderOut:
    return HolderOut(
        person=row["person"],
        person_name=row["person_name"],
        first=posting["first"],
        until=posting["until"],
        days=posting["days"],
        result_id=row["result_id"],
        score=None if row["score"] is None else plain(row["score"]),
        grade=row["grade"],
    )
