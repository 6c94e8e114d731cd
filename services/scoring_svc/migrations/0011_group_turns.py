"""When groups were last scored because of a fact, and which wait."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_group_turns"
down_revision = "scoring_svc_rulings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "group_turns",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False, comment="real time"),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("period", "indicator_id", name=op.f("pk_group_turns")),
    )
    op.create_index(
        "ix_group_turns_waits", "group_turns", ["scored_at"], unique=False, postgresql_where=sa.text("waits")
    )


def downgrade() -> None:
    op.drop_index("ix_group_turns_waits", table_name="group_turns", postgresql_where=sa.text("waits"))
    op.drop_table("group_turns")
