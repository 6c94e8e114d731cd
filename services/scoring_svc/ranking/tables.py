"""Rankings as published, their policies, places and grades: all of it is added and never changed."""

from sqlalchemy import Column, DateTime, Index, Integer, Numeric, Table, Text, UniqueConstraint, Uuid

from services.scoring_svc.metadata import metadata

_KEPT = "SELECT, INSERT"

ranking_policies = Table(
    "ranking_policies",
    metadata,
    Column("set_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False, comment="JSON: the policy as made"),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("made_by", Text, nullable=False),
    info={"grants": _KEPT},
)

rankings = Table(
    "rankings",
    metadata,
    Column("ranking_id", Uuid, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False, comment="JSON: the answer as published"),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Text, nullable=False),
    Column("policy_version", Integer, nullable=False, server_default="0"),
    Column("shows", Text, nullable=False, server_default="totals", comment="whose rows the party sees"),
    Column("previous_id", Uuid, comment="the ranking of the span before, which movement is told against"),
    Column("reason", Text, comment="why a version after the first was published"),
    Column("amended", Text, nullable=False, server_default="[]", comment="JSON: cells in a version above 1"),
    UniqueConstraint("set_id", "period", "version"),
    info={"grants": _KEPT},
)

# One row a unit on each board (total, level, indicator) and in each peer group. Points are scaled (domain.SCALE).
ranking_places = Table(
    "ranking_places",
    metadata,
    Column("ranking_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("board", Text, primary_key=True),
    Column("peers", Text, primary_key=True),
    Column("total", Numeric, nullable=False),
    Column("full_marks", Numeric, nullable=False),
    Column("indicators", Integer, nullable=False),
    Column("place", Integer, nullable=False, comment="1 + units with a better total"),
    Column("tied", Integer, nullable=False, comment="units with the same total, this one included"),
    Column("dense", Integer, nullable=False, comment="1 + better totals"),
    Column("ranked", Integer, nullable=False),
    Column("best", Integer, nullable=False, comment="best place within the policy's spread"),
    Column("worst", Integer, nullable=False),
    Column("next_total", Numeric, comment="the nearest better total"),
    Index("ix_ranking_places_board", "ranking_id", "board", "peers", "place", "unit_id"),
    info={"grants": _KEPT},
)

ranking_grades = Table(
    "ranking_grades",
    metadata,
    Column("ranking_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("grade", Text, nullable=False),
    Column("earned", Text, nullable=False, comment="the grade before caps"),
    Column("caps", Text, nullable=False, comment="JSON: not_above and reason of every cap"),
    info={"grants": _KEPT},
)
