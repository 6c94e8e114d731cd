"""Tables of the catalogue: metrics, indicator sets, cards as drafts, and the published versions, which never change."""

from sqlalchemy import Boolean, Column, Date, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

_APPEND_ONLY = {"grants": "SELECT, INSERT"}


def define(metadata: MetaData) -> None:
    """Add the catalogue's tables to the service's metadata."""
    Table(
        "metrics",
        metadata,
        Column("metric_id", Uuid, primary_key=True),
        Column("code", Text, nullable=False, unique=True),
        Column("version", Integer, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        # The declaration as the rule language writes it: name, type, unit, allowed, fields, supplied_by.
        Column("declaration", JSONB, nullable=False),
    )
    Table(
        "indicator_sets",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("code", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("year", Integer, nullable=False),
        Column("evaluated_units", JSONB, nullable=False),
        Column("full_marks", Text, nullable=False),
        Column("outside_total", Boolean, nullable=False),
        Column("levels", JSONB, nullable=False),
        # Grows with every change of the set or of a draft of it; a publication checks that it is still the one it read.
        Column("draft_version", Integer, nullable=False),
        Column("published_version", Integer, nullable=False),
        Column("published_at", DateTime(timezone=True)),
    )
    Table(
        "card_drafts",
        metadata,
        Column("indicator_id", Uuid, primary_key=True),
        Column("set_id", Uuid, ForeignKey("indicator_sets.set_id"), nullable=False),
        Column("code", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("content", JSONB, nullable=False),
        Column("changed_at", DateTime(timezone=True), nullable=False),
        Column("changed_by", Text, nullable=False),
        Index("ix_card_drafts_set_id_code", "set_id", "code", unique=True),
    )
    Table(
        "card_versions",
        metadata,
        Column("indicator_id", Uuid, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("set_version", Integer, nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("effective_from", Date, nullable=False),
        Column("effective_to", Date),
        # The published event's data, whole: what every reader was told.
        Column("card", JSONB, nullable=False),
        info=_APPEND_ONLY,
    )
    Table(
        "indicators",
        metadata,
        Column("indicator_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("set_id", Uuid, ForeignKey("indicator_sets.set_id"), nullable=False),
        Column("set_code", Text, nullable=False),
        Column("code", Text, nullable=False),
        Column("level1", Text, nullable=False),
        Column("fill_mode", Text, nullable=False),
        Column("evaluating_unit_id", Uuid, nullable=False),
        # Evaluating and evaluated units: whose part of the tree may read the card.
        Column("audience", ARRAY(Uuid), nullable=False),
        # The answer of the newest version as JSON text, byte for byte: a read builds nothing.
        Column("answer", Text, nullable=False),
        Index("ix_indicators_set_code_code", "set_code", "code", unique=True),
    )
