"""Tables of the inspections room: findings, and the counts of confirmed ones that go out as facts."""

from sqlalchemy import Column, Date, DateTime, Index, Integer, MetaData, Table, Text, Uuid


def define(metadata: MetaData) -> None:
    """Add the room's tables to the service's metadata."""
    Table(
        "findings",
        metadata,
        Column("finding_id", Uuid, primary_key=True),
        Column("metric_id", Uuid, nullable=False),
        Column("metric_code", Text, nullable=False),
        Column("unit_id", Uuid, nullable=False),
        Column("period", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("evidence_hash", Text, nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("state", Text, nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("confirmed_by", Text),
        Column("withdrawn_by", Text),
        Column("reason", Text, nullable=False),
        Column("recorded_on", Date, nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
        Column("version", Integer, nullable=False),
        Index("ix_findings_metric_id_unit_id_period", "metric_id", "unit_id", "period"),
        Index("ix_findings_recorded_on_finding_id", "recorded_on", "finding_id"),
    )
    Table(
        "finding_counts",
        metadata,
        Column("metric_id", Uuid, primary_key=True),
        Column("unit_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("count", Integer, nullable=False),
    )
