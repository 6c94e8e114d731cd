"""Who left the post before signing is succeeded: who signs for a side, from which version on, and why."""

import sqlalchemy as sa
from alembic import op

revision = "audit_svc_0004"
down_revision = "audit_svc_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "interview_successions",
        sa.Column("interview_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("predecessor_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("named_by", sa.Text(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interview_id", "version", name=op.f("pk_interview_successions")),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("interview_successions")
