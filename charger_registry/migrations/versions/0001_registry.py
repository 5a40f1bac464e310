"""Sites, stations, organisations, the ledger of responsibility, people."""

from alembic import op

from youguan.migration import run_script

revision = "0001"
down_revision = None

SCRIPT = """
CREATE TABLE registry.division (
    code text PRIMARY KEY,
    name text NOT NULL,
    name_en text NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL
);

CREATE TABLE registry.organisation (
    id text PRIMARY KEY,
    name text NOT NULL,
    uscc text UNIQUE,
    phone text,
    deregistered_at timestamptz,
    generated boolean NOT NULL DEFAULT false
);

CREATE TABLE registry.site (
    id text PRIMARY KEY,
    name text NOT NULL,
    address text NOT NULL,
    division_code text,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    given_longitude double precision NOT NULL,
    given_latitude double precision NOT NULL,
    given_crs text NOT NULL,
    generated boolean NOT NULL DEFAULT false,
    filed_at timestamptz NOT NULL,
    retired_at timestamptz,
    unmanaged_reason text,
    unmanaged_since timestamptz
);

CREATE TABLE registry.station (
    id text PRIMARY KEY,
    site_id text NOT NULL,
    connectors integer NOT NULL,
    power_w integer NOT NULL,
    current_type text NOT NULL,
    retired_at timestamptz
);
CREATE INDEX ix_registry_station_site_id ON registry.station (site_id);

CREATE TABLE registry.responsibility (
    id bigserial PRIMARY KEY,
    site_id text NOT NULL,
    station_id text NOT NULL DEFAULT '',
    role text NOT NULL CHECK (role IN ('builder', 'owner', 'manager', 'maintainer', 'property_manager')),
    organisation_id text NOT NULL,
    during tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during)),
    believed tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
    origin text NOT NULL CHECK (origin IN ('filing', 'handover', 'order', 'import', 'sample')),
    evidence text NOT NULL,
    -- At most one manager at any instant, of what is believed at any time: now too.
    CONSTRAINT one_manager EXCLUDE USING gist
        (site_id WITH =, station_id WITH =, during WITH &&, believed WITH &&) WHERE (role = 'manager')
);
CREATE INDEX responsibility_site ON registry.responsibility (site_id, role);
CREATE INDEX responsibility_ends ON registry.responsibility (upper(during))
    WHERE role = 'manager' AND upper_inf(believed);

CREATE TABLE registry.person (
    username text PRIMARY KEY,
    name text NOT NULL,
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    organisation_id text,
    division text,
    active boolean NOT NULL DEFAULT true,
    demo boolean NOT NULL DEFAULT false
);

CREATE TABLE registry.import_run (
    id bigserial PRIMARY KEY,
    source text NOT NULL,
    fingerprint text NOT NULL,
    at timestamptz NOT NULL,
    added integer NOT NULL,
    changed integer NOT NULL,
    unchanged integer NOT NULL,
    refused integer NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
