"""Sensors beside the chargers."""

from alembic import op

from youguan.migration import run_script

revision = "0008"
down_revision = "0007"

NOW = """
CREATE TABLE gateway.sensor_now (
    site_id text NOT NULL,
    sensor text NOT NULL,
    kind text NOT NULL,
    station_id text,
    connector integer,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    alarm text,
    alarm_since timestamptz,
    PRIMARY KEY (site_id, kind, sensor)
) WITH (fillfactor = 70);
"""

SERIES = """
CREATE TABLE telemetry.sensor_reading (
    site_id text NOT NULL,
    sensor text NOT NULL,
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL
) {by_day};
CREATE UNIQUE INDEX sensor_reading_once ON telemetry.sensor_reading (site_id, occurred_at, kind, sensor);
"""

PLAIN = "CREATE TABLE telemetry.sensor_reading_default PARTITION OF telemetry.sensor_reading DEFAULT;"

HYPERTABLE = """
SELECT create_hypertable('telemetry.sensor_reading', by_range('occurred_at', INTERVAL '1 day'), create_default_indexes => false);
ALTER TABLE telemetry.sensor_reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'site_id',
    timescaledb.compress_orderby = 'occurred_at');
SELECT add_compression_policy('telemetry.sensor_reading', INTERVAL '7 days');
"""


def upgrade() -> None:
    connection = op.get_bind()
    timescale = connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
    ).scalar_one()
    run_script(connection, NOW)
    run_script(connection, SERIES.format(by_day="" if timescale else "PARTITION BY RANGE (occurred_at)"))
    run_script(connection, HYPERTABLE if timescale else PLAIN)
