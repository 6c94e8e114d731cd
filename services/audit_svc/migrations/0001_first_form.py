"""The first form of audit_svc's tables: read copies, problems, interviews, rectification, inspections."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "audit_svc_0001"
down_revision = None
branch_labels = ("audit_svc",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cards",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("set_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level1", sa.Text(), nullable=False),
        sa.Column("level2", sa.Text(), nullable=False),
        sa.Column("points", sa.Numeric(), nullable=False),
        sa.Column("period_kind", sa.Text(), nullable=False),
        sa.Column("fill_mode", sa.Text(), nullable=False),
        sa.Column("immediate", sa.Boolean(), nullable=False),
        sa.Column("evaluating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("evaluated_unit_ids", postgresql.JSONB(), nullable=False),
        sa.Column("metric_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", name=op.f("pk_cards")),
    )
    op.create_index(op.f("ix_cards_set_id"), "cards", ["set_id"], unique=False)
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("interview", sa.Boolean(), nullable=False),
        sa.Column("interviewer_post", sa.Text(), nullable=True),
        sa.Column("trigger_problem_id", sa.Uuid(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
    )
    op.create_index("uq_cases_number", "cases", ["unit_id", "indicator_id", "number"], unique=True)
    op.create_index(
        "uq_cases_standing",
        "cases",
        ["unit_id", "indicator_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_table(
        "confirmed_cells",
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("deduction_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period_kind", sa.Text(), nullable=False),
        sa.Column("period_last", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("score", sa.Numeric(), nullable=True),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", "period", name=op.f("pk_confirmed_cells")),
        sa.UniqueConstraint("deduction_id", name=op.f("uq_confirmed_cells_deduction_id")),
    )
    op.create_index("ix_confirmed_cells_set_id_period", "confirmed_cells", ["set_id", "period"], unique=False)
    op.create_table(
        "digests",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "period", name=op.f("pk_digests")),
    )
    op.create_table(
        "finding_counts",
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("metric_id", "unit_id", "period", name=op.f("pk_finding_counts")),
    )
    op.create_table(
        "findings",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("metric_code", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("evidence_hash", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_findings")),
    )
    op.create_index(
        "ix_findings_metric_id_unit_id_period", "findings", ["metric_id", "unit_id", "period"], unique=False
    )
    op.create_index("ix_findings_recorded_on_finding_id", "findings", ["recorded_on", "finding_id"], unique=False)
    op.create_table(
        "indicator_sets",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("outside_total", sa.Boolean(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("cards_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", name=op.f("pk_indicator_sets")),
        sa.UniqueConstraint("code", name=op.f("uq_indicator_sets_code")),
    )
    op.create_table(
        "interview_records",
        sa.Column("interview_id", sa.Uuid(), nullable=False),
        sa.Column("record_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interview_id", "record_version", name=op.f("pk_interview_records")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "interview_refusals",
        sa.Column("interview_id", sa.Uuid(), nullable=False),
        sa.Column("record_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interview_id", "record_version", "side", name=op.f("pk_interview_refusals")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "interview_signatures",
        sa.Column("interview_id", sa.Uuid(), nullable=False),
        sa.Column("record_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("interview_id", "record_version", "side", name=op.f("pk_interview_signatures")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "interviews",
        sa.Column("interview_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("interviewer_post", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("notice", postgresql.JSONB(), nullable=True),
        sa.Column("interviewer_id", sa.Uuid(), nullable=True),
        sa.Column("interviewee_id", sa.Uuid(), nullable=True),
        sa.Column("record_version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("interview_id", name=op.f("pk_interviews")),
        sa.UniqueConstraint("case_id", name=op.f("uq_interviews_case_id")),
        sa.UniqueConstraint("number", name=op.f("uq_interviews_number")),
    )
    op.create_index("ix_interviews_opened_on_interview_id", "interviews", ["opened_on", "interview_id"], unique=False)
    op.create_index(op.f("ix_interviews_unit_id"), "interviews", ["unit_id"], unique=False)
    op.create_table(
        "notice_serials",
        sa.Column("quarter", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("quarter", name=op.f("pk_notice_serials")),
    )
    op.create_table(
        "parked_points",
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("points", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_parked_points")),
    )
    op.create_table(
        "period_states",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "period", name=op.f("pk_period_states")),
    )
    op.create_table(
        "policies",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_policies")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "problem_versions",
        sa.Column("deduction_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("score", sa.Numeric(), nullable=False),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("deduction_id", "version", name=op.f("pk_problem_versions")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index(op.f("ix_problem_versions_problem_id"), "problem_versions", ["problem_id"], unique=False)
    op.create_table(
        "problems",
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("deduction_id", sa.Uuid(), nullable=False),
        sa.Column("deduction_version", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_id", sa.Uuid(), nullable=False),
        sa.Column("indicator_version", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("responsible_unit_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("score", sa.Numeric(), nullable=False),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.Column("clauses", postgresql.JSONB(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=True),
        sa.Column("interview", sa.Boolean(), nullable=False),
        sa.Column("interviewer_post", sa.Text(), nullable=True),
        sa.Column("respond_within", sa.Integer(), nullable=True),
        sa.Column("rectify_within", sa.Integer(), nullable=True),
        sa.Column("make_up_share", sa.Numeric(), nullable=False),
        sa.Column("cured_share", sa.Numeric(), nullable=False),
        sa.Column("policy_code", sa.Text(), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("cause", postgresql.JSONB(), nullable=True),
        sa.Column("verified_in", sa.Text(), nullable=True),
        sa.Column("makeup_points", sa.Numeric(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("regained", sa.Numeric(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_problems")),
        sa.UniqueConstraint("deduction_id", name=op.f("uq_problems_deduction_id")),
    )
    op.create_index(op.f("ix_problems_case_id"), "problems", ["case_id"], unique=False)
    op.create_index("ix_problems_period_problem_id", "problems", ["period", "problem_id"], unique=False)
    op.create_index("ix_problems_set_id_period", "problems", ["set_id", "period"], unique=False)
    op.create_index("ix_problems_unit_id_indicator_id", "problems", ["unit_id", "indicator_id"], unique=False)
    op.create_table(
        "rankings",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("units", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "period", "version", name=op.f("pk_rankings")),
    )
    op.create_table(
        "rectification_actions",
        sa.Column("rectification_id", sa.Uuid(), nullable=False),
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("rectification_id", "no", name=op.f("pk_rectification_actions")),
    )
    op.create_table(
        "rectifications",
        sa.Column("rectification_id", sa.Uuid(), nullable=False),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("extensions", sa.Integer(), nullable=False),
        sa.Column("returns", sa.Integer(), nullable=False),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rectification_id", name=op.f("pk_rectifications")),
        sa.UniqueConstraint("problem_id", name=op.f("uq_rectifications_problem_id")),
    )
    op.create_index(op.f("ix_rectifications_case_id"), "rectifications", ["case_id"], unique=False)
    op.create_index(op.f("ix_rectifications_unit_id"), "rectifications", ["unit_id"], unique=False)
    op.create_table(
        "timeline",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("problem_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index(op.f("ix_timeline_case_id"), "timeline", ["case_id"], unique=False)
    op.create_index(op.f("ix_timeline_problem_id"), "timeline", ["problem_id"], unique=False)
    op.create_table(
        "verifications",
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("cell_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("loss", sa.Numeric(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("problem_id", "period", "cell_version", name=op.f("pk_verifications")),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("verifications")
    op.drop_table("timeline")
    op.drop_table("rectifications")
    op.drop_table("rectification_actions")
    op.drop_table("rankings")
    op.drop_table("problems")
    op.drop_table("problem_versions")
    op.drop_table("policies")
    op.drop_table("period_states")
    op.drop_table("parked_points")
    op.drop_table("notice_serials")
    op.drop_table("interviews")
    op.drop_table("interview_signatures")
    op.drop_table("interview_refusals")
    op.drop_table("interview_records")
    op.drop_table("indicator_sets")
    op.drop_table("findings")
    op.drop_table("finding_counts")
    op.drop_table("digests")
    op.drop_table("confirmed_cells")
    op.drop_table("cases")
    op.drop_table("cards")
