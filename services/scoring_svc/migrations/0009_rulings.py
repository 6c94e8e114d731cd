"""What upheld appeals and approved corrections lay down for cells."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_rulings"
down_revision = "scoring_svc_simulation"
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


def downgrade() -> None:
    op.drop_index("ix_adjudications_period", table_name="adjudications")
    op.drop_table("adjudications")
