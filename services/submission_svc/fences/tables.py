"""Table of the period states as known here: the fence is taken here, the later states come by event."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, Uuid


def define(metadata: MetaData) -> None:
    """Add the period states to the service's metadata."""
    Table(
        "period_states",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        # 1 fenced, 2 confirmed, 3 closed; a period without a row is open.
        Column("stage", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        Column("last_chunk", BigInteger),
        Column("chunks", Integer),
        Index("ix_period_states_period", "period"),
    )
