"""The promises of the bus at a small size; `make chaos` runs the same at full size."""

import importlib

import pytest

from tests.chaos.verdict import System

SECONDS = {"r3": 1, "r5": 1, "r6": 2, "r16": 6, "r17": 2}


@pytest.mark.parametrize("name", SECONDS)
async def test_the_promise_holds_and_its_control_goes_red(system: System, name: str) -> None:
    verdict = await importlib.import_module(f"tests.chaos.{name}").run(system, seconds=SECONDS[name])
    assert verdict.held, str(verdict)
    assert verdict.control == "red", str(verdict)
