"""Points won back follow their loss: further entries of a problem take back what exceeds it, or give it again."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_0002"
down_revision = "scoring_svc_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bonus_entries", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.alter_column("bonus_entries", "version", server_default=None)
    op.drop_constraint("uq_bonus_entries_problem_id", "bonus_entries", type_="unique")
    op.create_unique_constraint("uq_bonus_entries_problem_id_version", "bonus_entries", ["problem_id", "version"])


def downgrade() -> None:
    op.drop_constraint("uq_bonus_entries_problem_id_version", "bonus_entries", type_="unique")
    op.execute("DELETE FROM bonus_entries WHERE version > 1")
    op.create_unique_constraint("uq_bonus_entries_problem_id", "bonus_entries", ["problem_id"])
    op.drop_column("bonus_entries", "version")
