"""Which metrics are shown beside the scores of a set; their facts are the read copies in `copies/`."""

from sqlalchemy import ARRAY, Column, DateTime, Integer, Table, Text, Uuid

from services.scoring_svc.metadata import metadata

context_metrics = Table(
    "context_metrics",
    metadata,
    Column("set_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("metric_ids", ARRAY(Uuid), nullable=False, comment="In the order in which they are shown"),
    Column("declared_by", Text, nullable=False),
    Column("declared_at", DateTime(timezone=True), nullable=False),
    info={"grants": "SELECT, INSERT"},
)
