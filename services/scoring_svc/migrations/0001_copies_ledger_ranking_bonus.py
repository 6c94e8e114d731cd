"""scoring_svc's first form: copies, ledger, rankings, bonus entries."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_0001"
down_revision = None
branch_labels = ("scoring_svc",)
depends_on = "kernel_0001"


def upgrade() -> None:
    op.create_table(
        "bonus_entries",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("deduction_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("verified_in", sa.Text(), nullable=False),
        sa.Column("points", sa.Numeric(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_bonus_entries")),
        sa.UniqueConstraint("problem_id", name=op.f("uq_bonus_entries_problem_id")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index(op.f("ix_bonus_entries_deduction_id"), "bonus_entries", ["deduction_id"], unique=False)
    op.create_index(op.f("ix_bonus_entries_unit_id"), "bonus_entries", ["unit_id"], unique=False)
    op.create_table(
        "calendar_editions",
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("days", sa.Text(), nullable=False, comment="JSON: years, closed, open"),
        sa.PrimaryKeyConstraint("edition", name=op.f("pk_calendar_editions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "card_metrics",
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("metric_id", "indicator_id", name=op.f("pk_card_metrics")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "card_versions",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("period_kind", sa.Text(), nullable=False),
        sa.Column("evaluating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the card as published"),
        sa.PrimaryKeyConstraint("indicator_id", "version", name=op.f("pk_card_versions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_card_versions_set_id", "card_versions", ["set_id", "code"], unique=False)
    op.create_table(
        "cell_versions",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("evaluation_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("score", sa.Numeric(), nullable=True),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("period", "indicator_id", "unit_id", "version", name=op.f("pk_cell_versions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "cells",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False, comment="provisional or confirmed"),
        sa.Column("version", sa.Integer(), nullable=False, comment="grows with every overwriting"),
        sa.Column(
            "entered_version", sa.Integer(), nullable=False, comment="version in the ledger, 0 before the first entry"
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="scored, exempt, not_scorable or refused"),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("score", sa.Numeric(), nullable=True),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False, comment="JSON: [kind, clause, points]"),
        sa.Column("inputs", sa.Text(), nullable=False, comment="JSON: version of the fact, or text, by input"),
        sa.Column("indicator_version", sa.Integer(), nullable=False),
        sa.Column("rule_hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("period", "indicator_id", "unit_id", name=op.f("pk_cells")),
    )
    op.create_index("ix_cells_set_id", "cells", ["set_id", "period"], unique=False)
    op.create_index("ix_cells_unit_id", "cells", ["unit_id", "period"], unique=False)
    op.create_table(
        "deduction_versions",
        sa.Column("deduction_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lifted", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("deduction_id", "version", name=op.f("pk_deduction_versions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "deductions",
        sa.Column("deduction_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the deduction as sent"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("deduction_id", name=op.f("pk_deductions")),
    )
    op.create_index("ix_deductions_set_id", "deductions", ["set_id", "period", "deduction_id"], unique=False)
    op.create_index("ix_deductions_unit_id", "deductions", ["unit_id"], unique=False)
    op.create_table(
        "entries",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("cell_version", sa.Integer(), nullable=False),
        sa.Column("entry_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="base, clause, floor, ceiling, rounding or peers_mean"),
        sa.Column("clause", sa.Text(), nullable=True),
        sa.Column("points", sa.Text(), nullable=False, comment="decimal text, or p/q where no finite decimal exists"),
        sa.Column("reverses", sa.Integer(), nullable=True, comment="the cell version whose entry this row takes back"),
        sa.Column("indicator_version", sa.Integer(), nullable=False),
        sa.Column("rule_hash", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "period", "indicator_id", "unit_id", "cell_version", "entry_no", name=op.f("pk_entries")
        ),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "evaluations",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("evaluation_no", sa.Integer(), nullable=False),
        sa.Column("indicator_version", sa.Integer(), nullable=False),
        sa.Column("rule_hash", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False, comment="JSON: inputs by unit"),
        sa.Column(
            "salt", sa.LargeBinary(), nullable=False, comment="hides peers in proofs from those who may not see them"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("period", "indicator_id", "evaluation_no", name=op.f("pk_evaluations")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "exclusions",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("period", "indicator_id", "unit_id", name=op.f("pk_exclusions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "fact_chunks",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("chunk_no", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("period", "chunk_no", name=op.f("pk_fact_chunks")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "facts",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True, comment="JSON: decimal, date or category text, or records"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("period", "metric_id", "unit_id", "version", name=op.f("pk_facts")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "indicator_sets",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("full_marks", sa.Text(), nullable=False),
        sa.Column("outside_total", sa.Boolean(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("cards_hash", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("set_id", name=op.f("pk_indicator_sets")),
        sa.UniqueConstraint("code", name=op.f("uq_indicator_sets_code")),
    )
    op.create_table(
        "metrics",
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="JSON: zh, en"),
        sa.Column("type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("metric_id", name=op.f("pk_metrics")),
    )
    op.create_table(
        "period_states",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_chunk", sa.BigInteger(), nullable=True),
        sa.Column("chunks", sa.BigInteger(), nullable=True),
        sa.Column("fenced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fenced_by", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("cells", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("digest_version", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("set_id", "period", name=op.f("pk_period_states")),
    )
    op.create_table(
        "rankings",
        sa.Column("ranking_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the answer as published"),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ranking_id", name=op.f("pk_rankings")),
        sa.UniqueConstraint("set_id", "period", "version", name=op.f("uq_rankings_set_id_period_version")),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("rankings")
    op.drop_table("period_states")
    op.drop_table("metrics")
    op.drop_table("indicator_sets")
    op.drop_table("facts")
    op.drop_table("fact_chunks")
    op.drop_table("exclusions")
    op.drop_table("evaluations")
    op.drop_table("entries")
    op.drop_table("deductions")
    op.drop_table("deduction_versions")
    op.drop_table("cells")
    op.drop_table("cell_versions")
    op.drop_table("card_versions")
    op.drop_table("card_metrics")
    op.drop_table("calendar_editions")
    op.drop_table("bonus_entries")
