"""Personal schemes, rounds, their people, marks and results. Schemes, rosters and results are only ever added to."""

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, Index, Integer, Numeric, Table, Text, UniqueConstraint, Uuid

from services.scoring_svc.metadata import metadata

_KEPT = "SELECT, INSERT"
_MOMENT = DateTime(timezone=True)

personal_schemes = Table(
    "personal_schemes",
    metadata,
    Column("code", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("body", Text, nullable=False, comment="JSON: the scheme as published"),
    Column("published_at", _MOMENT, nullable=False),
    Column("published_by", Text, nullable=False),
    info={"grants": _KEPT},
)

personal_rounds = Table(
    "personal_rounds",
    metadata,
    Column("round_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="open, closed or published"),
    Column("scheme_code", Text, nullable=False),
    Column("scheme_version", Integer, nullable=False),
    Column("period", Text, nullable=False),
    Column("unit_id", Uuid, nullable=False, comment="Everybody who serves in this unit or below it is assessed"),
    Column("panel", ARRAY(Uuid), nullable=False, comment="People who mark as the panel"),
    Column("opened_at", _MOMENT, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("closed_at", _MOMENT),
    Column("closed_by", Text),
    Column("results_version", Integer, nullable=False, comment="0 before the first publication"),
    UniqueConstraint("scheme_code", "period", "unit_id"),
    info={"grants": "SELECT, INSERT, UPDATE"},
)

# One row a person for each time the postings were found or stated; the newest counts.
personal_members = Table(
    "personal_members",
    metadata,
    Column("round_id", Uuid, ForeignKey("personal_rounds.round_id"), primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False, comment="version of the round that it made"),
    Column("unit_ids", ARRAY(Uuid), nullable=False),
    Column("postings", Text, nullable=False, comment="JSON: unit, post, first, until (exclusive), origin"),
    Column("reason", Text, nullable=False, comment="Why the office stated them; empty: found in the directory"),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    Index("ix_personal_members_person_id", "person_id"),
    info={"grants": _KEPT},
)

personal_marks = Table(
    "personal_marks",
    metadata,
    Column("round_id", Uuid, ForeignKey("personal_rounds.round_id"), primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("item", Text, primary_key=True, comment="a dimension, or a personal indicator that is marked"),
    Column("evaluator", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False, comment="as what the evaluator marks"),
    Column("mark", Numeric, comment="NULL: the evaluator recused themself"),
    Column("text", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    Index("ix_personal_marks_evaluator", "evaluator", "round_id"),
    info={"grants": "SELECT, INSERT, UPDATE"},
)

personal_publications = Table(
    "personal_publications",
    metadata,
    Column("round_id", Uuid, ForeignKey("personal_rounds.round_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, comment="why a version after the first was published"),
    Column("published_at", _MOMENT, nullable=False),
    Column("published_by", Text, nullable=False),
    info={"grants": _KEPT},
)

personal_results = Table(
    "personal_results",
    metadata,
    Column("round_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("person_id", Uuid, primary_key=True),
    Column("result_id", Uuid, nullable=False, comment="the same in all versions: what an appeal is filed against"),
    Column("state", Text, nullable=False, comment="assessed or not_assessed"),
    Column("score", Numeric, comment="rounded; NULL: not assessed"),
    Column("grade", Text),
    Column("earned", Text, comment="the grade before caps"),
    Column("caps", Text, nullable=False, comment="JSON: not_above and reason of every cap"),
    Column("unit_ids", ARRAY(Uuid), nullable=False),
    Column("body", Text, nullable=False, comment="JSON: postings, unit results, dimensions, coefficient"),
    Index("ix_personal_results_person_id", "person_id"),
    info={"grants": _KEPT},
)
