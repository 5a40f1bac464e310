"""What the relay passed on and could not keep: each gap by itself, in place of one count a spool."""

from alembic import op

from youguan.migration import run_script

revision = "0013"
down_revision = "0012"

SCRIPT = """
CREATE TABLE gateway.relay_gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    spool_id text NOT NULL,
    station_id text,
    reason text NOT NULL
        CHECK (reason IN ('full', 'disk', 'torn', 'damaged', 'unreadable', 'unrecordable', 'killed')),
    since timestamptz NOT NULL,
    until timestamptz,
    records bigint,
    lost_bytes bigint NOT NULL DEFAULT 0,
    UNIQUE NULLS NOT DISTINCT (spool_id, reason, since, station_id)
);
CREATE INDEX ON gateway.relay_gap (since, id);
CREATE INDEX ON gateway.relay_gap (station_id, since) WHERE station_id IS NOT NULL;
INSERT INTO gateway.relay_gap (spool_id, reason, since, until, records)
    SELECT spool_id, 'full', drained_at, drained_at, lost FROM gateway.relay_spool WHERE lost > 0;
ALTER TABLE gateway.relay_spool DROP COLUMN lost;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
