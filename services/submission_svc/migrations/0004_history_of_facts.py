"""A version is written once: `facts` holds the newest, `fact_history` those it superseded; a demand is one row."""

from alembic import op

revision = "submission_svc_0004"
down_revision = "submission_svc_0003"
branch_labels = None
depends_on = None

_CONTENT = "period, metric_id, unit_id, version, state, value, reason, provenance, author, received_at, batch_id"

# Partitions are named after their parent, and the owner's function makes them.
_RENAME_PARTITIONS = """
DO $$ DECLARE found regclass; BEGIN
    FOR found IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{parent}'::regclass LOOP
        EXECUTE format('ALTER TABLE %s RENAME TO %I', found, replace(found::text, '{old}__', '{new}__'));
    END LOOP;
    EXECUTE replace(pg_get_functiondef('ensure_period(text)'::regprocedure), '''{old}''', '''{new}''');
END $$
"""

_ASKED = """
    FROM (SELECT v.*, datemultirange(daterange(v.effective_from, v.effective_to)) - coalesce(
                     (SELECT range_agg(daterange(w.effective_from, w.effective_to)) FROM cards w
                      WHERE w.indicator_id = v.indicator_id AND w.version > v.version
                        AND w.period_kind = v.period_kind), '{}') AS asked
          FROM cards v) c
         JOIN indicator_sets s ON s.set_id = c.set_id
         CROSS JOIN unnest(c.metric_ids) AS metric_id CROSS JOIN unnest(c.evaluated_unit_ids) AS unit_id
    WHERE NOT isempty(c.asked)
"""
_DERIVE = f"""
    INSERT INTO demands (year, period_kind, metric_id, unit_id, asked, self_reported)
    SELECT s.year, c.period_kind, metric_id, unit_id, range_agg(c.asked),
           coalesce(range_agg(c.asked) FILTER (WHERE c.fill_mode = 'self_reported'), '{{}}')
    {_ASKED}
    GROUP BY 1, 2, 3, 4
"""
_DERIVE_AS_BEFORE = f"""
    INSERT INTO demands (year, period_kind, metric_id, unit_id, self_reported, asked)
    SELECT s.year, c.period_kind, metric_id, unit_id, c.fill_mode = 'self_reported', range_agg(c.asked)
    {_ASKED}
    GROUP BY 1, 2, 3, 4, 5
"""


def upgrade() -> None:
    op.execute("ALTER TABLE fact_versions RENAME TO fact_history")
    op.execute("ALTER TABLE fact_history RENAME CONSTRAINT pk_fact_versions TO pk_fact_history")
    op.execute(_RENAME_PARTITIONS.format(parent="fact_history", old="fact_versions", new="fact_history"))
    op.execute(
        "DELETE FROM fact_history h USING facts f WHERE f.period = h.period AND f.metric_id = h.metric_id "
        "AND f.unit_id = h.unit_id AND f.version = h.version"
    )
    op.execute(
        f"CREATE VIEW fact_versions AS SELECT {_CONTENT} FROM facts UNION ALL SELECT {_CONTENT} FROM fact_history"
    )
    op.execute("DELETE FROM demands")
    op.execute("ALTER TABLE demands DROP CONSTRAINT pk_demands")
    op.execute("ALTER TABLE demands DROP COLUMN self_reported")
    op.execute("ALTER TABLE demands ADD COLUMN self_reported datemultirange NOT NULL")
    op.execute("ALTER TABLE demands ADD CONSTRAINT pk_demands PRIMARY KEY (year, period_kind, metric_id, unit_id)")
    op.execute(_DERIVE)


def downgrade() -> None:
    op.execute("DELETE FROM demands")
    op.execute("ALTER TABLE demands DROP CONSTRAINT pk_demands")
    op.execute("ALTER TABLE demands DROP COLUMN self_reported")
    op.execute("ALTER TABLE demands ADD COLUMN self_reported boolean NOT NULL")
    op.execute(
        "ALTER TABLE demands ADD CONSTRAINT pk_demands "
        "PRIMARY KEY (year, period_kind, metric_id, unit_id, self_reported)"
    )
    op.execute(_DERIVE_AS_BEFORE)
    op.execute("DROP VIEW fact_versions")
    op.execute(f"INSERT INTO fact_history ({_CONTENT}) SELECT {_CONTENT} FROM facts")
    op.execute("ALTER TABLE fact_history RENAME TO fact_versions")
    op.execute("ALTER TABLE fact_versions RENAME CONSTRAINT pk_fact_history TO pk_fact_versions")
    op.execute(_RENAME_PARTITIONS.format(parent="fact_versions", old="fact_history", new="fact_versions"))
