"""The one table of the plain service."""

import sqlalchemy as sa
from alembic import op

revision = "plain_0001"
down_revision = None
branch_labels = ("plain",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "things", sa.Column("code", sa.Text(), nullable=False), sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_things"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("things")
