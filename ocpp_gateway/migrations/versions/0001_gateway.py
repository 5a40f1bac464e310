"""The gateway's tables and the time series, in the storage mode that the server offers."""

from alembic import op

from youguan.migration import run_script

revision = "0001"
down_revision = None

GATEWAY = """
CREATE TABLE gateway.worker (
    slot integer PRIMARY KEY,
    started_at timestamptz NOT NULL,
    losses bigint NOT NULL DEFAULT 0,
    batch bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE gateway.takeover (
    slot integer NOT NULL,
    number bigint NOT NULL,
    station_id text NOT NULL,
    PRIMARY KEY (slot, number, station_id)
);

CREATE TABLE gateway.station_directory (
    station_id text PRIMARY KEY,
    site_id text NOT NULL,
    connectors integer NOT NULL
);

CREATE TABLE gateway.station_now (
    station_id text PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,
    slot integer,
    connected boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'never_connected' CHECK (state IN ('never_connected', 'online', 'offline')),
    ocpp_version text,
    remote text,
    connected_at timestamptz,
    last_seen_at timestamptz,
    vendor text,
    model text,
    serial_number text,
    firmware_version text,
    booted_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX station_now_online ON gateway.station_now (station_id) WHERE state = 'online';

CREATE TABLE gateway.connector_now (
    station_id text NOT NULL,
    connector integer NOT NULL,
    status text NOT NULL,
    condition text NOT NULL,
    error_code text,
    error_info text,
    vendor_error_code text,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    PRIMARY KEY (station_id, connector)
) WITH (fillfactor = 70);

CREATE TABLE gateway.quarantine (
    station_id text PRIMARY KEY,
    remote text NOT NULL,
    ocpp_version text NOT NULL,
    vendor text,
    model text,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL
);
CREATE INDEX quarantine_remote ON gateway.quarantine (remote);

CREATE TABLE gateway.refused_input (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station_id text NOT NULL,
    received_at timestamptz NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    frame text NOT NULL
);
CREATE INDEX refused_input_station ON gateway.refused_input (station_id, received_at);
"""

TELEMETRY = """
CREATE TABLE telemetry.raw_frame (
    station_id text NOT NULL,
    received_at timestamptz NOT NULL,
    frame text NOT NULL
) {by_day_of_receipt};
CREATE INDEX raw_frame_station ON telemetry.raw_frame (station_id, received_at);

CREATE TABLE telemetry.status_change (
    station_id text NOT NULL,
    connector integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    status text NOT NULL,
    condition text NOT NULL,
    error_code text,
    error_info text,
    vendor_error_code text,
    mark integer NOT NULL DEFAULT 0
) {by_day_of_occurrence};
CREATE UNIQUE INDEX status_change_once ON telemetry.status_change (station_id, occurred_at, connector, status, mark);

CREATE TABLE telemetry.meter_kind (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    measurand text NOT NULL,
    phase text NOT NULL,
    location text NOT NULL,
    context text NOT NULL,
    unit text NOT NULL,
    station_id text NOT NULL DEFAULT '',
    UNIQUE (measurand, phase, location, context, unit)
);
CREATE INDEX meter_kind_station ON telemetry.meter_kind (station_id);

CREATE TABLE telemetry.meter_sample (
    station_id text NOT NULL,
    connector integer NOT NULL,
    kind integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value double precision NOT NULL,
    transaction_id text,
    mark integer NOT NULL DEFAULT 0
) {by_day_of_occurrence};
CREATE UNIQUE INDEX meter_sample_once ON telemetry.meter_sample (station_id, occurred_at, connector, kind, mark);

CREATE TABLE telemetry.connectivity_change (
    station_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    change text NOT NULL CHECK (change IN ('connected', 'disconnected', 'offline', 'online')),
    reason text
) {by_day_of_occurrence};
CREATE INDEX connectivity_change_station ON telemetry.connectivity_change (station_id, occurred_at);

CREATE TABLE telemetry.notification (
    station_id text NOT NULL,
    action text NOT NULL,
    status text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL
) {by_day_of_receipt};
CREATE INDEX notification_station ON telemetry.notification (station_id, received_at);
CREATE INDEX notification_once ON telemetry.notification (station_id, occurred_at);

CREATE TABLE telemetry.transaction (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000000) PRIMARY KEY,
    station_id text NOT NULL,
    transaction_id text NOT NULL,
    connector integer,
    id_token text,
    started_at timestamptz,
    stopped_at timestamptz,
    meter_start_wh double precision,
    meter_stop_wh double precision,
    first_reading_at timestamptz,
    last_reading_at timestamptz,
    reason text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    mark integer NOT NULL DEFAULT 0,
    UNIQUE (station_id, transaction_id)
);
-- OCPP 1.6: the same start is the same transaction, whatever the message id.
CREATE UNIQUE INDEX transaction_start_once
    ON telemetry.transaction (station_id, connector, id_token, started_at, meter_start_wh, mark)
    WHERE transaction_id = id::text;
CREATE INDEX transaction_newest ON telemetry.transaction (station_id, recorded_at DESC);

CREATE TABLE telemetry.transaction_event (
    station_id text NOT NULL,
    transaction_id text NOT NULL,
    seq_no integer NOT NULL,
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    register_wh double precision,
    offline boolean NOT NULL,
    PRIMARY KEY (station_id, transaction_id, seq_no)
);

CREATE VIEW telemetry.meter_value AS
    SELECT s.station_id, s.connector, s.occurred_at, s.received_at, s.value, s.transaction_id,
           k.measurand, k.phase, k.location, k.context, k.unit
    FROM telemetry.meter_sample s JOIN telemetry.meter_kind k ON k.id = s.kind;

CREATE FUNCTION telemetry.status_at(station text, at timestamptz)
RETURNS TABLE (connector integer, status text, condition text, since timestamptz) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (connector) connector, status, condition, effective_at FROM telemetry.status_change
    WHERE station_id = station AND effective_at <= at ORDER BY connector, effective_at DESC, received_at DESC
$$;
"""

