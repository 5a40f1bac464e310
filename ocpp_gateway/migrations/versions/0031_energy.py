"""What a transaction delivered: nothing is known of it where the meter ran backwards, or was read only once.

The days that this counts otherwise are counted again, and so are those that earlier corrections of clocks have left behind: where a
status counts by its receipt, or a transaction by when it was told to have ended.
"""

from alembic import op

from youguan.clock import COUNTY
from youguan.migration import run_script

revision = "0031"
down_revision = "0030"

SCRIPT = f"""
CREATE FUNCTION telemetry.energy_wh(t telemetry.transaction) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN t.meter_stop_wh = t.meter_start_wh AND t.first_reading_at = t.last_reading_at AND t.stopped_at IS NOT NULL THEN NULL
        WHEN t.meter_stop_wh >= t.meter_start_wh THEN t.meter_stop_wh - t.meter_start_wh
    END
$$;
DO $do$ BEGIN
    EXECUTE replace(
        pg_get_functiondef('telemetry.roll_day'::regproc),
        'sum(meter_stop_wh - meter_start_wh)', 'sum(telemetry.energy_wh(transaction))'
    );
END $do$;

INSERT INTO gateway.day_due (station_id, day)
SELECT DISTINCT station_id, day FROM (
    SELECT station_id, (at AT TIME ZONE '{COUNTY.key}')::date AS day FROM (
        SELECT station_id, received_at AS at FROM telemetry.status_by_receipt
        UNION ALL
        SELECT station_id, occurred_at FROM telemetry.status_change WHERE effective_at <> occurred_at
        UNION ALL
        SELECT t.station_id, told.at FROM telemetry.transaction t, unnest(ARRAY[t.ended_at, t.stopped_at]) AS told (at)
        WHERE t.ended_at <> t.stopped_at OR t.meter_stop_wh < t.meter_start_wh
    ) learnt
) due JOIN telemetry.connector_day USING (station_id, day)
ON CONFLICT DO NOTHING;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
