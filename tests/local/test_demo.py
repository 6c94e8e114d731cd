import asyncio
import os
import signal
import time
from collections.abc import Callable

import asyncpg
import httpx
import pytest

from deploy.local import demo
from deploy.local.parts import HttpPart, NatsPart, PostgresPart
from deploy.local.places import Addresses, Home
from deploy.local.ports import choose_ports
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
    begun = time.monotonic()
    running = asyncio.create_task(demo.run(home, story=story, once=False, layout=small_system))
    while not (home.recall("processes").get("standin")):
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
    assert home.recall("processes") == {}
