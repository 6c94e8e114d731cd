"""Which metrics stand beside the scores of a set, and the unit in which a metric is measured."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_context"
down_revision = "scoring_svc_group_turns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "context_metrics",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metric_ids", sa.ARRAY(sa.Uuid()), nullable=False, comment="In the order in which they are shown"),
        sa.Column("declared_by", sa.Text(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "version", name=op.f("pk_context_metrics")),
        info={"grants": "SELECT, INSERT"},
    )
    op.add_column("metrics", sa.Column("unit", sa.Text(), nullable=True, comment="JSON: zh, en"))


def downgrade() -> None:
    op.drop_column("metrics", "unit")
    op.drop_table("context_metrics")
