"""A demand has its days: what a unit is to report itself from July on it does not report for June."""

from alembic import op

revision = "submission_svc_0003"
down_revision = "submission_svc_0002"
branch_labels = None
depends_on = None

_DERIVE = """
    INSERT INTO demands (year, period_kind, metric_id, unit_id, self_reported, asked)
    SELECT s.year, c.period_kind, metric_id, unit_id, c.fill_mode = 'self_reported', range_agg(c.asked)
    FROM (SELECT v.*, datemultirange(daterange(v.effective_from, v.effective_to)) - coalesce(
                     (SELECT range_agg(daterange(w.effective_from, w.effective_to)) FROM cards w
                      WHERE w.indicator_id = v.indicator_id AND w.version > v.version
                        AND w.period_kind = v.period_kind), '{}') AS asked
          FROM cards v) c
         JOIN indicator_sets s ON s.set_id = c.set_id
         CROSS JOIN unnest(c.metric_ids) AS metric_id CROSS JOIN unnest(c.evaluated_unit_ids) AS unit_id
    WHERE NOT isempty(c.asked)
    GROUP BY 1, 2, 3, 4, 5
"""
_DERIVE_AS_BEFORE = """
    INSERT INTO demands (year, period_kind, metric_id, unit_id, self_reported, asked_from, asked_until)
    SELECT s.year, c.period_kind, metric_id, unit_id, bool_or(c.fill_mode = 'self_reported'), min(c.effective_from),
           CASE WHEN bool_or(c.effective_to IS NULL) THEN NULL ELSE max(c.effective_to) END
    FROM cards c JOIN indicator_sets s ON s.set_id = c.set_id
         CROSS JOIN unnest(c.metric_ids) AS metric_id CROSS JOIN unnest(c.evaluated_unit_ids) AS unit_id
    GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    op.execute("DELETE FROM demands")
    op.execute("ALTER TABLE demands DROP CONSTRAINT pk_demands")
    op.execute("ALTER TABLE demands DROP COLUMN asked_from, DROP COLUMN asked_until")
    op.execute("ALTER TABLE demands ADD COLUMN asked datemultirange NOT NULL")
    op.execute(
        "ALTER TABLE demands ADD CONSTRAINT pk_demands "
        "PRIMARY KEY (year, period_kind, metric_id, unit_id, self_reported)"
    )
    op.execute(_DERIVE)


def downgrade() -> None:
    op.execute("DELETE FROM demands")
    op.execute("ALTER TABLE demands DROP CONSTRAINT pk_demands")
    op.execute("ALTER TABLE demands DROP COLUMN asked")
    op.execute("ALTER TABLE demands ADD COLUMN asked_from date NOT NULL, ADD COLUMN asked_until date")
    op.execute("ALTER TABLE demands ADD CONSTRAINT pk_demands PRIMARY KEY (year, period_kind, metric_id, unit_id)")
    op.execute(_DERIVE_AS_BEFORE)
