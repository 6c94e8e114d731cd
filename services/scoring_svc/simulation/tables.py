"""Simulations and what they found. Nothing else of the service reads these tables, and they write no other."""

from sqlalchemy import ARRAY, Column, Index, Integer, Table, Text, Uuid

from services.scoring_svc.metadata import metadata
from shared.leased import leased_columns

simulations = Table(
    "simulations",
    metadata,
    Column("simulation_id", Uuid, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False, comment="period or span that it stands on"),
    Column("name", Text, nullable=False),
    Column("variants", Text, nullable=False, comment="JSON: name, hash and changes of each"),
    Column("departments", ARRAY(Uuid), comment="whose indicators alone it stands on; NULL: the whole set"),
    *leased_columns(),
    Index("ix_simulations_set_id", "set_id", "made_at"),
    info={"grants": "SELECT, INSERT, UPDATE"},
)

simulation_results = Table(
    "simulation_results",
    metadata,
    Column("simulation_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("variant_hash", Text, nullable=False),
    Column("body", Text, nullable=False, comment="JSON: the answer, marked as simulated"),
    info={"grants": "SELECT, INSERT"},
)
