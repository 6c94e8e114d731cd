"""Child processes of the embedded default: start one with its log, signal it, wait for it, read its end.

What belongs here: one process. What does not: the order of several (supervisor.py), what runs (system.py), what a
killed launcher left running (leftovers.py).
Deliberately free of the event loop's own subprocess support, so that a process may be started in one loop
(a test session's) and stopped in another.
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil  # type: ignore[import-untyped]  # the wheel carries no types

from deploy.local.secret_store import write_private

Answer = TypeVar("Answer")
Polite = Sequence[tuple[signal.Signals, float]]
"""Signals to ask with, one after the other, each with the seconds it is given before the next."""

_LONGEST_LOG = 32 * 1024 * 1024  # bytes; a longer one is put aside at the next start, in place of the one before


@dataclass(frozen=True)
class RunAs:
    """The user a process is started as, when it is not the caller."""

    uid: int
    gid: int


class Child:
    """One started process and the file its output goes to."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, log_begins: int) -> None:
        self.name = name
        self.log = log
        self._log_begins = log_begins
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a process that is already gone is no error."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def freeze(self) -> None:
        """Stop the process where it is, and return when it stands: the signal alone is still on its way then."""
        self.send(signal.SIGSTOP)
        asked = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        while self.returncode is None and not os.waitid(os.P_PID, self.pid, asked):  # noqa: ASYNC110, ASYNC222 - sets no event; WNOHANG
            await asyncio.sleep(0.001)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self.send(signal.SIGCONT)

    async def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so many seconds; whether it ended."""
        end = time.monotonic() + seconds
        while self.returncode is None:
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(0.01)
        return True

    async def kill_all(self) -> None:
        """Kill the process and everything it started, at once, as a power cut would."""
        family = [self.pid, *descendants(self.pid)]
        for pid in family:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        await self.wait(10)
        end = time.monotonic() + 10
        while any(still_running(pid) for pid in family[1:]) and time.monotonic() < end:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.005)

    async def end(self, polite: Polite) -> None:
        """Ask with one signal after the other, each with the seconds it is given, then kill what is left."""
        for number, seconds in polite:
            self.send(number)
            if await self.wait(seconds):
                return
        await self.kill_all()

    def last_lines(self, count: int = 15) -> str:
        """The last lines of its log, without those of earlier starts."""
        return last_lines(self.log, count, begin=self._log_begins)


def spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    run_as: RunAs | None = None,
    cwd: Path | None = None,
) -> Child:
    """Start a process whose standard output and errors are added to `log`.

    It gets a session of its own: Ctrl-C reaches only the launcher, which stops the rest in order. Beside the log
    it is written down who runs, so that a launcher that is killed at any moment leaves nothing unknown.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LONGEST_LOG:
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("ab") as output:
        log_begins = output.tell()
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
            user=run_as.uid if run_as else None,
            group=run_as.gid if run_as else None,
            extra_groups=[] if run_as else None,
        )
    write_private(record_beside(log), json.dumps([process.pid, birth_of(process.pid)]))
    return Child(name, process, log, log_begins)


def record_beside(log: Path) -> Path:
    """The file that says which process writes to a log."""
    return log.with_suffix(".pid")


async def to_its_end(work: Awaitable[Answer]) -> Answer:
    """Do this work whole even when it is cancelled meanwhile, once or more; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as asked:
            cancelled = asked
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # looked at: a fault of the work gives way to the cancellation
    raise cancelled


def last_lines(log: Path, count: int, *, begin: int = 0) -> str:
    """The last lines of a log file, nothing before the byte `begin`; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(begin, file.tell() - 64 * 1024))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-count:])


def descendants(pid: int) -> list[int]:
    """The process ids of everything a process started, directly or not."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def birth_of(pid: int) -> str | None:
    """What tells a running process from a later one with the same id, or None when it is gone.

    Where the kernel tells it, its start in ticks since that boot: the time of day of a start moves with the clock.
    """
    if not still_running(pid):
        return None
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text('ascii').strip()} {ticks}"
    except OSError:
        with suppress(psutil.NoSuchProcess):
            return str(psutil.Process(pid).create_time())
    return None


def end_by_id(pid: int, polite: Polite = ((signal.SIGTERM, 10.0),)) -> bool:
    """End a process that is no child of ours: ask, then kill it and what it started. Whether all of them are gone."""
    family: list[psutil.Process] = []  # psutil signals none whose id was given to another since
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for number, seconds in ((signal.SIGCONT, 0.0), *polite):
            family[0].send_signal(number)
            _wait_for_end(family[:1], seconds)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    return _wait_for_end(family, 10.0)


def _wait_for_end(family: Sequence[psutil.Process], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(still_running(member.pid) for member in family):
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def still_running(pid: int) -> bool:
    """Whether there is such a process; a dead one that nobody has waited for yet does not run."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
