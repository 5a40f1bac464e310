"""Commands down, and frames in both directions."""

from alembic import op

from youguan.migration import run_script

revision = "0002"
down_revision = "0001"

COMMANDS = """
CREATE TABLE gateway.command (
    id text PRIMARY KEY,
    station_id text NOT NULL,
    ocpp_version text NOT NULL,
    action text NOT NULL,
    payload jsonb NOT NULL,
    requested_by text NOT NULL,
    reason text NOT NULL,
    requested_at timestamptz NOT NULL,
    timeout_s integer NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'sent', 'answered', 'refused', 'invalid', 'timed_out', 'undeliverable')),
    slot integer,
    sent_at timestamptz,
    answer jsonb,
    error_code text,
    error_description text,
    ended_at timestamptz
);
CREATE INDEX command_station ON gateway.command (station_id, requested_at DESC);
CREATE INDEX command_open ON gateway.command (state) WHERE state IN ('queued', 'sent');

ALTER TABLE telemetry.raw_frame ADD COLUMN sent boolean NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    run_script(op.get_bind(), COMMANDS)
