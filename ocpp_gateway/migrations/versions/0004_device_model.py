"""What stations report of themselves: variables and configuration keys, their clocks, why they booted."""

from alembic import op

from youguan.migration import run_script

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE gateway.variable (
    station_id text NOT NULL,
    component text NOT NULL,
    component_instance text NOT NULL,
    evse integer NOT NULL,
    connector integer NOT NULL,
    variable text NOT NULL,
    variable_instance text NOT NULL,
    attribute text NOT NULL,
    value text,
    mutability text,
    data_type text,
    unit text,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, component, component_instance, evse, connector, variable, variable_instance, attribute)
);

ALTER TABLE gateway.station_now ADD COLUMN boot_reason text;
ALTER TABLE gateway.station_now ADD COLUMN clock_skew_s double precision;
ALTER TABLE gateway.station_now ADD COLUMN clock_skewed boolean NOT NULL DEFAULT false;
ALTER TABLE gateway.station_now ADD COLUMN clock_measured_at timestamptz;

CREATE INDEX transaction_station ON telemetry.transaction (station_id, id DESC);
CREATE INDEX transaction_token ON telemetry.transaction (id_token, id DESC);
CREATE INDEX transaction_open ON telemetry.transaction (id DESC) WHERE stopped_at IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
