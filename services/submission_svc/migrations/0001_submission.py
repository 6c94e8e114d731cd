"""submission_svc's first form: read copies, source systems, facts by period, fences, burden."""

from alembic import op

revision = "submission_svc_0001"
down_revision = None
branch_labels = ("submission_svc",)
depends_on = ("kernel_0001",)

_TABLES = (
    """
    CREATE TABLE metrics (
        metric_id uuid NOT NULL,
        version integer NOT NULL,
        code text NOT NULL,
        name jsonb NOT NULL,
        type text NOT NULL,
        fields jsonb,
        supplied_by text[] NOT NULL,
        form text NOT NULL,
        span numrange NOT NULL,
        choices text[],
        CONSTRAINT pk_metrics PRIMARY KEY (metric_id),
        CONSTRAINT uq_metrics_code UNIQUE (code)
    )
    """,
    """
    CREATE TABLE indicator_sets (
        set_id uuid NOT NULL,
        version integer NOT NULL,
        code text NOT NULL,
        name text NOT NULL,
        year integer NOT NULL,
        cards integer NOT NULL,
        CONSTRAINT pk_indicator_sets PRIMARY KEY (set_id),
        CONSTRAINT uq_indicator_sets_code UNIQUE (code)
    )
    """,
    """
    CREATE TABLE cards (
        indicator_id uuid NOT NULL,
        version integer NOT NULL,
        set_id uuid NOT NULL,
        code text NOT NULL,
        name text NOT NULL,
        level1 text NOT NULL,
        period_kind text NOT NULL,
        fill_mode text NOT NULL,
        filler text NOT NULL,
        source_system text,
        due_working_days integer NOT NULL,
        evaluating_unit_id uuid NOT NULL,
        evaluated_unit_ids uuid[] NOT NULL,
        metric_ids uuid[] NOT NULL,
        effective_from date NOT NULL,
        effective_to date,
        CONSTRAINT pk_cards PRIMARY KEY (indicator_id)
    )
    """,
    "CREATE INDEX ix_cards_set_id ON cards (set_id)",
    "CREATE INDEX ix_cards_evaluating_unit_id ON cards (evaluating_unit_id)",
    "CREATE INDEX ix_cards_metric_ids ON cards USING gin (metric_ids)",
    """
    CREATE TABLE demands (
        year integer NOT NULL,
        period_kind text NOT NULL,
        metric_id uuid NOT NULL,
        unit_id uuid NOT NULL,
        self_reported boolean NOT NULL,
        asked_from date NOT NULL,
        asked_until date,
        CONSTRAINT pk_demands PRIMARY KEY (year, period_kind, metric_id, unit_id)
    )
    """,
    "CREATE INDEX ix_demands_metric_id_unit_id ON demands (metric_id, unit_id)",
    """
    CREATE TABLE period_gates (
        period text NOT NULL,
        kind text NOT NULL,
        year integer NOT NULL,
        first_day date NOT NULL,
        last_day date NOT NULL,
        CONSTRAINT pk_period_gates PRIMARY KEY (period)
    )
    """,
    """
    CREATE TABLE source_systems (
        client_id text NOT NULL,
        version integer NOT NULL,
        name text NOT NULL,
        name_en text NOT NULL,
        owner_unit_id uuid,
        registered_by text NOT NULL,
        registered_at timestamptz NOT NULL,
        CONSTRAINT pk_source_systems PRIMARY KEY (client_id)
    )
    """,
    """
    CREATE TABLE source_metrics (
        client_id text NOT NULL,
        metric_id uuid NOT NULL,
        CONSTRAINT pk_source_metrics PRIMARY KEY (client_id, metric_id),
        CONSTRAINT fk_source_metrics_client_id_source_systems
            FOREIGN KEY (client_id) REFERENCES source_systems (client_id)
    )
    """,
    """
    CREATE TABLE facts (
        period text NOT NULL,
        metric_id uuid NOT NULL,
        unit_id uuid NOT NULL,
        version integer NOT NULL,
        state text NOT NULL,
        value jsonb,
        reason text,
        provenance text NOT NULL,
        author text NOT NULL,
        received_at timestamptz NOT NULL,
        batch_id uuid NOT NULL,
        CONSTRAINT pk_facts PRIMARY KEY (period, metric_id, unit_id)
    ) PARTITION BY LIST (period)
    """,
    """
    CREATE TABLE fact_versions (
        period text NOT NULL,
        metric_id uuid NOT NULL,
        unit_id uuid NOT NULL,
        version integer NOT NULL,
        state text NOT NULL,
        value jsonb,
        reason text,
        provenance text NOT NULL,
        author text NOT NULL,
        received_at timestamptz NOT NULL,
        batch_id uuid NOT NULL,
        CONSTRAINT pk_fact_versions PRIMARY KEY (period, metric_id, unit_id, version)
    ) PARTITION BY LIST (period)
    """,
    "CREATE SEQUENCE fact_chunk_no",
    """
    CREATE TABLE fact_chunks (
        period text NOT NULL,
        chunk_no bigint NOT NULL,
        batch_id uuid NOT NULL,
        facts integer NOT NULL,
        CONSTRAINT pk_fact_chunks PRIMARY KEY (period, chunk_no)
    )
    """,
    """
    CREATE TABLE receipts (
        seq bigint GENERATED ALWAYS AS IDENTITY,
        receipt_id uuid NOT NULL,
        kind text NOT NULL,
        author text NOT NULL,
        received_at timestamptz NOT NULL,
        mode text NOT NULL,
        strategy text NOT NULL,
        landed boolean NOT NULL,
        rows integer NOT NULL,
        created integer NOT NULL,
        updated integer NOT NULL,
        unchanged integer NOT NULL,
        rejected integer NOT NULL,
        faults jsonb NOT NULL,
        reason text,
        CONSTRAINT pk_receipts PRIMARY KEY (seq),
        CONSTRAINT uq_receipts_receipt_id UNIQUE (receipt_id)
    )
    """,
    "CREATE INDEX ix_receipts_author ON receipts (author, seq)",
    """
    CREATE TABLE applied_findings (
        finding_id uuid NOT NULL,
        version integer NOT NULL,
        CONSTRAINT pk_applied_findings PRIMARY KEY (finding_id)
    )
    """,
    """
    CREATE TABLE period_states (
        set_id uuid NOT NULL,
        period text NOT NULL,
        stage integer NOT NULL,
        version integer NOT NULL,
        last_chunk bigint,
        chunks integer,
        CONSTRAINT pk_period_states PRIMARY KEY (set_id, period)
    )
    """,
    "CREATE INDEX ix_period_states_period ON period_states (period)",
    """
    CREATE TABLE burden_reports (
        set_id uuid NOT NULL,
        version integer NOT NULL,
        extracted integer NOT NULL,
        self_reported integer NOT NULL,
        indicators integer NOT NULL,
        CONSTRAINT pk_burden_reports PRIMARY KEY (set_id)
    )
    """,
)

