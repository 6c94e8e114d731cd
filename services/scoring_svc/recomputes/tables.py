"""Recomputes, their pieces, and the cells of the ledger that a replay did not give again."""

from sqlalchemy import ARRAY, Column, DateTime, Index, Integer, Table, Text, Uuid

from services.scoring_svc.metadata import metadata
from shared.leased import leased_columns

recomputes = Table(
    "recomputes",
    metadata,
    Column("recompute_id", Uuid, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("periods", ARRAY(Text), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("made_by", Text, nullable=False),
    Index("ix_recomputes_set_id", "set_id", "made_at"),
    info={"grants": "SELECT, INSERT"},
)

recompute_pieces = Table(
    "recompute_pieces",
    metadata,
    Column("piece_id", Uuid, primary_key=True),
    Column("recompute_id", Uuid, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("indicators", ARRAY(Uuid), nullable=False),
    Column("units", ARRAY(Uuid), comment="NULL: all units of the indicators"),
    Column("cells", Integer, comment="cells scored or replayed"),
    Column("changed", Integer, comment="cells that were written"),
    Column("took_ms", Integer, comment="the transaction that wrote, in milliseconds"),
    *leased_columns(),
    Index("ix_recompute_pieces_recompute_id", "recompute_id", "state"),
    Index("ix_recompute_pieces_made_at", "made_at", "piece_id"),
    info={"grants": "SELECT, INSERT, UPDATE"},
)

recompute_differences = Table(
    "recompute_differences",
    metadata,
    Column("recompute_id", Uuid, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, comment="version of the cell in the ledger"),
    Column("stored", Text, nullable=False),
    Column("found", Text, nullable=False),
    info={"grants": "SELECT, INSERT"},
)
