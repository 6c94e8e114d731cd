"""What the caller held when an answer was stored under an idempotency key; of older rows nothing is known."""

import sqlalchemy as sa
from alembic import op

revision = "kernel_0002"
down_revision = "kernel_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "idempotency",
        sa.Column(
            "held",
            sa.ARRAY(sa.Text()),
            nullable=False,
            server_default="{}",
            comment="role, scope and unit of each grant",
        ),
    )


def downgrade() -> None:
    op.drop_column("idempotency", "held")
