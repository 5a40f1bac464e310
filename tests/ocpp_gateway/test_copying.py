"""Samples copied by hand are the samples that come out of the table again."""

import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ocpp_gateway.observation import MeterKind, MeterSampled
from ocpp_gateway.recorder import copying, store
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
