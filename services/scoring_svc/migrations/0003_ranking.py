"""Rankings in full: policies, places by board and peer group, grades; what a version is told against, and why."""

import sqlalchemy as sa
from alembic import op

revision = "scoring_svc_ranking"
down_revision = "scoring_svc_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rankings", sa.Column("policy_version", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "rankings",
        sa.Column("shows", sa.Text(), server_default="totals", nullable=False, comment="whose rows the party sees"),
    )
    op.add_column(
        "rankings",
        sa.Column(
            "previous_id",
            sa.Uuid(),
            nullable=True,
            comment="the ranking of the span before, which movement is told against",
        ),
    )
    op.add_column(
        "rankings",
        sa.Column("reason", sa.Text(), nullable=True, comment="why a version after the first was published"),
    )
    op.add_column(
        "rankings",
        sa.Column(
            "amended", sa.Text(), server_default="[]", nullable=False, comment="JSON: cells in a version above 1"
        ),
    )
    op.create_table(
        "ranking_policies",
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the policy as made"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "version", name=op.f("pk_ranking_policies")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_table(
        "ranking_places",
        sa.Column("ranking_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("board", sa.Text(), nullable=False),
        sa.Column("peers", sa.Text(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("full_marks", sa.Numeric(), nullable=False),
        sa.Column("indicators", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False, comment="1 + units with a better total"),
        sa.Column("tied", sa.Integer(), nullable=False, comment="units with the same total, this one included"),
        sa.Column("dense", sa.Integer(), nullable=False, comment="1 + better totals"),
        sa.Column("ranked", sa.Integer(), nullable=False),
        sa.Column("best", sa.Integer(), nullable=False, comment="best place within the policy's spread"),
        sa.Column("worst", sa.Integer(), nullable=False),
        sa.Column("next_total", sa.Numeric(), nullable=True, comment="the nearest better total"),
        sa.PrimaryKeyConstraint("ranking_id", "unit_id", "board", "peers", name=op.f("pk_ranking_places")),
        info={"grants": "SELECT, INSERT"},
    )
    op.create_index(
        "ix_ranking_places_board", "ranking_places", ["ranking_id", "board", "peers", "place", "unit_id"], unique=False
    )
    op.create_table(
        "ranking_grades",
        sa.Column("ranking_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("earned", sa.Text(), nullable=False, comment="the grade before caps"),
        sa.Column("caps", sa.Text(), nullable=False, comment="JSON: not_above and reason of every cap"),
        sa.PrimaryKeyConstraint("ranking_id", "unit_id", name=op.f("pk_ranking_grades")),
        info={"grants": "SELECT, INSERT"},
    )


def downgrade() -> None:
    op.drop_table("ranking_grades")
    op.drop_table("ranking_places")
    op.drop_table("ranking_policies")
    for column in ("amended", "reason", "previous_id", "shows", "policy_version"):
        op.drop_column("rankings", column)
