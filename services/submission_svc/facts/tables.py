"""Tables of facts with their version chains, the chunks sent to scoring_svc, and receipts of batches.

`facts` holds the newest version of each fact, `fact_history` those that it superseded; the view `fact_versions` shows
both. They are partitioned by period (ensure_period makes the partitions); the period leads every key, so the tenth year
costs what the first did. No foreign keys: the batch statement checks every reference itself.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Sequence,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB


def _content() -> list[Column[object]]:
    return [
        Column("state", Text, nullable=False),
        Column("value", JSONB(none_as_null=True)),
        Column("reason", Text),
        Column("provenance", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("received_at", DateTime(timezone=True), nullable=False),
        Column("batch_id", Uuid, nullable=False),
    ]


def define(metadata: MetaData) -> None:
    """Add the facts' tables to the service's metadata."""
    Table(
        "facts",
        metadata,
        Column("period", Text, primary_key=True),
        Column("metric_id", Uuid, primary_key=True),
        Column("unit_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        *_content(),
        postgresql_partition_by="LIST (period)",
    )
    Table(
        "fact_history",
        metadata,
        Column("period", Text, primary_key=True),
        Column("metric_id", Uuid, primary_key=True),
        Column("unit_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        *_content(),
        postgresql_partition_by="LIST (period)",
        info={"grants": "SELECT, INSERT"},
    )
    Sequence("fact_chunk_no", metadata=metadata)
    Table(
        "fact_chunks",
        metadata,
        Column("period", Text, primary_key=True),
        Column("chunk_no", BigInteger, primary_key=True, autoincrement=False),
        Column("batch_id", Uuid, nullable=False),
        Column("facts", Integer, nullable=False),
        info={"grants": "SELECT, INSERT"},
    )
    Table(
        "receipts",
        metadata,
        Column("seq", BigInteger, Identity(always=True), primary_key=True),
        Column("receipt_id", Uuid, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("received_at", DateTime(timezone=True), nullable=False),
        Column("mode", Text, nullable=False),
        Column("strategy", Text, nullable=False),
        Column("landed", Boolean, nullable=False),
        Column("rows", Integer, nullable=False),
        Column("created", Integer, nullable=False),
        Column("updated", Integer, nullable=False),
        Column("unchanged", Integer, nullable=False),
        Column("rejected", Integer, nullable=False),
        Column("faults", JSONB, nullable=False),
        Column("reason", Text),
        Index("ix_receipts_author", "author", "seq"),
        info={"grants": "SELECT, INSERT"},
    )
    Table(
        "applied_findings",
        metadata,
        # The newest version of each confirmed finding that became a fact.
        Column("finding_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
    )
