"""Table of the burden last reported per indicator set, so that only a change is reported again."""

from sqlalchemy import Column, Integer, MetaData, Table, Uuid


def define(metadata: MetaData) -> None:
    """Add the burden reports to the service's metadata."""
    Table(
        "burden_reports",
        metadata,
        Column("set_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("extracted", Integer, nullable=False),
        Column("self_reported", Integer, nullable=False),
        Column("indicators", Integer, nullable=False),
    )
