"""Stations' keys, as a keyed hash, and stations that connect without being filed."""

from alembic import op

from youguan.migration import run_script

revision = "0003"
down_revision = "0002"

SCRIPT = """
CREATE TABLE registry.station_credential (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station_id text NOT NULL,
    digest text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('issued', 'taken over', 'rotation')),
    accepted boolean NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    reason text NOT NULL,
    until timestamptz,
    ended_by text,
    first_used_at timestamptz,
    UNIQUE (station_id, digest)
);

CREATE TABLE registry.unfiled_station (
    station_id text PRIMARY KEY,
    remote text NOT NULL,
    ocpp_version text NOT NULL,
    vendor text,
    model text,
    first_seen_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
