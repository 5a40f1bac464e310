"""The short way of `deploy/run faults`."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.faults import away
from tests.faults.ledger import Ledger, differences
from tests.faults.run import run, suite_of
from tests.suite import Suite
from youguan.database import connect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SECONDS = 12
SEED = 2815  # kills the database, the broker, the bridge, both gateway workers and the relay in that time
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
ROW = """
INSERT INTO telemetry.status_change (station_id, connector, occurred_at, received_at, effective_at, status, condition)
VALUES ('s1', 1, $1, $1, $1, 'Available', 'available')
"""


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    suite = suite_of(sample_folder)
    suite.start()
    yield suite
    suite.stop()


async def test_what_is_acknowledged_is_stored_exactly_once_whoever_is_killed(suite: Suite) -> None:
    outcome = await run(suite, SECONDS, SEED)
    assert outcome.wrong == []
    assert sum(outcome.killed.values()) > 3, outcome.killed
    assert "relay" in outcome.killed, outcome.killed
    counts = outcome.ledger.counts() | {"relayed": len(outcome.relayed.statuses)}
    assert all(counts.values()), f"counted too little to mean anything: {counts}"
    assert suite.status().ready


@pytest.mark.parametrize("how", away.WAYS)
def test_the_database_is_away_under_load(data_folder: Path, how: str) -> None:
    wrong = away.measure(data_folder.with_name(f"away-{how}"), how, seconds=5, rate=500, stations=200)
    assert wrong == []


@pytest.fixture
async def connection(database_url: str) -> "asyncpg.Connection":
    connection = await connect(database_url)
    await connection.execute(ROW, AT)
    return connection


async def test_the_reckoning_sees_what_is_missing_doubled_or_not_told(connection: asyncpg.Connection) -> None:
    ledger = Ledger(statuses={("s1", 1, AT): "Available", ("s2", 1, AT): "Faulted"}, sent=Counter({("s1", "frame"): 1}))
    ledger.answered.add(("s2", "frame"))
    for _ in range(2):
        await connection.execute("INSERT INTO telemetry.raw_frame VALUES ('s1', $1, 'frame')", AT)
    await connection.execute("INSERT INTO eventlog.stream VALUES ('gateway/0', 2)")
    gap = AT + timedelta(hours=1)
    await connection.execute("INSERT INTO gateway.relay_gap (spool_id, reason, since) VALUES ('x', 'killed', $1)", gap)
    relayed = Ledger(statuses={("s3", 1, at): "Available" for at in (gap, gap + timedelta(minutes=1))})
    found = await differences(connection, ledger, relayed)
    await connection.close()
    assert [line for line in found if not line.startswith(" ")] == [
        "missing in status_change: 1",
        f"passed on, not stored, and not told of as a gap: 1, at {gap + timedelta(minutes=1)}",
        "missing in raw_frame: 1",
        "too much in raw_frame: 1",
        "stream gateway/0: 0 events from None to None, its head at 2",
        "missing told: 2",
    ]
