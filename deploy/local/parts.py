"""The three kinds of process of the embedded default: PostgreSQL, NATS, and a program that answers HTTP.

What belongs here: how one of each kind starts and when it is ready. What does not: which ones there are
(system.py).
"""

import asyncio
import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from deploy.local.nats import Nats
from deploy.local.places import ROOT, Home
from deploy.local.postgres import Postgres, ServiceDsns
from deploy.local.processes import Child, spawn, to_its_end
from deploy.local.sentences import CannotRun, in_one_line
from shared.messaging import topology
from shared.messaging.link import Link

_READY_SECONDS = 60.0
_MIGRATION_SECONDS = 120.0
_TOPOLOGY_SECONDS = 10.0


@dataclass
class PostgresPart:
    """The cluster, with a database for every service that owns one."""

    home: Home
    databases: Sequence[str]
    tell: Callable[[str], None]
    name: str = "postgres"
    waits_for: Sequence[str] = ()
    server: Postgres | None = None
    _dsns: dict[str, ServiceDsns] = field(default_factory=dict)

    async def start(self) -> Child:
        """Start the server and make sure that the databases and their roles exist."""
        self.server = await Postgres.start(
            self.home.directory / "postgres", secrets=self.home.secrets, log=self.home.logs / "postgres.log"
        )
        if self.server.lodging.moved_to is not None:
            self.tell(f"PostgreSQL's unprivileged user cannot enter {self.home.directory}:")
            self.tell(f"  its data are in {self.server.lodging.moved_to}")
        try:
            for database in self.databases:
                self._dsns[database] = await self.server.create_service_database(database)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            reason = in_one_line(str(error), self.server.lodging.data)
            raise CannotRun(f"The services' databases cannot be made: {reason}.") from error
        return self.server.child

    def dsn_of(self, database: str) -> ServiceDsns:
        """The doors of a service's database. Raises CannotRun before the server was started."""
        if database not in self._dsns:
            raise CannotRun("PostgreSQL is not running.")
        return self._dsns[database]

    async def stop(self) -> None:
        """Stop the server."""
        if self.server is not None:
            await self.server.stop()


@dataclass
class NatsPart:
    """The broker, with one user for each service and the subjects it may publish to."""

    home: Home
    port: int
    monitoring_port: int
    publishers: Mapping[str, Sequence[str]]
    name: str = "nats"
    waits_for: Sequence[str] = ()
    server: Nats | None = None

    async def start(self) -> Child:
        """Start the server and bring kept streams to the wanted form; services only refuse what differs."""
        self.server = await Nats.start(
            self.home.directory / "nats",
            port=self.port,
            monitoring_port=self.monitoring_port,
            users=self.publishers,
            secrets=self.home.secrets,
            log=self.home.logs / "nats.log",
        )
        link = Link(self.server.url, "launcher")
        await link.start()
        try:
            if not await link.wait_connected(_TOPOLOGY_SECONDS):
                raise CannotRun(f"NATS does not answer after {_TOPOLOGY_SECONDS:.0f} s.")
            await topology.apply(link)
        finally:
            await link.stop()
        return self.server.child

    async def stop(self) -> None:
        """Stop the server."""
        if self.server is not None:
            await self.server.stop()


@dataclass
class HttpPart:
    """A uvicorn process that is ready when its readiness address answers 200.

    `environment` is asked when the part starts, when what it waits for is known.
    """

    name: str
    application: str
    port: int
    home: Home
    waits_for: Sequence[str]
    environment: Callable[[], Mapping[str, str]]
    migrations: "Migrations | None" = None
    options: Sequence[str] = ()
    child: Child | None = None

    async def start(self) -> Child:
        """Migrate the database where there is one, start, and wait for readiness."""
        if self.migrations is not None:
            await self.migrations.run()
        command = [
            sys.executable, "-m", "uvicorn", self.application,
            "--host", "127.0.0.1", "--port", str(self.port),
            "--loop", "uvloop", "--http", "shared.bounded_http:BoundedHttp", "--no-access-log",
            "--timeout-graceful-shutdown", "5", *self.options,
        ]  # fmt: skip
        self.child = spawn(
            self.name,
            command,
            log=self.home.logs / f"{self.name}.log",
            environment={**inherited_environment(), **self.environment()},
            cwd=ROOT,
        )
        await self._ready(self.child)
        return self.child

    async def stop(self) -> None:
        """Stop it, letting requests in flight end."""
        if self.child is not None:
            await self.child.end([(signal.SIGTERM, 10.0)])

    async def _ready(self, child: Child) -> None:
        end = time.monotonic() + _READY_SECONDS
        said = "nothing"
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            while time.monotonic() < end:
                if child.returncode is not None:
                    raise CannotRun(f"{self.name} does not start; it last said:\n{child.last_lines()}")
                try:
                    answer = await http.get(f"http://127.0.0.1:{self.port}/health/ready")
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == httpx.codes.OK:
                    return
                said = answer.text[:500]
                await asyncio.sleep(0.1)
        raise CannotRun(
            f"{self.name} is not ready after {_READY_SECONDS:.0f} s; it answered {said}; its log ends:\n"
            f"{child.last_lines()}"
        )


@dataclass(frozen=True)
class Migrations:
    """Brings a service's database to the shape its code expects; skipped when no migration changed."""

    package: str
    home: Home
    owner_dsn: Callable[[], str]

    async def run(self) -> None:
        """Upgrade. Raises CannotRun with the last lines when it fails."""
        name = self.package.rpartition(".")[2]
        digest = await asyncio.to_thread(_digest, ROOT.joinpath(*self.package.split(".")))
        if self.home.recall(f"migrated-{name}").get("digest") == digest:
            return
        child = spawn(
            f"{name}-migrations",
            [sys.executable, "-m", "shared.migrations", "upgrade", self.package],
            log=self.home.logs / f"{name}-migrations.log",
            environment={**inherited_environment(), "LIANDONG_OWNER_DATABASE_URL": self.owner_dsn()},
            cwd=ROOT,
        )
        try:
            await child.wait(_MIGRATION_SECONDS)
        finally:
            await to_its_end(child.end([(signal.SIGTERM, 2.0)]))
        if child.returncode != 0:
            raise CannotRun(f"The database of {name} cannot be migrated:\n{child.last_lines()}")
        self.home.remember(f"migrated-{name}", {"digest": digest})


def inherited_environment() -> dict[str, str]:
    """What a process gets from the caller's environment: nothing that could change what it does."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "TZ": "UTC", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _digest(service: Path) -> str:
    """Of everything that decides what the database looks like: migrations, tables, the rights they name."""
    kernel = (ROOT / "shared").rglob("*.py")
    deciding = [
        *service.rglob("migrations/**/*.py"),
        *service.rglob("tables.py"),
        *service.glob("metadata.py"),
        *kernel,
    ]
    total = hashlib.sha256()
    for file in sorted(deciding):
        total.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()
