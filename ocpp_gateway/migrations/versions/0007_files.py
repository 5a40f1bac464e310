"""Files: uploads of stations and firmware for them."""

from alembic import op

from youguan.migration import run_script

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE SEQUENCE gateway.file_request AS integer CYCLE;

-- A file that a station was asked for: whoever knows the token may bring it, once.
CREATE TABLE gateway.evidence_file (
    id text PRIMARY KEY,
    station_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('diagnostics', 'security')),
    token_hash text NOT NULL UNIQUE,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    request_id integer,
    command_id text,
    received_at timestamptz,
    remote text,
    name text,
    content_type text,
    size_bytes bigint,
    sha256 text
);
CREATE INDEX evidence_file_station ON gateway.evidence_file (station_id, requested_at DESC, id);

CREATE TABLE gateway.firmware (
    id text PRIMARY KEY,
    vendor text NOT NULL,
    model text NOT NULL,
    version text NOT NULL,
    name text NOT NULL,
    signing_certificate text,
    signature text,
    announced_by text NOT NULL,
    announced_at timestamptz NOT NULL,
    received_at timestamptz,
    size_bytes bigint,
    sha256 text
);
CREATE UNIQUE INDEX firmware_once ON gateway.firmware (vendor, model, version) WHERE received_at IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
