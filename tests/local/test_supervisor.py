import asyncio
import os
import signal
from dataclasses import dataclass, field

import httpx
import pytest

from deploy.local.parts import HttpPart
from deploy.local.places import Home
from deploy.local.ports import free_port
from deploy.local.processes import Child, spawn
from deploy.local.sentences import CannotRun
from deploy.local.supervisor import Supervisor


@dataclass
class Sleeper:
    """A real process that only sleeps, and writes down when it was started and stopped."""

    name: str
    home: Home
    events: list[str]
    waits_for: tuple[str, ...] = ()
    command: tuple[str, ...] = ("sleep", "60")
    child: Child | None = field(default=None, init=False)

    async def start(self) -> Child:
        self.events.append(f"+{self.name}")
        self.child = spawn(
            self.name, self.command, log=self.home.logs / f"{self.name}.log", environment=dict(os.environ)
        )
        await asyncio.sleep(0.05)
        if self.child.returncode is not None:
            raise CannotRun(f"{self.name} does not start: {self.child.last_lines()}")
        return self.child

    async def stop(self) -> None:
        self.events.append(f"-{self.name}")
        if self.child is not None:
            await self.child.end([(signal.SIGTERM, 5)])


def http_part(home: Home, name: str, waits_for: tuple[str, ...] = ()) -> HttpPart:
    return HttpPart(
        name=name,
        application="tests.local.standins:app",
        port=free_port(),
        home=home,
        waits_for=waits_for,
        environment=dict,
    )


def nothing(_: str) -> None:
    return


async def test_parts_start_after_what_they_wait_for_and_stop_in_reverse(home: Home) -> None:
    events: list[str] = []
    parts = [
        Sleeper("top", home, events, ("left", "right")),
        Sleeper("left", home, events, ("ground",)),
        Sleeper("right", home, events, ("ground",)),
        Sleeper("ground", home, events),
    ]
    supervisor = Supervisor(parts, nothing)
    await supervisor.start()
    await supervisor.stop()
    started, stopped = events[:4], events[4:]
    assert started[0] == "+ground"
    assert started[-1] == "+top"
    assert [event[1:] for event in stopped] == [event[1:] for event in reversed(started)]
    assert all(part.child is not None and part.child.returncode is not None for part in parts)


async def test_a_process_that_dies_is_reported_with_its_last_lines(home: Home) -> None:
    steady, dying = http_part(home, "steady_svc"), http_part(home, "dying_svc", ("steady_svc",))
    supervisor = Supervisor([steady, dying], nothing)
    await supervisor.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.post(f"http://127.0.0.1:{dying.port}/die")
        with pytest.raises(CannotRun, match="dying_svc died \\(exit status 3\\)") as report:
            await asyncio.wait_for(supervisor.watch(), 5)
    finally:
        await supervisor.stop()
    assert "the last words of a stand-in" in str(report.value)
    assert steady.child is not None
    assert steady.child.returncode is not None


async def test_a_living_system_is_not_reported(home: Home) -> None:
    """The control of the test above: nobody dies, so nothing is said."""
    supervisor = Supervisor([http_part(home, "steady_svc")], nothing)
    await supervisor.start()
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(supervisor.watch(), 0.6)
    finally:
        await supervisor.stop()


async def test_when_one_part_does_not_start_the_others_are_stopped(home: Home) -> None:
    events: list[str] = []
    good = Sleeper("good", home, events)
    bad = Sleeper("bad", home, events, ("good",), ("sh", "-c", "echo no luck; exit 7"))
    never = Sleeper("never", home, events, ("bad",))
    with pytest.raises(CannotRun, match="bad does not start: no luck"):
        await Supervisor([good, bad, never], nothing).start()
    assert "+never" not in events
    assert good.child is not None
    assert good.child.returncode is not None


async def test_a_service_that_cannot_be_imported_gives_its_log_and_no_wait(home: Home) -> None:
    part = http_part(home, "broken_svc")
    part.application = "tests.local.no_such_module:app"
    with pytest.raises(CannotRun, match="no_such_module"):
        await asyncio.wait_for(Supervisor([part], nothing).start(), 20)


async def test_last_words_are_of_this_start_only(home: Home) -> None:
    log = home.logs / "speaker.log"
    for words in ("first start", "second start"):
        child = spawn("speaker", ["echo", words], log=log, environment=dict(os.environ))
        assert await child.wait(5)
        assert child.last_lines() == words
    assert log.read_text("utf-8") == "first start\nsecond start\n"
