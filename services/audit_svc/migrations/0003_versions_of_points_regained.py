"""Points regained have versions: they follow their loss, and an older word changes nothing."""

import sqlalchemy as sa
from alembic import op

revision = "audit_svc_0003"
down_revision = "audit_svc_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("problems", sa.Column("regained_version", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE problems SET regained_version = 1 WHERE entry_id IS NOT NULL")
    op.alter_column("problems", "regained_version", server_default=None)
    op.add_column("parked_points", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.alter_column("parked_points", "version", server_default=None)
    op.drop_constraint("pk_parked_points", "parked_points", type_="primary")
    op.create_primary_key("pk_parked_points", "parked_points", ["problem_id", "version"])


def downgrade() -> None:
    op.execute(
        "DELETE FROM parked_points p USING parked_points o WHERE o.problem_id = p.problem_id AND o.version > p.version"
    )
    op.drop_constraint("pk_parked_points", "parked_points", type_="primary")
    op.create_primary_key("pk_parked_points", "parked_points", ["problem_id"])
    op.drop_column("parked_points", "version")
    op.drop_column("problems", "regained_version")
