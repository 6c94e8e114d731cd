import asyncio
import os
import shutil

import asyncpg
import psutil
import pytest

from deploy.local.places import Home
from deploy.local.postgres import Postgres
from deploy.local.sentences import CannotRun


async def run(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_outlive_a_stop_a_kill_and_a_lost_launcher(home: Home) -> None:
    directory = home.directory / "postgres"
    first = await Postgres.start(directory)
    dsns = await first.create_service_database("scoring")
    await run(dsns.owner, "CREATE TABLE facts (value numeric)")
    await run(dsns.owner, "INSERT INTO facts VALUES (79.7)")
    await first.stop()

    second = await Postgres.start(directory)
    assert str(await run(dsns.owner, "SELECT sum(value) FROM facts")) == "79.7"
    await second.kill()
    await second.start_again()
    assert str(await run(dsns.owner, "SELECT sum(value) FROM facts")) == "79.7"

    # A launcher that was killed left its server running: the next one takes the data over.
    third = await Postgres.start(directory)
    try:
        assert second.child.returncode is not None
        assert str(await run(dsns.owner, "SELECT sum(value) FROM facts")) == "79.7"
        assert await third.create_service_database("scoring") == dsns
    finally:
        await third.stop()


async def test_a_service_enters_only_its_own_database_and_owns_nothing(home: Home) -> None:
    async with await Postgres.start(home.directory / "postgres") as postgres:
        scoring = await postgres.create_service_database("scoring")
        audit = await postgres.create_service_database("audit")
        assert await run(scoring.app, "SELECT 1") == 1
        for door in (audit.app, audit.owner):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
                await run(door.replace("/audit?", "/scoring?"), "SELECT 1")
        await run(scoring.owner, "CREATE TABLE facts (value numeric)")
        for forbidden in ("CREATE TABLE mine (x int)", "DROP TABLE facts", "SELECT * FROM facts"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(scoring.app, forbidden)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(scoring.app.replace("scoring_app:", "scoring_app:x"), "SELECT 1")


async def test_the_server_is_private_and_safe(home: Home) -> None:
    async with await Postgres.start(home.directory / "postgres") as postgres:
        dsn = postgres.dsn("postgres")
        assert await run(dsn, "SHOW listen_addresses") == ""
        assert await run(dsn, "SHOW fsync") == "on"
        assert await run(dsn, "SHOW password_encryption") == "scram-sha-256"
        assert await run(dsn, "SELECT datlocale FROM pg_database WHERE datname = 'template1'") == "C.UTF-8"
        assert os.stat(postgres.host).st_mode & 0o777 == 0o700  # noqa: PTH116 - one call


async def test_a_database_is_copied_from_a_template(home: Home) -> None:
    async with await Postgres.start(home.directory / "postgres", settings={"fsync": "off"}) as postgres:
        original = await postgres.create_service_database("scoring")
        await run(original.owner, "CREATE TABLE facts (value numeric)")
        copy = await postgres.create_service_database("scoring", database="scoring_1", template="scoring")
        assert await run(copy.owner, "SELECT count(*) FROM facts") == 0
        await postgres.drop_database("scoring_1")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await run(copy.owner, "SELECT 1")


async def test_lost_passwords_are_one_sentence(home: Home) -> None:
    directory = home.directory / "postgres"
    await (await Postgres.start(directory)).stop()
    (directory / "secrets.json").unlink()
    with pytest.raises(CannotRun, match="`make demo-clean` removes the data"):
        await Postgres.start(directory)


async def test_a_half_made_cluster_is_made_again(home: Home) -> None:
    directory = home.directory / "postgres"
    cut_off = await Postgres.start(directory)
    await cut_off.stop()
    (cut_off.lodging.data / "liandong.ready").unlink()
    await asyncio.to_thread(shutil.rmtree, cut_off.lodging.data / "global")
    async with await Postgres.start(directory) as postgres:
        assert await run(postgres.dsn("postgres"), "SELECT 1") == 1


async def test_it_never_runs_as_root(home: Home) -> None:
    async with await Postgres.start(home.directory / "postgres") as postgres:
        uid = psutil.Process(postgres.pid).uids().effective
        assert uid != 0
        assert os.geteuid() in (0, uid)
