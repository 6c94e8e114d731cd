-- The kernel's first form, frozen: a later change is a later migration. Messaging stands in messaging's schema.sql.

CREATE TABLE directory_appointments (
    appointment_id UUID NOT NULL,
    version INTEGER NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    unit_id UUID NOT NULL,
    scope TEXT NOT NULL,
    effective_from DATE NOT NULL,
    effective_to DATE,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked BOOLEAN NOT NULL,
    CONSTRAINT pk_directory_appointments PRIMARY KEY (appointment_id)
);

CREATE INDEX ix_directory_appointments_subject ON directory_appointments (subject);

CREATE INDEX ix_directory_appointments_unit_id ON directory_appointments (unit_id);

CREATE TABLE directory_calendar_days (
    day DATE NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_directory_calendar_days PRIMARY KEY (day)
);

CREATE TABLE directory_calendar_years (
    year INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT pk_directory_calendar_years PRIMARY KEY (year)
);

CREATE TABLE directory_people (
    person_id UUID NOT NULL,
    version INTEGER NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    unit_id UUID NOT NULL,
    post TEXT NOT NULL,
    CONSTRAINT pk_directory_people PRIMARY KEY (person_id),
    CONSTRAINT uq_directory_people_code UNIQUE (code)
);

CREATE INDEX ix_directory_people_unit_id ON directory_people (unit_id);

CREATE TABLE directory_unit_spans (
    unit_id UUID NOT NULL,
    effective_from DATE NOT NULL,
    effective_to DATE,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version INTEGER NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_id UUID,
    path TEXT NOT NULL,
    groups JSONB NOT NULL,
    CONSTRAINT pk_directory_unit_spans PRIMARY KEY (unit_id, effective_from)
);

CREATE INDEX ix_directory_unit_spans_code ON directory_unit_spans (code);

CREATE INDEX ix_directory_unit_spans_path ON directory_unit_spans (path text_pattern_ops);

CREATE TABLE idempotency (
    client TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_digest BYTEA NOT NULL,
    status INTEGER,
    headers TEXT,
    body BYTEA,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (client, route, key)
);

CREATE INDEX ix_idempotency_created_at ON idempotency (created_at);

CREATE TABLE trail (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    object_type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    before TEXT,
    after TEXT,
    trace TEXT NOT NULL,
    sealed BOOLEAN DEFAULT 'false' NOT NULL,
    CONSTRAINT pk_trail PRIMARY KEY (id)
);

CREATE INDEX ix_trail_object ON trail (object_type, object_id, id);

CREATE INDEX ix_trail_unsealed ON trail (id) WHERE NOT sealed;

CREATE TABLE trail_seals (
    seal_no BIGINT NOT NULL,
    trail_id BIGINT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_trail_seals PRIMARY KEY (seal_no),
    CONSTRAINT uq_trail_seals_trail_id UNIQUE (trail_id)
);
