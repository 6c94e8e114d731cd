"""Read copies of last year's results, by which indicators are studied before new ones are drafted (望 pre-heat)."""

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB


def define(metadata: MetaData) -> None:
    """Add the tables of results to the service's metadata."""
    Table(
        "confirmed_scores",
        metadata,
        Column("indicator_id", Uuid, primary_key=True),
        Column("unit_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("set_id", Uuid, nullable=False),
        Column("state", Text, nullable=False),
        Column("full_marks", Text, nullable=False),
        Column("score", Text),
        Column("loss", Text, nullable=False),
        Index("ix_confirmed_scores_set_id_period", "set_id", "period"),
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
        "published_rankings",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("units", JSONB, nullable=False),
    )
    Table(
        "reported_burdens",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("extracted", Integer, nullable=False),
        Column("self_reported", Integer, nullable=False),
        Column("indicators", Integer, nullable=False),
    )
