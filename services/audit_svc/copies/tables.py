"""Read copies that audit_svc keeps of other services' objects, fed by events and applied by version."""

from sqlalchemy import Boolean, Column, Date, DateTime, Index, Integer, MetaData, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB


def define(metadata: MetaData) -> None:
    """Add the read copies to the service's metadata."""
    Table(
        "cards",
        metadata,
        Column("indicator_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("set_id", Uuid, nullable=False, index=True),
        Column("set_code", Text, nullable=False),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("level1", Text, nullable=False),
        Column("level2", Text, nullable=False),
        Column("points", Numeric, nullable=False),
        Column("period_kind", Text, nullable=False),
        Column("fill_mode", Text, nullable=False),
        Column("immediate", Boolean, nullable=False),
        Column("evaluating_unit_id", Uuid, nullable=False),
        Column("evaluated_unit_ids", JSONB, nullable=False),
        Column("metric_ids", JSONB, nullable=False),
    )
    Table(
        "indicator_sets",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("code", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("year", Integer, nullable=False),
        Column("outside_total", Boolean, nullable=False),
        Column("cards", Integer, nullable=False),
        Column("cards_hash", Text, nullable=False),
    )
    Table(
        "period_states",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
    )
    Table(
        "confirmed_cells",
        metadata,
        Column("indicator_id", Uuid, primary_key=True),
        Column("unit_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("deduction_id", Uuid, nullable=False, unique=True),
        Column("set_id", Uuid, nullable=False),
        Column("period_kind", Text, nullable=False),
        Column("period_last", Date, nullable=False),
        Column("version", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("full_marks", Numeric, nullable=False),
        Column("score", Numeric),
        Column("loss", Numeric, nullable=False),
        Index("ix_confirmed_cells_set_id_period", "set_id", "period"),
    )
    Table(
        "digests",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("count", Integer, nullable=False),
        Column("digest", Text, nullable=False),
    )
    Table(
        "rankings",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("units", JSONB, nullable=False),
    )
