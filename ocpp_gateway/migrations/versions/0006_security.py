"""Who may connect: credentials as the registry told them."""

from alembic import op

from youguan.migration import run_script

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE gateway.station_credential (
    station_id text NOT NULL,
    digest text NOT NULL,
    until timestamptz,
    PRIMARY KEY (station_id, digest)
);

-- What a command carries and nobody may read: sealed, and only until the command has ended.
CREATE TABLE gateway.command_secret (
    command_id text PRIMARY KEY REFERENCES gateway.command ON DELETE CASCADE,
    sealed bytea NOT NULL
);

CREATE TABLE gateway.key_rotation (
    command_id text PRIMARY KEY REFERENCES gateway.command ON DELETE CASCADE,
    digest text NOT NULL
);

CREATE TABLE gateway.certificate_request (
    id text PRIMARY KEY,
    station_id text NOT NULL,
    request text NOT NULL,
    request_number integer,
    received_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'rejected')),
    decided_by text,
    decided_at timestamptz,
    reason text,
    serial text,
    command_id text
);
CREATE UNIQUE INDEX certificate_request_pending ON gateway.certificate_request (station_id) WHERE state = 'pending';
CREATE INDEX certificate_request_newest ON gateway.certificate_request (received_at DESC, id DESC);
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
