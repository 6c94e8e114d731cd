"""Recomputes with their pieces and what replays did not give again."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_recomputes"
down_revision = "scoring_svc_simulation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recomputes",
        sa.Column("recompute_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("periods", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recompute_id", name=op.f("pk_recomputes")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_recomputes_set_id", "recomputes", ["set_id", "made_at"], unique=False)
    op.create_table(
        "recompute_pieces",
        sa.Column("piece_id", sa.Uuid(), nullable=False),
        sa.Column("recompute_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicators", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("units", sa.ARRAY(sa.Uuid()), nullable=True, comment="NULL: all units of the indicators"),
        sa.Column("cells", sa.Integer(), nullable=True, comment="cells scored or replayed"),
        sa.Column("changed", sa.Integer(), nullable=True, comment="cells that were written"),
        sa.Column("took_ms", sa.Integer(), nullable=True, comment="the transaction that wrote, in milliseconds"),
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
        sa.PrimaryKeyConstraint("piece_id", name=op.f("pk_recompute_pieces")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_recompute_pieces_recompute_id", "recompute_pieces", ["recompute_id", "state"], unique=False)
    op.create_index("ix_recompute_pieces_made_at", "recompute_pieces", ["made_at", "piece_id"], unique=False)
    op.create_table(
        "recompute_differences",
        sa.Column("recompute_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="version of the cell in the ledger"),
        sa.Column("stored", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "recompute_id", "period", "indicator_id", "unit_id", name=op.f("pk_recompute_differences")
        ),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("recompute_differences")
    op.drop_table("recompute_pieces")
    op.drop_table("recomputes")
