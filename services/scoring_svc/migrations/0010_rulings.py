"""What appeals and corrections lay down for cells, corrections that were asked for, which cards read results."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_rulings"
down_revision = "scoring_svc_year_end"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "adjudications",
        sa.Column("source_id", sa.Uuid(), nullable=False, comment="the appeal or the correction"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False, comment="whose value it is; empty: the whole cell"),
        sa.Column("source", sa.Text(), nullable=False, comment="ruling or correction"),
        sa.Column("state", sa.Text(), nullable=False, comment="standing or withdrawn"),
        sa.Column("kind", sa.Text(), nullable=False, comment="value, exempt or score"),
        sa.Column("value", sa.Text(), nullable=True, comment="JSON: as the rule language reads a fact, or the score"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it came"),
        sa.PrimaryKeyConstraint(
            "source_id", "version", "period", "indicator_id", "unit_id", "input", name=op.f("pk_adjudications")
        ),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_adjudications_period", "adjudications", ["period", "indicator_id"], unique=False)
    op.create_table(
        "card_results",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("read_indicator_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "read_indicator_id", "indicator_id", name=op.f("pk_card_results")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "corrections",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="asked, approved or rejected"),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="value, exempt, score or fact"),
        sa.Column("indicator_id", sa.Uuid(), nullable=True, comment="NULL: all that read the fact"),
        sa.Column("input", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True, comment="JSON: as the rule language reads a fact, or the score"),
        sa.Column("metric_id", sa.Uuid(), nullable=True),
        sa.Column("fact_version", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=False),
        sa.Column("document_on", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True, comment="what who decided had to say"),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_corrections")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_corrections_asked_at", "corrections", ["asked_at", "correction_id"], unique=False)


def downgrade() -> None:
    op.drop_table("card_results")
    op.drop_index("ix_corrections_asked_at", table_name="corrections")
    op.drop_table("corrections")
    op.drop_index("ix_adjudications_period", table_name="adjudications")
    op.drop_table("adjudications")
