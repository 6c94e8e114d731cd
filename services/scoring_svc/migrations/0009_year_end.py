"""Year results with their steps, appeals and uses, and their archives in pieces."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_year_end"
down_revision = "scoring_svc_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "year_results",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False, comment="span of the ranking"),
        sa.Column("ranking_id", sa.Uuid(), nullable=False),
        sa.Column("ranking_version", sa.Integer(), nullable=False),
        sa.Column("drafted_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("notice_first", sa.Date(), nullable=True),
        sa.Column("notice_last", sa.Date(), nullable=True),
        sa.Column(
            "basis",
            sa.Text(),
            nullable=True,
            comment="JSON: versions of cells and cards, unit entries that the final result rests on",
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("result_id", name=op.f("pk_year_results")),
        sa.UniqueConstraint("set_id", "year", name=op.f("uq_year_results_set_id_year")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_table(
        "year_result_steps",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "details",
            sa.Text(),
            nullable=False,
            comment="JSON: ranking version, days of the notice, number of the appeal",
        ),
        sa.ForeignKeyConstraint(
            ["result_id"], ["year_results.result_id"], name=op.f("fk_year_result_steps_result_id_year_results")
        ),
        sa.PrimaryKeyConstraint("result_id", "version", name=op.f("pk_year_result_steps")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "year_appeals",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.Text(), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=False),
        sa.Column("ranking_version", sa.Integer(), nullable=False, comment="what it is filed against"),
        sa.Column("against", sa.Text(), nullable=False, comment="who approved that"),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True, comment="upheld or refused; NULL: open"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "followed_by", sa.Integer(), nullable=True, comment="the ranking version that an upheld appeal led to"
        ),
        sa.ForeignKeyConstraint(
            ["result_id"], ["year_results.result_id"], name=op.f("fk_year_appeals_result_id_year_results")
        ),
        sa.PrimaryKeyConstraint("result_id", "number", name=op.f("pk_year_appeals")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_table(
        "year_result_uses",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdraws", sa.Integer(), nullable=True, comment="the use that this row takes back"),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["result_id"], ["year_results.result_id"], name=op.f("fk_year_result_uses_result_id_year_results")
        ),
        sa.PrimaryKeyConstraint("result_id", "number", name=op.f("pk_year_result_uses")),
        sa.UniqueConstraint("result_id", "withdraws", name=op.f("uq_year_result_uses_result_id_withdraws")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "year_archives",
        sa.Column("result_id", sa.Uuid(), nullable=False),
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
        sa.Column("sha256", sa.Text(), nullable=True, comment="of the whole file"),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="in bytes"),
        sa.Column("signed_by", sa.Text(), nullable=True, comment="RFC 7638 thumbprint of the key"),
        sa.ForeignKeyConstraint(
            ["result_id"], ["year_results.result_id"], name=op.f("fk_year_archives_result_id_year_results")
        ),
        sa.PrimaryKeyConstraint("result_id", name=op.f("pk_year_archives")),
        info={"grants": "SELECT, INSERT, UPDATE"},
    )
    op.create_index("ix_year_archives_state", "year_archives", ["state", "made_at"], unique=False)
    op.create_table(
        "year_archive_pieces",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["result_id"], ["year_results.result_id"], name=op.f("fk_year_archive_pieces_result_id_year_results")
        ),
        sa.PrimaryKeyConstraint("result_id", "number", name=op.f("pk_year_archive_pieces")),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("year_archive_pieces")
    op.drop_table("year_archives")
    op.drop_table("year_result_uses")
    op.drop_table("year_appeals")
    op.drop_table("year_result_steps")
    op.drop_table("year_results")
