"""Year results with their steps, appeals and uses; their archives, kept in pieces.

Steps, uses and pieces are only ever added. An archive lies in PostgreSQL rather than in a directory: every process can
send it, a backup holds it, and the transaction that makes it whole is the one that says so.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from services.scoring_svc.metadata import metadata
from shared.leased import leased_columns

_KEPT, _CHANGED = "SELECT, INSERT", "SELECT, INSERT, UPDATE"
_MOMENT = DateTime(timezone=True)


def _of_result() -> Column[object]:
    return Column("result_id", Uuid, ForeignKey("year_results.result_id"), primary_key=True)


year_results = Table(
    "year_results",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("year", Integer, nullable=False),
    Column("period", Text, nullable=False, comment="span of the ranking"),
    Column("ranking_id", Uuid, nullable=False),
    Column("ranking_version", Integer, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("notice_first", Date),
    Column("notice_last", Date),
    Column("basis", Text, comment="JSON: versions of cells and cards, unit entries that the final result rests on"),
    Column("opened_at", _MOMENT, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
    UniqueConstraint("set_id", "year"),
    info={"grants": _CHANGED},
)

year_result_steps = Table(
    "year_result_steps",
    metadata,
    _of_result(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    Column("document", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False, comment="JSON: ranking version, days of the notice, number of the appeal"),
    info={"grants": _KEPT},
)

year_appeals = Table(
    "year_appeals",
    metadata,
    _of_result(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("unit_id", Uuid, nullable=False),
    Column("matter", Text, nullable=False),
    Column("filed_by", Text, nullable=False),
    Column("filed_on", Date, nullable=False),
    Column("ranking_version", Integer, nullable=False, comment="what it is filed against"),
    Column("against", Text, nullable=False, comment="who approved that"),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", _MOMENT, nullable=False),
    Column("outcome", Text, comment="upheld or refused; NULL: open"),
    Column("reason", Text),
    Column("document", Text),
    Column("decided_by", Text),
    Column("decided_at", _MOMENT),
    Column("followed_by", Integer, comment="the ranking version that an upheld appeal led to"),
    info={"grants": _CHANGED},
)

year_result_uses = Table(
    "year_result_uses",
    metadata,
    _of_result(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("unit_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("withdraws", Integer, comment="the use that this row takes back"),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    UniqueConstraint("result_id", "withdraws"),
    info={"grants": _KEPT},
)

year_archives = Table(
    "year_archives",
    metadata,
    _of_result(),
    *leased_columns(),
    Column("sha256", Text, comment="of the whole file"),
    Column("size", BigInteger, comment="in bytes"),
    Column("signed_by", Text, comment="RFC 7638 thumbprint of the key"),
    Index("ix_year_archives_state", "state", "made_at"),
    info={"grants": _CHANGED},
)

year_archive_pieces = Table(
    "year_archive_pieces",
    metadata,
    _of_result(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    info={"grants": _KEPT},
)
