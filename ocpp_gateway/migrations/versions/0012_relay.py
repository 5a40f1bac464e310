"""The relay: which sites are passed on to whom, how their upstreams are, up to where the spools are stored."""

from alembic import op

from youguan.migration import run_script

revision = "0012"
down_revision = "0011"

SCRIPT = """
CREATE TABLE gateway.relay_site (
    site_id text PRIMARY KEY,
    upstream_url text NOT NULL,
    admission text NOT NULL CHECK (admission IN ('ours', 'upstream')),
    may_send boolean NOT NULL,
    authority text,
    changed_at timestamptz NOT NULL
);
CREATE TABLE gateway.relay_upstream (
    site_id text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('connected', 'away')),
    detail text NOT NULL,
    since timestamptz NOT NULL
);
CREATE TABLE gateway.relay_station (
    station_id text PRIMARY KEY,
    site_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('connected', 'refused', 'closed', 'away')),
    detail text NOT NULL,
    since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    interval_s integer
);
CREATE INDEX ON gateway.relay_station (site_id);
CREATE TABLE gateway.relay_spool (
    spool_id text PRIMARY KEY,
    place bigint NOT NULL,
    lost bigint NOT NULL DEFAULT 0,
    drained_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
