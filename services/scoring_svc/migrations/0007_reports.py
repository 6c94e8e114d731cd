"""Reports with their lease, and their files."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_reports"
down_revision = "scoring_svc_recomputes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False, comment="pdf or docx"),
        sa.Column("asked", sa.Text(), nullable=False, comment="JSON: what the asker might read when asking"),
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
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_reports")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_reports_made_by", "reports", ["made_by", "made_at"], unique=False)
    op.create_table(
        "report_files",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_report_files")),
        info={"grants": "SELECT, INSERT, DELETE"},
    )
    op.create_index(op.f("ix_report_files_kept_until"), "report_files", ["kept_until"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_report_files_kept_until"), table_name="report_files")
    op.drop_table("report_files")
    op.drop_index("ix_reports_made_by", table_name="reports")
    op.drop_table("reports")
