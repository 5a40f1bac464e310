"""Operators' platforms over T/CEC 102."""

from alembic import op

from youguan.migration import run_script

revision = "0011"
down_revision = "0010"

TABLES = """
-- Our connectors by their codes, as the registry told them.
CREATE TABLE gateway.connector_code (
    station_id text NOT NULL,
    connector integer NOT NULL,
    site_id text NOT NULL,
    operator_code text NOT NULL,
    cec_station_id text,
    cec_equipment_id text,
    cec_connector_id text NOT NULL,
    PRIMARY KEY (station_id, connector)
);
CREATE INDEX connector_code_of_operator ON gateway.connector_code (operator_code, cec_connector_id);
CREATE INDEX connector_code_of_site ON gateway.connector_code (site_id);

-- Who may own a platform, as the registry told it.
CREATE TABLE gateway.organisation (
    organisation_id text PRIMARY KEY,
    name text NOT NULL
);

-- `role` operator: it reports to us; province: we report to it. Secrets are sealed: a dump of the database does not open them.
CREATE TABLE gateway.platform (
    operator_id text PRIMARY KEY,
    name text NOT NULL,
    organisation_id text,
    role text NOT NULL CHECK (role IN ('operator', 'province')),
    profile text NOT NULL,
    enabled boolean NOT NULL,
    address text,
    our_operator_id text,
    sealed bytea NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);

CREATE TABLE gateway.platform_now (
    operator_id text PRIMARY KEY,
    last_heard_at timestamptz,
    last_pulled_at timestamptz,
    pull_error text,
    silent_since timestamptz
) WITH (fillfactor = 50);

CREATE TABLE gateway.platform_traffic (
    operator_id text NOT NULL,
    message text NOT NULL,
    hour timestamptz NOT NULL,
    messages bigint NOT NULL,
    taken bigint NOT NULL,
    ignored bigint NOT NULL,
    refused bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (operator_id, message, hour)
) WITH (fillfactor = 50);

-- By which a replayed envelope is recognised, for as long as its time stamp would let it in.
CREATE TABLE gateway.platform_envelope (
    digest bytea PRIMARY KEY,
    operator_id text NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX platform_envelope_age ON gateway.platform_envelope (received_at);

-- Its sites as the platform files them.
CREATE TABLE gateway.platform_station (
    operator_id text NOT NULL,
    cec_station_id text NOT NULL,
    name text,
    longitude double precision,
    latitude double precision,
    operating integer,
    connectors jsonb NOT NULL,
    document jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (operator_id, cec_station_id)
);

-- What is on its way up to a province, in order; what has been taken there stays for a while to be looked at.
CREATE TABLE gateway.upward_report (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operator_id text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    content jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'refused')),
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    error text
);
CREATE INDEX upward_report_waiting ON gateway.upward_report (operator_id, id) WHERE state = 'waiting';
CREATE INDEX upward_report_newest ON gateway.upward_report (operator_id, id DESC);
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
