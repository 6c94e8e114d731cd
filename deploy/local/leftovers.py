"""What a killed launcher left running: found surely, and ended before anything new starts.

What belongs here: whose process a leftover is and how each kind is ended. What does not: how a process is started
and written down (processes.py).
"""

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # the wheel carries no types

from deploy.local.places import Home
from deploy.local.processes import Polite, birth_of, end_by_id, record_beside
from deploy.local.sentences import CannotRun

POSTGRES_ENDS: Polite = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
"""Fast shutdown, which waits for no client; then the immediate one, which the next start recovers from."""
_SERVER_ENDS: Polite = ((signal.SIGTERM, 10.0),)
_GROUND = ("postgres", "nats")


def end_leftovers(home: Home, tell: Callable[[str], None]) -> bool:
    """End what a killed launcher left running from this directory, services first; whether there was anything.

    A process is ours when it has the id and the birth that were written down; one whose id was given to another
    since is spared. Raises CannotRun when one cannot be ended.
    """
    found = {record.stem: pid for record in sorted(home.logs.glob("*.pid")) if (pid := _recorded(record)) is not None}
    for names in ([name for name in found if name not in _GROUND], [name for name in found if name in _GROUND]):
        for name in names:
            tell(f"{name} was left running by a launcher that was killed: ending it")
        with ThreadPoolExecutor(max(1, len(names))) as at_once:
            list(at_once.map(lambda name: _end(name, found[name]), names))
    return bool(found)


def end_recorded(name: str, log: Path) -> None:
    """End the process that was last started with this log, if it still runs. Raises CannotRun when it cannot be."""
    pid = _recorded(record_beside(log))
    if pid is not None:
        _end(name, pid)


def end_dwellers(data: Path, sockets: Path) -> None:
    """End what runs on a cluster's data: its server, backends of a killed one, an initdb that was cut off.

    Raises CannotRun when one cannot be ended.
    """
    while dwellers := _dwellers(data):
        for pid, (parent, is_server) in dwellers.items():
            if parent not in dwellers:
                _end("postgres", pid, POSTGRES_ENDS if is_server else ((signal.SIGQUIT, 2.0),))
    for lock in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")):
        _forget_lock(lock)


def _end(name: str, pid: int, polite: Polite | None = None) -> None:
    wanted = polite or (POSTGRES_ENDS if name == "postgres" else _SERVER_ENDS)
    try:
        gone = end_by_id(pid, wanted)
    except psutil.AccessDenied:
        gone = False
    if not gone:
        raise CannotRun(f"{name} (process {pid}) was left running by a launcher that was killed and cannot be ended.")


def _recorded(record: Path) -> int | None:
    """The process that a record names, when it is still that one."""
    try:
        pid, birth = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return int(pid) if birth is not None and birth_of(int(pid)) == birth else None


def _dwellers(data: Path) -> dict[int, tuple[int, bool]]:
    """PostgreSQL's processes whose working directory is this data directory, as it is for all of them.

    By id: the parent's id, and whether it is the server itself.
    """
    found = {}
    for process in psutil.process_iter():
        # Passed over: one that is gone meanwhile, dead already, or another user's.
        with suppress(psutil.Error):
            if process.name() in ("postgres", "initdb") and process.cwd() == os.fspath(data):
                found[process.pid] = (process.ppid(), "-D" in process.cmdline())
    return found


def _forget_lock(lock: Path) -> None:
    """Remove a lock file that keeps the server out although nobody runs on its data.

    PostgreSQL takes any living process with the id in it for its server: one that has the id now, or the server
    itself, dead and not waited for, as under an init that reaps nobody. Otherwise it judges better than we do.
    """
    lines = lock.read_text("utf-8", "replace").splitlines() if lock.exists() else []
    if lines and lines[0].strip().isdigit() and psutil.pid_exists(int(lines[0])):
        lock.unlink()
