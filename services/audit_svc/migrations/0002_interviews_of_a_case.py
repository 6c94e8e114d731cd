"""A case may call for more than one interview: numbered within it, each with the problems that were talked about."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "audit_svc_0002"
down_revision = "audit_svc_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interviews", sa.Column("no", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("interviews", sa.Column("covers", postgresql.ARRAY(sa.Uuid()), nullable=False, server_default="{}"))
    # What was held before this change was about whatever the case then demanded an interview for.
    op.execute(
        "UPDATE interviews i SET covers = ARRAY(SELECT p.problem_id FROM problems p "
        "WHERE p.case_id = i.case_id AND (p.interview OR p.problem_id = i.problem_id)) WHERE i.record_version > 0"
    )
    op.alter_column("interviews", "no", server_default=None)
    op.alter_column("interviews", "covers", server_default=None)
    op.drop_constraint("uq_interviews_case_id", "interviews", type_="unique")
    op.create_unique_constraint("uq_interviews_case_id_no", "interviews", ["case_id", "no"])


def downgrade() -> None:
    op.drop_constraint("uq_interviews_case_id_no", "interviews", type_="unique")
    op.execute("DELETE FROM interviews WHERE no > 1")
    op.create_unique_constraint("uq_interviews_case_id", "interviews", ["case_id"])
    op.drop_column("interviews", "covers")
    op.drop_column("interviews", "no")
