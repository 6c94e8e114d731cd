"""Bonus entries of the ledger: points won back on a problem, and those that take them back or give them again.

Only ever added to: what stands won back is the sum.
"""

from sqlalchemy import Column, DateTime, Integer, Numeric, Table, Text, UniqueConstraint, Uuid

from services.scoring_svc.metadata import metadata

bonus_entries = Table(
    "bonus_entries",
    metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("problem_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("deduction_id", Uuid, nullable=False, index=True),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("indicator_id", Uuid, nullable=False),
    Column("unit_id", Uuid, nullable=False, index=True),
    Column("verified_in", Text, nullable=False),
    Column("points", Numeric, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("problem_id", "version"),
    info={"grants": "SELECT, INSERT"},
)
