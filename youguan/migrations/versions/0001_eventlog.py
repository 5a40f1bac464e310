"""The event log: streams, events, consumers and their positions."""

from alembic import op

from youguan.migration import run_script

revision = "0001"
down_revision = None

SCRIPT = """
CREATE TABLE eventlog.stream (
    name text PRIMARY KEY,
    last_sequence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);  -- updated at every commit that publishes: keep the row in its page

CREATE SEQUENCE eventlog.event_serial CACHE 1;

CREATE TABLE eventlog.event (
    stream text NOT NULL,
    sequence bigint NOT NULL,
    serial bigint NOT NULL,
    type text NOT NULL,
    version smallint NOT NULL,
    payload jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, sequence)
);

CREATE TABLE eventlog.consumer (
    name text PRIMARY KEY,
    failing_since timestamptz,
    error text
);

CREATE TABLE eventlog.consumer_position (
    consumer text NOT NULL REFERENCES eventlog.consumer,
    stream text NOT NULL REFERENCES eventlog.stream,
    sequence bigint NOT NULL,
    PRIMARY KEY (consumer, stream)
) WITH (fillfactor = 50);

CREATE FUNCTION eventlog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened is not changed: % on %.%', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

CREATE FUNCTION eventlog.ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('youguan_events', '');
    RETURN NULL;
END $$;

CREATE TRIGGER ring AFTER INSERT ON eventlog.event
    FOR EACH STATEMENT EXECUTE FUNCTION eventlog.ring();

CREATE TRIGGER unchanging BEFORE UPDATE ON eventlog.event
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
