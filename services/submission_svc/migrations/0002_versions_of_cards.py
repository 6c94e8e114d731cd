"""Cards are kept in all their versions: an earlier period is asked for, and fenced, by the version that governs it."""

from alembic import op

revision = "submission_svc_0002"
down_revision = "submission_svc_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE cards DROP CONSTRAINT pk_cards")
    op.execute("ALTER TABLE cards ADD CONSTRAINT pk_cards PRIMARY KEY (indicator_id, version)")


def downgrade() -> None:
    op.execute(
        "DELETE FROM cards c USING cards newer WHERE newer.indicator_id = c.indicator_id AND newer.version > c.version"
    )
    op.execute("ALTER TABLE cards DROP CONSTRAINT pk_cards")
    op.execute("ALTER TABLE cards ADD CONSTRAINT pk_cards PRIMARY KEY (indicator_id)")
