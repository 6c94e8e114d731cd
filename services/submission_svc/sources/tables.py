"""Tables of the registered source systems (其他税务系统) and the metrics each may supply."""

from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, Table, Text, Uuid


def define(metadata: MetaData) -> None:
    """Add the sources' tables to the service's metadata."""
    Table(
        "source_systems",
        metadata,
        Column("client_id", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("name", Text, nullable=False),
        Column("name_en", Text, nullable=False),
        Column("owner_unit_id", Uuid),
        Column("registered_by", Text, nullable=False),
        Column("registered_at", DateTime(timezone=True), nullable=False),
    )
    Table(
        "source_metrics",
        metadata,
        Column("client_id", Text, ForeignKey("source_systems.client_id"), primary_key=True),
        Column("metric_id", Uuid, primary_key=True),
    )
