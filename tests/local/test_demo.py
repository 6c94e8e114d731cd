import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]  # the wheel carries no types
import pytest

from deploy.local import demo
from deploy.local.leftovers import end_leftovers
from deploy.local.parts import HttpPart, NatsPart, PostgresPart
from deploy.local.places import ROOT, Addresses, Home
from deploy.local.ports import choose_ports
from deploy.local.processes import spawn, still_running
from deploy.local.sentences import CannotRun
from deploy.local.system import System


def small_system(home: Home, tell: Callable[[str], None]) -> System:
    """A system with real PostgreSQL and NATS and one stand-in, laid out as the real one is."""
    ports = choose_ports(["standin", "nats", "monitor"], {})
    postgres = PostgresPart(home=home, databases=("audit",), tell=tell)
    nats = NatsPart(home=home, port=ports["nats"], monitoring_port=ports["monitor"], publishers={})
    service = HttpPart(
        name="standin",
        application="tests.local.standins:app",
        port=ports["standin"],
        home=home,
        waits_for=("postgres", "nats"),
        environment=lambda: {"LIANDONG_DATABASE_URL": postgres.dsn_of("audit").app},
    )
    url = f"http://127.0.0.1:{ports['standin']}"
    return System(
        parts=(service, nats, postgres),
        addresses=Addresses(url, url, url, url, url, ports["nats"], home.state),
        environment_of=lambda _: {"LIANDONG_DATABASE_URL": postgres.dsn_of("audit").app},
    )


def slow_system(home: Home, tell: Callable[[str], None]) -> System:
    """The small system, of which one part is never ready: a stop always comes in the middle of the start."""
    system = small_system(home, tell)
    service = system.parts[0]
    assert isinstance(service, HttpPart)
    service.environment = lambda: {"LIANDONG_NEVER_READY": "1"}
    return system


def running_from(home: Home) -> dict[psutil.Process, str]:
    """What runs with this directory in its command line or as its working directory, with the program's name."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(home.directory) in " ".join((process.cwd(), *process.cmdline())):
                found[process] = process.name()
    return found


_LAUNCHER = """
import asyncio, sys
from pathlib import Path
from deploy.local import demo
from deploy.local.places import Home
from tests.local.test_demo import small_system
home = Home(Path(sys.argv[1]))
with home.alone():
    asyncio.run(demo.run(home, story=None, once=False, layout=small_system))
"""


class Teller:
    """A story that uses what it is given, and counts how often it was told."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.told = 0
        self.dsn = ""

    async def __call__(self, addresses: Addresses, once: bool) -> int:
        self.told += 1
        async with httpx.AsyncClient(trust_env=False) as http:
            self.dsn = (await http.get(f"{addresses.audit}/health/ready")).json()["database"]
        connection = await asyncpg.connect(self.dsn)
        assert await connection.fetchval("SELECT current_user") == "audit_app"
        await connection.close()
        if not once:
            asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)
        return self.status


async def test_once_ends_with_the_status_of_the_story_and_nothing_runs(home: Home) -> None:
    story = Teller(status=4)
    assert await demo.run(home, story=story, once=True, layout=small_system) == 4
    assert story.told == 1
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await asyncpg.connect(story.dsn)


async def test_a_second_start_reuses_the_data_and_does_not_tell_the_story_again(home: Home) -> None:
    story = Teller()
    assert await demo.run(home, story=story, once=False, layout=small_system) == 0
    kept = home.secrets.all()
    (home.state / "addresses.json").unlink()  # written when all parts are ready
    begun = time.monotonic()
    running = asyncio.create_task(demo.run(home, story=story, once=False, layout=small_system))
    while not home.recall("addresses"):
        await asyncio.sleep(0.05)
        assert not running.done()
    assert time.monotonic() - begun < 8
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0
    assert story.told == 1
    assert home.secrets.all() == kept


async def test_a_story_that_was_cut_off_is_said_and_not_told_into_half_of_its_data(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.remember("story", {"state": "begun"})
    story = Teller()
    assert await demo.run(home, story=story, once=True, layout=small_system) == 0
    assert story.told == 0
    assert "make demo-clean" in capsys.readouterr().out


async def test_a_death_during_the_story_ends_everything_with_its_last_words(home: Home) -> None:
    async def deadly(addresses: Addresses, _: bool) -> int:
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.post(f"{addresses.audit}/die")
        await asyncio.sleep(30)
        return 0

    with pytest.raises(CannotRun, match=r"standin died[^\0]*the last words of a stand-in"):
        await asyncio.wait_for(demo.run(home, story=deadly, once=True, layout=small_system), 25)
    assert not end_leftovers(home, print)


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 0.9])
async def test_a_stop_in_the_middle_of_a_start_leaves_nothing_running(home: Home, seconds: float) -> None:
    asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGINT)
    assert await demo.run(home, story=None, once=False, layout=slow_system) == 130
    assert running_from(home) == {}


async def test_leftovers_of_a_killed_launcher_are_ended_before_the_next_start(home: Home) -> None:
    log = home.directory / "launcher.log"
    command = [sys.executable, "-c", _LAUNCHER, str(home.directory)]
    for _ in range(2):
        launcher = spawn("launcher", command, log=log, environment=dict(os.environ), cwd=ROOT)
        while "all parts ready" not in launcher.last_lines(50):
            await asyncio.sleep(0.02)
            assert launcher.returncode is None, launcher.last_lines()
        kept = running_from(home)
        launcher.send(signal.SIGKILL)
        assert await launcher.wait(5)
        assert {"postgres", "nats-server"} <= set(kept.values())
    assert await demo.run(home, story=Teller(), once=True, layout=small_system) == 0
    assert running_from(home) == {}
    assert not any(still_running(process.pid) for process in kept)


async def test_make_stop_ends_leftovers_too(home: Home) -> None:
    orphan = spawn("audit_svc", ["sleep", "60"], log=home.logs / "audit_svc.log", environment=dict(os.environ))
    assert await asyncio.to_thread(demo.stop_running, home)
    assert orphan.returncode == -signal.SIGTERM
    assert not await asyncio.to_thread(demo.stop_running, home)
