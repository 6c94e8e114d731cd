"""The tables of sending and receiving events, for a service's metadata.

Belongs here: their columns, as `schema.sql` makes them. Does not belong here: statements (outbox.py, inbox.py,
dead_letters.py), the functions of the database (schema.sql).
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

_MOMENT = DateTime(timezone=True)


def define(metadata: MetaData) -> None:
    """Add outbox, inbox, dead_letters and stream_state to a service's metadata."""
    _define_outbox(metadata)
    Table(
        "inbox",
        metadata,
        Column("consumer", Text),
        Column("event_id", Uuid),
        Column("handled_at", _MOMENT, nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("consumer", "event_id", name="pk_inbox"),
        Index("ix_inbox_handled_at", "handled_at", postgresql_using="brin"),
    )
    Table(
        "dead_letters",
        metadata,
        Column("id", BigInteger, Identity(always=True)),
        Column("consumer", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        Column("type", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("stream_seq", BigInteger, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("cause", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("first_at", _MOMENT, nullable=False, server_default=func.now()),
        Column("last_at", _MOMENT, nullable=False, server_default=func.now()),
        Column("replayed_at", _MOMENT),
        PrimaryKeyConstraint("id", name="pk_dead_letters"),
        UniqueConstraint("consumer", "event_id", name="uq_dead_letters_consumer"),
    )
    Table(
        "stream_state",
        metadata,
        Column("stream", Text),
        Column("identity", Text, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("acked_seq", BigInteger, nullable=False),
        Column("last_seq", BigInteger, nullable=False),
        Column("holes", BigInteger, nullable=False),
        Column("changed_at", _MOMENT, nullable=False, server_default=func.now()),
        Column("redrive_above", BigInteger),
        Column("redrive_since", _MOMENT),
        PrimaryKeyConstraint("stream", name="pk_stream_state"),
    )


def _define_outbox(metadata: MetaData) -> None:
    outbox = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True)),
        Column("event_id", Uuid, nullable=False),
        Column("type", Text, nullable=False),
        Column("nats_subject", Text, nullable=False),
        Column("envelope", Text, nullable=False),
        Column("created_at", _MOMENT, server_default=func.now()),
        Column("claimed_until", _MOMENT),
        Column("claim_token", Uuid),
        Column("published_at", _MOMENT),
        Column("published_seq", BigInteger),
        Column("published_generation", Integer),
        Column("drive", BigInteger, nullable=False, server_default=text("0")),
        PrimaryKeyConstraint("created_at", "id", name="pk_outbox"),
        postgresql_partition_by="RANGE (created_at)",
    )
    Index(
        "ix_outbox_unpublished",
        outbox.c.created_at,
        outbox.c.id,
        postgresql_where=outbox.c.published_at.is_(None),
    )
