"""Bonus tables and requests with their steps, external losses, and the entries of units beside their cells."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_bonus"
down_revision = "scoring_svc_ranking"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bonus_tables",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True, comment="Exclusive"),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: classes, levels, points, caps, joint"),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_bonus_tables")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "bonus_requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column(
            "unit_ids",
            sa.ARRAY(sa.Uuid()),
            nullable=False,
            comment="The requesting unit first, then those of a joint award",
        ),
        sa.Column("weights", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("table_code", sa.Text(), nullable=False),
        sa.Column("table_version", sa.Integer(), nullable=False),
        sa.Column("bonus_class", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("level_rank", sa.Integer(), nullable=False),
        sa.Column("points", sa.Numeric(), nullable=False, comment="What the table gives"),
        sa.Column("department_id", sa.Uuid(), nullable=True, comment="Who gives its opinion; NULL: none is asked"),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("matter_key", sa.Text(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=False),
        sa.Column("document_key", sa.Text(), nullable=False),
        sa.Column("awarded_on", sa.Date(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False, comment="JSON: name and sha256 of each piece"),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=True),
        sa.Column("opinion_by", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_bonus_requests")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_bonus_requests_document_key", "bonus_requests", ["document_key"], unique=False)
    op.create_index("ix_bonus_requests_matter_key", "bonus_requests", ["matter_key"], unique=False)
    op.create_index("ix_bonus_requests_opened_at", "bonus_requests", ["opened_at", "request_id"], unique=False)
    op.create_index(
        "uq_bonus_requests_standing_matter",
        "bonus_requests",
        ["matter_key"],
        unique=True,
        postgresql_where=sa.text("state = 'approved'"),
    )
    op.create_table(
        "bonus_steps",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["bonus_requests.request_id"], name=op.f("fk_bonus_steps_request_id_bonus_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", "version", name=op.f("pk_bonus_steps")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "external_losses",
        sa.Column("loss_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("points", sa.Numeric(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="Who took the points"),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("matter_key", sa.Text(), nullable=False),
        sa.Column("document_no", sa.Text(), nullable=False),
        sa.Column("document_key", sa.Text(), nullable=False),
        sa.Column("document_on", sa.Date(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it was withdrawn; empty while it stands"),
        sa.PrimaryKeyConstraint("loss_id", name=op.f("pk_external_losses")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_external_losses_entered_at", "external_losses", ["entered_at", "loss_id"], unique=False)
    op.create_index(
        "uq_external_losses_standing",
        "external_losses",
        ["document_key", "matter_key"],
        unique=True,
        postgresql_where=sa.text("state = 'standing'"),
    )
    op.create_table(
        "unit_entries",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="award or external_loss"),
        sa.Column("source_id", sa.Uuid(), nullable=False, comment="The bonus request or the external loss"),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("table_code", sa.Text(), nullable=True),
        sa.Column("bonus_class", sa.Text(), nullable=True),
        sa.Column("due", sa.Numeric(), nullable=False, comment="Before caps"),
        sa.Column("points", sa.Numeric(), nullable=False, comment="Below zero: lost, or taken back"),
        sa.Column("taken", sa.Text(), nullable=False, comment="JSON: what each cap took"),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("caused_by", sa.Uuid(), nullable=True, comment="The higher award for which it was taken back"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('award', 'external_loss')", name=op.f("ck_unit_entries_kind_known")),
        sa.ForeignKeyConstraint(
            ["reverses"], ["unit_entries.entry_id"], name=op.f("fk_unit_entries_reverses_unit_entries")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_unit_entries")),
        sa.UniqueConstraint("reverses", name=op.f("uq_unit_entries_reverses")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_unit_entries_at", "unit_entries", ["at", "entry_id"], unique=False)
    op.create_index("ix_unit_entries_set_id_period", "unit_entries", ["set_id", "period"], unique=False)
    op.create_index("ix_unit_entries_source_id", "unit_entries", ["source_id"], unique=False)


def downgrade() -> None:
    for table in ("unit_entries", "external_losses", "bonus_steps", "bonus_requests", "bonus_tables"):
        op.drop_table(table)
