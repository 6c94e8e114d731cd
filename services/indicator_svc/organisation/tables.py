"""Tables of the organisation: recordings that are only ever added to. What is known now stands in the directory.

The directory's tables (shared.directory) hold the newest version of every object; these hold every version with the
moment of its recording, which is the second of the two times.
"""

from sqlalchemy import ARRAY, Column, Date, DateTime, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

_APPEND_ONLY = {"grants": "SELECT, INSERT"}


def define(metadata: MetaData) -> None:
    """Add the organisation's tables to the service's metadata."""
    Table(
        "unit_recordings",
        metadata,
        Column("unit_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("effective_from", Date, primary_key=True),
        Column("effective_to", Date),
        # When this version of the timeline was recorded, and when the span first was.
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("span_recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("parent_id", Uuid),
        Column("path", Text, nullable=False),
        Column("groups", JSONB, nullable=False),
        # The document that approved a change reaching back into a fenced period.
        Column("approval", Text),
        Index("ix_unit_recordings_recorded_at", "recorded_at"),
        info=_APPEND_ONLY,
    )
    Table(
        "person_recordings",
        metadata,
        Column("person_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("unit_id", Uuid, nullable=False),
        Column("post", Text, nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "appointment_recordings",
        metadata,
        Column("appointment_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("unit_id", Uuid, nullable=False),
        Column("scope", Text, nullable=False),
        Column("effective_from", Date, nullable=False),
        Column("effective_to", Date),
        Column("revoked_at", DateTime(timezone=True)),
        Column("approval", Text),
        info=_APPEND_ONLY,
    )
    Table(
        "calendar_recordings",
        metadata,
        Column("year", Integer, primary_key=True, autoincrement=False),
        Column("version", Integer, primary_key=True),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("days", JSONB, nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "backdating_approvals",
        metadata,
        Column("document", Text, primary_key=True),
        Column("unit_ids", ARRAY(Uuid), nullable=False),
        Column("since", Date, nullable=False),
        Column("reason", Text, nullable=False),
        Column("approved_by", Text, nullable=False),
        Column("approved_at", DateTime(timezone=True), nullable=False),
        info=_APPEND_ONLY,
    )
