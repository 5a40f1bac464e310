"""What the time series cost: a day counted, a month's uptime read, and bytes on disk. Part of `deploy/run bench`.

Every station of the real sites is filed (23,441 where they are not at hand), each with one connector.
"""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from ocpp_gateway.timeseries import store
from ocpp_gateway.timeseries.rollup import bounds
from youguan.database import connect, storage_mode

STATIONS = 23_441
MONTH = (date(2026, 4, 1), date(2026, 5, 1))
CHANGES_A_DAY = 12
ROWS = 1_000_000

FILE = """
WITH station AS (SELECT 'm' || n AS id, 'site' || n % 1587 AS site_id FROM generate_series(1, $1) n),
     stay AS (INSERT INTO gateway.station_stay SELECT id, site_id, '-infinity' FROM station)
INSERT INTO gateway.station_directory SELECT id, site_id, 1 FROM station
"""
CHANGES = """
INSERT INTO telemetry.status_change (station_id, connector, occurred_at, received_at, effective_at, status, condition)
SELECT 'm' || n, 1, t, t, t, s, lower(s)
FROM generate_series(1, $1) n, generate_series(0, $2 - 1) k,
     LATERAL (SELECT $3::timestamptz + make_interval(secs => k * 7200 + (n * 7 + k * 131) % 7200)) AS at (t),
     LATERAL (SELECT (ARRAY['Available', 'Occupied', 'Charging', 'Faulted'])[1 + (n + k) % 4]) AS word (s)
"""
LINKS = """
INSERT INTO telemetry.connectivity_change SELECT 'm' || n, $2, 'connected' FROM generate_series(1, $1) n
"""
DAYS = """
INSERT INTO telemetry.connector_day
SELECT station_id, connector, $1::date + n, available_s, occupied_s, charging_s, reserved_s, unavailable_s, faulted_s, offline_s,
       unknown_s, excluded_s, counted_s, energy_wh, transactions, closing_condition, closing_link, begins_s, states, site_id
FROM telemetry.connector_day, generate_series(1, $2) n WHERE day = $1::date
"""
# As stations send them: one power sample a minute from many stations, values that wander.
SAMPLES = """
INSERT INTO telemetry.meter_sample (station_id, connector, kind, occurred_at, received_at, value)
SELECT 's' || s, 1, 1, t, t + interval '200 milliseconds', round((7000 + 500 * sin(n / 50.0) + s)::numeric, 1)
FROM generate_series(1, 1000) s, generate_series(1, $1 / 1000) n,
     LATERAL (SELECT $2::timestamptz + make_interval(secs => n * 60 + s % 60)) AS at (t)
"""
REPORTS = """
INSERT INTO telemetry.status_change (station_id, connector, occurred_at, received_at, effective_at, status, condition)
SELECT 's' || s, 1, t, t + interval '200 milliseconds', t, w, lower(w)
FROM generate_series(1, 1000) s, generate_series(1, $1 / 1000) n,
     LATERAL (SELECT $2::timestamptz + make_interval(secs => n * 80 + s % 60)) AS at (t),
     LATERAL (SELECT (ARRAY['Available', 'Preparing', 'Charging', 'Finishing'])[1 + (n + s) % 4]) AS word (w)
"""


async def measure(dsn: str) -> dict[str, Any]:
    """Return seconds to count a day and to read a month, and bytes a row where TimescaleDB compresses."""
    connection = await connect(dsn)
    try:
        found = await _uptime(connection)
        if await storage_mode(connection) == "timescale":
            for table, fill in (("meter_sample", SAMPLES), ("status_change", REPORTS)):
                found[f"{table}_bytes"] = await _compression(connection, table, fill)
        return found
    finally:
        await connection.close()


async def _uptime(connection: asyncpg.Connection) -> dict[str, Any]:
    low, high = bounds(MONTH[0])
    await connection.execute(FILE, STATIONS)
    await connection.execute(LINKS, STATIONS, low)
    await connection.execute(CHANGES, STATIONS, CHANGES_A_DAY, low)
    await connection.execute("ANALYZE")
    began = time.perf_counter()
    await store.roll_day(connection, MONTH[0], low, high, None)
    rolled_s = time.perf_counter() - began
    await connection.execute(DAYS, MONTH[0], (MONTH[1] - MONTH[0]).days - 1)
    await connection.execute("VACUUM ANALYZE telemetry.connector_day")
    running_s = await _month_read(connection)
    await store.sum_months(connection, MONTH[1])
    return {
        "connectors": STATIONS, "day_counted_s": round(rolled_s, 2), "uptime_month_s": round(await _month_read(connection), 3),
        "uptime_month_from_days_s": round(running_s, 3),
    }  # fmt: skip


async def _month_read(connection: asyncpg.Connection) -> float:
    """Return the median of five readings, seconds."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        rows = await store.sum_days(connection, *MONTH, "connector", site_id=None, station_id=None)
        times.append(time.perf_counter() - began)
        assert len(rows) == STATIONS
    return sorted(times)[2]


async def _compression(connection: asyncpg.Connection, table: str, fill: str) -> dict[str, float]:
    """Return bytes a row before and after compression, indexes included."""
    await connection.execute(fill, ROWS, datetime(2026, 3, 1, tzinfo=UTC))
    rows = await connection.fetch(
        "SELECT compress_chunk(c) AS chunk FROM show_chunks($1::regclass, older_than => $2::timestamptz) c",
        f"telemetry.{table}",
        datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=30),
    )
    assert rows
    sizes = await connection.fetchrow(
        """
        SELECT before_compression_total_bytes AS b, after_compression_total_bytes AS a
        FROM hypertable_compression_stats($1::regclass)
        """,
        f"telemetry.{table}",
    )
    assert sizes is not None
    return {
        "plain": round(sizes["b"] / ROWS, 1),
        "compressed": round(sizes["a"] / ROWS, 1),
        "times_smaller": round(sizes["b"] / sizes["a"], 1),
    }
