"""A notification of new events names their types, so that it wakes only those who wait for one of them."""

from alembic import op

from youguan.migration import run_script

revision = "0006"
down_revision = "0005"

SCRIPT = """
CREATE OR REPLACE FUNCTION eventlog.ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('youguan_events', coalesce((SELECT string_agg(DISTINCT type, ',') FROM added), ''));
    RETURN NULL;
END $$;

DROP TRIGGER ring ON eventlog.event;
CREATE TRIGGER ring AFTER INSERT ON eventlog.event
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION eventlog.ring();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
