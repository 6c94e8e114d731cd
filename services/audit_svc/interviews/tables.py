"""Tables of the interviews room: interviews of cases, records by version, signatures, refusals, successors, serials."""

from sqlalchemy import Column, Date, DateTime, Index, Integer, MetaData, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

_APPEND_ONLY = {"grants": "SELECT, INSERT"}


def define(metadata: MetaData) -> None:
    """Add the room's tables to the service's metadata."""
    Table(
        "interviews",
        metadata,
        Column("interview_id", Uuid, primary_key=True),
        Column("case_id", Uuid, nullable=False),
        Column("no", Integer, nullable=False),
        Column("problem_id", Uuid, nullable=False),
        Column("unit_id", Uuid, nullable=False, index=True),
        Column("indicator_id", Uuid, nullable=False),
        Column("tier", Text, nullable=False),
        Column("interviewer_post", Text),
        Column("state", Text, nullable=False),
        Column("number", Text, unique=True),
        Column("notice", JSONB),
        Column("interviewer_id", Uuid),
        Column("interviewee_id", Uuid),
        Column("record_version", Integer, nullable=False),
        Column("covers", ARRAY(Uuid), nullable=False),
        Column("reason", Text, nullable=False),
        Column("opened_on", Date, nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
        Column("version", Integer, nullable=False),
        UniqueConstraint("case_id", "no"),
        Index("ix_interviews_opened_on_interview_id", "opened_on", "interview_id"),
    )
    Table(
        "interview_records",
        metadata,
        Column("interview_id", Uuid, primary_key=True),
        Column("record_version", Integer, primary_key=True, autoincrement=False),
        Column("content", JSONB, nullable=False),
        Column("content_hash", Text, nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "interview_signatures",
        metadata,
        Column("interview_id", Uuid, primary_key=True),
        Column("record_version", Integer, primary_key=True, autoincrement=False),
        Column("side", Text, primary_key=True),
        Column("person_id", Uuid, nullable=False),
        Column("content_hash", Text, nullable=False),
        Column("signed_at", DateTime(timezone=True), nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "interview_refusals",
        metadata,
        Column("interview_id", Uuid, primary_key=True),
        Column("record_version", Integer, primary_key=True, autoincrement=False),
        Column("side", Text, primary_key=True),
        Column("reason", Text, nullable=False),
        Column("witness", Text, nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "interview_successions",
        metadata,
        Column("interview_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("side", Text, nullable=False),
        Column("predecessor_id", Uuid, nullable=False),
        Column("person_id", Uuid, nullable=False),
        Column("reason", Text, nullable=False),
        Column("named_by", Text, nullable=False),
        Column("named_at", DateTime(timezone=True), nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "notice_serials",
        metadata,
        Column("quarter", Text, primary_key=True),
        Column("last", Integer, nullable=False),
    )
