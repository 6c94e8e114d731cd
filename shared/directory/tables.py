"""Tables of the directory: units in time, people, appointments and the working-day calendar."""

from sqlalchemy import Boolean, Column, Date, DateTime, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB


def define(metadata: MetaData) -> None:
    """Add the directory's tables to a service's metadata."""
    Table(
        "directory_unit_spans",
        metadata,
        Column("unit_id", Uuid, primary_key=True),
        Column("effective_from", Date, primary_key=True),
        Column("effective_to", Date),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("version", Integer, nullable=False),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("parent_id", Uuid),
        Column("path", Text, nullable=False),
        Column("groups", JSONB, nullable=False),
        Index("ix_directory_unit_spans_code", "code"),
        Index("ix_directory_unit_spans_path", "path", postgresql_ops={"path": "text_pattern_ops"}),
    )
    Table(
        "directory_people",
        metadata,
        Column("person_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("code", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("unit_id", Uuid, nullable=False, index=True),
        Column("post", Text, nullable=False),
    )
    Table(
        "directory_appointments",
        metadata,
        Column("appointment_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("subject", Text, nullable=False, index=True),
        Column("role", Text, nullable=False),
        Column("unit_id", Uuid, nullable=False, index=True),
        Column("scope", Text, nullable=False),
        Column("effective_from", Date, nullable=False),
        Column("effective_to", Date),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("revoked", Boolean, nullable=False),
    )
    Table(
        "directory_calendar_years",
        metadata,
        Column("year", Integer, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
    )
    Table(
        "directory_calendar_days",
        metadata,
        Column("day", Date, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("name", Text, nullable=False),
    )
