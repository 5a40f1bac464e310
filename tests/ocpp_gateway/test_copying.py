"""What is written by hand, samples and times, is what comes out of the tables again."""

import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ocpp_gateway.adapters.values import read_time
from ocpp_gateway.observation import Condition, MeterKind, MeterSampled, StatusReported
from ocpp_gateway.recorder import copying, store
from ocpp_gateway.recorder.statuses import Recognised
from youguan.clock import COUNTY
from youguan.database import connect

NOW = datetime(2026, 5, 4, 12, 0, 0, 123_456, tzinfo=UTC)
KINDS = {MeterKind("Voltage", "L1", "Outlet", "Sample.Periodic", "V"): 1, MeterKind("SoC", "", "EV", "x", "Percent"): 2}
VOLTAGE, SOC = KINDS


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(database_url)
    yield connection
    await connection.close()


async def test_every_member_comes_back(connection: asyncpg.Connection) -> None:
    samples = [
        MeterSampled("s1", 1, VOLTAGE, NOW, NOW, 230.5, None),
        MeterSampled("s1", 1, SOC, NOW, NOW, -0.25, None),
        MeterSampled("s1", 2, SOC, NOW, NOW, 1e300, "7"),
        MeterSampled("桩一", 1, SOC, datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(1), 0.0, "é"),
    ]
    await store.copy_samples(connection, samples, KINDS)
    rows = await connection.fetch("SELECT * FROM telemetry.meter_sample")
    assert {tuple(row) for row in rows} == {tuple(row) for row in store.sample_rows(samples, KINDS)}


@pytest.mark.parametrize("connector", [2**31, -(2**31) - 1])
def test_what_does_not_fit_its_column_is_an_error(connector: int) -> None:
    with pytest.raises(struct.error):
        copying.copied([MeterSampled("s1", connector, SOC, NOW, NOW, 1.0, None)], KINDS)


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NO_TIMES = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([*NO_TIMES, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"])
@given(st.lists(st.datetimes(timezones=st.none() | OFFSETS).map(datetime.isoformat), min_size=1, max_size=6))
async def test_a_time_that_is_read_is_stored_and_shown_the_same_on_every_path(
    connection: asyncpg.Connection, written: list[str]
) -> None:
    """Where the statement makes it of a number, where the driver writes it, where a sample is copied by hand."""
    times = {read_time(text, "timestamp") for text in written}
    said = [StatusReported("s1", 1, at, at, at, "x", Condition.AVAILABLE, None, None, None) for at in times]
    transaction = connection.transaction()
    await transaction.start()
    try:
        await store.write_statuses(connection, Recognised({}, [], {}, said, said), stored=False)
        await store.insert_statuses(connection, [status._replace(station_id="s2") for status in said])
        await store.copy_samples(connection, [MeterSampled("s3", 1, SOC, at, at, 1.0, None) for at in times], KINDS)
        rows = await connection.fetch(
            """
            SELECT station_id, occurred_at FROM telemetry.status_change
            UNION ALL SELECT station_id, occurred_at FROM telemetry.meter_sample
            """
        )
    finally:
        await transaction.rollback()
    assert {tuple(row) for row in rows} == {(station, at) for station in ("s1", "s2", "s3") for at in times}
    assert all(at.astimezone(COUNTY) == at for at in times)


@pytest.mark.parametrize("text", ["2026-05-04T12:00:00.123456Z", "1970-01-01T00:00:00Z", "2099-01-01T00:00:00+00:00"])
def test_a_time_that_can_be_is_read_as_it_is_written(text: str) -> None:
    assert read_time(text, "timestamp") == datetime.fromisoformat(text)
