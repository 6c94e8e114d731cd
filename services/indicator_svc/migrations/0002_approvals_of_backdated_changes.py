"""A change that reaches back into a fenced period is recorded with the document of its approval."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "indicator_svc_0002"
down_revision = "indicator_svc_0001"
branch_labels = None
depends_on = None

_RECORDINGS = ("unit_recordings", "appointment_recordings")


def upgrade() -> None:
    op.create_table(
        "backdating_approvals",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("unit_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("document", name=op.f("pk_backdating_approvals")),
        info={"grants": "SELECT, INSERT"},
    )
    for table in _RECORDINGS:
        op.add_column(table, sa.Column("approval", sa.Text(), nullable=True))


def downgrade() -> None:
    for table in _RECORDINGS:
        op.drop_column(table, "approval")
    op.drop_table("backdating_approvals")
