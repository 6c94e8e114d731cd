import asyncio
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from shared.testing import RunningService
from shared.trail import TrailVerdict, seal_once, verify


async def _sealed(plain: RunningService, rows: int = 5) -> None:
    client = plain.client(client="setup")
    for _ in range(rows):
        await client.post("/v1/things", json={"code": f"t-{uuid4()}"})
    for _ in range(30):
        if not await plain.database.reads.fetchval("SELECT count(*) FROM trail WHERE NOT sealed"):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("not sealed within 3 s")


async def _owner(postgres: Postgres, plain: RunningService) -> asyncpg.Connection:
    name = await plain.database.reads.fetchval("SELECT current_database()")
    return await asyncpg.connect(postgres.dsn(name))


async def _verify(driver: asyncpg.Connection) -> TrailVerdict:
    return await verify(driver)


async def test_every_change_is_sealed_within_a_second_and_the_chain_holds(
    postgres: Postgres, plain: RunningService
) -> None:
    await _sealed(plain)
    late = await plain.database.reads.fetchval(
        "SELECT count(*) FROM trail WHERE NOT sealed AND at < now() - interval '1 second'"
    )
    assert late == 0
    driver = await _owner(postgres, plain)
    verdict = await _verify(driver)
    await driver.close()
    assert verdict.broken_at is None
    assert verdict.sealed >= 5


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE trail SET who = 'another' WHERE id = (SELECT min(id) + 1 FROM trail)",
        "UPDATE trail SET after = NULL WHERE id = (SELECT max(id) FROM trail WHERE after IS NOT NULL)",
        "DELETE FROM trail WHERE id = (SELECT min(id) + 2 FROM trail)",
        "DELETE FROM trail_seals WHERE seal_no = (SELECT max(seal_no) FROM trail_seals)",
        "DELETE FROM trail_seals WHERE seal_no = 2",
        "UPDATE trail SET outcome = 'done', at = at + interval '1 second' WHERE id = (SELECT min(id) FROM trail)",
        "UPDATE trail_seals SET trail_id = -trail_id WHERE seal_no IN (2, 3)",
    ],
)
async def test_tampering_by_the_owner_is_found(postgres: Postgres, plain: RunningService, tampering: str) -> None:
    await _sealed(plain)
    driver = await _owner(postgres, plain)
    change = driver.transaction(isolation="repeatable_read")
    await change.start()
    await driver.execute(tampering)
    verdict = await _verify(driver)
    await change.rollback()
    untouched = await _verify(driver)
    await driver.close()
    assert verdict.broken_at is not None, tampering
    assert untouched.broken_at is None, "control: the same chain without the tampering holds"


async def test_the_running_role_may_neither_change_nor_delete(plain: RunningService) -> None:
    await _sealed(plain, 1)
    for statement in (
        "UPDATE trail SET who = 'another'",
        "DELETE FROM trail",
        "UPDATE trail_seals SET hash = ''",
        "DELETE FROM trail_seals",
        "TRUNCATE trail",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await plain.database.reads.execute(statement)


async def test_two_sealers_make_one_chain(plain: RunningService) -> None:
    client = plain.client(client="setup")
    await asyncio.gather(*(client.post("/v1/things", json={"code": f"t-{uuid4()}"}) for _ in range(20)))
    connections = [await asyncpg.connect(plain.dsns.app) for _ in range(3)]
    await asyncio.gather(*(seal_once(connection) for connection in connections))
    await _sealed(plain, 1)
    verdict = await _verify(connections[0])
    for connection in connections:
        await connection.close()
    assert verdict.broken_at is None
