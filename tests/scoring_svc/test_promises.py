"""Small forms of R10 and R28; `make chaos` runs the same at full size."""

import importlib
from pathlib import Path

import pytest

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from tests.chaos.verdict import System

SECONDS = {"r10": 3, "r28": 6}


@pytest.fixture
def system(postgres: Postgres, nats_server: Nats, tmp_path: Path) -> System:
    return System(postgres, nats_server, tmp_path)


@pytest.mark.parametrize("name", SECONDS)
async def test_the_promise_holds_and_its_control_goes_red(system: System, name: str) -> None:
    verdict = await importlib.import_module(f"tests.chaos.{name}").run(system, seconds=SECONDS[name])
    assert verdict.passed, str(verdict)
