"""Makes `.venv` hold exactly what a hashed requirements file names; run by `make` before everything else.

What belongs here: the environment. Only the standard library may be imported: nothing else is there yet.
The stamp in `.venv` names the file it was made from by its hash, so that a changed file is installed again.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "liandong.json"
WIDER = {"local": "development"}
_LITTLE_BYTES = 20 * 1024 * 1024
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the checkout is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
}


def main(wanted: str) -> int:
    """Bring the environment to `requirements/<wanted>.txt`; the exit status. Silent when nothing is to do."""
    if wanted in _installed():
        return 0
    try:
        folder = os.open(ROOT / "requirements", os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two `make` at once: the second waits and finds the work done
            return 0 if wanted in _installed() else _install(wanted)
        finally:
            os.close(folder)
    except OSError as error:
        return _say(f"The environment cannot be made in {ENVIRONMENT}: {_REASONS.get(error.errno or 0, error)}.")


def _installed() -> set[str]:
    """The names of the requirements files whose present content is installed."""
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return set()
    if not (ENVIRONMENT / "bin" / "python").exists():
        return set()
    current = {name for name, digest in stamp.items() if digest == _digest(name)}
    return current | {name for name, wider in WIDER.items() if wider in current}


def _install(wanted: str) -> int:
    requirements = ROOT / "requirements" / f"{wanted}.txt"
    if not _usable():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        ENVIRONMENT.mkdir()  # here, because venv words a refusal of the system in its own way
        _tell("making .venv")
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(ENVIRONMENT)], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            lines = (made.stdout + made.stderr).strip().splitlines()
            reason = "the disk is full" if _full() else lines[-1].rstrip(".")
            return _say(f"The environment cannot be made in {ENVIRONMENT}: {reason}.")
    STAMP.unlink(missing_ok=True)
    total = sum("==" in line for line in requirements.read_text("utf-8").splitlines())
    begun = time.monotonic()
    status, lines = _pip(requirements, total)
    if status != 0:
        said = "\n".join(line for line in lines[-12:] if line.strip())
        if _full() or "No space left" in said:
            return _say(f"The environment cannot be made in {ENVIRONMENT}: the disk is full.")
        return _say(f"{said}\nThe packages of requirements/{wanted}.txt cannot be installed: see the lines above.")
    STAMP.write_text(json.dumps({wanted: _digest(wanted)}), "utf-8")
    _tell(
        f"{total} packages of requirements/{wanted}.txt installed in {time.monotonic() - begun:.0f} s",
        last=True,
    )
    return 0


def _usable() -> bool:
    """Whether there is an environment whose Python still runs and is new enough."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        return False
    probe = [str(python), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _pip(requirements: Path, total: int) -> tuple[int, list[str]]:
    """Run pip, telling how far it is; its exit status and its last lines."""
    command = [
        str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "--no-input",
        "--disable-pip-version-check", "--progress-bar=off", "--root-user-action=ignore",
        "-r", str(requirements),
    ]  # fmt: skip
    lines: list[str] = []
    seen = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        for line in pip.stdout or ():
            lines = [*lines[-50:], line.rstrip()]
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                seen += 1
                _tell(f"fetching {min(seen, total)}/{total} {line.split(': ')[-1].split()[-1].split('==')[0]}")
            elif line.startswith("Installing collected packages"):
                _tell(f"installing {total} packages")
    return pip.returncode, lines


def _full() -> bool:
    """Whether the disk is the likely reason of a failure: neither venv nor pip says so in every case."""
    return shutil.disk_usage(ROOT).free < _LITTLE_BYTES


def _digest(name: str) -> str:
    content = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    return hashlib.sha256(content).hexdigest()


def _tell(text: str, *, last: bool = False) -> None:
    """One line of progress, rewritten in a terminal; without a terminal only the last one."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K· {text}" + ("\n" if last else ""))
        sys.stderr.flush()
    elif last:
        sys.stderr.write(f"· {text}\n")


def _say(sentence: str) -> int:
    sys.stderr.write(("\n" if sys.stderr.isatty() else "") + sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
