"""Tables of what others own and scoring reads: metrics, indicator sets, card versions, facts.

Versions are added and never changed, so the order in which events come decides nothing, and what a score was once
computed from can be read again years later.
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Integer, Table, Text, Uuid

from services.scoring_svc.metadata import metadata

_KEPT = "SELECT, INSERT"

metrics = Table(
    "metrics",
    metadata,
    Column("metric_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False, comment="JSON: zh, en"),
    Column("type", Text, nullable=False),
    Column("unit", Text, comment="JSON: zh, en"),
)

indicator_sets = Table(
    "indicator_sets",
    metadata,
    Column("set_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("full_marks", Text, nullable=False),
    Column("outside_total", Boolean, nullable=False),
    Column("cards", Integer, nullable=False),
    Column("cards_hash", Text, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
)

card_versions = Table(
    "card_versions",
    metadata,
    Column("indicator_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("period_kind", Text, nullable=False),
    Column("evaluating_unit_id", Uuid, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("effective_to", Date),
    Column("body", Text, nullable=False, comment="JSON: the card as published"),
    Index("ix_card_versions_set_id", "set_id", "code"),
    info={"grants": _KEPT},
)

# Which indicators may depend on a metric: over all versions of a card, so it can only grow.
card_metrics = Table(
    "card_metrics",
    metadata,
    Column("metric_id", Uuid, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    info={"grants": _KEPT},
)

# Which indicators may read another's result: over all versions of a card, so it can only grow.
card_results = Table(
    "card_results",
    metadata,
    Column("set_id", Uuid, primary_key=True),
    Column("read_indicator_id", Uuid, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    info={"grants": _KEPT},
)

facts = Table(
    "facts",
    metadata,
    Column("period", Text, primary_key=True),
    Column("metric_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("value", Text, comment="JSON: decimal, date or category text, or records"),
    Column("reason", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    info={"grants": _KEPT},
)

# Which chunks of facts are applied; confirmation waits for every chunk up to the fence.
fact_chunks = Table(
    "fact_chunks",
    metadata,
    Column("period", Text, primary_key=True),
    Column("chunk_no", BigInteger, primary_key=True),
    Column("batch_id", Uuid, nullable=False),
    info={"grants": _KEPT},
)
