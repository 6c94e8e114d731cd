"""Personal schemes, rounds with their people and marks, and results."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_people"
down_revision = "scoring_svc_reports"
branch_labels = None
depends_on = None

_ROUND = ["personal_rounds.round_id"]


def upgrade() -> None:
    op.create_table(
        "personal_schemes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the scheme as published"),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_personal_schemes")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "personal_rounds",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open, closed or published"),
        sa.Column("scheme_code", sa.Text(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column(
            "unit_id",
            sa.Uuid(),
            nullable=False,
            comment="Everybody who serves in this unit or below it is assessed",
        ),
        sa.Column("panel", sa.ARRAY(sa.Uuid()), nullable=False, comment="People who mark as the panel"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("results_version", sa.Integer(), nullable=False, comment="0 before the first publication"),
        sa.PrimaryKeyConstraint("round_id", name=op.f("pk_personal_rounds")),
        sa.UniqueConstraint(
            "scheme_code", "period", "unit_id", name=op.f("uq_personal_rounds_scheme_code_period_unit_id")
        ),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_table(
        "personal_members",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "version", sa.Integer(), autoincrement=False, nullable=False, comment="version of the round that it made"
        ),
        sa.Column("unit_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("postings", sa.Text(), nullable=False, comment="JSON: unit, post, first, until (exclusive), origin"),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="Why the office stated them; empty: found in the directory",
        ),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], _ROUND, name=op.f("fk_personal_members_round_id_personal_rounds")),
        sa.PrimaryKeyConstraint("round_id", "person_id", "version", name=op.f("pk_personal_members")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_personal_members_person_id", "personal_members", ["person_id"], unique=False)
    op.create_table(
        "personal_marks",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False, comment="a dimension, or a personal indicator that is marked"),
        sa.Column("evaluator", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="as what the evaluator marks"),
        sa.Column("mark", sa.Numeric(), nullable=True, comment="NULL: the evaluator recused themself"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], _ROUND, name=op.f("fk_personal_marks_round_id_personal_rounds")),
        sa.PrimaryKeyConstraint("round_id", "person_id", "item", "evaluator", name=op.f("pk_personal_marks")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_personal_marks_evaluator", "personal_marks", ["evaluator", "round_id"], unique=False)
    op.create_table(
        "personal_publications",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why a version after the first was published"),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], _ROUND, name=op.f("fk_personal_publications_round_id_personal_rounds")),
        sa.PrimaryKeyConstraint("round_id", "version", name=op.f("pk_personal_publications")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "personal_results",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "result_id",
            sa.Uuid(),
            nullable=False,
            comment="the same in all versions: what an appeal is filed against",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="assessed or not_assessed"),
        sa.Column("score", sa.Numeric(), nullable=True, comment="rounded; NULL: not assessed"),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("earned", sa.Text(), nullable=True, comment="the grade before caps"),
        sa.Column("caps", sa.Text(), nullable=False, comment="JSON: not_above and reason of every cap"),
        sa.Column("unit_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: postings, unit results, dimensions, coefficient"),
        sa.PrimaryKeyConstraint("round_id", "version", "person_id", name=op.f("pk_personal_results")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_personal_results_person_id", "personal_results", ["person_id"], unique=False)


def downgrade() -> None:
    for table in ("results", "publications", "marks", "members", "rounds", "schemes"):
        op.drop_table(f"personal_{table}")
