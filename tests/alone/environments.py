"""One environment for each set of locked requirements, kept under .local/envs and named after what it holds.

Services that need exactly the same packages share one: it still holds nothing but their own.
"""

import asyncio
import fcntl
import hashlib
import shutil
import sys
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
_PLACE = ROOT / ".local" / "envs"
_STAMP = "complete"


def _named(requirements: Path) -> str:
    lines = [line for line in requirements.read_text().splitlines() if not line.lstrip().startswith("#")]
    made_for = "\n".join([sys.version, *lines])
    return hashlib.sha256(made_for.encode()).hexdigest()[:16]


async def python_of(service: str) -> Path:
    """The interpreter of a service's own environment, made first where it is not there yet."""
    requirements = ROOT / "requirements" / f"{service}.txt"
    place = _PLACE / _named(requirements)
    python = place / "bin" / "python"
    with await asyncio.to_thread(_taken, place):
        await _make(place, python, requirements)
    return python


def _taken(place: Path) -> TextIO:
    """The only one who makes this environment, among all workers; closing the file lets the next one look."""
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = place.with_suffix(".lock").open("w", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


async def _make(place: Path, python: Path, requirements: Path) -> None:
    if not (place / _STAMP).exists():
        shutil.rmtree(place, ignore_errors=True)
        await asyncio.to_thread(venv.create, place, with_pip=True, symlinks=True)
        options = ("--require-hashes", "--no-input", "--disable-pip-version-check", "--quiet")
        status, said = await output_of(python, "-m", "pip", "install", *options, "-r", str(requirements))
        assert status == 0, said
        (place / _STAMP).touch()


async def pythons_of(services: Iterable[str]) -> dict[str, Path]:
    """The interpreters of services; environments that differ are made at the same time."""
    names = {service: _named(ROOT / "requirements" / f"{service}.txt") for service in services}
    makers = {name: service for service, name in names.items()}
    made = await asyncio.gather(*(python_of(service) for service in makers.values()))
    pythons = dict(zip(makers, made, strict=True))
    return {service: pythons[name] for service, name in names.items()}


async def output_of(*command: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    """Exit status and everything a command says, in at most five minutes."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), timeout=300)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, said.decode(errors="replace")