# A day's partition is made before the first row of that day arrives; rows that a wrong clock had put ahead of time into the
# default partition move along. Whoever has written such a row and not committed yet is waited for, but not for long: until
# the next try the day's rows are at home in the default partition.
PARTITIONS = """
CREATE FUNCTION telemetry.ensure_day(parent text, day date) RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    child text := parent || '_' || to_char(day, 'YYYYMMDD');
    time_column text := CASE WHEN parent IN ('raw_frame', 'notification') THEN 'received_at' ELSE 'occurred_at' END;
    low timestamptz := day::timestamp AT TIME ZONE 'UTC';
    high timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass('telemetry.' || child) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('telemetry.ensure_day'));
    -- Not to_regclass: it goes by what it has found before, which an advisory lock does not refresh.
    IF EXISTS (SELECT FROM pg_tables WHERE schemaname = 'telemetry' AND tablename = child) THEN
        RETURN;
    END IF;
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
PARTITIONED = ("raw_frame", "status_change", "meter_sample", "connectivity_change", "notification")


def upgrade() -> None:
    connection = op.get_bind()
    timescale = connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
    ).scalar_one()
    run_script(connection, GATEWAY)
    if timescale:
        run_script(connection, TELEMETRY.format(by_day_of_receipt="", by_day_of_occurrence=""))
        run_script(connection, hypertables())
    else:
        run_script(
            connection,
            TELEMETRY.format(
                by_day_of_receipt="PARTITION BY RANGE (received_at)",
                by_day_of_occurrence="PARTITION BY RANGE (occurred_at)",
            ),
        )
        run_script(connection, PARTITIONS + default_partitions())


def default_partitions() -> str:
    return "".join(
        f"CREATE TABLE telemetry.{table}_default PARTITION OF telemetry.{table} DEFAULT;" for table in PARTITIONED
    )


def hypertables() -> str:
    days = "".join(
        f"SELECT create_hypertable('telemetry.{table}', by_range('{time}', INTERVAL '1 day'), create_default_indexes => false);"
        for table, time in zip(PARTITIONED, TIME_COLUMNS, strict=True)
    )
    compressed = "".join(
        f"ALTER TABLE telemetry.{table} SET (timescaledb.compress, timescaledb.compress_segmentby = 'station_id', "
        f"timescaledb.compress_orderby = '{time}');"
        f"SELECT add_compression_policy('telemetry.{table}', INTERVAL '7 days');"
        for table, time in zip(PARTITIONED, TIME_COLUMNS, strict=True)
    )
    return days + compressed


TIME_COLUMNS = ("received_at", "occurred_at", "occurred_at", "occurred_at", "received_at")
