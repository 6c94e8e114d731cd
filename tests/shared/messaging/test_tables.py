from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.postgres import Postgres
from shared.db import new_metadata
from shared.messaging import tables
from tests.chaos.stations import as_owner, messaging_database

_SENT = "UPDATE outbox SET published_at = now()"
_OLD_DAY = """
SET ROLE audit_owner;
CREATE TABLE outbox__{day} PARTITION OF outbox FOR VALUES FROM ('{start} 00:00+00') TO ('{end} 00:00+00');
INSERT INTO outbox (event_id, type, nats_subject, envelope, created_at)
VALUES (gen_random_uuid(), 't', 't', '', '{start} 12:00+00');
"""


async def test_the_metadata_and_the_schema_agree(postgres: Postgres) -> None:
    dsn = await messaging_database(postgres, "audit_svc")
    await as_owner(postgres, dsn, "DROP TABLE effects")
    metadata = new_metadata()
    tables.define(metadata)
    engine = create_async_engine(make_url(dsn).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences, metadata) == []
    await engine.dispose()


def _differences(connection: Connection, metadata: Any) -> list[Any]:
    options = {"include_name": lambda name, kind, _: kind != "table" or "__" not in name, "compare_type": True}
    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return found


async def test_the_running_role_makes_partitions_and_owns_nothing(postgres: Postgres) -> None:
    dsn = await messaging_database(postgres, "audit_svc")
    connection = await asyncpg.connect(dsn)
    before = await connection.fetchval("SELECT count(*) FROM pg_inherits")
    assert await connection.fetchval("SELECT outbox_partitions(9, 30)") == 2
    assert await connection.fetchval("SELECT outbox_partitions(9, 30)") == 0
    assert await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'outbox'::regclass") == 11
    assert before > 0
    owned = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole AND relkind IN ('r', 'p')"
    )
    assert owned == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DROP TABLE outbox")
    await connection.close()


async def test_an_old_day_is_dropped_only_when_everything_in_it_was_sent(postgres: Postgres) -> None:
    dsn = await messaging_database(postgres, "audit_svc")
    await as_owner(postgres, dsn, _OLD_DAY.format(day="20150101", start="2015-01-01", end="2015-01-02"))
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT outbox_partitions(7, 30)") == 0
    await connection.execute(_SENT)
    assert await connection.fetchval("SELECT outbox_partitions(7, 30)") == 1
    assert await connection.fetchval("SELECT to_regclass('outbox__20150101') IS NULL")
    await connection.close()


async def test_a_day_without_a_partition_is_a_clear_error(postgres: Postgres) -> None:
    connection = await asyncpg.connect(await messaging_database(postgres, "audit_svc"))
    with pytest.raises(asyncpg.CheckViolationError, match='no partition of relation "outbox"'):
        await connection.execute(
            "INSERT INTO outbox (event_id, type, nats_subject, envelope, created_at) "
            "VALUES (gen_random_uuid(), 't', 't', '', '2015-01-01 12:00+00')"
        )
    await connection.close()


async def test_making_a_partition_waits_for_no_open_writer(postgres: Postgres) -> None:
    dsn = await messaging_database(postgres, "audit_svc")
    writer, housekeeper = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(
        "INSERT INTO outbox (event_id, type, nats_subject, envelope) VALUES (gen_random_uuid(), 't', 't', '')"
    )
    assert await housekeeper.fetchval("SELECT outbox_partitions(8, 30)", timeout=2) == 1
    await transaction.rollback()
    await writer.close()
    await housekeeper.close()
