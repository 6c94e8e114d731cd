"""The demonstration: set up, start, tell the story once, say how to use it, and stay until stopped.

What belongs here: the course of `make demo`. What does not: the story itself (story), the parts (system.py).
"""

import asyncio
import os
import shlex
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from deploy.local.leftovers import end_leftovers
from deploy.local.lodging import remove_lodging
from deploy.local.places import Addresses, Home, kept_home, throw_away_home
from deploy.local.sentences import CannotRun
from deploy.local.supervisor import Supervisor
from deploy.local.system import System, describe

Story = Callable[[Addresses, bool], Awaitable[int]]

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Layout = Callable[[Home, Callable[[str], None]], System]


def keep_running(*, story: Story | None) -> int:
    """Run on the kept data until Ctrl-C or SIGTERM; new data get the story told. The exit status."""
    home = kept_home()
    home.make()
    _remove_forgotten(home.directory)
    with home.alone():
        return asyncio.run(run(home, story=story, once=False))


def run_once(*, story: Story) -> int:
    """Run the story on data of its own, stop everything, remove the data. The exit status is the story's."""
    home = throw_away_home()
    home.make()
    try:
        with home.alone():
            return asyncio.run(run(home, story=story, once=True))
    finally:
        remove(home.directory)


def remove(directory: Path) -> None:
    """Remove a directory of data, with what had to live outside of it and what a killed launcher left running."""
    end_leftovers(Home(directory), _tell)
    remove_lodging(directory / "postgres")
    shutil.rmtree(directory, ignore_errors=True)


async def run(home: Home, *, story: Story | None, once: bool, layout: Layout = describe) -> int:
    """Start what `layout` lays out in a directory this launcher holds, tell the story, stop in the end.

    With `once` it ends after the story, otherwise with Ctrl-C or SIGTERM. Raises CannotRun when a part does not
    start or dies; everything is stopped then too.
    """
    begun = time.monotonic()
    stop = _stop_signals()
    await asyncio.to_thread(end_leftovers, home, _tell)  # before ports are chosen: they hold the wished ones
    system = layout(home, _tell)
    supervisor = Supervisor(system.parts, _tell)
    try:
        if not await _unless_stopped(supervisor.start(), stop):
            return 130
        system.addresses.save(home)
        system.remember_environments(home)
        _tell(f"all parts ready after {time.monotonic() - begun:.1f} s")
        watching = asyncio.create_task(supervisor.watch())
        course = asyncio.create_task(_course(home, system, story, once=once))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({watching, course, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            return course.result() if course.done() else (130 if once else 0)
        finally:
            for task in (watching, course, stopping):
                task.cancel()
            await asyncio.gather(watching, course, stopping, return_exceptions=True)
    finally:
        await supervisor.stop()
        for number in _STOP_SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        if not once:  # the last line of `--once` is the story's count of claims
            _tell("everything is stopped")


async def _course(home: Home, system: System, story: Story | None, *, once: bool) -> int:
    """Tell the story when it is due; afterwards, unless it was all that was asked, wait for ever."""
    told = home.recall("story")
    status = 0
    if story is not None and not told:
        home.remember("story", {"state": "begun"})
        status = await story(system.addresses, once)
        home.remember("story", {"state": "told", "status": status})
    elif told.get("state") == "begun":
        _tell("the story was cut off in an earlier run: `make demo-clean` and `make demo` tell it afresh")
    if once:
        return status
    _introduce(system.addresses)
    await asyncio.Event().wait()
    return status


def _introduce(addresses: Addresses) -> None:
    bearer = '"Authorization: Bearer $(make -s token client=setup)"'
    lines = ["", "Liandong is running. 联动已启动。", ""]
    lines += [f"  {name:15} {url}/docs   health: {url}/health/ready" for name, url in addresses.services.items()]
    lines += [
        "",
        "  whom to be:   make people role=unit_leader unit=420102   (or performance_office, unit_liaison, …)",
        "  a token:      make token person=CODE        or a machine:  make token client=sys-collection",
        f"  a first call: curl -H {bearer} {addresses.indicator}/v1/units",
        f"  addresses for a shell:  . {shlex.quote(str(addresses.state / 'addresses.env'))}",
        "  another day:  make clock to=2015-08-03      logs:  make logs only=scoring_svc",
        "  stop:         Ctrl-C here, or make stop     remove the data: make demo-clean",
        "",
    ]
    print("\n".join(lines), flush=True)


def _tell(line: str) -> None:
    print(f"· {line}", flush=True)


def _stop_signals() -> asyncio.Event:
    """An event that Ctrl-C, SIGTERM and a closed terminal set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    return stop


async def _unless_stopped(work: Awaitable[None], stop: asyncio.Event) -> bool:
    """Do the work unless the stop comes first (then it is cancelled); whether it was done."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        stopping.cancel()
        task.result()
        return True
    task.cancel()
    with suppress(asyncio.CancelledError, CannotRun):
        await task
    return False


def _remove_forgotten(directory: Path) -> None:
    """Remove the data of throw-away runs whose launcher was killed."""
    for forgotten in directory.glob("once-*"):
        if Home(forgotten).launcher() is None and forgotten.is_dir():
            remove(forgotten)


def stop_running(home: Home, seconds: float = 60.0) -> bool:
    """Ask the launcher that holds a directory to stop everything and wait for it; whether anything ran.

    What a killed launcher left running is ended here.
    """
    launcher = home.launcher()
    if launcher is None:
        if not home.state.is_dir():
            return False
        with home.alone():
            return end_leftovers(home, _tell)
    with suppress(ProcessLookupError):
        os.kill(launcher, signal.SIGTERM)
    end = time.monotonic() + seconds
    while home.launcher() is not None:
        if time.monotonic() > end:
            raise CannotRun(f"The launcher (process {launcher}) does not stop; its logs are in {home.logs}.")
        time.sleep(0.1)
    return True
