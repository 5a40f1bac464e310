"""Series that are kept for years have a partition a month: whoever reads all of a station need not plan thousands of days.

Raw frames, kept for months, have one a day as before; so has a month of which days have partitions already. With TimescaleDB new
chunks are as long.
"""

from alembic import op

from youguan.migration import run_script

revision = "0043"
down_revision = "0042"

PLAIN = """
CREATE OR REPLACE FUNCTION telemetry.ensure_day(parent text, day date) RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    time_column text := CASE WHEN parent IN ('raw_frame', 'notification') THEN 'received_at' ELSE 'occurred_at' END;
    of_day text := parent || '_' || to_char(day, 'YYYYMMDD');
    of_month text := parent || '_' || to_char(day, 'YYYYMM');
    child text := of_day;
    first date := day;
    after date := day + 1;
    low timestamptz;
    high timestamptz;
BEGIN
    IF to_regclass('telemetry.' || of_day) IS NOT NULL OR to_regclass('telemetry.' || of_month) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('telemetry.ensure_day'));
    -- Not to_regclass: it goes by what it has found before, which an advisory lock does not refresh.
    IF EXISTS (SELECT FROM pg_tables WHERE schemaname = 'telemetry' AND tablename IN (of_day, of_month)) THEN
        RETURN;
    END IF;
    IF parent <> 'raw_frame'
       AND NOT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'telemetry' AND tablename ~ ('^' || of_month || '[0-9]{2}$')) THEN
        child := of_month;
        first := date_trunc('month', day);
        after := first + interval '1 month';
    END IF;
    low := first::timestamp AT TIME ZONE 'UTC';
    high := after::timestamp AT TIME ZONE 'UTC';
    EXECUTE format('LOCK TABLE telemetry.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
    EXECUTE format('CREATE TABLE telemetry.%I (LIKE telemetry.%I INCLUDING ALL)', child, parent);
    EXECUTE format(
        'WITH moved AS (DELETE FROM telemetry.%I WHERE %I >= $1 AND %I < $2 RETURNING *) '
        'INSERT INTO telemetry.%I SELECT * FROM moved', parent || '_default', time_column, time_column, child
    ) USING low, high;
    EXECUTE format(
        'ALTER TABLE telemetry.%I ATTACH PARTITION telemetry.%I FOR VALUES FROM (%L) TO (%L)', parent, child, low, high
    );
END $$;
"""
HYPERTABLES = """
SELECT set_chunk_time_interval('telemetry.meter_sample', INTERVAL '7 days');
SELECT set_chunk_time_interval('telemetry.status_change', INTERVAL '30 days');
SELECT set_chunk_time_interval('telemetry.connectivity_change', INTERVAL '30 days');
SELECT set_chunk_time_interval('telemetry.notification', INTERVAL '30 days');
SELECT set_chunk_time_interval('telemetry.sensor_reading', INTERVAL '30 days');
"""


def upgrade() -> None:
    connection = op.get_bind()
    timescale = connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
    ).scalar_one()
    run_script(connection, HYPERTABLES if timescale else PLAIN)
