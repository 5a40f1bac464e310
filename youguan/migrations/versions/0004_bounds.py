"""Which sites and stations lie within whose bounds: a projection that every service reads."""

from alembic import op

from youguan.migration import run_script

revision = "0004"
down_revision = "0003"

SCRIPT = """
CREATE TABLE bounds.site (
    site_id text PRIMARY KEY,
    division_code text
);

CREATE TABLE bounds.station (
    station_id text PRIMARY KEY,
    site_id text NOT NULL
);
CREATE INDEX station_site ON bounds.station (site_id);

CREATE TABLE bounds.party (
    site_id text NOT NULL,
    place integer NOT NULL,
    organisation_id text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (site_id, place)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
