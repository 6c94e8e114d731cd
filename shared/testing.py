"""What tests of every service need: an issuer of tokens, a service on its own database, events delivered by hand.

Nothing here stands in for a part of ours: the app, the database, the verification of tokens are the real ones.
Without a NATS address the service runs as it does while its broker is away.
"""

import asyncio
import contextlib
import importlib
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
import msgspec
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from shared.contracts.envelope import data_of, seal, unseal
from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import AppointmentChanged, PersonChanged, UnitChanged, UnitKind, UnitSpan
from shared.contracts.registry import Event
from shared.contracts.roles import Role, Scope
from shared.db import Database, UnitOfWork
from shared.directory.apply import apply_appointment, apply_person, apply_unit
from shared.messaging.bus import Handler
from shared.migrations.runner import upgrade

NOBODY_LISTENS = "nats://127.0.0.1:1"
AUDIENCE = "liandong"
_SINCE = date(2015, 1, 1)
_LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")


class Dsns(Protocol):
    """The two addresses of a service's database."""

    @property
    def owner(self) -> str: ...  # noqa: D102

    @property
    def app(self) -> str: ...  # noqa: D102


class Cluster(Protocol):
    """A PostgreSQL that makes databases for services; deploy.local.postgres.Postgres is one."""

    async def create_service_database(  # noqa: D102
        self, service: str, *, database: str | None = None, template: str | None = None
    ) -> Dsns: ...

    async def drop_database(self, database: str) -> None: ...  # noqa: D102


class TestIssuer:
    """An issuer with its own key whose key set is served over HTTP on loopback, as a real one's is."""

    __test__ = False

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "test-1", "use": "sig", "alg": "ES256"}, private=True)
        body = msgspec.json.encode(KeySet([self.key]).as_dict(private=False))

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing: the tests' output is for results."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.jwks_url = f"{self.issuer}/jwks.json"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving the keys."""
        self._server.shutdown()
        self._server.server_close()

    def token(
        self,
        *,
        person: str | UUID | None = None,
        client: str | None = None,
        expires_in: int = 3_600,
        **claims: Any,
    ) -> str:
        """A token for a person (staff number or id) or for a machine client."""
        now = int(time.time())
        who: dict[str, Any] = {"client_id": client, "sub": client} if client else {"sub": str(_person(person))}
        body = {"iss": self.issuer, "aud": AUDIENCE, "iat": now, "exp": now + expires_in, "jti": str(uuid4())}
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "test-1"}
        return jwt.encode(header, {**body, **who, **claims}, self.key, algorithms=["ES256"])


def _person(person: str | UUID | None) -> UUID:
    if person is None:
        raise ValueError("a token is for a person or for a client")
    return person if isinstance(person, UUID) else person_id(person)


@contextmanager
def issuer_for_tests() -> Iterator[TestIssuer]:
    """An issuer for the length of a test session."""
    issuer = TestIssuer()
    try:
        yield issuer
    finally:
        issuer.close()


