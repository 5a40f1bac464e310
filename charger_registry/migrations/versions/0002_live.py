"""What the public map and the dashboard show: the latest of every station and connector, and what is open."""

from alembic import op

from youguan.migration import run_script

revision = "0002"
down_revision = "0001"

SCRIPT = """
CREATE TABLE registry.live_station (
    station_id text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('online', 'offline')),
    since timestamptz NOT NULL
);

CREATE TABLE registry.live_connector (
    station_id text NOT NULL,
    connector integer NOT NULL,
    condition text NOT NULL,
    status text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (station_id, connector)
);

CREATE SEQUENCE registry.live_version;

CREATE TABLE registry.live_site (
    site_id text PRIMARY KEY,
    version bigint NOT NULL,
    available integer NOT NULL,
    in_use integer NOT NULL,
    faulted integer NOT NULL,
    unavailable integer NOT NULL,
    unknown integer NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX live_site_version ON registry.live_site (version);

CREATE TABLE registry.live_matter (
    kind text NOT NULL CHECK (kind IN ('alert', 'task')),
    id text NOT NULL,
    rule text NOT NULL,
    site_id text,
    station_id text,
    since timestamptz NOT NULL,
    due_on date,
    PRIMARY KEY (kind, id)
);
CREATE INDEX live_matter_rule ON registry.live_matter (kind, rule);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
