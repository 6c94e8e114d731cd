import asyncio
import json
import os
import signal

import asyncpg
import pytest

from deploy.local.leftovers import end_leftovers
from deploy.local.nats import Nats
from deploy.local.places import Home
from deploy.local.postgres import Postgres
from deploy.local.processes import birth_of, record_beside, spawn, still_running, to_its_end


async def test_processes_of_a_killed_launcher_are_ended_and_strangers_spared(home: Home) -> None:
    logs = {name: home.logs / f"{name}.log" for name in ("orphan", "stranger", "gone")}
    orphan, stranger, gone = (
        spawn("sleep", ["sleep", "60"], log=log, environment=dict(os.environ)) for log in logs.values()
    )
    await gone.kill_all()
    # The id was given to another process since: it must live.
    record_beside(logs["stranger"]).write_text(json.dumps([stranger.pid, "another birth"]))
    told: list[str] = []
    try:
        assert await asyncio.to_thread(end_leftovers, home, told.append)
        assert told == ["orphan was left running by a launcher that was killed: ending it"]
        assert orphan.returncode is not None
        assert stranger.returncode is None
    finally:
        await stranger.kill_all()


async def test_a_birth_stays_the_same_and_ends_with_its_process(home: Home) -> None:
    child = spawn("sleep", ["sleep", "60"], log=home.logs / "x.log", environment=dict(os.environ))
    born = birth_of(child.pid)
    assert born is not None
    assert birth_of(child.pid) == born
    assert birth_of(os.getpid()) != born
    child.send(signal.SIGKILL)
    while still_running(child.pid):  # noqa: ASYNC110 - another process sets no event
        await asyncio.sleep(0.01)
    assert birth_of(child.pid) is None  # dead, and not waited for yet
    assert await child.wait(5)


async def test_a_server_with_clients_is_shut_down_and_no_power_cut(home: Home) -> None:
    """Before, it was asked to wait for its clients, and killed when they stayed."""
    directory, log = home.directory / "postgres", home.logs / "postgres.log"
    left = await Postgres.start(directory, log=log)
    connection = await asyncpg.connect(left.dsn("postgres"))
    assert await asyncio.to_thread(end_leftovers, home, print)
    connection.terminate()
    assert left.child.returncode == 0
    assert "database system is shut down" in log.read_text("utf-8")


async def test_a_lock_file_with_the_id_of_a_dead_or_foreign_process_keeps_nobody_out(home: Home) -> None:
    directory = home.directory / "postgres"
    first = await Postgres.start(directory)
    # Killed and not waited for, as under an init that reaps nobody: the id in the lock file still exists.
    os.kill(first.pid, signal.SIGKILL)
    async with await Postgres.start(directory) as second:
        assert first.pid != second.pid
    assert first.child.returncode == -signal.SIGKILL


async def test_a_broker_left_on_the_store_is_ended_before_another_starts_there(home: Home) -> None:
    left = await Nats.start(home.directory / "nats")
    await left.pause()
    async with await Nats.start(home.directory / "nats"):
        assert left.child.returncode is not None


async def test_a_cancelled_start_leaves_no_server(home: Home) -> None:
    await (await Postgres.start(home.directory / "postgres")).stop()
    starts = (Postgres.start(home.directory / "postgres"), Nats.start(home.directory / "nats"))
    tasks = [asyncio.ensure_future(start) for start in starts]
    records = (home.directory / "postgres" / "postgres.pid", home.directory / "nats" / "nats.pid")
    for record in records:
        record.unlink(missing_ok=True)
    while not all(record.exists() or task.done() for record, task in zip(records, tasks, strict=True)):  # noqa: ASYNC110 - a file sets no event
        await asyncio.sleep(0)
    begun = [json.loads(record.read_text())[0] for record in records]
    for _ in range(3):  # a second and a third Ctrl-C do not cut the stopping off
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
    servers = [one for one in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(one, (Postgres, Nats))]
    for server in servers:  # it was ready before the cancellation
        await server.stop()
    assert len(servers) < len(starts)  # the other was cut off
    assert not any(still_running(pid) for pid in begun)


async def test_work_that_must_end_ends_however_often_it_is_cancelled() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append("work")

    task = asyncio.ensure_future(to_its_end(work()))
    for _ in range(3):
        await asyncio.sleep(0.005)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["work"]
