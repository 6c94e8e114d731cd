"""Child processes of the embedded default: start one with its log, signal it, wait for it, read its end.

What belongs here: one process. What does not: the order of several (supervisor.py), what runs (system.py).
Deliberately free of the event loop's own subprocess support, so that a process may be started in one loop
(a test session's) and stopped in another.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # the wheel carries no types

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
        while any(_still_running(pid) for pid in family[1:]) and time.monotonic() < end:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.005)

    async def end(self, polite: Sequence[tuple[signal.Signals, float]]) -> None:
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

    It gets a session of its own: Ctrl-C reaches only the launcher, which stops the rest in order.
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
    return Child(name, process, log, log_begins)


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


def started_at(pid: int) -> float | None:
    """When a process started (tells it from a later one with the same id), or None when it is gone."""
    try:
        return psutil.Process(pid).create_time() if _still_running(pid) else None
    except psutil.NoSuchProcess:
        return None


def end_by_id(pid: int, seconds: float = 10.0) -> None:
    """Ask a process that is no child of ours to end, and kill it with its children after so many seconds."""
    family = [pid, *descendants(pid)]
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).terminate()
    end = time.monotonic() + seconds
    while _still_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(member).kill()


def _still_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
