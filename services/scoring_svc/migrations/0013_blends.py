"""Totals are kept times 30 of what they were, so that indicators in force for a part of a span count exactly."""

from alembic import op

revision = "scoring_svc_blends"
down_revision = "scoring_svc_context"
branch_labels = None
depends_on = None

_COLUMNS = ("total", "full_marks", "next_total")


def upgrade() -> None:
    op.execute("UPDATE ranking_places SET " + ", ".join(f"{name} = {name} * 30" for name in _COLUMNS))


def downgrade() -> None:
    # A total that counts a third of a third ends after some digits: rankings that were published before do come back.
    op.execute("UPDATE ranking_places SET " + ", ".join(f"{name} = trim_scale({name} / 30)" for name in _COLUMNS))
