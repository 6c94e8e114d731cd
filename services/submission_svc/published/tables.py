"""Tables of the read copies: metrics, indicator sets, cards, what is asked of whom, and the periods made ready.

All are rebuilt from events of indicator_svc; nothing here is written by a request.
"""

from sqlalchemy import ARRAY, Column, Date, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import DATEMULTIRANGE, JSONB, NUMRANGE


def define(metadata: MetaData) -> None:
    """Add the read copies to the service's metadata."""
    Table(
        "metrics",
        metadata,
        Column("metric_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("code", Text, nullable=False, unique=True),
        Column("name", JSONB, nullable=False),
        Column("type", Text, nullable=False),
        Column("fields", JSONB),
        Column("supplied_by", ARRAY(Text), nullable=False),
        # What the batch statement checks values by, read off `type` and `allowed` once.
        Column("form", Text, nullable=False),
        Column("span", NUMRANGE, nullable=False),
        Column("choices", ARRAY(Text)),
    )
    Table(
        "indicator_sets",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("code", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("year", Integer, nullable=False),
        Column("cards", Integer, nullable=False),
    )
    Table(
        "cards",
        metadata,
        # Every version: an earlier period is asked for, and fenced, by the one that governs it.
        Column("indicator_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("set_id", Uuid, nullable=False, index=True),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("level1", Text, nullable=False),
        Column("period_kind", Text, nullable=False),
        Column("fill_mode", Text, nullable=False),
        Column("filler", Text, nullable=False),
        Column("source_system", Text),
        Column("due_working_days", Integer, nullable=False),
        Column("evaluating_unit_id", Uuid, nullable=False, index=True),
        Column("evaluated_unit_ids", ARRAY(Uuid), nullable=False),
        Column("metric_ids", ARRAY(Uuid), nullable=False),
        Column("effective_from", Date, nullable=False),
        Column("effective_to", Date),
        Index("ix_cards_metric_ids", "metric_ids", postgresql_using="gin"),
    )
    Table(
        "demands",
        metadata,
        # What some card asks of a unit in a kind of period: "ask once".
        Column("year", Integer, primary_key=True),
        Column("period_kind", Text, primary_key=True),
        Column("metric_id", Uuid, primary_key=True),
        Column("unit_id", Uuid, primary_key=True),
        # The days on which some card asks, and on which one has the unit report it itself; a period is asked for by
        # what governs its last day.
        Column("asked", DATEMULTIRANGE, nullable=False),
        Column("self_reported", DATEMULTIRANGE, nullable=False),
        Index("ix_demands_metric_id_unit_id", "metric_id", "unit_id"),
    )
    Table(
        "period_gates",
        metadata,
        # The row that writers of a period share and a fence takes alone; it exists once the partitions do.
        Column("period", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("year", Integer, nullable=False),
        Column("first_day", Date, nullable=False),
        Column("last_day", Date, nullable=False),
        # UPDATE is what PostgreSQL asks of a role that takes row locks.
        info={"grants": "SELECT, UPDATE"},
    )
