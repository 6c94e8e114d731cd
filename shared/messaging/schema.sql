-- The tables every service needs to send and to receive events. Run once, by the owner of the service's database.

-- What a service has to say: written in the transaction of the change itself, sent later by the relay.
-- Daily partitions in UTC; there is no default partition on purpose: a missing day is a clear error, not a slow table.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    type text NOT NULL,
    nats_subject text NOT NULL,
    envelope text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- A relay that takes the row holds it by a lease; a dead relay's rows become free by themselves.
    claimed_until timestamptz,
    claim_token uuid,
    -- Set after the broker's acknowledgement only, with the sequence it gave and the generation of the stream.
    published_at timestamptz,
    published_seq bigint,
    published_generation integer,
    -- Grows when the row is sent again on purpose, so that the broker does not drop it as a duplicate.
    drive bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_outbox PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);

-- Compressing the chunks of a large batch costs a tenth of the batch; they are dropped after 30 days.
ALTER TABLE outbox ALTER COLUMN envelope SET STORAGE EXTERNAL;

CREATE INDEX ix_outbox_unpublished ON outbox (created_at, id) WHERE published_at IS NULL;

-- What a service has already handled. The primary key is the guard: a repeated event inserts nothing.
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (consumer, event_id)
);

CREATE INDEX ix_inbox_handled_at ON inbox USING brin (handled_at);

-- Events that failed by their own fault after all tries, or could not be read at all.
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    envelope bytea NOT NULL,
    cause text NOT NULL,
    tries integer NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz,
    CONSTRAINT pk_dead_letters PRIMARY KEY (id),
    CONSTRAINT uq_dead_letters_consumer UNIQUE (consumer, event_id)
);

-- What the producer knows of its stream: which one it is, and up to where every reader has acknowledged.
CREATE TABLE stream_state (
    stream text NOT NULL,
    identity text NOT NULL,
    generation integer NOT NULL,
    acked_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    holes bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    -- While set: the lost generation's rows above this sequence are still being put back for sending.
    redrive_above bigint,
    redrive_since timestamptz,
    CONSTRAINT pk_stream_state PRIMARY KEY (stream)
);

-- Makes the outbox's partitions for today and `ahead` more days, drops those older than `keep` days that hold
-- nothing unsent. The service's run role owns nothing, so it calls this with the owner's rights.
-- Returns how many partitions were made and dropped.
CREATE FUNCTION outbox_partitions(ahead integer, keep integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '2s'
SET timezone = 'UTC'
AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    wanted date;
    name text;
    unsent boolean;
    changed integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('outbox_partitions'));
    -- Yesterday too: a transaction that began before midnight writes with its beginning's time.
    FOR wanted IN SELECT today + step FROM generate_series(-1, ahead) AS step LOOP
        name := 'outbox__' || to_char(wanted, 'YYYYMMDD');
        IF to_regclass('public.' || name) IS NULL THEN
            -- Attaching an empty table waits for no writer; CREATE TABLE … PARTITION OF would stop them all.
            EXECUTE format('CREATE TABLE public.%I (LIKE public.outbox INCLUDING DEFAULTS INCLUDING STORAGE)', name);
            EXECUTE format(
                'ALTER TABLE public.outbox ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                name, wanted::timestamptz, (wanted + 1)::timestamptz
            );
            changed := changed + 1;
        END IF;
    END LOOP;
    FOR name IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'public.outbox'::regclass
          AND child.relname < 'outbox__' || to_char(today - keep, 'YYYYMMDD')
        ORDER BY child.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I WHERE published_at IS NULL)', name) INTO unsent;
        CONTINUE WHEN unsent;
        BEGIN
            EXECUTE format('DROP TABLE public.%I', name);
            changed := changed + 1;
        EXCEPTION WHEN lock_not_available THEN
            EXIT; -- busy now; the next call tries again
        END;
    END LOOP;
    RETURN changed;
END
$$;

SELECT outbox_partitions(7, 30);
