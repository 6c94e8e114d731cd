"""The tables that every service's database has: outbox and inbox, idempotency keys, trail, directory."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
)

import shared.messaging.tables as messaging
from shared.directory import tables as directory

_APPEND_ONLY = "SELECT, INSERT"


def define(metadata: MetaData) -> None:
    """Add the kernel's tables to a service's metadata. `info["grants"]` says what the running role may do."""
    messaging.define(metadata)
    directory.define(metadata)
    Table(
        "idempotency",
        metadata,
        Column("client", Text, primary_key=True),
        Column("route", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("body_digest", LargeBinary, nullable=False),
        Column("held", ARRAY(Text), nullable=False, server_default="{}", comment="role, scope and unit of each grant"),
        Column("status", Integer),
        Column("headers", Text),
        Column("body", LargeBinary),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_idempotency_created_at", "created_at"),
    )
    Table(
        "trail",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
        Column("who", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("object_type", Text, nullable=False),
        Column("object_id", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("before", Text),
        Column("after", Text),
        Column("trace", Text, nullable=False),
        Column("sealed", Boolean, nullable=False, server_default="false"),
        Index("ix_trail_unsealed", "id", postgresql_where="NOT sealed"),
        Index("ix_trail_object", "object_type", "object_id", "id"),
        info={"grants": f"{_APPEND_ONLY}, UPDATE (sealed)"},
    )
    Table(
        "trail_seals",
        metadata,
        Column("seal_no", BigInteger, primary_key=True, autoincrement=False),
        Column("trail_id", BigInteger, nullable=False, unique=True),
        Column("hash", Text, nullable=False),
        info={"grants": _APPEND_ONLY},
    )
