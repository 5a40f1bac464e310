"""Rules, alerts, and which station belongs to which site."""

from alembic import op

from youguan.migration import run_script

revision = "0001"
down_revision = None

SCRIPT = """
CREATE TABLE alerts.rule (
    name text PRIMARY KEY,
    severity text NOT NULL CHECK (severity IN ('critical', 'major', 'minor', 'info')),
    for_s integer NOT NULL DEFAULT 0,
    enabled boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1
);
INSERT INTO alerts.rule (name, severity) VALUES
    ('connector_fault', 'major'), ('station_offline', 'major'), ('unmanaged_site', 'minor'), ('unfiled_charger', 'minor');

-- Error codes of OCPP 1.6 that are a danger to people.
CREATE TABLE alerts.dangerous_error (code text PRIMARY KEY);
INSERT INTO alerts.dangerous_error VALUES
    ('GroundFailure'), ('HighTemperature'), ('OverCurrentFailure'), ('OverVoltage'), ('ConnectorLockFailure');

CREATE TABLE alerts.station_site (
    station_id text PRIMARY KEY,
    site_id text NOT NULL
);
CREATE INDEX station_site_site ON alerts.station_site (site_id);

CREATE TABLE alerts.alert (
    id text PRIMARY KEY,
    rule text NOT NULL REFERENCES alerts.rule,
    subject text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
    severity text NOT NULL,
    site_id text,
    station_id text,
    connector integer,
    since timestamptz NOT NULL,
    raised_at timestamptz,
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    details jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- No alert twice for one condition.
CREATE UNIQUE INDEX alert_once ON alerts.alert (rule, subject) WHERE state <> 'resolved';
CREATE INDEX alert_newest ON alerts.alert (state, recorded_at DESC, id);
CREATE INDEX alert_station ON alerts.alert (station_id, recorded_at DESC);
CREATE INDEX alert_pending ON alerts.alert (since) WHERE state = 'pending';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
