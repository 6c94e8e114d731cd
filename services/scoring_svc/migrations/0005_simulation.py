"""Simulations with their lease, and what they found."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_simulation"
down_revision = "scoring_svc_bonus"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "simulations",
        sa.Column("simulation_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False, comment="period or span that it stands on"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("variants", sa.Text(), nullable=False, comment="JSON: name, hash and changes of each"),
        sa.Column(
            "departments",
            sa.ARRAY(sa.Uuid()),
            nullable=True,
            comment="whose indicators alone it stands on; NULL: the whole set",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, running, done or failed"),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="why it failed"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_token", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("simulation_id", name=op.f("pk_simulations")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_simulations_set_id", "simulations", ["set_id", "made_at"], unique=False)
    op.create_table(
        "simulation_results",
        sa.Column("simulation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variant_hash", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the answer, marked as simulated"),
        sa.PrimaryKeyConstraint("simulation_id", "number", name=op.f("pk_simulation_results")),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("simulation_results")
    op.drop_index("ix_simulations_set_id", table_name="simulations")
    op.drop_table("simulations")
