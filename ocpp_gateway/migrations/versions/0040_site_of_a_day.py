"""Where a station stood, from when to when: by that its days count for a site. Months that are over are summed once."""

from alembic import op

from youguan.clock import COUNTY
from youguan.migration import run_script

revision = "0040"
down_revision = "0039"

STAYS = """
CREATE TABLE gateway.station_stay (
    station_id text NOT NULL,
    site_id text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (station_id, since)
);
CREATE UNIQUE INDEX station_stay_now ON gateway.station_stay (station_id) WHERE until IS NULL;
CREATE INDEX station_stay_site ON gateway.station_stay (site_id) WHERE until IS NULL;

-- Let a site have these stations and no others from an instant on; return those that have moved by that. Since when one has stood
-- where it is filed first nobody knows: all that it says counts there.
CREATE FUNCTION gateway.place_stations(the_site text, here text[], at timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gateway.station_stay (station_id, site_id, since)
    SELECT h, the_site, '-infinity' FROM unnest(here) AS h
    WHERE NOT EXISTS (SELECT FROM gateway.station_stay s WHERE s.station_id = h);
    RETURN QUERY UPDATE gateway.station_stay SET until = at
    WHERE until IS NULL AND (site_id = the_site AND station_id <> ALL(here) OR station_id = ANY(here) AND site_id <> the_site)
    RETURNING station_id;
    RETURN QUERY INSERT INTO gateway.station_stay (station_id, site_id, since)
    SELECT h, the_site, at FROM unnest(here) AS h
    WHERE NOT EXISTS (SELECT FROM gateway.station_stay s WHERE s.station_id = h AND s.until IS NULL)
    ON CONFLICT (station_id, since) DO UPDATE SET site_id = excluded.site_id, until = NULL
    RETURNING station_id;
END $$;

-- As far as the directory has been told it; then what it holds of which the log knows nothing.
DO $do$ DECLARE e record; BEGIN
    FOR e IN
        SELECT v.payload, v.recorded_at FROM eventlog.event v
        JOIN eventlog.consumer_position p
          ON p.consumer = 'gateway.directory' AND p.stream = v.stream AND v.sequence <= p.sequence
        WHERE v.type IN ('SiteFiled', 'SiteRetired') ORDER BY v.serial
    LOOP
        PERFORM gateway.place_stations(
            e.payload ->> 'site_id',
            ARRAY(SELECT s ->> 'station_id' FROM jsonb_array_elements(e.payload -> 'stations') AS s),
            e.recorded_at
        );
    END LOOP;
END $do$;
INSERT INTO gateway.station_stay (station_id, site_id, since)
SELECT station_id, site_id, '-infinity' FROM gateway.station_directory
WHERE station_id NOT IN (SELECT station_id FROM gateway.station_stay);
"""

# A day is the site's at which the station stood at its noon, as a site is whose it was then.
DAYS = f"""
ALTER TABLE telemetry.connector_day ADD COLUMN site_id text NOT NULL DEFAULT '';
UPDATE telemetry.connector_day d SET site_id = s.site_id FROM gateway.station_stay s
WHERE s.station_id = d.station_id AND s.since <= (d.day + time '12:00') AT TIME ZONE '{COUNTY.key}'
  AND (s.until IS NULL OR s.until > (d.day + time '12:00') AT TIME ZONE '{COUNTY.key}');
CREATE INDEX connector_day_site ON telemetry.connector_day (site_id, day);

DO $do$ DECLARE before text := pg_get_functiondef('telemetry.roll_day'::regproc); BEGIN
    EXECUTE replace(replace(replace(replace(replace(replace(
        before,
        't.begins_s, t.states
    FROM totals t', 't.begins_s, t.states, coalesce(s.site_id, '''')
    FROM totals t'),
        'LEFT JOIN charged w USING (station_id, connector)', 'LEFT JOIN charged w USING (station_id, connector)
    LEFT JOIN gateway.station_stay s ON s.station_id = t.station_id AND s.since <= low + interval ''12 hours''
      AND (s.until IS NULL OR s.until > low + interval ''12 hours'')'),
        'states = excluded.states', 'states = excluded.states, site_id = excluded.site_id'),
        'RETURNING station_id, connector, closing_condition, closing_link',
        'RETURNING station_id, connector, closing_condition, closing_link, site_id'),
        'd.closing_condition, d.closing_link FROM', 'd.closing_condition, d.closing_link, d.site_id FROM'),
        '(w.closing_condition, w.closing_link) IS DISTINCT FROM (b.closing_condition, b.closing_link)',
        '(w.closing_condition, w.closing_link, w.site_id) IS DISTINCT FROM (b.closing_condition, b.closing_link, b.site_id)');
END $do$;
"""

MONTHS = """
-- What the days of a month that is over add up to; whoever asks for that month need not read thirty times as many rows.
CREATE TABLE telemetry.connector_month (
    month date NOT NULL,
    station_id text NOT NULL,
    connector integer NOT NULL,
    site_id text NOT NULL,
    available_s integer NOT NULL,
    occupied_s integer NOT NULL,
    charging_s integer NOT NULL,
    reserved_s integer NOT NULL,
    unavailable_s integer NOT NULL,
    faulted_s integer NOT NULL,
    offline_s integer NOT NULL,
    unknown_s integer NOT NULL,
    excluded_s integer NOT NULL,
    energy_wh double precision NOT NULL,
    transactions integer NOT NULL,
    PRIMARY KEY (month, station_id, connector, site_id)
);
CREATE INDEX connector_month_station ON telemetry.connector_month (station_id, month);
CREATE INDEX connector_month_site ON telemetry.connector_month (site_id, month);
"""


def upgrade() -> None:
    for script in (STAYS, DAYS, MONTHS):
        run_script(op.get_bind(), script)
