"""What is published of sites and EVSEs, each with the time of its last change; tokens of those who read it over OCPI."""

from alembic import op

from youguan.migration import run_script

revision = "0007"
down_revision = "0006"

SCRIPT = """
CREATE SEQUENCE registry.published_version;

CREATE TABLE registry.published_site (
    site_id text PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    location_id text NOT NULL,
    document jsonb NOT NULL,
    evses integer NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE INDEX published_site_location ON registry.published_site (lower(location_id));
CREATE INDEX published_site_version ON registry.published_site (version);
CREATE INDEX published_site_updated ON registry.published_site (updated_at);

CREATE TABLE registry.published_evse (
    site_id text NOT NULL,
    station_id text NOT NULL,
    evse integer NOT NULL,
    uid text NOT NULL,
    document jsonb NOT NULL,
    numbers integer[] NOT NULL,
    condition text NOT NULL,
    since timestamptz,
    updated_at timestamptz NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (site_id, station_id, evse)
);
CREATE INDEX published_evse_station ON registry.published_evse (station_id);

CREATE TABLE registry.published_price (
    posting_id bigint PRIMARY KEY,
    site_id text NOT NULL,
    document jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX published_price_site ON registry.published_price (site_id);

CREATE TABLE registry.ocpi_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party text NOT NULL,
    country_code text,
    party_id text,
    digest text NOT NULL UNIQUE,
    purpose text NOT NULL CHECK (purpose IN ('access', 'registration')),
    registered boolean NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    reason text NOT NULL,
    used_at timestamptz,
    ended_at timestamptz,
    ended_by text
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