@dataclass
class RunningService:
    """A service's real app with its own database, inside the test's event loop."""

    name: str
    app: FastAPI
    issuer: TestIssuer
    handlers: Mapping[type[Event], Handler]
    dsns: Dsns
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def database(self) -> Database:
        """The service's database."""
        database: Database = self.app.state.database
        return database

    def client(
        self, *, person: str | UUID | None = None, client: str | None = None, token: str | None = None
    ) -> httpx.AsyncClient:
        """A client of the API with a token; a POST without Idempotency-Key gets a fresh one."""

        async def give_key(request: httpx.Request) -> None:
            if request.method == "POST" and "idempotency-key" not in request.headers:
                request.headers["idempotency-key"] = str(uuid4())

        headers = {"accept-language": "en"}
        if token or person or client:
            headers["authorization"] = f"Bearer {token or self.issuer.token(person=person, client=client)}"
        made = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=f"http://{self.name}",
            headers=headers,
            event_hooks={"request": [give_key]},
        )
        self._clients.append(made)
        return made

    async def deliver(self, event: Event, *, times: int = 2) -> None:
        """Run the event's handler, over the wire form, without the inbox: the handler's own guards must hold."""
        _, __, body = seal(event, at=datetime.now(UTC), traceparent="")
        for _ in range(times):
            envelope = unseal(body)
            async with self.database.transaction(f"event:{self.name}") as uow:
                await self.handlers[type(event)](uow, data_of(envelope), envelope)

    async def events(self, contract: type[_T]) -> list[_T]:
        """The events of a type in the outbox, decoded, oldest first."""
        from shared.contracts.registry import declaration_of  # noqa: PLC0415

        kind = declaration_of(contract)  # type: ignore[arg-type]
        rows = await self.database.reads.fetch("SELECT envelope FROM outbox WHERE type = $1 ORDER BY id", kind.name)
        return [data_of(unseal(row["envelope"].encode())) for row in rows]  # type: ignore[misc]

    async def seed_units(self, units: Sequence[tuple[str, str, str | None]]) -> None:
        """Put units (code, kind, parent's code) into the directory as if their events had come; parents first."""
        paths: dict[str, str] = {}
        async with self.database.transaction("seed") as uow:
            for code, kind, parent in units:
                paths[code] = f"{paths[parent] if parent else ''}{code}/"
                span = UnitSpan(
                    effective_from=_SINCE, effective_to=None, recorded_at=_LONG_AGO, code=code, name=f"单位{code}",
                    kind=cast("UnitKind", kind), parent_id=unit_id(parent) if parent else None, path=paths[code],
                    groups={},
                )  # fmt: skip
                await apply_unit(uow, UnitChanged(unit_id=unit_id(code), version=1, spans=[span]))

    async def seed_person(self, code: str, unit: str, *roles: Role | str, scope: Scope | str = Scope.OWN) -> UUID:
        """Put a person with appointments over a unit into the directory; returns the person's id."""
        async with self.database.transaction("seed") as uow:
            person = PersonChanged(
                person_id=person_id(code),
                version=1,
                code=code,
                name=f"人员{code}",
                unit_id=unit_id(unit),
                post="干部",
            )
            await apply_person(uow, person)
            for role in roles:
                await self._appoint(uow, str(person.person_id), unit, Role(role), Scope(scope))
        return person.person_id

    async def seed_client(self, client: str, unit: str, role: Role | str, *, scope: Scope | str = Scope.ALL) -> None:
        """Give a machine client a role over a unit."""
        async with self.database.transaction("seed") as uow:
            await self._appoint(uow, client, unit, Role(role), Scope(scope))

    async def _appoint(self, uow: UnitOfWork, subject: str, unit: str, role: Role, scope: Scope) -> None:
        await apply_appointment(
            uow,
            AppointmentChanged(
                appointment_id=uuid5(unit_id(unit), f"{subject}/{role}"), version=1, subject=subject, role=role,
                unit_id=unit_id(unit), scope=scope, effective_from=_SINCE, effective_to=None, recorded_at=_LONG_AGO,
            ),
        )  # fmt: skip

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            await client.aclose()


_templates: dict[tuple[int, str], asyncio.Task[str]] = {}


async def fresh_database(cluster: Cluster, service: str) -> tuple[str, Dsns]:
    """A new, migrated, empty database of a service (`indicator_svc`), copied from a template made once."""
    short = service.removesuffix("_svc")
    key = (id(cluster), short)
    if key not in _templates:
        _templates[key] = asyncio.ensure_future(_template(cluster, short))
    name = f"t_{short}_{uuid4().hex[:10]}"
    return name, await cluster.create_service_database(short, database=name, template=await _templates[key])


async def _template(cluster: Cluster, short: str) -> str:
    name = f"template_{short}"
    dsns = await cluster.create_service_database(short, database=name)
    await asyncio.to_thread(upgrade, f"services.{short}_svc", dsns.owner, f"{short}_app")
    return name


@asynccontextmanager
async def running_service(
    name: str,
    cluster: Cluster,
    issuer: TestIssuer,
    *,
    nats_url: str = NOBODY_LISTENS,
    clock_file: Path | None = None,
    static: Mapping[str, str] | None = None,
    database: tuple[str, Dsns] | None = None,
    **settings: Any,
) -> AsyncIterator[RunningService]:
    """A service's app, started, on a fresh database (or the given one, which is then kept).

    `static` gives machine clients a role everywhere ({"setup": "operator"}); further settings by their names.
    """
    main = importlib.import_module(f"services.{name}.main")
    made = database or await fresh_database(cluster, name)
    configured = importlib.import_module(f"services.{name}.settings")
    kind = next(value for key, value in vars(configured).items() if key.endswith("Settings") and key != "Settings")
    app: FastAPI = main.create_app(
        kind(
            database_url=made[1].app,
            database_pool=settings.pop("database_pool", 8),
            nats_url=nats_url,
            issuer=issuer.issuer,
            jwks_url=issuer.jwks_url,
            static_appointments=dict(static or {"setup": "operator", "peer": "service"}),
            clock_file=clock_file,
            log_level="ERROR",
            **settings,
        )
    )
    handlers = importlib.import_module(f"services.{name}.event_handlers").HANDLERS
    try:
        async with app.router.lifespan_context(app):
            service = RunningService(name, app, issuer, handlers, made[1])
            try:
                yield service
            finally:
                await service.close()
    finally:
        if database is None:
            with contextlib.suppress(asyncpg.PostgresError):
                await cluster.drop_database(made[0])
