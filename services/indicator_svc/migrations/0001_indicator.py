"""The first form of indicator_svc's tables: organisation, catalogue, results for pre-heat."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "indicator_svc_0001"
down_revision = None
branch_labels = ("indicator_svc",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "appointment_recordings",
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("appointment_id", "version", name=op.f("pk_appointment_recordings")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "calendar_recordings",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("days", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("year", "version", name=op.f("pk_calendar_recordings")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "card_versions",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_version", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("card", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", "version", name=op.f("pk_card_versions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "period_states",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "period", name=op.f("pk_period_states")),
    )
    op.create_table(
        "confirmed_scores",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("full_marks", sa.Text(), nullable=False),
        sa.Column("score", sa.Text(), nullable=True),
        sa.Column("loss", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", "period", name=op.f("pk_confirmed_scores")),
    )
    op.create_index("ix_confirmed_scores_set_id_period", "confirmed_scores", ["set_id", "period"], unique=False)
    op.create_table(
        "indicator_sets",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("evaluated_units", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("full_marks", sa.Text(), nullable=False),
        sa.Column("outside_total", sa.Boolean(), nullable=False),
        sa.Column("levels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("draft_version", sa.Integer(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("set_id", name=op.f("pk_indicator_sets")),
        sa.UniqueConstraint("code", name=op.f("uq_indicator_sets_code")),
    )
    op.create_table(
        "metrics",
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declaration", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("metric_id", name=op.f("pk_metrics")),
        sa.UniqueConstraint("code", name=op.f("uq_metrics_code")),
    )
    op.create_table(
        "person_recordings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "version", name=op.f("pk_person_recordings")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "published_rankings",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("units", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "period", name=op.f("pk_published_rankings")),
    )
    op.create_table(
        "reported_burdens",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("extracted", sa.Integer(), nullable=False),
        sa.Column("self_reported", sa.Integer(), nullable=False),
        sa.Column("indicators", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", name=op.f("pk_reported_burdens")),
    )
    op.create_table(
        "unit_recordings",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("span_recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("groups", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "version", "effective_from", name=op.f("pk_unit_recordings")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index("ix_unit_recordings_recorded_at", "unit_recordings", ["recorded_at"], unique=False)
    op.create_table(
        "card_drafts",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["indicator_sets.set_id"], name=op.f("fk_card_drafts_set_id_indicator_sets")
        ),
        sa.PrimaryKeyConstraint("indicator_id", name=op.f("pk_card_drafts")),
    )
    op.create_index("ix_card_drafts_set_id_code", "card_drafts", ["set_id", "code"], unique=True)
    op.create_table(
        "indicators",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("set_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("level1", sa.Text(), nullable=False),
        sa.Column("fill_mode", sa.Text(), nullable=False),
        sa.Column("evaluating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("audience", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_id"], ["indicator_sets.set_id"], name=op.f("fk_indicators_set_id_indicator_sets")
        ),
        sa.PrimaryKeyConstraint("indicator_id", name=op.f("pk_indicators")),
    )
    op.create_index("ix_indicators_set_code_code", "indicators", ["set_code", "code"], unique=True)


def downgrade() -> None:
    op.drop_table("indicators")
    op.drop_table("card_drafts")
    op.drop_table("unit_recordings")
    op.drop_table("reported_burdens")
    op.drop_table("published_rankings")
    op.drop_table("person_recordings")
    op.drop_table("metrics")
    op.drop_table("indicator_sets")
    op.drop_table("confirmed_scores")
    op.drop_table("period_states")
    op.drop_table("card_versions")
    op.drop_table("calendar_recordings")
    op.drop_table("appointment_recordings")
