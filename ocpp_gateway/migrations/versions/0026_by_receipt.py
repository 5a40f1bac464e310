"""A status whose clock is wrong, fallen back by hours too, is counted by its receipt: where those are found that are."""

from alembic import op

from youguan.migration import run_script

revision = "0026"
down_revision = "0025"

SCRIPT = """
CREATE TABLE telemetry.status_by_receipt (
    station_id text NOT NULL,
    connector integer NOT NULL,
    received_at timestamptz NOT NULL,
    condition text NOT NULL
);
INSERT INTO telemetry.status_by_receipt
SELECT station_id, connector, received_at, condition FROM telemetry.status_change
WHERE effective_at <> occurred_at;
CREATE INDEX status_by_receipt_connector ON telemetry.status_by_receipt (station_id, connector, received_at);
CREATE INDEX status_by_receipt_day ON telemetry.status_by_receipt (received_at);

-- Count the day [low, high) of some stations, or of all; return the stations whose next day must be counted again because
-- this one ends otherwise than it did. The state at the beginning is that at the end of the day before.
CREATE OR REPLACE FUNCTION telemetry.roll_day(the_day date, low timestamptz, high timestamptz, chosen text[]) RETURNS SETOF text
LANGUAGE sql SET enable_nestloop = off SET work_mem = '64MB' AS $$  -- the sets are large, and nobody can estimate them
WITH place AS MATERIALIZED (
    SELECT d.station_id, n AS connector FROM gateway.station_directory d, generate_series(1, d.connectors) n
    WHERE chosen IS NULL OR d.station_id = ANY(chosen)
    UNION
    SELECT station_id, connector FROM gateway.connector_now
    WHERE connector > 0 AND (chosen IS NULL OR station_id = ANY(chosen))
), said AS (
    SELECT station_id, connector, effective_at, received_at, condition FROM telemetry.status_change
    WHERE occurred_at >= low AND occurred_at < high AND effective_at = occurred_at
      AND (chosen IS NULL OR station_id = ANY(chosen))
    UNION ALL
    SELECT station_id, connector, received_at, received_at, condition FROM telemetry.status_by_receipt
    WHERE received_at >= low AND received_at < high AND (chosen IS NULL OR station_id = ANY(chosen))
), conditions AS (
    SELECT station_id, connector, condition, at AS since,
           lead(at, 1, high) OVER (PARTITION BY station_id, connector ORDER BY at, later, received_at) AS until
    FROM (
        SELECT p.station_id, p.connector, low AS at, 0 AS later, low AS received_at,
               coalesce(y.closing_condition, b.condition, 'unknown') AS condition
        FROM place p
        LEFT JOIN telemetry.connector_day y ON y.day = the_day - 1 AND y.station_id = p.station_id AND y.connector = p.connector
        LEFT JOIN LATERAL (
            SELECT condition FROM (
                (SELECT s.occurred_at AS at, condition FROM telemetry.status_change s
                 WHERE y.day IS NULL AND s.station_id = p.station_id AND s.connector = p.connector
                   AND s.occurred_at < low AND s.effective_at = s.occurred_at
                 ORDER BY s.occurred_at DESC LIMIT 1)
                UNION ALL
                (SELECT s.received_at, condition FROM telemetry.status_by_receipt s
                 WHERE y.day IS NULL AND s.station_id = p.station_id AND s.connector = p.connector AND s.received_at < low
                 ORDER BY s.received_at DESC LIMIT 1)
            ) s ORDER BY at DESC LIMIT 1
        ) b ON true
        UNION ALL
        SELECT station_id, connector, effective_at, 1, received_at, condition FROM said JOIN place USING (station_id, connector)
    ) c
), stations AS MATERIALIZED (
    SELECT DISTINCT station_id FROM place
), links AS (
    SELECT station_id, link, at AS since,
           lead(at, 1, high) OVER (PARTITION BY station_id ORDER BY at, later) AS until
    FROM (
        SELECT t.station_id, low AS at, 0 AS later, coalesce(y.closing_link, b.link, 'never') AS link
        FROM stations t
        LEFT JOIN LATERAL (
            SELECT closing_link FROM telemetry.connector_day y
            WHERE y.day = the_day - 1 AND y.station_id = t.station_id LIMIT 1
        ) y ON true
        LEFT JOIN LATERAL (
            SELECT CASE WHEN c.change = 'offline' THEN 'offline' ELSE 'online' END AS link FROM telemetry.connectivity_change c
            WHERE y.closing_link IS NULL AND c.station_id = t.station_id AND c.change <> 'disconnected' AND c.occurred_at < low
            ORDER BY c.occurred_at DESC, c.change = 'offline' DESC LIMIT 1
        ) b ON true
        UNION ALL
        SELECT c.station_id, c.occurred_at, CASE WHEN c.change = 'offline' THEN 2 ELSE 1 END,
               CASE WHEN c.change = 'offline' THEN 'offline' ELSE 'online' END
        FROM telemetry.connectivity_change c JOIN stations USING (station_id)
        WHERE c.occurred_at >= low AND c.occurred_at < high AND c.change <> 'disconnected'
    ) l
), pieces AS MATERIALIZED (
    SELECT c.station_id, c.connector, greatest(c.since, l.since) AS since, least(c.until, l.until) AS until,
           CASE l.link WHEN 'offline' THEN 'offline' WHEN 'never' THEN 'unknown' ELSE c.condition END AS state
    FROM conditions c JOIN links l ON l.station_id = c.station_id AND l.since < c.until AND l.until > c.since
    WHERE c.since < c.until AND l.since < l.until
), excluded AS (
    SELECT p.station_id, p.connector, sum(extract(epoch FROM upper(r) - lower(r))) AS seconds
    FROM pieces p JOIN (
        SELECT station_id, range_agg(tstzrange(since, until)) AS periods FROM gateway.exclusion
        WHERE withdrawn_at IS NULL AND since < high AND until > low GROUP BY station_id
    ) e USING (station_id), unnest(tstzmultirange(tstzrange(p.since, p.until)) * e.periods) AS r
    WHERE p.state IN ('unavailable', 'faulted', 'offline')
    GROUP BY 1, 2
), totals AS (
    SELECT station_id, connector, array_agg(begins_s ORDER BY since) AS begins_s, array_agg(state ORDER BY since) AS states,
           round(coalesce(sum(s) FILTER (WHERE state = 'available'), 0)) AS available_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'occupied'), 0)) AS occupied_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'charging'), 0)) AS charging_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'reserved'), 0)) AS reserved_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'unavailable'), 0)) AS unavailable_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'faulted'), 0)) AS faulted_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'offline'), 0)) AS offline_s,
           round(coalesce(sum(s) FILTER (WHERE state = 'unknown'), 0)) AS unknown_s
    FROM (
        SELECT *, extract(epoch FROM until - since) AS s, extract(epoch FROM since - low)::integer AS begins_s FROM pieces
    ) p GROUP BY 1, 2
), charged AS (
    SELECT station_id, connector, count(*) AS transactions,
           coalesce(sum(meter_stop_wh - meter_start_wh), 0) AS energy_wh
    FROM telemetry.transaction
    WHERE stopped_at >= low AND stopped_at < high AND (chosen IS NULL OR station_id = ANY(chosen)) GROUP BY 1, 2
), last_condition AS MATERIALIZED (
    SELECT station_id, connector, condition FROM conditions WHERE until = high
), last_link AS MATERIALIZED (
    SELECT station_id, link FROM links WHERE until = high
), before AS MATERIALIZED (
    SELECT d.station_id, d.connector, d.closing_condition, d.closing_link FROM telemetry.connector_day d
    WHERE d.day = the_day AND (chosen IS NULL OR d.station_id = ANY(chosen))
), written AS (
    INSERT INTO telemetry.connector_day AS d
    SELECT t.station_id, t.connector, the_day, t.available_s, t.occupied_s, t.charging_s, t.reserved_s, t.unavailable_s,
           t.faulted_s, t.offline_s, t.unknown_s, coalesce(round(e.seconds), 0),
           extract(epoch FROM high - low), coalesce(w.energy_wh, 0), coalesce(w.transactions, 0), c.condition, l.link,
           t.begins_s, t.states
    FROM totals t JOIN last_condition c USING (station_id, connector) JOIN last_link l USING (station_id)
    LEFT JOIN excluded e USING (station_id, connector)
    LEFT JOIN charged w USING (station_id, connector)
    ON CONFLICT (day, station_id, connector) DO UPDATE SET
        available_s = excluded.available_s, occupied_s = excluded.occupied_s, charging_s = excluded.charging_s,
        reserved_s = excluded.reserved_s, unavailable_s = excluded.unavailable_s, faulted_s = excluded.faulted_s,
        offline_s = excluded.offline_s, unknown_s = excluded.unknown_s, excluded_s = excluded.excluded_s,
        counted_s = excluded.counted_s, energy_wh = excluded.energy_wh, transactions = excluded.transactions,
        closing_condition = excluded.closing_condition, closing_link = excluded.closing_link, begins_s = excluded.begins_s,
        states = excluded.states
    RETURNING station_id, connector, closing_condition, closing_link
)
SELECT DISTINCT w.station_id FROM written w JOIN before b USING (station_id, connector)
WHERE (w.closing_condition, w.closing_link) IS DISTINCT FROM (b.closing_condition, b.closing_link)
$$;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
