"""Published rankings: versions that are never changed."""

from sqlalchemy import Column, DateTime, Integer, Table, Text, UniqueConstraint, Uuid

from services.scoring_svc.metadata import metadata

rankings = Table(
    "rankings",
    metadata,
    Column("ranking_id", Uuid, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False, comment="JSON: the answer as published"),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Text, nullable=False),
    UniqueConstraint("set_id", "period", "version"),
    info={"grants": "SELECT, INSERT"},
)
