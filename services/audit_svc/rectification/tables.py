"""Tables of the rectification room: the ledger of cures (整改台账), their actions and the verifications."""

from sqlalchemy import Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB


def define(metadata: MetaData) -> None:
    """Add the room's tables to the service's metadata."""
    Table(
        "rectifications",
        metadata,
        Column("rectification_id", Uuid, primary_key=True),
        Column("problem_id", Uuid, nullable=False, unique=True),
        Column("case_id", Uuid, index=True),
        Column("unit_id", Uuid, nullable=False, index=True),
        Column("state", Text, nullable=False),
        Column("plan", Text, nullable=False),
        Column("due", Date, nullable=False),
        Column("extensions", Integer, nullable=False),
        Column("returns", Integer, nullable=False),
        Column("report", Text),
        Column("reason", Text, nullable=False),
        Column("submitted_by", Text, nullable=False),
        Column("accepted_by", Text),
        Column("opened_on", Date, nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False),
        Column("version", Integer, nullable=False),
    )
    Table(
        "rectification_actions",
        metadata,
        Column("rectification_id", Uuid, primary_key=True),
        Column("no", Integer, primary_key=True, autoincrement=False),
        Column("action", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("due", Date, nullable=False),
        Column("source", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("evidence", JSONB),
        Column("ended_at", DateTime(timezone=True)),
        Column("ended_by", Text),
    )
    Table(
        "verifications",
        metadata,
        Column("problem_id", Uuid, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("cell_version", Integer, primary_key=True, autoincrement=False),
        Column("outcome", Text, nullable=False),
        Column("full_marks", Numeric, nullable=False),
        Column("loss", Numeric, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        info={"grants": "SELECT, INSERT"},
    )
