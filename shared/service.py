"""The composition root: what every service is made of, put together in one place. A service's main.py calls `build`."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.auth import Authenticator
from shared.clock import Clock
from shared.contracts.registry import Event
from shared.contracts.roles import Role
from shared.db import Database, is_database_down
from shared.directory.repository import Directory
from shared.edge import Edge
from shared.http import TransactionalRoute, json_response
from shared.messaging.bus import Bus, Handler
from shared.messaging.tasks import end_all
from shared.observability import configure_logging, log
from shared.openapi import describe
from shared.problems import install_errors
from shared.settings import Settings
from shared.trail import keep_sealing
from shared.trail_api import TRAIL_PERMISSIONS
from shared.trail_api import router as trail_router

Background = Callable[[FastAPI], Awaitable[None]]
_WAIT_FOR_DATABASE_SECONDS = 30
_OBJECTS_BEFORE_A_LOOK = 20_000  # the standard 700 costs a fifth of a large request
_TURN_SECONDS = 0.0005  # with the standard 5 ms, 1 MB sent beside a busy thread takes nine times as long as alone
_KEEP_KEYS = "DELETE FROM idempotency WHERE created_at < now() - interval '30 days'"


def build(
    name: str,
    settings: Settings,
    *,
    title: str,
    permissions: Mapping[str, frozenset[Role]],
    routers: Sequence[APIRouter],
    handlers: Mapping[type[Event], Handler],
    background: Sequence[Background] = (),
) -> FastAPI:
    """A service: its routes behind identity and permission, its consumers, its relay, its sealer.

    `handlers` must be exactly the event types that the registry says this service reads. `background` runs for the
    life of the process and is cancelled at its end. The app's state has `database`, `clock`, `bus`, `settings`,
    `authenticator`.
    Raises ValueError for a route whose permission no role holds.
    """
    configure_logging(name, settings.log_level)
    routers, permissions = (*routers, trail_router), {**permissions, **TRAIL_PERMISSIONS}
    clock = Clock(settings.clock_file)
    database = Database(settings.database_url.get_secret_value(), pool=settings.database_pool)
    bus = Bus(name, database, settings, handlers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:  # whatever one of them raises at its end, the others end too
            await _open(database)
            ends.push_async_callback(database.close)
            app.state.authenticator = Authenticator(
                issuer=settings.issuer,
                audience=settings.audience,
                jwks_url=settings.jwks_url,
                introspection=_introspection(settings),
                grants=Directory(database, clock.today),
                static=settings.static_appointments,
                roles_of=permissions,
            )
            ends.push_async_callback(app.state.authenticator.close)
            ends.push_async_callback(bus.stop)
            await bus.start()
            jobs: list[Awaitable[None]] = [keep_sealing(database, settings.trail_seal_seconds), _prune(database)]
            tasks = [asyncio.ensure_future(job) for job in (*jobs, *(work(app) for work in background))]
            ends.push_async_callback(end_all, tasks)
            log().info("started")
            # What is here now stays: the garbage collector need not walk it whenever a large request makes it run; and
            # a request that makes a hundred thousand objects need not be looked through every seven hundred.
            gc.freeze()
            ends.callback(gc.unfreeze)
            young, middle, old = gc.get_threshold()
            gc.set_threshold(_OBJECTS_BEFORE_A_LOOK, middle, old)
            ends.callback(gc.set_threshold, young, middle, old)
            # What is long and pure runs in threads; requests and the database must not wait for a whole turn of it each
            # time that they have a word to say.
            ends.callback(sys.setswitchinterval, sys.getswitchinterval())
            sys.setswitchinterval(_TURN_SECONDS)
            yield

    app = FastAPI(title=title, version="1", lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    app.state.database, app.state.clock, app.state.bus, app.state.settings = database, clock, bus, settings
    app.state.name = name
    for router in routers:
        app.include_router(router)
    app.include_router(_operations(name, app))
    _check_permissions(routers, permissions)
    describe(app)
    install_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=1_000)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "idempotency-key", "if-match", "traceparent"],
            expose_headers=["etag", "location", "retry-after", "traceparent"],
        )
    app.add_middleware(Edge, service=name)
    return app


async def _open(database: Database) -> None:
    """Open the database; it may still be starting."""
    for left in range(_WAIT_FOR_DATABASE_SECONDS, -1, -1):
        try:
            await database.open()
        except Exception as error:
            if not left or not is_database_down(error):
                raise
            await asyncio.sleep(1)
        else:
            return


async def _prune(database: Database) -> None:
    while True:
        with contextlib.suppress(Exception):  # tomorrow is early enough
            await database.reads.execute(_KEEP_KEYS)
        await asyncio.sleep(24 * 3_600)


def _introspection(settings: Settings) -> tuple[str, str, str] | None:
    if not (settings.introspection_url and settings.client_id and settings.client_secret):
        return None
    return settings.introspection_url, settings.client_id, settings.client_secret.get_secret_value()


def _check_permissions(routers: Sequence[APIRouter], permissions: Mapping[str, frozenset[Role]]) -> None:
    for router in routers:
        for route in router.routes:
            if not isinstance(route, TransactionalRoute):
                raise TypeError(f"{getattr(route, 'path', route)} is not a TransactionalRoute, so nothing guards it")
            if route.permission not in permissions:
                raise ValueError(f"{route.path}: no role holds the permission {route.permission}")


def _operations(name: str, app: FastAPI) -> APIRouter:
    """Health and metrics: the only routes without a permission, and they show no business data."""
    router = APIRouter(route_class=APIRoute, tags=["operations"])

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live", "service": name}

    @router.get("/health/ready")
    async def ready() -> Response:
        """Ready when the database takes writes and no consumer is deaf; otherwise 503 with the reasons."""
        reasons: list[str] = []
        database: Database = app.state.database
        try:
            await asyncio.wait_for(database.demand_writable(database.reads), 2)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service is not ready
            reasons.append(f"PostgreSQL: {type(error).__name__}")
        reasons += app.state.bus.deaf()
        body: dict[str, Any] = {
            "status": "not ready" if reasons else "ready",
            "service": name,
            "reasons": reasons,
        }
        return json_response(body, 503 if reasons else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
