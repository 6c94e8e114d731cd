"""A small service on the real kernel: routes that succeed, refuse, fail at commit, and read."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import insert, text, update

from shared import service
from shared.auth import Actor
from shared.contracts.envelope import Envelope
from shared.contracts.known import declarations
from shared.contracts.registry import Event
from shared.contracts.roles import Role
from shared.db import UnitOfWork
from shared.errors import Refused, Stale
from shared.http import IfMatch, TransactionalRoute, Uow, computes, etag, permits
from shared.settings import Settings
from tests.shared.plain.metadata import things

PERMISSIONS = {"things.write": frozenset({Role.OPERATOR}), "things.read": frozenset({Role.OPERATOR, Role.AUDITOR})}
router = APIRouter(prefix="/v1", route_class=TransactionalRoute)


class ThingIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=50)
    wait: float = 0


class ThingTaken(Refused):
    code = "thing_taken"
    zh, en = "{thing} 已存在", "{thing} exists already"


@router.post("/things", status_code=201)
async def add(body: ThingIn, actor: Annotated[Actor, permits("things.write")], uow: Uow, response: Response) -> ThingIn:
    await uow.execute(insert(things).values(code=body.code, version=1))
    await asyncio.sleep(body.wait)
    if body.code.startswith("taken"):
        raise ThingTaken(thing=body.code)
    if body.code.startswith("fault"):
        raise KeyError(body.code)
    if body.code.startswith("commit-fails"):
        # A deferred constraint fails only when the transaction commits.
        await uow.execute(text("CREATE TEMPORARY TABLE late (x int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"))
        await uow.execute(text("INSERT INTO late VALUES (1), (1)"))
    uow.trail("add", "thing", body.code, after={"by": actor.subject})
    etag(response, 1)
    return body


@router.put("/things/{code}")
async def edit(code: str, version: IfMatch, _: Annotated[Actor, permits("things.write")], uow: Uow) -> dict[str, int]:
    done = await uow.execute(
        update(things).where(things.c.code == code, things.c.version == version).values(version=version + 1)
    )
    if not done.rowcount:
        raise Stale
    uow.trail("edit", "thing", code)
    return {"version": version + 1}


@router.put("/notes/{code}")
async def note(code: str, body: ThingIn, _: Annotated[Actor, permits("things.write")]) -> ThingIn:
    return body.model_copy(update={"code": code})


def _prefix(code: str = "") -> str:
    return code


@router.get("/things")
async def count(
    request: Request,
    _: Annotated[Actor, permits("things.read")],
    prefix: Annotated[str, Depends(_prefix)],
    at_least: Annotated[int, Query(alias="version")] = 0,
) -> dict[str, int]:
    statement = "SELECT count(*) FROM things WHERE starts_with(code, $1) AND version >= $2"
    return {"count": await request.app.state.database.reads.fetchval(statement, prefix, at_least)}


@router.post("/sums")
@computes
async def total(body: list[int], _: Annotated[Actor, permits("things.read")]) -> int:
    return sum(body)


async def _ignore(uow: UnitOfWork, event: Event, envelope: Envelope) -> None:
    """The plain service is told of nothing: no broker is there."""


def create_app(settings: Settings) -> FastAPI:
    """The plain service. The registry knows real services only, so it goes by the name of one and hears nothing."""
    heard = {each.contract: _ignore for each in declarations().values() if "audit_svc" in each.readers}
    return service.build(
        "audit_svc", settings, title="plain", permissions=PERMISSIONS, routers=[router], handlers=heard
    )