# The running role owns no table, so it makes partitions through this function of the owner's. A new partition is
# attached rather than created in place, which leaves the parent readable and writable meanwhile.
_ENSURE_PERIOD = """
CREATE FUNCTION ensure_period(wanted text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    of_year integer;
    months integer;
    begins date;
    suffix text;
    parent text;
BEGIN
    IF wanted !~ '^[12][0-9]{3}(-((0[1-9]|1[0-2])|Q[1-4]|H[12]))?$' THEN
        RAISE EXCEPTION 'not a period: %', wanted USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('period ' || wanted, 0));
    IF EXISTS (SELECT FROM period_gates WHERE period = wanted) THEN
        RETURN false;
    END IF;
    of_year := left(wanted, 4)::integer;
    CASE
        WHEN length(wanted) = 4 THEN months := 12; begins := make_date(of_year, 1, 1);
        WHEN substr(wanted, 6, 1) = 'H' THEN
            months := 6; begins := make_date(of_year, substr(wanted, 7)::integer * 6 - 5, 1);
        WHEN substr(wanted, 6, 1) = 'Q' THEN
            months := 3; begins := make_date(of_year, substr(wanted, 7)::integer * 3 - 2, 1);
        ELSE months := 1; begins := make_date(of_year, substr(wanted, 6)::integer, 1);
    END CASE;
    suffix := lower(replace(wanted, '-', '_'));
    FOREACH parent IN ARRAY ARRAY['facts', 'fact_versions'] LOOP
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', parent || '__' || suffix, parent);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES IN (%L)',
                       parent, parent || '__' || suffix, wanted);
    END LOOP;
    INSERT INTO period_gates (period, kind, year, first_day, last_day)
    VALUES (wanted,
            CASE months WHEN 1 THEN 'month' WHEN 3 THEN 'quarter' WHEN 6 THEN 'half_year' ELSE 'year' END,
            of_year, begins, (begins + make_interval(months => months))::date - 1);
    RETURN true;
END
$$
"""

_NAMES = (
    "burden_reports", "period_states", "applied_findings", "receipts", "fact_chunks", "fact_versions", "facts",
    "source_metrics", "source_systems", "period_gates", "demands", "cards", "indicator_sets", "metrics",
)  # fmt: skip


def upgrade() -> None:
    for statement in (*_TABLES, _ENSURE_PERIOD):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION ensure_period(text)")
    for name in _NAMES:
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP SEQUENCE fact_chunk_no")
