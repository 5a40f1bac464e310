"""Heartbeat intervals by policy, and how a station has shown who it is."""

from alembic import op

from youguan.migration import run_script

revision = "0010"
down_revision = "0009"

SCRIPT = """
CREATE TABLE gateway.heartbeat_interval (
    scope text CHECK (scope IN ('station', 'site')),
    subject_id text,
    interval_s integer NOT NULL CHECK (interval_s > 0),
    set_by text NOT NULL,
    reason text NOT NULL,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (scope, subject_id)
);
ALTER TABLE gateway.station_now ADD COLUMN security_profile integer;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
