"""Upgrades a database to the newest form of the kernel and of one service, and grants the running role its rights.

Tables belong to the owner role; the role that runs may do what a table's `info["grants"]` says, by default read, add,
change and delete rows, and read every view. Nothing else creates tables, in production and in tests alike.
"""

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

_ROOT = Path(__file__).resolve().parents[2]
_ORDINARY = "SELECT, INSERT, UPDATE, DELETE"


def metadata_of(package: str) -> MetaData:
    """The metadata of a service with all its rooms' tables: `services.audit_svc` -> its `metadata` module."""
    metadata: MetaData = importlib.import_module(f"{package}.metadata").metadata
    return metadata


def upgrade(package: str, owner_url: str, app_role: str | None = None) -> None:
    """Bring the database to the head of both branches, then grant; the role defaults to the owner's with `_app`."""
    role = app_role or (make_url(owner_url).username or "").replace("_owner", "_app")

    def work(connection: Connection) -> None:
        command.upgrade(_config(package, connection), "heads")
        _grant(connection, metadata_of(package), role)

    asyncio.run(_with_connection(owner_url, work))


def downgrade(package: str, owner_url: str) -> None:
    """Take everything back to the empty database; used by the checks only."""
    asyncio.run(_with_connection(owner_url, lambda connection: command.downgrade(_config(package, connection), "base")))


def differences(package: str, owner_url: str) -> list[Any]:
    """What the tables of the database and the service's metadata do not agree about."""
    found: list[Any] = []

    def work(connection: Connection) -> None:
        # Partitions are made as time goes on and are not declared one by one.
        undeclared = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))
        undeclared.add("alembic_version")

        def is_declared(name: str | None, kind: str, _: Any) -> bool:
            return kind != "table" or name not in undeclared

        options = {"include_name": is_declared, "compare_type": True, "compare_server_default": False}
        context = MigrationContext.configure(connection, opts=options)
        found.extend(compare_metadata(context, metadata_of(package)))

    asyncio.run(_with_connection(owner_url, work))
    return found


def _config(package: str, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_ROOT / "shared" / "migrations"))
    config.set_main_option("path_separator", "newline")
    service = _ROOT.joinpath(*package.split(".")) / "migrations"
    config.set_main_option("version_locations", f"{_ROOT / 'shared' / 'migrations' / 'versions'}\n{service}")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata_of(package)
    return config


def _grant(connection: Connection, metadata: MetaData, role: str) -> None:
    if not role.replace("_", "").isalnum():
        raise ValueError(f"{role!r} is no name of a role")
    connection.execute(text(f'GRANT USAGE ON SCHEMA public TO "{role}"'))
    connection.execute(text(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{role}"'))
    for table in metadata.sorted_tables:
        connection.execute(text(f'REVOKE ALL ON "{table.name}" FROM "{role}"'))
        connection.execute(text(f'GRANT {table.info.get("grants", _ORDINARY)} ON "{table.name}" TO "{role}"'))
    views = connection.scalars(text("SELECT viewname FROM pg_views WHERE schemaname = 'public'")).all()
    for view in views:
        connection.execute(text(f'GRANT SELECT ON "{view}" TO "{role}"'))


async def _with_connection(url: str, work: Callable[[Connection], None]) -> None:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()
