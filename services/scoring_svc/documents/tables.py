"""Reports that were asked for, and their files for as long as they are kept."""

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, Table, Text, Uuid

from services.scoring_svc.metadata import metadata
from shared.leased import leased_columns

reports = Table(
    "reports",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("format", Text, nullable=False, comment="pdf or docx"),
    Column("asked", Text, nullable=False, comment="JSON: what the asker might read when asking"),
    *leased_columns(),
    Index("ix_reports_made_by", "made_by", "made_at"),
    info={"grants": "SELECT, INSERT, UPDATE"},
)

report_files = Table(
    "report_files",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("kept_until", DateTime(timezone=True), nullable=False, index=True),
    info={"grants": "SELECT, INSERT, DELETE"},
)
